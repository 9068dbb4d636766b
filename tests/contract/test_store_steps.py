"""Journals of calls, tasks that a run gets while it goes on, planners and merges: written, fenced, loaded, deleted."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from app.domain.changes import Aggregate, CallStarted, Step, StepRecorded, TaskAdded, TaskGoesOn
from app.domain.errors import LeaseLost
from app.domain.facts import AggregateCompleted, MergesPlanned
from app.domain.journal import TOOLS
from app.domain.swarm import Counts, SwarmState, SwarmStatus
from app.domain.task import TaskKind, TaskSpec, TaskStatus
from app.domain.transitions import resume
from app.domain.usage import Usage
from app.ports.runs import Commit, Lease
from app.ports.store import StepRow, TaskFilter
from app.storage.database import Database
from tests.support.runs import (
    LANE,
    T0_MS,
    USAGE,
    comparable,
    completed,
    failed,
    grant,
    new_swarm,
    new_task,
    random_dag,
    random_facts,
    step_taken,
    turn,
)

pytestmark = pytest.mark.anyio

PLANNER = TaskSpec(task_id="~planner", kind=TaskKind.PLANNER)


async def started(store: Database, *tasks: TaskSpec, **options: Any) -> tuple[Lease, SwarmState]:
    await store.swarms.create(new_swarm(tasks, **options))
    [lease] = await store.runs.claim("me", limit=1)
    return lease, await store.runs.load(lease)


async def stored(store: Database, swarm_id: str) -> Any:
    """Everything of a run that a commit may write."""
    return (
        await store.swarms.snapshot("default", swarm_id),
        await store.events.list(swarm_id, after=0, limit=1000),
        await store.tasks.list(swarm_id, TaskFilter(kind=None), limit=100, cursor=None),
        await store.runs.journals(swarm_id, range(10)),
    )


async def test_a_call_is_journaled_and_its_attempt_goes_on_with_the_same_number(store: Database) -> None:
    lease, state = await started(store, TaskSpec(task_id="t0"))
    await store.runs.commit(lease, turn(state, grant(1)))

    between = turn(state, step_taken(state, 0, '{"kind":"answer","content":"ä"}'), now_ms=T0_MS + 2_000)
    await store.runs.commit(lease, between)
    row = await store.tasks.get_by_index(state.swarm_id, 0)
    assert row is not None
    assert (row.status, row.attempts, row.usage, row.cost_nano_usd) == (TaskStatus.QUEUED, 1, USAGE, 7)
    assert [type(change) for change in between.changes] == [StepRecorded, TaskGoesOn]

    again = turn(state, grant(1))
    await store.runs.commit(lease, again)
    assert again.changes == [CallStarted(0, 1)]
    await store.runs.commit(lease, turn(state, completed(state, 0)))

    row = await store.tasks.get_by_index(state.swarm_id, 0)
    assert row is not None
    assert (row.status, row.attempts, row.usage, row.cost_nano_usd) == (TaskStatus.COMPLETED, 1, USAGE + USAGE, 14)
    assert row.latency_ms == 15.0  # of both calls
    assert await store.tasks.steps(state.swarm_id, 0) == [
        StepRow(
            step=0,
            attempt=1,
            record={"kind": "answer", "content": "ä"},
            model="model",
            latency_ms=2.5,
            at_ms=T0_MS + 2_000,
            usage=USAGE,
            cost_nano_usd=7,
        )
    ]
    swarm = await store.swarms.get("default", state.swarm_id)
    assert swarm is not None
    assert (swarm.usage, swarm.cost_nano_usd, swarm.steps) == (USAGE + USAGE, 14, 2)


async def test_a_rejected_answer_is_journaled_with_the_failure_and_billed_once(store: Database) -> None:
    lease, state = await started(store, TaskSpec(task_id="t0"))
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, failed(state, 0, record='{"kind":"verdict","over":true}')))

    [step] = await store.tasks.steps(state.swarm_id, 0)
    assert (step.attempt, step.record) == (1, {"kind": "verdict", "over": True})
    found = await store.tasks.get(state.swarm_id, "t0")
    assert found is not None
    assert (found[0].usage, [attempt.usage for attempt in found[1]]) == (USAGE, [USAGE])


async def test_journals_are_those_of_the_tasks_named_oldest_call_first(store: Database) -> None:
    lease, state = await started(store, *(TaskSpec(task_id=f"t{index}") for index in range(3)))
    for nth in range(12):
        await store.runs.commit(lease, turn(state, grant(3)))
        await store.runs.commit(lease, turn(state, *(step_taken(state, index, f'{{"n":{nth}}}') for index in (0, 2))))
        assert state.tasks[1].status is TaskStatus.RUNNING

    assert await store.runs.journals(state.swarm_id, [1, 2]) == {2: [f'{{"n":{nth}}}' for nth in range(12)]}
    assert await store.runs.journals("swm_nobody", [0]) == {}
    assert await store.tasks.steps(state.swarm_id, 1) == []


# --- fences ----------------------------------------------------------------------------------------------------------


def recorded(step: int) -> StepRecorded:
    return StepRecorded(index=0, attempt=1, step=step, record="{}", model="m", latency_ms=1.0, at_ms=5, usage=Usage())


def goes_on(attempt: int) -> TaskGoesOn:
    usage = Usage(prompt_tokens=99)
    return TaskGoesOn(0, attempt=attempt, status=TaskStatus.QUEUED, queued_at_ms=5, usage=usage, cost_nano_usd=9)


@pytest.mark.parametrize(
    "late",
    [[recorded(1), goes_on(2)], [goes_on(0)], [CallStarted(0, 1)], [recorded(0)]],
    ids=["a step of another attempt", "an attempt that never was", "a call of a running one", "a step that is written"],
)
async def test_a_late_call_writes_nothing(store: Database, late: list[Any]) -> None:
    lease, state = await started(store, TaskSpec(task_id="t0"))
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, step_taken(state, 0)))
    await store.runs.commit(lease, turn(state, grant(1)))
    before = await stored(store, state.swarm_id)

    with pytest.raises(Exception):  # noqa: B017, PT011 - LeaseLost, or a bug of the caller for a step written twice
        await store.runs.commit(lease, Commit(state=state, changes=late, events=[]))

    assert await stored(store, state.swarm_id) == before


@pytest.mark.parametrize(("cost_nano_usd", "known"), [(None, None), (7, 14)])
async def test_tools_add_no_price_to_a_task(store: Database, cost_nano_usd: int | None, known: int | None) -> None:
    """Of a model without one the cost is not known, whatever its tools did; of another it is what its calls cost."""
    lease, state = await started(store, TaskSpec(task_id="t0"))
    await store.runs.commit(lease, turn(state, grant(1)))
    asked = replace(step_taken(state, 0), cost_nano_usd=cost_nano_usd, next_model=TOOLS)
    await store.runs.commit(lease, turn(state, asked))
    await store.runs.commit(lease, turn(state, grant(1)))
    ran = replace(step_taken(state, 0), model="", usage=Usage(), cost_nano_usd=None, steps=0, latency_ms=30.0)
    await store.runs.commit(lease, turn(state, ran))
    row = await store.tasks.get_by_index(state.swarm_id, 0)
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, replace(completed(state, 0), cost_nano_usd=cost_nano_usd)))

    assert row is not None
    assert row.cost_nano_usd == cost_nano_usd
    found = await store.tasks.get(state.swarm_id, "t0")
    assert found is not None
    task, [attempt] = found
    assert (task.cost_nano_usd, attempt.cost_nano_usd) == (known, known)
    [timing] = await store.tasks.timings(state.swarm_id)
    assert (timing.steps, timing.tools_ms) == (2, 30.0)


async def test_a_runner_whose_lease_moved_on_adds_neither_steps_nor_tasks(store: Database) -> None:
    old, state = await started(store, TaskSpec(task_id="t0"))
    await store.runs.commit(old, turn(state, grant(1)))
    await store.runs.release(old)
    [new] = await store.runs.claim("another", limit=1)
    before = await stored(store, state.swarm_id)

    with pytest.raises(LeaseLost):
        await store.runs.commit(old, turn(state, step_taken(state, 0, tasks=[new_task("t1")])))

    assert await stored(store, state.swarm_id) == before
    assert len((await store.runs.load(new)).tasks) == 1


async def test_a_call_whose_task_was_cancelled_meanwhile_is_not_started(store: Database) -> None:
    lease, state = await started(store, TaskSpec(task_id="t0"))
    with pytest.raises(LeaseLost):
        await store.runs.commit(lease, Commit(state=state, changes=[CallStarted(0, 1)], events=[]))


# --- tasks that are added --------------------------------------------------------------------------------------------


async def test_a_planner_that_gives_work_waits_for_it_and_goes_on_with_its_outputs(store: Database) -> None:
    lease, state = await started(store, PLANNER, planner="orchestrator", goal="g")
    await store.runs.commit(lease, turn(state, grant(1)))
    given = [new_task("a", payload='{"prompt":"A"}', weight=2.5, role="coder"), new_task("b", "a")]
    commit = turn(state, step_taken(state, 0, tasks=given))
    await store.runs.commit(lease, commit)

    assert [change.index for change in commit.changes if isinstance(change, TaskAdded)] == [1, 2]
    state = await store.runs.load(lease)
    assert [(task.task_id, task.status, task.unmet) for task in state.tasks] == [
        ("~planner", TaskStatus.WAITING, 2),
        ("a", TaskStatus.QUEUED, 0),
        ("b", TaskStatus.WAITING, 1),
    ]
    assert state.graph.dependencies == ((1, 2), (), (1,))
    assert (state.tasks[1].payload, state.tasks[1].weight) == ('{"prompt":"A"}', 2.5)
    assert (state.counts, state.inner) == (Counts(waiting=1, queued=1), Counts(waiting=1))

    for index in (1, 2):
        await store.runs.commit(lease, turn(state, grant(1)))
        await store.runs.commit(lease, turn(state, completed(state, index)))
    state = await store.runs.load(lease)
    assert (state.tasks[0].status, state.tasks[0].step) == (TaskStatus.QUEUED, 1)


async def test_planners_and_merges_stand_in_no_list_unless_asked_for(store: Database) -> None:
    lease, state = await started(store, PLANNER, planner="supervisor", goal="g", aggregate={"strategy": "synthesis"})
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, completed(state, 0, tasks=[new_task("a"), new_task("b")])))
    await store.runs.commit(lease, turn(state, grant(2)))
    done = turn(state, completed(state, 1), completed(state, 2))
    await store.runs.commit(lease, done)
    assert state.status is SwarmStatus.AGGREGATING
    merge = new_task("~final_merge-3", "a", "b", kind=TaskKind.MERGE, type="final_merge", role="synthesizer")
    await store.runs.commit(lease, turn(state, MergesPlanned((merge,)), grant(1)))

    async def ids(where: TaskFilter) -> list[str]:
        return [row.task_id for row in (await store.tasks.list(state.swarm_id, where, limit=10, cursor=None)).items]

    assert await ids(TaskFilter()) == ["a", "b"]
    assert await ids(TaskFilter(kind=TaskKind.PLANNER)) == ["~planner"]
    assert await ids(TaskFilter(kind=None)) == ["~planner", "a", "b", "~final_merge-3"]
    found = await store.swarms.snapshot("default", state.swarm_id)
    assert found is not None
    assert found[0].counts == Counts(completed=2)
    assert [row.task_id for row in found[1]] == ["a", "b"]
    assert [
        row.task_id for row in (await store.tasks.list_of_agent("agt_default", ended_since_ms=None, limit=9)).items
    ] == [
        "a",
        "b",
    ]
    assert len(await store.tasks.latencies_ms(state.swarm_id)) == 2
    assert [sample.lane for sample in await store.tasks.samples("default", limit=10)] == [LANE, LANE]
    assert await store.runs.outputs(state.swarm_id, [1, 2, 3]) == {1: '"done"', 2: '"done"'}


async def test_a_run_between_two_calls_is_loaded_as_it_was_committed(store: Database) -> None:
    lease, state = await started(store, PLANNER, planner="orchestrator", goal="g")
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, step_taken(state, 0, tasks=[new_task("a")])))

    loaded = await store.runs.load(lease)

    assert comparable(loaded) == comparable(state)
    assert loaded.status is SwarmStatus.RUNNING  # as from the first task on there is something to run
    out = Step()
    resume(loaded, T0_MS + 9_000, out)
    assert out.effects == []
    assert loaded.startable(LANE) == 1


@pytest.mark.parametrize("seed", range(15))
async def test_a_run_that_grows_is_loaded_as_it_was_committed(store: Database, seed: int) -> None:
    rng = random.Random(seed)
    tasks = [
        TaskSpec(task_id=task_id, depends_on=tuple(names), max_retries=1, payload=json.dumps({"prompt": task_id}))
        for task_id, names in random_dag(rng, rng.randint(1, 6)).items()
    ]
    lease, state = await started(store, *tasks, max_parallel_agents=3, max_steps=400)

    for _ in range(500):
        await store.runs.commit(lease, turn(state, *random_facts(rng, state, growing=True)))
        loaded = await store.runs.load(lease)
        assert comparable(loaded) == comparable(state)
        if state.ended:
            break

    assert state.ended
    found = await store.swarms.get("default", state.swarm_id)
    assert found is not None
    rows = (await store.tasks.list(state.swarm_id, TaskFilter(kind=None), limit=100, cursor=None)).items
    assert sum((row.usage for row in rows), Usage()) == state.usage == found.usage
    assert sum(row.cost_nano_usd or 0 for row in rows) == state.cost_nano_usd
    journals = await store.runs.journals(state.swarm_id, range(len(state.tasks)))
    assert {index: len(records) for index, records in journals.items()} == {
        task.index: task.step for task in state.tasks if task.step
    }


async def test_a_merge_of_a_run_is_planned_once_per_claim_and_loaded_with_it(store: Database) -> None:
    lease, state = await started(
        store, TaskSpec(task_id="a"), TaskSpec(task_id="b"), aggregate={"strategy": "hierarchical"}
    )
    await store.runs.commit(lease, turn(state, grant(2)))
    await store.runs.commit(lease, turn(state, completed(state, 0), completed(state, 1)))
    merge = new_task("~final_merge-2", "a", "b", kind=TaskKind.MERGE, type="final_merge")
    await store.runs.commit(lease, turn(state, MergesPlanned((merge,))))

    loaded = await store.runs.load(lease)

    assert (loaded.status, loaded.inner, loaded.counts.total) == (SwarmStatus.AGGREGATING, Counts(queued=1), 2)
    assert comparable(loaded) == comparable(state)
    out = Step()
    resume(loaded, T0_MS + 9_000, out)
    assert [effect for effect in out.effects if isinstance(effect, Aggregate)] == []  # it is under way already
    await store.runs.commit(lease, turn(loaded, grant(1)))
    ending = turn(loaded, completed(loaded, 2, '"merged"'))
    await store.runs.commit(lease, ending)
    await store.runs.commit(lease, turn(loaded, AggregateCompleted("merged", {"strategy": "hierarchical"})))
    row = await store.swarms.get("default", loaded.swarm_id)
    assert row is not None
    assert (row.status, row.aggregated, row.counts) == (SwarmStatus.COMPLETED, "merged", Counts(completed=2))


# --- what else is asked ----------------------------------------------------------------------------------------------


async def test_the_load_of_a_role_is_its_open_tasks_in_the_tenants_active_runs(store: Database) -> None:
    coders = [TaskSpec(task_id=f"c{index}", role="coder") for index in range(3)]
    await store.swarms.create(new_swarm([*coders, TaskSpec(task_id="r", role="reviewer")], number=1))
    await store.swarms.create(new_swarm([TaskSpec(task_id="c", role="coder"), TaskSpec(task_id="x")], number=2))
    await store.swarms.create(new_swarm([TaskSpec(task_id="c", role="coder")], number=3, tenant_id="theirs"))
    [first, second, _] = await store.runs.claim("me", limit=3)
    state = await store.runs.load(first)
    await store.runs.commit(first, turn(state, grant(4)))
    await store.runs.commit(first, turn(state, completed(state, 0)))

    assert await store.tasks.load_by_role("default") == {"coder": 3, "reviewer": 1}

    state = await store.runs.load(second)
    await store.runs.commit(second, turn(state, grant(2)))
    await store.runs.commit(second, turn(state, completed(state, 0), completed(state, 1)))
    assert state.ended
    assert await store.tasks.load_by_role("default") == {"coder": 2, "reviewer": 1}
    assert await store.tasks.load_by_role("theirs") == {"coder": 1}
    assert await store.tasks.load_by_role("nobody") == {}


async def test_deleting_a_swarm_deletes_its_steps_and_no_others(store: Database) -> None:
    kept_lease, kept = await started(store, TaskSpec(task_id="t0"), number=1)
    lease, state = await started(store, TaskSpec(task_id="t0"), number=2)
    for one, run in ((kept_lease, kept), (lease, state)):
        await store.runs.commit(one, turn(run, grant(1)))
        await store.runs.commit(one, turn(run, step_taken(run, 0)))
        await store.runs.commit(one, turn(run, grant(1)))
        await store.runs.commit(one, turn(run, completed(run, 0)))

    assert await store.swarms.delete("default", state.swarm_id)

    assert await store.runs.journals(state.swarm_id, [0]) == {}
    assert len((await store.runs.journals(kept.swarm_id, [0]))[0]) == 1


async def test_what_a_judge_gave_is_kept_with_the_output(store: Database) -> None:
    lease, state = await started(store, TaskSpec(task_id="t0", weight=3.0))
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, replace(completed(state, 0), score=0.875)))

    row = await store.tasks.get_by_index(state.swarm_id, 0)
    assert row is not None
    assert (row.score, row.weight) == (0.875, 3.0)
