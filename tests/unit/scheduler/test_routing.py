"""Which lane serves which task, at which price, and where tasks go while it is closed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.domain.budget import Budget
from app.domain.facts import Rerouted
from app.domain.swarm import SwarmState
from app.domain.task import TaskSpec, TaskStatus
from app.domain.usage import Price
from app.ports.provider import Route, UnknownModel
from app.scheduler.lanes import Standing
from app.scheduler.routing import Routing
from tests.support.money import PRICE, priced
from tests.support.providers import ScriptedProvider
from tests.support.steps import completed, start, tell

pytestmark = pytest.mark.anyio

CHEAP = Price(input_nano_per_mtok=1, output_nano_per_mtok=1)


class Table:
    """Models by name with their prices (``ports.provider.Models``)."""

    def __init__(self, **prices: Price | None) -> None:
        self.prices = prices
        self.provider = ScriptedProvider()

    async def resolve(self, requested: str | None) -> Route:
        name = requested or "big"
        if name not in self.prices:
            raise UnknownModel(f"no configured provider serves the model {name!r}")
        return Route(requested=name, provider=self.provider, model=name, price=self.prices[name])

    async def names(self) -> Sequence[str]:
        return list(self.prices)


def task(task_id: str, model: str = "big") -> TaskSpec:
    return TaskSpec(task_id=task_id, requested_model=model, lane=f"offline/{model}")


def run(*tasks: TaskSpec, budget: Budget | None = None) -> SwarmState:
    return priced(*tasks, budget=budget)


BIG, SMALL, TINY = "offline/big", "offline/small", "offline/tiny"
FALLBACKS = {"big": ["small", "tiny"]}


async def test_lanes_and_prices_are_those_of_the_configuration_as_it_is_now() -> None:
    state = run(TaskSpec(task_id="a", requested_model="big", lane="gone/big"), task("b", "small"))
    table = Table(big=PRICE, small=CHEAP, tiny=None)

    await Routing(table, FALLBACKS).look_up(state)

    assert [one.lane for one in state.tasks] == [BIG, SMALL]
    assert state.ready_count == {BIG: 1, SMALL: 1}
    assert {name: state.prices[name] for name in ("big", "small", "tiny")} == {
        "big": PRICE,
        "small": CHEAP,
        "tiny": None,
    }


async def test_a_model_that_is_unknown_for_now_keeps_its_lane() -> None:
    state = run(task("a", "lost"))

    await Routing(Table(), {}).look_up(state)

    assert state.tasks[0].lane == "offline/lost"


async def test_prices_that_change_hold_from_then_on() -> None:
    state = run(task("a"))
    table = Table(big=CHEAP)
    routing = Routing(table, {})
    await routing.look_up(state)
    table.prices["big"] = PRICE

    await routing.look_up_prices(state)

    assert state.prices["big"] == PRICE
    del table.prices["big"]
    await routing.look_up_prices(state)
    assert state.prices["big"] == PRICE


async def test_tasks_go_to_the_first_model_of_the_chain_that_is_open_and_back() -> None:
    state = run(task("a"), task("b", "small"))
    routing = Routing(Table(big=PRICE, small=PRICE, tiny=CHEAP), FALLBACKS)

    assert await routing.detours(state, frozenset()) == []
    assert await routing.detours(state, frozenset({BIG})) == [Rerouted("big", SMALL, "small")]
    [further] = await routing.detours(state, frozenset({BIG, SMALL}))
    assert further == Rerouted("big", TINY, "tiny")
    assert state.prices["tiny"] == CHEAP
    state.detours["big"] = (TINY, "tiny")
    assert await routing.detours(state, frozenset({BIG, SMALL})) == []
    assert await routing.detours(state, frozenset()) == [Rerouted("big", BIG, None)]


async def test_where_everything_is_closed_tasks_wait_for_their_own_model() -> None:
    state = run(task("a"))
    routing = Routing(Table(big=PRICE, small=PRICE, tiny=PRICE), FALLBACKS)

    assert await routing.detours(state, frozenset({BIG, SMALL, TINY})) == []


async def test_a_provider_that_cannot_list_its_models_does_not_stop_the_run() -> None:
    state = run(task("a"), task("b", "lost"))
    routing = Routing(Table(big=PRICE, tiny=CHEAP), FALLBACKS | {"lost": ["big"]})

    assert await routing.detours(state, frozenset({BIG})) == [Rerouted("big", TINY, "tiny")]


async def test_money_that_is_capped_goes_to_no_model_without_a_price() -> None:
    """The run would pause, though it may only have to wait for the breaker."""
    table = Table(big=PRICE, small=None, tiny=CHEAP)
    capped = run(task("a"), budget=Budget(max_cost_nano_usd=10**9))

    assert await Routing(table, FALLBACKS).detours(capped, frozenset({BIG})) == [Rerouted("big", TINY, "tiny")]
    assert await Routing(table, FALLBACKS).detours(run(task("a")), frozenset({BIG})) == [
        Rerouted("big", SMALL, "small")
    ]


async def test_models_of_ended_tasks_are_not_asked_for() -> None:
    state = run(TaskSpec(task_id="a", requested_model="big", lane="kimi"))
    start(state)
    tell(state, completed(0))
    assert state.tasks[0].status is TaskStatus.COMPLETED

    assert await Routing(Table(), FALLBACKS).detours(state, frozenset({BIG})) == []


class Standings:
    """How the lane of ``big`` stands (``routing.Standings``)."""

    def __init__(self, *, trusted: bool = False, probes: int = 0, excused: bool = True) -> None:
        self._standing = Standing(trusted=trusted, probes=probes, excused=excused)

    def standing(self, lane: str) -> Standing:
        assert lane == BIG
        return self._standing


async def test_tasks_on_a_detour_return_when_their_lane_is_trusted_and_a_few_before_that() -> None:
    state = run(task("a"), task("b"), task("c"))
    routing = Routing(Table(big=PRICE, small=PRICE), FALLBACKS)
    await routing.look_up(state)
    assert await routing.returns(state, Standings(trusted=True)) == []

    [away] = await routing.detours(state, frozenset({BIG}))
    tell(state, away)

    assert await routing.returns(state, Standings()) == []
    assert await routing.returns(state, Standings(probes=2)) == [Rerouted("big", BIG, None, (0, 1))]
    assert await routing.returns(state, Standings(trusted=True)) == [Rerouted("big", BIG, None)]


async def test_a_task_without_retries_is_not_risked_where_its_failure_would_count() -> None:
    state = run(task("a"), task("b"))
    routing = Routing(Table(big=PRICE, small=PRICE), FALLBACKS)
    await routing.look_up(state)
    [away] = await routing.detours(state, frozenset({BIG}))
    tell(state, away)
    state.tasks[0].failures = state.tasks[0].max_retries

    assert await routing.returns(state, Standings(probes=2, excused=False)) == [Rerouted("big", BIG, None, (1,))]
