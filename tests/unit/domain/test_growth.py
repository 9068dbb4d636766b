"""Runs that get tasks while they go on: of a plan, of an orchestrator's turn, of a merge."""

from __future__ import annotations

from typing import Any

from app.domain import events
from app.domain.changes import Aggregate, TaskAdded, TaskGoesOn
from app.domain.facts import (
    AggregateCompleted,
    CancelRequested,
    DeadlinePassed,
    MergesPlanned,
    NewTask,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    RetryRequested,
    SlotsGranted,
    StepTaken,
)
from app.domain.growth import unique_id
from app.domain.swarm import ORCHESTRATOR, SUPERVISOR, Counts, SwarmState, SwarmStatus
from app.domain.task import TaskKind, TaskSpec, TaskStatus
from app.domain.usage import Usage
from tests.support.steps import GONE, LANE, REFUSED, completed, failed, run_of, start, statuses, task, tell, types

PLANNER = TaskSpec(task_id="~planner", kind=TaskKind.PLANNER, lane=LANE, allow_failed_dependencies=True)


def new(name: str, *depends_on: str, kind: TaskKind = TaskKind.TASK, **fields: Any) -> NewTask:
    return NewTask(TaskSpec(task_id=name, depends_on=depends_on, kind=kind, lane=LANE, **fields), LANE, None)


def goal(planner: str, **fields: Any) -> SwarmState:
    state = run_of(PLANNER, planner=planner, goal="Do it.", **fields)
    assert state.status is SwarmStatus.PLANNING
    assert start(state) == ["~planner"]
    return state


def turn(step: int, *work: NewTask) -> StepTaken:
    return StepTaken(
        index=0,
        attempt=1,
        step=step,
        record="{}",
        kind="turn",
        model="offline",
        usage=Usage(),
        cost_nano_usd=None,
        latency_ms=1.0,
        tasks=work,
    )


# --- a plan ----------------------------------------------------------------------------------------------------------


def test_a_plan_becomes_the_tasks_of_the_run() -> None:
    state = goal(SUPERVISOR)

    out = tell(state, completed(0, output='{"subtasks":[]}', tasks=(new("a"), new("b", "a"))))

    added = [change for change in out.changes if isinstance(change, TaskAdded)]
    told = [(one.index, one.new.spec.task_id, one.status.value) for one in added]
    assert told == [(1, "a", "queued"), (2, "b", "waiting")]
    assert types(out) == [events.TASK_QUEUED, events.TASK_WAITING, events.AGENT_STEP]
    assert (state.status, statuses(state)) == (SwarmStatus.RUNNING, ["completed", "queued", "waiting"])
    assert (state.counts, state.inner) == (Counts(queued=1, waiting=1), Counts(completed=1))
    assert state.graph.dependencies == ((), (), (1,))


def test_clients_are_told_of_planned_tasks_only() -> None:
    state = goal(SUPERVISOR)
    tell(state, completed(0, tasks=(new("a"),)))
    start(state)

    out = tell(state, completed(1))

    assert types(out) == [events.AGENT_COMPLETED, events.SWARM_COMPLETED]
    assert out.events[-1].fields["counts"]["total"] == 1
    assert list(state.latencies_ms) == [5.0]


def test_a_plan_that_comes_while_the_run_is_paused_waits_with_it() -> None:
    state = goal(SUPERVISOR)
    tell(state, PauseRequested(), completed(0, tasks=(new("a"),)))
    assert (state.status, start(state)) == (SwarmStatus.PAUSED, [])

    tell(state, ResumeRequested())

    assert (state.status, start(state)) == (SwarmStatus.RUNNING, ["a"])


def test_a_goal_whose_planner_fails_has_failed_and_may_be_planned_again() -> None:
    state = goal(SUPERVISOR)
    tell(state, failed(0, error=REFUSED))
    assert (state.status, state.counts.total) == (SwarmStatus.FAILED, 0)
    assert "400 bad request" in (state.error or "")

    tell(state, RetryRequested({0: "{}"}))

    assert (state.status, state.error) == (SwarmStatus.PLANNING, None)
    assert start(state) == ["~planner"]
    tell(state, completed(0, 2, tasks=(new("a"),)))
    start(state)
    tell(state, completed(1))
    assert state.status is SwarmStatus.COMPLETED


def test_a_goal_may_be_cancelled_or_run_out_of_time_before_there_is_a_plan() -> None:
    for fact, status in ((CancelRequested(), SwarmStatus.CANCELLED), (DeadlinePassed(), SwarmStatus.FAILED)):
        state = goal(SUPERVISOR)
        tell(state, fact)
        assert (state.status, statuses(state)) == (status, ["cancelled"])


# --- an orchestrator -------------------------------------------------------------------------------------------------


def test_an_orchestrator_waits_for_all_the_work_of_its_turn() -> None:
    state = goal(ORCHESTRATOR)

    out = tell(state, turn(0, new("a"), new("b")))

    goes_on = next(change for change in out.changes if isinstance(change, TaskGoesOn))
    assert (goes_on.status, goes_on.depends_on) == (TaskStatus.WAITING, ("a", "b"))
    assert (statuses(state), state.tasks[0].unmet) == (["waiting", "queued", "queued"], 2)
    assert (state.status, start(state)) == (SwarmStatus.RUNNING, ["a", "b"])
    tell(state, completed(1))
    assert state.tasks[0].status is TaskStatus.WAITING
    tell(state, completed(2))
    assert start(state) == ["~planner"]
    assert (state.tasks[0].attempt, state.tasks[0].step) == (1, 1)


def test_a_second_turn_adds_to_what_the_next_call_is_sent() -> None:
    state = goal(ORCHESTRATOR)
    tell(state, turn(0, new("a")))
    start(state)
    tell(state, completed(1))
    start(state)

    out = tell(state, turn(1, new("b")))

    goes_on = next(change for change in out.changes if isinstance(change, TaskGoesOn))
    assert goes_on.depends_on == ("a", "b")
    assert (state.graph.dependencies[0], state.tasks[0].unmet) == ((1, 2), 1)


def test_work_that_failed_does_not_keep_an_orchestrator_from_its_answer() -> None:
    state = goal(ORCHESTRATOR)
    tell(state, turn(0, new("a"), new("b")))
    start(state)
    tell(state, failed(1, error=REFUSED), completed(2))
    start(state)

    out = tell(state, completed(0, step=1, output='"half of it"'))

    assert (state.status, state.aggregated) == (SwarmStatus.PARTIAL, "half of it")
    assert state.aggregation is not None
    assert (state.aggregation["missing"], state.aggregation["inputs"]) == (["a"], 1)
    assert types(out)[-2:] == [events.AGGREGATE_COMPLETED, events.SWARM_COMPLETED]


def test_a_turn_without_work_is_followed_by_the_next_at_once() -> None:
    state = goal(ORCHESTRATOR)

    tell(state, turn(0))

    assert (state.status, start(state)) == (SwarmStatus.PLANNING, ["~planner"])
    tell(state, completed(0, step=1, output='"alone"'))
    assert (state.status, state.aggregated) == (SwarmStatus.COMPLETED, "alone")


def test_an_answer_outlives_the_retry_of_what_it_did_without() -> None:
    state = goal(ORCHESTRATOR)
    tell(state, turn(0, new("a"), new("b")))
    start(state)
    tell(state, failed(1, error=REFUSED), completed(2))
    start(state)
    tell(state, completed(0, step=1, output='"half of it"'))

    tell(state, RetryRequested({1: "{}"}))
    start(state)
    tell(state, completed(1, 2))

    assert (state.status, state.aggregated) == (SwarmStatus.COMPLETED, "half of it")


# --- merges ----------------------------------------------------------------------------------------------------------


def test_merges_are_run_and_looked_at_again() -> None:
    state = run_of(task("a"), task("b"), aggregate={"strategy": "synthesis"})
    start(state)
    tell(state, completed(0))
    out = tell(state, completed(1))
    assert (out.effects, state.status) == ([Aggregate()], SwarmStatus.AGGREGATING)

    tell(state, MergesPlanned((new("~m", "a", "b", kind=TaskKind.MERGE),)))
    assert (start(state), state.counts.total, state.inner.running) == (["~m"], 2, 1)
    out = tell(state, completed(2))

    assert [effect for effect in out.effects if isinstance(effect, Aggregate)] == [Aggregate()]
    tell(state, AggregateCompleted("merged", {"strategy": "synthesis"}))
    assert (state.status, state.aggregated) == (SwarmStatus.COMPLETED, "merged")


def test_a_merge_that_fails_does_not_make_a_run_fail_fast() -> None:
    state = run_of(task("a"), aggregate={"strategy": "synthesis"}, on_task_failure="fail_fast")
    start(state)
    tell(state, completed(0), MergesPlanned((new("~m", "a", kind=TaskKind.MERGE, max_retries=0),)))
    start(state)

    out = tell(state, failed(1, error=GONE))

    assert [effect for effect in out.effects if isinstance(effect, Aggregate)] == [Aggregate()]
    assert state.status is SwarmStatus.AGGREGATING


def test_a_pause_in_the_middle_of_a_merge_holds_the_next_one_back() -> None:
    state = run_of(task("a"), aggregate={"strategy": "synthesis"})
    start(state)
    tell(state, completed(0), PauseRequested(), MergesPlanned((new("~m", "a", kind=TaskKind.MERGE),)))
    assert (state.status, start(state)) == (SwarmStatus.PAUSED, [])

    tell(state, ResumeRequested())

    assert (state.status, start(state)) == (SwarmStatus.AGGREGATING, ["~m"])


def test_merges_that_a_dead_run_planned_are_not_added() -> None:
    state = run_of(task("a"), aggregate={"strategy": "synthesis"})
    start(state)
    tell(state, completed(0), CancelRequested())

    assert tell(state, MergesPlanned((new("~m", "a", kind=TaskKind.MERGE),))).changes == []
    assert len(state.tasks) == 1


def test_a_merged_value_that_comes_while_merges_are_under_way_does_not_end_the_run() -> None:
    state = run_of(task("a"), aggregate={"strategy": "synthesis"})
    start(state)
    tell(state, completed(0), MergesPlanned((new("~m", "a", kind=TaskKind.MERGE),)))

    tell(state, AggregateCompleted("of another life", {"strategy": "synthesis"}))

    assert (state.status, state.aggregated, start(state)) == (SwarmStatus.AGGREGATING, None, ["~m"])


def test_a_merge_is_tried_again_like_any_task() -> None:
    state = run_of(task("a"), aggregate={"strategy": "synthesis"})
    start(state)
    tell(state, completed(0), MergesPlanned((new("~m", "a", kind=TaskKind.MERGE),)))
    start(state)

    out = tell(state, failed(1), RetryDue(1, 1))

    assert types(out) == [events.AGENT_RETRYING]
    assert tell(state, SlotsGranted(LANE, 1)).changes
    assert state.inner.running == 1


def test_an_id_is_changed_until_no_task_has_it() -> None:
    taken = {"m", "m_"}

    assert (unique_id(taken, "m"), unique_id(taken, "n")) == ("m__", "n")
