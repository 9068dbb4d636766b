"""The legal tables of tasks and runs, the counts, and what a state knows when it is built from stored tasks."""

from dataclasses import replace
from random import Random

import pytest

from app.domain.swarm import (
    SWARM_ACTIVE,
    SWARM_TERMINAL,
    SWARM_TRANSITIONS,
    Counts,
    SwarmSpec,
    SwarmState,
    SwarmStatus,
)
from app.domain.task import PRIORITY_NAMES, TASK_TRANSITIONS, TERMINAL, TaskKind, TaskSpec, TaskStatus
from tests.support.book import new_run


def run_of(statuses: list[TaskStatus], *, max_parallel_agents: int = 100, max_steps: int = 4_000) -> SwarmState:
    spec = SwarmSpec(agent_id="agt_01", max_steps=max_steps)
    fresh = new_run(spec, [TaskSpec(task_id=f"t{index}", lane="a") for index in range(len(statuses))])
    for task, status in zip(fresh.tasks, statuses, strict=True):
        task.status = status
    return SwarmState(
        swarm_id=fresh.swarm_id,
        tenant_id=fresh.tenant_id,
        spec=spec,
        graph=fresh.graph,
        tasks=fresh.tasks,
        status=SwarmStatus.RUNNING,
        created_at_ms=0,
        max_parallel_agents=max_parallel_agents,
    )


@pytest.mark.parametrize("status", TaskStatus)
def test_every_task_status_stands_in_the_table_and_terminal_ones_are_left_by_a_retry_only(status: TaskStatus) -> None:
    again = {TaskStatus.WAITING, TaskStatus.QUEUED} if status is not TaskStatus.COMPLETED else set()
    assert (TASK_TRANSITIONS[status] == again) == (status in TERMINAL)


@pytest.mark.parametrize("status", SwarmStatus)
def test_every_swarm_status_stands_in_the_table_and_terminal_ones_are_left_by_a_retry_only(status: SwarmStatus) -> None:
    again = {
        SwarmStatus.COMPLETED: {SwarmStatus.AGGREGATING},  # where its merge failed
        SwarmStatus.PARTIAL: {SwarmStatus.AGGREGATING, SwarmStatus.RUNNING},  # something completed: there was a plan
        SwarmStatus.CANCELLED: {SwarmStatus.RUNNING, SwarmStatus.PLANNING},
    }.get(status, {SwarmStatus.AGGREGATING, SwarmStatus.RUNNING, SwarmStatus.PLANNING})
    assert (SWARM_TRANSITIONS[status] == again) == (status in SWARM_TERMINAL)
    assert (status in SWARM_TERMINAL) != (status in SWARM_ACTIVE)


def test_a_task_can_be_cancelled_from_every_open_status_and_completes_only_while_it_runs() -> None:
    assert all(TaskStatus.CANCELLED in TASK_TRANSITIONS[status] for status in set(TaskStatus) - TERMINAL)
    completing = {status for status in TaskStatus if TaskStatus.COMPLETED in TASK_TRANSITIONS[status]}
    starting = {status for status in TaskStatus if TaskStatus.RUNNING in TASK_TRANSITIONS[status]}
    assert completing == {TaskStatus.RUNNING}
    assert starting == {TaskStatus.QUEUED}


def test_a_run_can_be_cancelled_from_every_open_status() -> None:
    assert all(SwarmStatus.CANCELLED in SWARM_TRANSITIONS[status] for status in SWARM_ACTIVE)


def test_priorities_have_the_names_of_the_contract() -> None:
    assert PRIORITY_NAMES == {"low": 2, "normal": 5, "high": 8, "critical": 10}


def test_counts_have_a_place_for_every_task_status_and_know_their_sum() -> None:
    counts = Counts.of([*TaskStatus, TaskStatus.RUNNING])

    assert counts.as_dict() == dict.fromkeys(TaskStatus, 1) | {"running": 2, "total": 9}
    assert counts.total == 9
    assert counts.open == 5


def test_a_move_keeps_the_sum() -> None:
    counts = Counts.of([TaskStatus.QUEUED, TaskStatus.QUEUED])
    counts.move(TaskStatus.QUEUED, TaskStatus.RUNNING)

    assert (counts.queued, counts.running, counts.total) == (1, 1, 2)


def test_a_state_built_from_stored_tasks_counts_them_and_knows_what_is_ready() -> None:
    state = run_of([TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.COMPLETED, TaskStatus.QUEUED])

    assert state.counts == Counts(queued=2, running=1, completed=1)
    assert state.ready_count == {"a": 2}
    assert sorted(entry[2] for entry in state.ready["a"]) == [0, 3]


@pytest.mark.parametrize(
    ("queued", "running", "max_parallel_agents", "max_steps", "startable"),
    [
        (5, 0, 100, 4_000, 5),
        (5, 0, 3, 4_000, 3),
        (5, 2, 3, 4_000, 1),
        (5, 3, 3, 4_000, 0),
        (5, 4, 1, 4_000, 0),  # the limit was lowered below what runs
        (5, 0, 100, 2, 2),
        (0, 1, 100, 4_000, 0),
    ],
)
def test_what_may_start_is_bound_by_what_is_ready_and_by_both_limits(
    queued: int, running: int, max_parallel_agents: int, max_steps: int, startable: int
) -> None:
    statuses = [TaskStatus.QUEUED] * queued + [TaskStatus.RUNNING] * running
    state = run_of(statuses, max_parallel_agents=max_parallel_agents, max_steps=max_steps)

    assert state.startable("a") == startable
    assert state.startable("a lane without tasks") == 0


def test_steps_made_count_against_the_limit() -> None:
    state = run_of([TaskStatus.QUEUED] * 3, max_steps=10)
    state.steps = 9
    assert state.startable("a") == 1
    state.steps = 12
    assert state.startable("a") == 0


@pytest.mark.parametrize("status", SwarmStatus)
def test_planners_tasks_and_merges_start_while_the_run_is_at_work_and_nothing_else_does(status: SwarmStatus) -> None:
    state = run_of([TaskStatus.QUEUED])
    state.status = status

    at_work = status in {SwarmStatus.PLANNING, SwarmStatus.RUNNING, SwarmStatus.AGGREGATING}
    assert state.startable("a") == int(at_work)
    assert state.ended == (status in SWARM_TERMINAL)


def test_planners_and_merges_are_counted_apart_and_take_up_room_all_the_same() -> None:
    fresh = run_of([TaskStatus.RUNNING, TaskStatus.COMPLETED, TaskStatus.QUEUED], max_parallel_agents=2)
    fresh.tasks[0].kind, fresh.tasks[1].kind = TaskKind.MERGE, TaskKind.PLANNER
    state = replace(fresh)

    assert (state.counts, state.inner) == (Counts(queued=1), Counts(running=1, completed=1))
    assert (state.running, state.open, state.startable("a")) == (1, 2, 1)


def test_tasks_rank_by_priority_then_complexity_then_age() -> None:
    specs = [
        TaskSpec(task_id="old"),
        TaskSpec(task_id="young"),
        TaskSpec(task_id="complex", complexity=3),
        TaskSpec(task_id="low", priority=1, complexity=10),
        TaskSpec(task_id="critical", priority=10),
    ]
    tasks = new_run(SwarmSpec(agent_id="agt_01"), specs).tasks
    Random(1).shuffle(tasks)

    assert [task.task_id for task in sorted(tasks, key=lambda task: task.rank())] == [
        "critical",
        "complex",
        "old",
        "young",
        "low",
    ]


@pytest.mark.parametrize(
    ("aggregate", "aggregates"), [({}, False), ({"strategy": "none"}, False), ({"strategy": "concat"}, True)]
)
def test_a_run_merges_unless_its_strategy_is_none(aggregate: dict[str, str], aggregates: bool) -> None:
    assert SwarmSpec(agent_id="agt_01", aggregate=aggregate).aggregates is aggregates
