"""What a critical path and a forecast are read from: when tasks did what, what held them up, what calls took."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.critical_path import Throttled, Timing, Tried
from app.domain.facts import CancelRequested, Fact, LaneNews, RetryDue
from app.domain.retry import TaskError
from app.domain.swarm import SwarmState
from app.domain.task import TaskSpec, TaskStatus
from app.ports.runs import Lease
from app.storage.database import Database
from tests.support.runs import LANE, T0_MS, USAGE, completed, failed, grant, new_swarm, turn

pytestmark = pytest.mark.anyio

CREATED_MS = T0_MS + 1
REFUSED = TaskError(type="rate_limit", message="slow down", retryable=True)


async def claimed(store: Database) -> tuple[Lease, SwarmState]:
    (lease,) = await store.runs.claim("me", limit=10)
    return lease, await store.runs.load(lease)


async def test_the_times_of_each_task_are_those_of_its_newest_attempt(store: Database) -> None:
    """``a`` is refused at 1,500 and done at 4,000; ``b`` waits for it; ``c`` never gets a slot."""
    specs = [TaskSpec(task_id="a", priority=9), TaskSpec(task_id="b", depends_on=("a",)), TaskSpec(task_id="c")]
    await store.swarms.create(new_swarm(specs))
    lease, state = await claimed(store)
    await store.runs.commit(lease, turn(state, grant(1), now_ms=T0_MS + 1_000))
    await store.runs.commit(lease, turn(state, failed(state, 0, REFUSED), now_ms=T0_MS + 1_500))
    await store.runs.commit(lease, turn(state, RetryDue(0, 1), now_ms=T0_MS + 2_500))
    await store.runs.commit(lease, turn(state, grant(1), now_ms=T0_MS + 3_000))
    await store.runs.commit(lease, turn(state, completed(state, 0), now_ms=T0_MS + 4_000))

    assert await store.tasks.timings(state.swarm_id) == [
        Timing(
            task_id="a",
            status=TaskStatus.COMPLETED,
            lane=LANE,
            attempts=2,
            queued_at_ms=T0_MS + 2_500,
            queue_ms=500,
            started_at_ms=T0_MS + 3_000,
            ended_at_ms=T0_MS + 4_000,
            busy_ms=12.5,
        ),
        Timing(task_id="b", status=TaskStatus.QUEUED, depends_on=["a"], lane=LANE, queued_at_ms=T0_MS + 4_000),
        Timing(task_id="c", status=TaskStatus.QUEUED, lane=LANE, queued_at_ms=CREATED_MS),
    ]
    history = await store.tasks.history(state.swarm_id, [0, 1, 2])
    assert history.tried == {
        0: [
            Tried(
                started_at_ms=T0_MS + 1_000,
                ended_at_ms=T0_MS + 1_500,
                queue_ms=999,
                status="failed",
                error="rate_limit",
            )
        ]
    }
    assert history.throttled == []


async def test_attempts_come_oldest_first_and_only_of_the_tasks_that_were_named(store: Database) -> None:
    await store.swarms.create(new_swarm({f"t{index}": [] for index in range(700)}, max_parallel_agents=1000))
    lease, state = await claimed(store)
    for attempt in (1, 2):
        at_ms = T0_MS + attempt * 10_000
        await store.runs.commit(lease, turn(state, grant(700), now_ms=at_ms))
        facts = [failed(state, index) for index in range(700)]
        await store.runs.commit(lease, turn(state, *facts, now_ms=at_ms + 10))
        await store.runs.commit(lease, turn(state, *(RetryDue(index, attempt) for index in range(700)), now_ms=at_ms))

    tried = (await store.tasks.history(state.swarm_id, range(1, 700))).tried

    assert sorted(tried) == list(range(1, 700))
    for attempts in tried.values():
        assert [attempt.started_at_ms for attempt in attempts] == [T0_MS + 10_000, T0_MS + 20_000]
        assert {attempt.error for attempt in attempts} == {"timeout"}


async def test_lanes_that_let_nothing_start_are_told_unless_the_provider_was_down(store: Database) -> None:
    def news(reason: str, wait_ms: int | None, lane: str = LANE) -> LaneNews:
        return LaneNews("swarm_throttled", {"lane": lane, "limit": 3, "wait_ms": wait_ms, "reason": reason})

    await store.swarms.create(new_swarm({"a": []}))
    lease, state = await claimed(store)
    facts: list[Fact] = [
        news("concurrency", None),
        news("breaker", 9_000),
        news("rate_limit", 250, "other"),
        CancelRequested(),
    ]
    await store.runs.commit(lease, turn(state, *facts, now_ms=T0_MS + 1_234))

    assert (await store.tasks.history(state.swarm_id, [])).throttled == [
        Throttled(lane=LANE, at_ms=T0_MS + 1_234, wait_ms=0),
        Throttled(lane="other", at_ms=T0_MS + 1_234, wait_ms=250),
    ]


async def test_samples_are_the_tenants_newest_completed_tasks(store: Database) -> None:
    await store.swarms.create(new_swarm({"theirs": []}, number=1, tenant_id="theirs"))
    await store.swarms.create(new_swarm([TaskSpec(task_id="old", lane="p/old")], number=2))
    specs = [
        TaskSpec(task_id="a", lane="p/m"),
        TaskSpec(task_id="b", lane="p/m", depends_on=("a",)),
        TaskSpec(task_id="retried", lane="p/m"),
        TaskSpec(task_id="not done", lane="p/m"),
    ]
    await store.swarms.create(new_swarm(specs, number=3))
    for lease in await store.runs.claim("me", limit=10):
        state = await store.runs.load(lease)
        lane = state.tasks[0].lane
        await store.runs.commit(lease, turn(state, grant(3, lane)))
        if len(state.tasks) == 4:
            await store.runs.commit(lease, turn(state, completed(state, 0), failed(state, 2), RetryDue(2, 1)))
            await store.runs.commit(lease, turn(state, grant(2, lane)))
            await store.runs.commit(lease, turn(state, completed(state, 2), completed(state, 1)))
        else:
            await store.runs.commit(lease, turn(state, replace(completed(state, 0), latency_ms=99.0)))

    samples = await store.tasks.samples("default", limit=10)

    assert [(sample.lane, sample.latency_ms, sample.failures, sample.builds_on) for sample in samples] == [
        ("p/m", 12.5, 1, False),
        ("p/m", 12.5, 0, True),
        ("p/m", 12.5, 0, False),
        ("p/old", 99.0, 0, False),
    ]
    assert [sample.usage for sample in samples] == [USAGE + USAGE, USAGE, USAGE, USAGE]
    assert [sample.lane for sample in await store.tasks.samples("default", limit=1)] == ["p/m"]
    assert await store.tasks.samples("nobody", limit=10) == []
