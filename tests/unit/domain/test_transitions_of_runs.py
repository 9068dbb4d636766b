"""How a run begins, is steered, ends and is taken over, and that its size costs no more than its share.

That this holds for every graph and every order of facts is checked in ``test_transitions_properties``.
"""

from __future__ import annotations

import time

import pytest

from app.domain.changes import Aggregate, AwaitCall, ScheduleRetry, Step, StopAttempt
from app.domain.facts import (
    AggregateCompleted,
    CancelRequested,
    DeadlinePassed,
    MergesPlanned,
    NewTask,
    ParallelismChanged,
    RetryDue,
    RetryRequested,
    SlotsGranted,
)
from app.domain.recorder import Recorder
from app.domain.retry import MAX_DELAY_MS
from app.domain.swarm import SwarmStatus
from app.domain.task import TaskKind, TaskSpec, TaskStatus
from app.domain.transitions import begin, resume
from tests.support.book import START_MS
from tests.support.steps import (
    LANE,
    REFUSED,
    completed,
    failed,
    run_of,
    start,
    statuses,
    task,
    tell,
    types,
)

MANY = 20_000


# --- begin -----------------------------------------------------------------------------------------------------------


def test_a_run_begins_with_swarm_started_and_one_event_a_task() -> None:
    state = run_of(task("a"), task("b", "a"), name="mine")
    out = Step()

    begin(state, START_MS, out)

    assert [(event.seq, event.type, event.task_id) for event in out.events] == [
        (1, "swarm_started", None),
        (2, "task_queued", "a"),
        (3, "task_waiting", "b"),
    ]
    assert out.events[0].fields == {
        "name": "mine",
        "orchestrator_id": "agt_01",
        "total": 2,
        "max_parallel_agents": 100,
    }
    assert (out.changes, out.effects) == ([], [])


# --- the whole run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "min_success_rate", "status"),
    [
        ("ccc", 1.0, "completed"),
        ("ccf", 0.0, "partial"),
        ("ccf", 2 / 3, "partial"),
        ("cff", 0.5, "failed"),
        ("fff", 0.0, "failed"),
    ],
)
def test_a_run_ends_by_how_many_of_its_tasks_completed(outcomes: str, min_success_rate: float, status: str) -> None:
    state = run_of(*(task(f"t{index}") for index in range(3)), min_success_rate=min_success_rate)
    start(state)

    out = tell(state, *(completed(i) if o == "c" else failed(i, error=REFUSED) for i, o in enumerate(outcomes)))

    assert state.status == status
    assert types(out).count("swarm_completed") == 1
    assert out.events[-1].type == "swarm_completed"
    assert out.events[-1].fields["status"] == status
    assert out.events[-1].fields["counts"]["completed"] == outcomes.count("c")
    assert (state.error is None) == (status != "failed")


def test_fail_fast_stops_the_running_and_cancels_the_rest() -> None:
    state = run_of(task("a"), task("b"), task("c", "b"), on_task_failure="fail_fast")
    start(state)

    out = tell(state, failed(0, error=REFUSED))

    assert state.status is SwarmStatus.FAILED
    assert statuses(state) == ["failed", "cancelled", "cancelled"]
    assert out.effects == [StopAttempt(1, 1)]
    assert types(out) == ["agent_failed", "agent_failed", "task_cancelled", "swarm_completed"]
    assert "'a'" in str(state.error)


def test_fail_fast_leaves_a_failure_that_is_tried_again_alone() -> None:
    state = run_of(task("a"), task("b"), on_task_failure="fail_fast")
    start(state)
    tell(state, failed(0))

    assert state.status is SwarmStatus.RUNNING


def test_a_cancel_stops_every_attempt_and_tells_each_task_once() -> None:
    state = run_of(task("running"), task("retrying"), task("done"), task("queued"), task("waiting", "running"))
    start(state, 3)
    tell(state, failed(1), completed(2))

    out = tell(state, CancelRequested(), CancelRequested())

    assert state.status is SwarmStatus.CANCELLED
    assert out.effects == [StopAttempt(0, 1)]
    assert [(event.type, event.task_id) for event in out.events] == [
        ("agent_failed", "running"),
        ("agent_failed", "retrying"),
        ("task_cancelled", "queued"),
        ("task_cancelled", "waiting"),
        ("swarm_completed", None),
    ]
    assert {event.fields["error"] for event in out.events[:2]} == {"cancelled"}
    assert state.ready_count == {LANE: 0}
    assert tell(state, completed(0), RetryDue(1, 1), SlotsGranted(LANE, 9), DeadlinePassed()) == Step()


@pytest.mark.parametrize(("done", "status"), [(0, "failed"), (1, "partial")])
def test_a_deadline_ends_the_run_by_what_it_has(done: int, status: str) -> None:
    state = run_of(task("a"), task("b"))
    start(state)
    tell(state, *(completed(index) for index in range(done)))

    tell(state, DeadlinePassed())

    assert state.status == status
    assert state.error == "the swarm's timeout_s passed"


def test_a_raised_parallelism_lets_more_start_and_a_lowered_one_stops_nobody() -> None:
    state = run_of(*(task(f"t{index}") for index in range(5)), max_parallel_agents=1)
    assert start(state) == ["t0"]

    out = tell(state, ParallelismChanged(3), ParallelismChanged(3))
    assert [(event.type, event.fields) for event in out.events] == [
        ("swarm_scaled", {"max_parallel_agents": 3, "before": 1})
    ]
    assert start(state) == ["t1", "t2"]
    assert tell(state, ParallelismChanged(1)).effects == []
    assert start(state) == []
    tell(state, completed(0), completed(1))
    assert start(state) == []
    tell(state, completed(2))
    assert start(state) == ["t3"]


def test_at_the_step_limit_running_attempts_finish_and_the_rest_is_skipped() -> None:
    state = run_of(*(task(f"t{index}") for index in range(4)), max_steps=3)
    assert len(start(state)) == 3

    tell(state, completed(0), failed(1))
    assert not state.ended
    out = tell(state, completed(2))

    assert statuses(state) == ["completed", "skipped", "completed", "skipped"]
    assert state.status is SwarmStatus.PARTIAL
    assert "max_steps (3)" in str(state.error)
    assert [(event.type, event.task_id) for event in out.events[1:3]] == [
        ("agent_failed", "t1"),
        ("task_skipped", "t3"),
    ]


def test_outputs_are_merged_before_the_run_ends() -> None:
    state = run_of(task("a"), aggregate={"strategy": "concat"})
    start(state)

    out = tell(state, completed(0))
    assert state.status == "aggregating"
    assert out.effects == [Aggregate()]
    out = tell(state, AggregateCompleted("all", {"strategy": "concat"}), AggregateCompleted("again", {}))

    assert state.status == "completed"
    assert (state.aggregated, state.aggregation) == ("all", {"strategy": "concat"})
    assert types(out) == ["aggregate_completed", "swarm_completed"]


def test_a_merge_that_nobody_asked_for_changes_nothing() -> None:
    state = run_of(task("a"), aggregate={"strategy": "concat"})
    start(state)

    assert tell(state, AggregateCompleted("early", {})) == Step()
    assert (state.status, state.aggregated) == (SwarmStatus.RUNNING, None)


def test_nothing_is_merged_when_nothing_completed() -> None:
    state = run_of(task("a"), aggregate={"strategy": "concat"})
    start(state)

    assert tell(state, failed(0, error=REFUSED)).effects == []
    assert state.status is SwarmStatus.FAILED


def test_a_cancel_during_the_merge_ends_the_run() -> None:
    state = run_of(task("a"), aggregate={"strategy": "concat"})
    start(state)
    tell(state, completed(0), CancelRequested())

    assert state.status is SwarmStatus.CANCELLED
    assert statuses(state) == ["completed"]
    assert tell(state, AggregateCompleted("late", {})) == Step()


# --- taking over -----------------------------------------------------------------------------------------------------


def test_a_run_taken_over_starts_again_what_ran_and_arms_its_back_offs() -> None:
    state = run_of(task("ran"), task("retrying"), task("done"), task("queued"))
    start(state, 3)
    tell(state, failed(1), completed(2))
    out = Step()

    resume(state, START_MS + 400, out)

    assert statuses(state) == ["queued", "retrying", "completed", "queued"]
    assert out.effects == [ScheduleRetry(1, 1, START_MS + 1_000)]
    assert types(out) == ["agent_retrying", "task_queued"]


def test_what_goes_on_without_the_lost_process_is_waited_for() -> None:
    """Its call is neither made again nor billed as lost; of a hedged pair both are waited for."""
    state = run_of(task("out"), task("hedged"), task("lost"), task("done"))
    start(state, 4)
    tell(state, completed(3))
    steps, out = state.steps, Step()

    resume(state, START_MS + 400, out, out_there={0: [0], 1: [0, 1], 3: [0]})

    assert statuses(state) == ["running", "running", "queued", "completed"]
    assert out.effects == [AwaitCall(0, 1), AwaitCall(1, 1), AwaitCall(1, 1, 1)]
    assert types(out) == ["agent_retrying", "task_queued"]
    assert state.steps == steps
    tell(state, completed(0), completed(1))
    assert statuses(state) == ["completed", "completed", "queued", "completed"]


def test_a_clock_that_was_set_back_strands_no_back_off() -> None:
    state = run_of(task("a"))
    start(state)
    tell(state, failed(0))
    back_off_ms = state.tasks[0].not_before_ms - state.tasks[0].started_at_ms
    out = Step()

    resume(state, START_MS - 86_400_000, out)

    assert 0 < back_off_ms < MAX_DELAY_MS
    assert out.effects == [ScheduleRetry(0, 1, START_MS - 86_400_000 + back_off_ms)]


def test_a_merge_that_was_under_way_is_begun_again() -> None:
    state = run_of(task("a"), aggregate={"strategy": "concat"})
    start(state)
    tell(state, completed(0))
    out = Step()

    resume(state, START_MS, out)

    assert out == Step(effects=[Aggregate()])


def test_a_run_that_is_due_for_its_merge_when_taken_over_is_merged_once() -> None:
    state = run_of(task("a"), task("b"), max_steps=2, aggregate={"strategy": "concat"})
    start(state)
    tell(state, completed(0, steps=3))
    out = Step()

    resume(state, START_MS, out)  # the attempt of b is lost and no step is left for another

    assert statuses(state) == ["completed", "skipped"]
    assert out.effects == [Aggregate()]


def test_a_run_stored_at_its_last_instant_ends_when_taken_over() -> None:
    state = run_of(task("a"))
    state.steps = state.spec.max_steps
    out = Step()

    resume(state, START_MS, out)

    assert state.status is SwarmStatus.FAILED
    assert types(out) == ["task_skipped", "swarm_completed"]


# --- merges ----------------------------------------------------------------------------------------------------------


def merge_of(*names: str) -> NewTask:
    spec = TaskSpec(task_id=f"~merge of {len(names)}", kind=TaskKind.MERGE, depends_on=names, lane=LANE, max_retries=0)
    return NewTask(spec, LANE, None)


@pytest.mark.parametrize("later_ms", [0, 5_000, -60_000], ids=["at once", "later", "by a clock that was set back"])
def test_a_merge_belongs_to_the_run_as_it_was_last_begun_whatever_the_clock_does(later_ms: int) -> None:
    """By that a merge that fails is told from one that failed before the run was retried; else it is made forever."""
    state = run_of(task("a"), task("b", max_retries=0), aggregate={"strategy": "hierarchical"})
    start(state)
    tell(state, completed(0), failed(1, error=REFUSED))
    tell(state, MergesPlanned((merge_of("a"),)), SlotsGranted(LANE, 1), now_ms=START_MS + later_ms)
    tell(state, failed(2, error=REFUSED), now_ms=START_MS + later_ms)
    tell(state, AggregateCompleted(None, {"status": "failed"}), now_ms=START_MS + later_ms)
    assert state.tasks[2].queued_at_ms >= state.started_at_ms

    tell(state, RetryRequested({1: "{}"}), now_ms=START_MS + 2 * later_ms)

    assert state.status is SwarmStatus.RUNNING
    assert state.tasks[2].queued_at_ms < state.started_at_ms
    tell(state, SlotsGranted(LANE, 1), now_ms=START_MS + 2 * later_ms)
    tell(state, completed(1, attempt=2), now_ms=START_MS + 2 * later_ms)
    tell(state, MergesPlanned((merge_of("a", "b"),)), now_ms=START_MS + 2 * later_ms)
    assert state.tasks[3].queued_at_ms >= state.started_at_ms


# --- illegal changes and size ----------------------------------------------------------------------------------------


def test_a_change_that_the_table_does_not_allow_is_a_bug_and_raises() -> None:
    state = run_of(task("a"))
    record = Recorder(state, START_MS, Step())

    with pytest.raises(AssertionError, match="queued -> completed"):
        record.move(state.tasks[0], TaskStatus.COMPLETED)
    with pytest.raises(AssertionError, match="running -> planning"):
        record.become(SwarmStatus.PLANNING)


def chain() -> list[TaskSpec]:
    return [task("t0")] + [task(f"t{index}", f"t{index - 1}") for index in range(1, MANY)]


def test_a_chain_of_twenty_thousand_ends_with_its_first_failure() -> None:
    state = run_of(*chain())
    start(state)

    started = time.process_time()
    out = tell(state, failed(0, error=REFUSED))

    assert time.process_time() - started < 2
    assert state.counts.skipped == MANY - 1
    assert len(out.events) == MANY + 1
    assert state.ended


def test_twenty_thousand_tasks_in_a_fan_in_cost_no_rescan() -> None:
    names = [f"t{index}" for index in range(MANY - 1)]
    state = run_of(*map(task, names), task("sum", *names), max_parallel_agents=MANY, max_steps=MANY)

    started = time.process_time()
    tell(state, SlotsGranted(LANE, MANY))
    tell(state, *(completed(index) for index in range(MANY - 1)))

    assert time.process_time() - started < 5
    assert state.tasks[-1].status is TaskStatus.QUEUED
