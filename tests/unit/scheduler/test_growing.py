"""Planned tasks become tasks of a run: with its roles, its routing, its retries, on the lanes of their models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.planned import PlannedTask
from app.domain.retry import RetryPolicy
from app.domain.routing_spec import RoutingSpec
from app.domain.swarm import SwarmSpec
from app.domain.usage import Price
from app.ports.provider import Route, UnknownModel
from app.scheduler.growing import Growing, pool_of
from tests.support.providers import ScriptedProvider

pytestmark = pytest.mark.anyio

ROLES = {
    "coder": {"system_prompt": "You write code.", "capability_tags": ["python"], "model": "large"},
    "reviewer": {"system_prompt": "You review.", "capability_tags": ["review"]},
}


class ThreeModels:
    """``small`` is the default; ``gone`` was there when the run was accepted."""

    def __init__(self) -> None:
        self.provider = ScriptedProvider()

    async def resolve(self, requested: str | None) -> Route:
        name = requested or "small"
        if name not in {"small", "large"}:
            raise UnknownModel(f"nobody serves {name!r}")
        price = Price(input_nano_per_mtok=1, output_nano_per_mtok=1)
        return Route(requested=name, provider=self.provider, model=name, price=price, context_tokens=100_000)

    async def names(self) -> Sequence[str]:
        return ["small", "large"]


def planned(task_id: str, **fields: Any) -> PlannedTask:
    plain: dict[str, Any] = {"prompt": f"Do {task_id}.", "type": None, "role": None}
    return PlannedTask(id=task_id, **(plain | fields))


def spec(**fields: Any) -> SwarmSpec:
    plain: dict[str, Any] = {"agent_id": "agt_01", "retry": RetryPolicy(max_retries=5), "task_timeout_s": 33.0}
    return SwarmSpec(**(plain | fields))


async def grown(run: SwarmSpec, *tasks: PlannedTask) -> dict[str, Any]:
    return {new.spec.task_id: new for new in await Growing(ThreeModels()).tasks(run, tasks)}


async def test_a_planned_task_has_the_run_s_retries_timeout_and_model() -> None:
    found = await grown(spec(), planned("a", type="research", data={"k": 1}), planned("b", depends_on=("a",)))

    a, b = found["a"], found["b"]
    assert (a.spec.max_retries, a.spec.timeout_s, a.spec.type) == (5, 33.0, "research")
    assert json.loads(a.spec.payload) == {"prompt": "Do a.", "type": "research", "data": {"k": 1}}
    assert (a.lane, a.requested_model) == ("offline/small", "small")
    assert b.spec.depends_on == ("a",)


async def test_a_harder_task_may_take_longer() -> None:
    found = await grown(spec(), planned("a", complexity=1), planned("b", complexity=10))

    assert [found[name].spec.timeout_s for name in "ab"] == [23.0, 50.0]


async def test_the_role_that_fits_the_tags_does_the_task_by_its_model() -> None:
    found = await grown(spec(roles=ROLES), planned("a", capability_tags=("python",)), planned("b", role="Reviewer"))

    assert (found["a"].spec.role, found["a"].lane) == ("coder", "offline/large")
    assert json.loads(found["a"].spec.payload)["role"] == "coder"
    assert found["b"].lane == "offline/small"


async def test_what_a_plan_asks_for_by_name_is_kept() -> None:
    extra = {
        "model": "large",
        "priority": 9,
        "tier": "heavy",
        "output_schema": {"type": "object"},
        "max_output_tokens": 7,
        "format": "md",
    }

    new = (await grown(spec(), planned("a", extra=extra)))["a"]

    assert (new.lane, new.spec.priority) == ("offline/large", 9)
    payload = json.loads(new.spec.payload)
    assert payload["output_schema"] == {"type": "object"}
    assert payload["max_output_tokens"] == 7
    assert payload["extra"] == {"format": "md"}


async def test_a_model_that_cannot_be_looked_up_now_is_no_candidate_and_stops_nothing() -> None:
    roles = {"coder": ROLES["coder"] | {"model": "gone"}}

    found = await grown(spec(roles=roles), planned("a"), planned("b"))

    assert {new.lane for new in found.values()} == {"offline/small"}


async def test_without_the_run_s_own_model_nothing_can_be_added() -> None:
    with pytest.raises(UnknownModel):
        await grown(spec(model="gone"), planned("a"))


async def test_the_pool_is_what_the_run_was_accepted_with() -> None:
    pool = pool_of(spec(roles=ROLES, model="large", max_output_tokens=99, shared_context="ä" * 5))

    assert sorted(pool.roles) == ["coder", "reviewer"]
    assert (pool.roles["coder"].model, pool.roles["coder"].capability_tags) == ("large", ("python",))
    assert (pool.run_model, pool.max_output_tokens, pool.shared_bytes) == ("large", 99, 10)
    assert pool.routing == RoutingSpec.of(None)
