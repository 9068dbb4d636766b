"""What one fact about one task does: the changes, events and effects of each.

That these hold together for every graph and every order of facts is checked in ``test_transitions_properties``.
"""

from __future__ import annotations

import pytest

from app.domain.changes import (
    AttemptEnded,
    AttemptStarted,
    ScheduleRetry,
    StartAttempt,
    Step,
    TaskClosed,
    TaskQueued,
    TaskRetrying,
)
from app.domain.facts import AttemptAbandoned, AwaitedEnded, RetryDue, SlotsGranted
from app.domain.retry import MAX_THROTTLES
from app.domain.swarm import SwarmStatus
from app.domain.task import Awaited, TaskStatus
from app.domain.usage import Usage
from tests.support.book import START_MS
from tests.support.steps import (
    LANE,
    REFUSED,
    THROTTLED,
    completed,
    failed,
    run_of,
    start,
    statuses,
    task,
    tell,
    types,
)

# --- starting --------------------------------------------------------------------------------------------------------


def test_a_granted_slot_starts_an_attempt_and_announces_its_sub_agent() -> None:
    state = run_of(task("a"))

    out = tell(state, SlotsGranted(LANE, 1), now_ms=START_MS + 40)

    assert out.changes == [AttemptStarted(0, 1, START_MS + 40, 40)]
    assert out.effects == [StartAttempt(0, 1)]
    [event] = out.events
    assert (event.type, event.task_id, event.attempt, event.fields) == ("agent_spawned", "a", 1, {"queue_ms": 40})
    assert event.agent_id is not None
    assert state.steps == 1


def test_a_slot_of_another_lane_starts_nothing() -> None:
    assert tell(run_of(task("a")), SlotsGranted("deepseek", 5)) == Step()


def test_the_most_urgent_start_first() -> None:
    state = run_of(
        task("first"),
        task("second"),
        task("complex", complexity=2),
        task("low", priority=2, complexity=10),
        task("critical", priority=10),
    )

    assert start(state, 2) == ["critical", "complex"]
    assert start(state, 9) == ["first", "second", "low"]


def test_a_task_that_became_ready_later_overtakes_only_by_urgency() -> None:
    state = run_of(task("root"), task("late", "root"), task("late and urgent", "root", priority=8), task("early"))
    start(state, 1)
    tell(state, completed(0))

    assert start(state) == ["late and urgent", "late", "early"]


def test_a_clock_that_was_set_back_gives_no_negative_wait() -> None:
    state = run_of(task("a"))

    out = tell(state, SlotsGranted(LANE, 1), now_ms=START_MS - 5_000)

    assert out.changes == [AttemptStarted(0, 1, START_MS - 5_000, 0)]


# --- completing ------------------------------------------------------------------------------------------------------


def test_a_completion_is_recorded_billed_and_told_with_its_figures() -> None:
    state = run_of(task("a"), task("b"))
    start(state, now_ms=START_MS + 3)
    usage = Usage(prompt_tokens=100, completion_tokens=20, cached_tokens=60)

    out = tell(state, completed(0, usage=usage, cost_nano_usd=1_500_000_000, latency_ms=12.5, steps=3))

    assert types(out) == ["agent_completed"]
    assert out.events[0].fields == {
        "latency_ms": 12.5,
        "queue_ms": 3,
        "tokens_in": 100,
        "tokens_out": 20,
        "tokens_cached": 60,
        "cost_usd": 1.5,
        "model": "offline",
    }
    assert (state.usage, state.cost_nano_usd, state.steps) == (usage, 1_500_000_000, 4)


def test_a_completion_without_a_known_price_costs_null_and_adds_nothing() -> None:
    state = run_of(task("a"), task("b"))
    start(state)

    out = tell(state, completed(0, cost_nano_usd=None))

    assert out.events[0].fields["cost_usd"] is None
    assert state.cost_nano_usd == 0


def test_a_task_is_ready_the_moment_its_own_dependencies_completed() -> None:
    state = run_of(task("a"), task("b"), task("c", "a", "b"), task("slow"))
    start(state)

    assert types(tell(state, completed(0))) == ["agent_completed"]
    assert types(tell(state, completed(1))) == ["agent_completed", "task_queued"]
    assert start(state) == ["c"]


def test_a_second_completion_of_the_same_attempt_changes_nothing() -> None:
    state = run_of(task("a"), task("b"))
    start(state)
    tell(state, completed(0))

    assert tell(state, completed(0, output='"other"'), failed(0)) == Step()
    assert statuses(state) == ["completed", "running"]


# --- failing ---------------------------------------------------------------------------------------------------------


def test_a_failure_is_tried_again_after_its_back_off() -> None:
    state = run_of(task("a"))
    start(state)

    out = tell(state, failed(0, usage=Usage(prompt_tokens=9)))

    assert [type(change) for change in out.changes] == [AttemptEnded, TaskRetrying]
    assert out.effects == [ScheduleRetry(0, 1, START_MS + 1_000)]
    assert types(out) == ["agent_retrying"]
    assert out.events[0].fields == {"retry_in_ms": 1_000, "error": "connection reset", "error_type": "provider"}
    assert state.usage.prompt_tokens == 9
    assert types(tell(state, RetryDue(0, 1))) == ["task_queued"]
    out = tell(state, SlotsGranted(LANE, 1))
    assert (out.effects, types(out)) == ([StartAttempt(0, 2)], [])


def test_delays_double_and_the_last_failure_is_final() -> None:
    state = run_of(task("a", max_retries=2))
    delays_ms = []
    for attempt in (1, 2, 3):
        start(state)
        out = tell(state, failed(0, attempt))
        delays_ms += [effect.at_ms - START_MS for effect in out.effects if isinstance(effect, ScheduleRetry)]
        tell(state, RetryDue(0, attempt))

    assert delays_ms == [1_000, 2_000]
    assert statuses(state) == ["failed"]
    assert types(out) == ["agent_failed", "swarm_completed"]
    assert out.events[0].fields["error"] == "connection reset"


def test_retry_after_is_honoured() -> None:
    state = run_of(task("a"))
    start(state)

    out = tell(state, failed(0, error=THROTTLED, retry_after_s=20.0, jitter_sample=0.0))

    assert out.effects == [ScheduleRetry(0, 1, START_MS + 20_000)]


def test_an_error_that_no_retry_mends_ends_the_task_at_once() -> None:
    state = run_of(task("a"), task("b"))
    start(state)

    out = tell(state, failed(0, error=REFUSED))

    assert [type(change) for change in out.changes] == [AttemptEnded, TaskClosed]
    assert types(out) == ["agent_failed"]
    assert out.effects == []


def test_refusals_use_up_no_retry_but_end_somewhere() -> None:
    state = run_of(task("a", max_retries=0))
    for attempt in range(1, MAX_THROTTLES + 1):
        start(state)
        tell(state, failed(0, attempt, THROTTLED), RetryDue(0, attempt))
        assert state.tasks[0].failures == 0
    start(state)
    tell(state, failed(0, MAX_THROTTLES + 1, THROTTLED))

    assert statuses(state) == ["failed"]


def test_a_retry_that_is_due_twice_or_for_an_old_attempt_is_queued_once() -> None:
    state = run_of(task("a"), task("b"))
    start(state)
    tell(state, failed(0))

    assert tell(state, RetryDue(0, 7), RetryDue(1, 1)) == Step()
    assert len(tell(state, RetryDue(0, 1), RetryDue(0, 1)).changes) == 1
    assert start(state) == ["a"]
    tell(state, failed(0, 2))
    assert tell(state, RetryDue(0, 1)) == Step()


def test_what_depends_on_a_failed_task_is_skipped_all_the_way_down_and_siblings_go_on() -> None:
    state = run_of(task("a"), task("b", "a"), task("c", "b"), task("sibling"))
    start(state)

    out = tell(state, failed(0, error=REFUSED))

    assert statuses(state) == ["failed", "skipped", "skipped", "running"]
    assert [(event.type, event.task_id) for event in out.events] == [
        ("agent_failed", "a"),
        ("task_skipped", "b"),
        ("task_skipped", "c"),
    ]
    assert out.events[1].fields["error"] == "dependency 'a' is failed"
    assert out.events[2].fields["error"] == "dependency 'b' is skipped"


def test_a_task_that_allows_failed_dependencies_waits_for_all_of_them_and_runs() -> None:
    state = run_of(task("bad"), task("good"), task("skipped", "bad"), task("sum", "skipped", "good"))
    state.tasks[3].allow_failed_dependencies = True
    start(state)

    tell(state, failed(0, error=REFUSED))
    assert statuses(state) == ["failed", "running", "skipped", "waiting"]
    tell(state, completed(1))
    assert start(state) == ["sum"]
    out = tell(state, completed(3))
    assert state.status is SwarmStatus.PARTIAL
    assert types(out) == ["agent_completed", "swarm_completed"]


def test_an_abandoned_attempt_is_made_again_at_once_and_counts_as_no_failure() -> None:
    state = run_of(task("a", max_retries=0))
    start(state)

    out = tell(state, AttemptAbandoned(0, 1))

    assert [type(change) for change in out.changes] == [AttemptEnded, TaskQueued]
    assert types(out) == ["agent_retrying", "task_queued"]
    assert out.events[0].fields["retry_in_ms"] == 0
    assert tell(state, completed(0, 1)) == Step()  # the dead attempt answers after all
    assert start(state) == ["a"]
    assert tell(state, completed(0, 1), failed(0, 1), AttemptAbandoned(0, 1)) == Step()  # … beside its successor
    tell(state, completed(0, 2))
    assert state.status is SwarmStatus.COMPLETED


# --- tasks of other swarms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended_well", "allow_failed", "expected"),
    [(True, False, "queued"), (False, True, "queued"), (False, False, "skipped")],
)
def test_a_task_waits_for_tasks_of_other_swarms(ended_well: bool, allow_failed: bool, expected: str) -> None:
    outer = Awaited(1, "theirs", "swm_other", 4)
    waiting = task("b", "a", "theirs", awaits=(outer,), allow_failed_dependencies=allow_failed)
    state = run_of(task("a"), waiting, task("after", "b"))
    start(state)
    tell(state, completed(0))
    assert state.tasks[1].status is TaskStatus.WAITING

    tell(state, AwaitedEnded(1, outer, 6 if ended_well else None))

    assert state.tasks[1].status == expected
    assert state.tasks[2].status == ("skipped" if expected == "skipped" else "waiting")
