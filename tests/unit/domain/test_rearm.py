"""Ended tasks that run again on request."""

from __future__ import annotations

import pytest

from app.domain import events
from app.domain.changes import AggregateChanged, TaskRearmed
from app.domain.facts import (
    AwaitedEnded,
    CancelRequested,
    PauseRequested,
    RetryRequested,
    SlotsGranted,
    TaskCancelRequested,
)
from app.domain.swarm import SwarmState, SwarmStatus
from app.domain.task import Awaited, TaskStatus
from tests.support.book import START_MS
from tests.support.steps import LANE, REFUSED, completed, failed, run_of, start, statuses, task, tell, types

LATER_MS = START_MS + 60_000
OUTER = Awaited(1, "outer", "swm_other", 0)


def again(state: SwarmState, *indices: int, now_ms: int = LATER_MS) -> list[str]:
    """Ask for a retry; return the events."""
    return types(tell(state, RetryRequested(dict.fromkeys(indices, '{"prompt":"x"}')), now_ms=now_ms))


def chain_that_failed() -> SwarmState:
    """a completed; b failed; c waits for b and d for c: both skipped."""
    state = run_of(task("a"), task("b"), task("c", "b", "a"), task("d", "c"))
    start(state)
    tell(state, completed(0), failed(1, error=REFUSED))
    assert (state.status, statuses(state)) == (SwarmStatus.PARTIAL, ["completed", "failed", "skipped", "skipped"])
    return state


def test_an_ended_run_goes_on_with_what_failed_and_what_was_skipped_for_want_of_it() -> None:
    state = chain_that_failed()
    before = state.last_seq

    out = tell(state, RetryRequested({1: '{"prompt":"x"}', 2: "{}", 3: "{}"}), now_ms=LATER_MS)

    assert (state.status, state.error, state.ended_at_ms, state.started_at_ms) == ("running", None, None, LATER_MS)
    assert statuses(state) == ["completed", "queued", "waiting", "waiting"]
    assert out.changes == [
        AggregateChanged(),
        TaskRearmed(1, TaskStatus.QUEUED, LATER_MS),
        TaskRearmed(2, TaskStatus.WAITING, 0),
        TaskRearmed(3, TaskStatus.WAITING, 0),
    ]
    assert types(out) == [events.SWARM_RESUMED, "task_queued", "task_waiting", "task_waiting"]
    assert [event.seq for event in out.events] == [before + nth for nth in (1, 2, 3, 4)]
    assert out.events[0].fields == {"reason": "retry", "tasks": 3}
    assert state.tasks[1].payload == '{"prompt":"x"}'

    assert start(state) == ["b"]
    tell(state, completed(1, 2))
    assert start(state) == ["c"]
    tell(state, completed(2))
    assert start(state) == ["d"]
    tell(state, completed(3))
    assert state.status is SwarmStatus.COMPLETED


def test_the_attempts_go_on_counting_and_the_retries_begin_anew() -> None:
    state = run_of(task("a", max_retries=0))
    start(state)
    tell(state, failed(0))
    assert state.status is SwarmStatus.FAILED

    again(state, 0)
    start(state)

    assert (state.tasks[0].attempt, state.tasks[0].failures) == (2, 0)


def test_what_waits_for_a_failed_task_that_stays_failed_stays_as_it_is() -> None:
    state = run_of(task("a"), task("b"), task("c", "a", "b"), task("d", "c"))
    start(state)
    tell(state, failed(0, error=REFUSED), failed(1, error=REFUSED))

    again(state, 0, 2, 3)

    assert statuses(state) == ["queued", "failed", "skipped", "skipped"]
    start(state)
    tell(state, completed(0, 2))
    assert state.status is SwarmStatus.PARTIAL


def test_one_that_allows_failed_dependencies_needs_none_of_them() -> None:
    state = run_of(task("a"), task("b", "a", allow_failed_dependencies=True))
    start(state)
    tell(state, failed(0, error=REFUSED))
    start(state)
    tell(state, failed(1, error=REFUSED))

    again(state, 1)

    assert statuses(state) == ["failed", "queued"]


def test_a_completed_task_never_runs_again() -> None:
    state = chain_that_failed()

    again(state, 0, 1)

    assert state.tasks[0].status is TaskStatus.COMPLETED


def test_a_retry_that_can_do_nothing_changes_nothing() -> None:
    state = chain_that_failed()

    assert again(state, 2, 3) == []
    assert (state.status, state.ended_at_ms) == (SwarmStatus.PARTIAL, START_MS)


def test_a_run_that_goes_on_is_not_said_to_have_been_resumed() -> None:
    state = run_of(task("a"), task("b"))
    start(state)
    tell(state, failed(0, error=REFUSED))

    assert again(state, 0) == ["task_queued"]
    tell(state, PauseRequested(), failed(0, 2, error=REFUSED))
    assert (state.status, again(state, 0)) == (SwarmStatus.PAUSED, [])


def test_what_waits_beside_it_waits_for_it_again() -> None:
    """c had counted a as ended; without counting it anew, a's second end would pass for that of b."""
    state = run_of(task("a"), task("b"), task("c", "a", "b", allow_failed_dependencies=True))
    start(state)
    tell(state, failed(0, error=REFUSED))
    assert state.tasks[2].unmet == 1

    again(state, 0)
    start(state)
    tell(state, completed(0, 2))

    assert statuses(state) == ["completed", "running", "waiting"]
    tell(state, completed(1))
    assert start(state) == ["c"]


def test_a_cancelled_task_can_run_again() -> None:
    state = run_of(task("a"), task("b", "a"))
    start(state)
    tell(state, TaskCancelRequested(0))
    assert (state.status, statuses(state)) == (SwarmStatus.FAILED, ["cancelled", "skipped"])

    again(state, 0, 1)

    assert statuses(state) == ["queued", "waiting"]


def test_a_cancelled_run_can_go_on() -> None:
    state = run_of(task("a"))
    tell(state, CancelRequested())

    again(state, 0)

    assert (state.status, start(state)) == (SwarmStatus.RUNNING, ["a"])


def test_nothing_runs_again_while_the_outputs_are_merged() -> None:
    """The merge would end the run under it."""
    state = run_of(task("a"), task("b"), aggregate={"strategy": "concat"})
    start(state)
    tell(state, completed(0), failed(1, error=REFUSED))
    assert state.status is SwarmStatus.AGGREGATING

    assert again(state, 1) == []
    assert statuses(state) == ["completed", "failed"]


def test_a_retry_of_a_run_whose_steps_are_used_up_ends_it_again() -> None:
    """A run must never stand still: without a step left there is nothing that a grant could start."""
    state = run_of(task("a"), task("b"), max_steps=1)
    start(state)
    tell(state, completed(0))
    assert (state.status, statuses(state)) == (SwarmStatus.PARTIAL, ["completed", "skipped"])

    again(state, 1)

    assert (state.status, statuses(state)) == (SwarmStatus.PARTIAL, ["completed", "skipped"])


# --- dependencies in other swarms ------------------------------------------------------------------------------------


def with_outer(**fields: object) -> SwarmState:
    """a; b waits for a and for a task of another swarm."""
    return run_of(task("a"), task("b", "a", "outer", awaits=(OUTER,), **fields))


@pytest.mark.parametrize("outer_first", [True, False])
def test_a_task_waits_anew_for_its_own_run_though_the_other_one_has_ended(outer_first: bool) -> None:
    state = with_outer()
    start(state)
    if outer_first:
        tell(state, AwaitedEnded(1, OUTER, 3))
    tell(state, failed(0, error=REFUSED))
    assert statuses(state) == ["failed", "skipped"]

    again(state, 0, 1)
    if not outer_first:  # as a new process is told, after what clients asked
        tell(state, AwaitedEnded(1, OUTER, 3))

    assert statuses(state) == ["queued", "waiting"]
    start(state)
    tell(state, completed(0, 2))
    assert start(state) == ["b"]


def test_a_task_is_not_run_without_the_output_of_another_swarm() -> None:
    state = with_outer()
    tell(state, AwaitedEnded(1, OUTER, None))
    assert statuses(state) == ["queued", "skipped"]

    again(state, 1)

    assert statuses(state) == ["queued", "skipped"]


def test_a_new_process_finds_out_that_the_other_swarm_still_has_no_output() -> None:
    state = run_of(task("b", "outer", awaits=(Awaited(0, "outer", "swm_other", 0),)))
    tell(state, TaskCancelRequested(0))

    again(state, 0)
    assert statuses(state) == ["waiting"]
    tell(state, AwaitedEnded(0, OUTER, None))

    assert (state.status, statuses(state)) == (SwarmStatus.FAILED, ["skipped"])


# --- one task cancelled ----------------------------------------------------------------------------------------------


def test_a_cancelled_task_takes_with_it_only_what_depends_on_it() -> None:
    state = run_of(task("a"), task("b", "a"), task("c", "a", allow_failed_dependencies=True), task("d"))
    start(state)

    out = tell(state, TaskCancelRequested(0))

    assert statuses(state) == ["cancelled", "skipped", "queued", "running"]
    assert types(out) == ["agent_failed", "task_skipped", "task_queued"]
    assert types(tell(state, TaskCancelRequested(0))) == []
    tell(state, SlotsGranted(LANE, 9), completed(2), completed(3))
    assert state.status is SwarmStatus.PARTIAL


def test_a_paused_run_all_of_whose_tasks_are_cancelled_ends() -> None:
    state = run_of(task("a"))
    tell(state, PauseRequested(), TaskCancelRequested(0))

    assert (state.status, state.pause_reason) == (SwarmStatus.FAILED, None)
