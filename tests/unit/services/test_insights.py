"""Critical paths of stored runs, and what a prediction is made from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.breaker import BreakerState
from app.domain.errors import InvalidRequest
from app.domain.facts import Fact, LaneNews, RetryDue
from app.domain.retry import TaskError
from app.domain.swarm import SwarmSpec, SwarmState
from app.domain.task import TaskKind, TaskSpec
from app.domain.usage import Price
from app.ports.admission import LaneSnapshot
from app.ports.provider import Route, UnknownModel
from app.ports.runs import Lease
from app.ports.store import SwarmRow
from app.scheduler.lanes import LaneSettings
from app.services.insights import InsightService
from app.storage.database import Database
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.providers import ScriptedProvider
from tests.support.runs import LANE, T0_MS, completed, failed, grant, new_swarm, turn

pytestmark = pytest.mark.anyio

PRICE = Price(input_nano_per_mtok=1_000_000_000, output_nano_per_mtok=1_000_000_000)
STANDING = LaneSnapshot(
    provider="offline",
    model="known",
    in_flight=0,
    waiting=0,
    limit=7,
    requests_per_minute=None,
    tokens_per_minute=None,
    breaker=BreakerState.CLOSED,
    opened_count=0,
    retry_in_s=None,
    calls=0,
    failures=0,
    refusals=0,
    error_rate=0.0,
    throttled_ms=0,
)


class Surroundings:
    """The service's models, lanes and clock."""

    def __init__(self) -> None:
        self.ms = T0_MS
        self.standing: list[LaneSnapshot] = []

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    def snapshot(self) -> Sequence[LaneSnapshot]:
        return self.standing

    async def names(self) -> Sequence[str]:
        return ["known", "unpriced"]

    async def resolve(self, requested: str | None) -> Route:
        name = requested or "known"
        if name not in await self.names():
            raise UnknownModel(f"nobody serves {name}")
        return Route(requested=name, provider=ScriptedProvider(), model=name, price=PRICE if name == "known" else None)


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(place_database(tmp_path / "x.db")) as database:
        yield database


@pytest.fixture
def insights(store: Database, around: Surroundings) -> InsightService:
    return InsightService(store.tasks, around, around, around, lambda lane: LaneSettings(max_concurrency=50), 2_048)


class Run:
    """A stored run, driven by facts at times in milliseconds since its creation."""

    def __init__(self, store: Database, lease: Lease, state: SwarmState) -> None:
        self._store, self._lease, self.state = store, lease, state

    @classmethod
    async def of(cls, store: Database, *tasks: TaskSpec, number: int = 0) -> Run:
        await store.swarms.create(new_swarm(tasks, number=number, max_parallel_agents=1_000))
        (lease,) = await store.runs.claim("me", limit=10)
        return cls(store, lease, await store.runs.load(lease))

    async def at(self, ms: int, *facts: Fact) -> SwarmRow:
        await self._store.runs.commit(self._lease, turn(self.state, *facts, now_ms=T0_MS + ms))
        return await self.row()

    async def row(self) -> SwarmRow:
        row = await self._store.swarms.get("default", self.state.swarm_id)
        assert row is not None
        return row


async def test_the_whole_story_of_a_run(store: Database, insights: InsightService) -> None:
    """``a`` waits 100 (50 of them as its lane is held back), is refused after 20, waits out its back-off, fails after
    300, and answers after 400 more; ``b`` follows 30 later, waits 70 for a slot and takes 500."""
    run = await Run.of(store, TaskSpec(task_id="a"), TaskSpec(task_id="b", depends_on=("a",)))
    throttled = {"lane": LANE, "limit": 1, "wait_ms": None, "reason": "concurrency"}
    await run.at(50, LaneNews("swarm_throttled", throttled))
    await run.at(100, grant(1))
    await run.at(120, failed(run.state, 0, TaskError(type="rate_limit", message="", retryable=True)))
    await run.at(2_000, RetryDue(0, 1), grant(1))
    await run.at(2_300, failed(run.state, 0))
    await run.at(4_000, RetryDue(0, 2), grant(1))
    await run.at(4_400, completed(run.state, 0))
    await run.at(4_470, grant(1))
    row = await run.at(4_970, completed(run.state, 1))

    path = await insights.critical_path(row)

    assert path.critical_tasks == ["a", "b"]
    assert path.blame == {
        "queue": 50 + 70,
        "rate_limit": 50 + 20 + 1_880,
        "model": 400 + 500,
        "tools": 0,
        "retry": 300 + 1_700,
        "dependency": 0,
        "merge": 0,
    }
    assert path.makespan_ms == 4_970 == sum(path.blame.values())
    assert (path.critical_steps, path.total_steps, path.most_parallel) == (2, 2, 1)


async def test_a_run_that_goes_on_is_told_until_now(
    store: Database, insights: InsightService, around: Surroundings
) -> None:
    run = await Run.of(store, TaskSpec(task_id="a"))
    row = await run.at(100, grant(1))

    for now in (150, 900):
        around.ms = T0_MS + now
        path = await insights.critical_path(row)
        assert path.makespan_ms == now
        assert (path.blame["queue"], path.blame["model"]) == (100, now - 100)


async def test_an_ended_run_is_looked_at_once(store: Database, insights: InsightService) -> None:
    run = await Run.of(store, TaskSpec(task_id="a"))
    await run.at(0, grant(1))
    row = await run.at(10, completed(run.state, 0))
    first = await insights.critical_path(row)

    assert await insights.critical_path(row) is first
    later = replace(row, last_seq=row.last_seq + 1, ended_at_ms=T0_MS + 20)  # retried, and ended anew
    assert (await insights.critical_path(later)).makespan_ms == 20


async def test_a_large_run_that_goes_on_is_looked_at_once_a_second(
    store: Database, insights: InsightService, around: Surroundings
) -> None:
    run = await Run.of(store, *(TaskSpec(task_id=f"t{at}") for at in range(2_000)))
    row = await run.at(100, grant(1))
    around.ms = T0_MS + 200
    first = await insights.critical_path(row)

    around.ms += 999
    assert await insights.critical_path(row) is first
    around.ms += 1
    assert (await insights.critical_path(row)).makespan_ms == 1_200


async def test_what_was_measured_counts_and_what_was_not_is_named(
    store: Database, insights: InsightService, around: Surroundings
) -> None:
    """Six tasks took 12.5 ms and 5 tokens each, one of them at its second attempt; seven calls at once are taken."""
    lane = "offline/known"
    run = await Run.of(store, *(TaskSpec(task_id=f"t{at}", lane=lane) for at in range(6)))
    await run.at(0, grant(6, lane))
    await run.at(10, *(completed(run.state, at) for at in range(5)), failed(run.state, 5))
    await run.at(20, RetryDue(5, 1), grant(1, lane))
    await run.at(30, completed(run.state, 5))
    around.standing = [STANDING]
    tasks = [TaskSpec(task_id=f"n{at}") for at in range(70)]

    found = await insights.predict("default", SwarmSpec(agent_id=""), tasks)

    assert found.measured == {lane: 6}
    assert found.forecast.most_parallel == 7
    assert found.forecast.lanes[lane].completion_tokens == pytest.approx(70 * 35 / 6)  # a failed attempt had 5 more
    said = " | ".join(found.assumptions)
    assert "your 6 newest tasks" in said
    assert "14.3% of the calls of known fail" in said
    assert "takes 7 calls at once" in said
    assert (await insights.predict("another", SwarmSpec(agent_id=""), tasks)).measured == {lane: 0}


async def test_models_are_told_apart_and_only_those_that_are_called_are_told(insights: InsightService) -> None:
    tasks = [TaskSpec(task_id="a", requested_model="unpriced"), TaskSpec(task_id="b", requested_model="unpriced")]

    found = await insights.predict("default", SwarmSpec(agent_id=""), tasks, group_limit=1)

    assert list(found.routes) == ["offline/unpriced"]
    assert found.forecast.lanes["offline/unpriced"].cost_nano_usd is None
    assert found.forecast.most_parallel == 1
    assert any("no known price" in line for line in found.assumptions)


async def test_a_goal_is_predicted_with_its_plan_assumed(insights: InsightService) -> None:
    spec = SwarmSpec(agent_id="", planner="supervisor", goal="Compare them.", aggregate={"strategy": "synthesis"})

    planner = TaskSpec(task_id="~planner", kind=TaskKind.PLANNER, payload='{"prompt":"Compare them."}')
    found = await insights.predict("default", spec, [planner])

    assert found.forecast.calls == 1 + 5 + 1
    assert [found.forecast.critical_tasks[0], found.forecast.critical_tasks[-1]] == ["~planner", "merge 1"]
    assert any("5 subtasks" in line for line in found.assumptions)


async def test_an_unknown_model_of_a_merge_is_pointed_at(insights: InsightService) -> None:
    spec = SwarmSpec(agent_id="", aggregate={"strategy": "synthesis", "model": "nobody"})

    with pytest.raises(InvalidRequest) as caught:
        await insights.predict("default", spec, [TaskSpec(task_id="a")])

    assert [error.pointer for error in caught.value.errors] == ["/aggregate/model"]
