"""Attempts of several calls: each answer is journaled, each call wants a slot, and late facts change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.domain import events
from app.domain.budget import Budget
from app.domain.changes import (
    AttemptEnded,
    AttemptStarted,
    CallStarted,
    StartAttempt,
    Step,
    StepRecorded,
    StopAttempt,
    TaskCompleted,
    TaskGoesOn,
)
from app.domain.facts import (
    BudgetChanged,
    CancelRequested,
    Fact,
    HedgeDropped,
    HedgeDue,
    PauseRequested,
    RetryDue,
    SlotsGranted,
    StepTaken,
)
from app.domain.swarm import SwarmState, SwarmStatus
from app.domain.task import TaskStatus
from app.domain.transitions import step
from app.domain.usage import Usage
from tests.support.book import START_MS
from tests.support.money import CALL, CALL_TOKENS, PRICE, bill, priced
from tests.support.steps import LANE, completed, failed, run_of, start, statuses, task, tell, types

RECORD = '{"kind":"answer"}'


def used(prompt_tokens: int, completion_tokens: int) -> Usage:
    return Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def taken(index: int, attempt: int = 1, step: int = 0, **fields: Any) -> StepTaken:
    values: dict[str, Any] = {"record": RECORD, "kind": "answer", "model": "offline", "usage": used(10, 5)}
    values |= {"cost_nano_usd": 7, "latency_ms": 40.0}
    return StepTaken(index=index, attempt=attempt, step=step, **(values | fields))


def under_way(*names: str, **spec: Any) -> SwarmState:
    state = run_of(*(task(name) for name in names), **spec)
    start(state)
    return state


def test_a_step_is_journaled_and_the_next_call_wants_a_slot() -> None:
    state = under_way("a")

    out = tell(state, taken(0), now_ms=START_MS + 50)

    recorded, goes_on = out.changes
    assert isinstance(recorded, StepRecorded)
    assert (recorded.step, recorded.attempt, recorded.record, recorded.billed) == (0, 1, RECORD, True)
    assert (recorded.usage, recorded.cost_nano_usd, recorded.latency_ms) == (used(10, 5), 7, 40.0)
    assert isinstance(goes_on, TaskGoesOn)
    assert (goes_on.status, goes_on.attempt, goes_on.depends_on) == (TaskStatus.QUEUED, 1, None)
    assert (statuses(state), state.counts.queued, state.running) == (["queued"], 1, 0)
    assert types(out) == [events.AGENT_STEP]
    assert (out.events[0].fields["nth"], out.events[0].fields["tokens_in"]) == (1, 10)


def test_the_next_call_is_of_the_same_attempt_and_a_step_of_the_run() -> None:
    state = under_way("a")
    tell(state, taken(0))

    out = tell(state, SlotsGranted(LANE, 1), now_ms=START_MS + 90)

    assert out.changes == [CallStarted(0, 1)]
    assert out.effects == [StartAttempt(0, 1)]
    assert types(out) == []
    assert (state.tasks[0].attempt, state.tasks[0].started_at_ms, state.steps) == (1, START_MS, 2)


def test_what_began_goes_before_what_is_more_urgent() -> None:
    state = run_of(task("a", priority=1), task("b", priority=10))
    start(state)

    tell(state, taken(0), failed(1), RetryDue(1, 1))

    assert start(state, 1) == ["a"]


def test_the_output_adds_up_all_calls_of_the_attempt_once() -> None:
    state = under_way("a")
    tell(state, taken(0))
    start(state)

    out = tell(state, completed(0, step=1, usage=used(20, 1), cost_nano_usd=3, latency_ms=2.0))

    [done] = [change for change in out.changes if isinstance(change, TaskCompleted)]
    assert (done.latency_ms, done.usage, done.cost_nano_usd) == (42.0, used(20, 1), 3)
    assert (state.usage, state.cost_nano_usd, state.steps) == (used(30, 6), 10, 2)
    assert state.status is SwarmStatus.COMPLETED


def test_facts_of_a_call_that_is_over_change_nothing() -> None:
    state = under_way("a")
    late: list[Fact] = [taken(0), completed(0), failed(0)]
    tell(state, taken(0))
    assert [tell(state, fact) for fact in late] == [Step()] * 3  # between the calls
    start(state)

    assert [tell(state, fact) for fact in late] == [Step()] * 3  # during the second
    assert (state.tasks[0].step, state.tasks[0].calls, statuses(state)) == (1, 1, ["running"])


def test_an_answer_that_will_not_do_is_journaled_with_the_failure() -> None:
    state = under_way("a")

    out = tell(state, failed(0, record='{"over":true}'))

    steps = [change for change in out.changes if isinstance(change, StepRecorded)]
    assert [(one.step, one.record, one.billed) for one in steps] == [(0, '{"over":true}', False)]
    assert [change.status for change in out.changes if isinstance(change, AttemptEnded)] == ["failed"]
    assert (statuses(state), state.tasks[0].step, state.tasks[0].failures) == (["retrying"], 1, 1)
    tell(state, RetryDue(0, 1))
    assert [change for change in tell(state, SlotsGranted(LANE, 1)).changes if isinstance(change, AttemptStarted)]
    assert tell(state, completed(0, 2)) == Step()  # it knew nothing of the record
    assert state.tasks[0].status is TaskStatus.RUNNING


def test_the_next_call_may_be_of_another_model_on_its_lane() -> None:
    state = under_way("a")
    state.lanes["judge"] = "other"
    tell(state, taken(0, next_model="judge"))
    assert (state.tasks[0].model, state.tasks[0].lane) == ("judge", "other")
    assert start(state) == []

    tell(state, SlotsGranted("other", 1))
    assert statuses(state) == ["running"]
    tell(state, failed(0, step=1, record="{}"), RetryDue(0, 1))

    assert state.tasks[0].model is None


def test_a_cancel_between_two_calls_ends_the_attempt_without_a_bill() -> None:
    state = under_way("a")
    tell(state, taken(0))

    out = tell(state, CancelRequested())

    ended = [change for change in out.changes if isinstance(change, AttemptEnded)]
    assert [(one.attempt, one.status, one.usage) for one in ended] == [(1, "cancelled", Usage())]
    assert not [effect for effect in out.effects if isinstance(effect, StopAttempt)]
    assert events.AGENT_FAILED in types(out)


def test_a_pause_between_two_calls_keeps_the_next_one_back() -> None:
    state = under_way("a")
    tell(state, PauseRequested(), taken(0))

    assert (state.status, statuses(state), start(state)) == (SwarmStatus.PAUSED, ["queued"], [])


def test_calls_beyond_the_runs_steps_are_not_made() -> None:
    state = under_way("a", max_steps=1)

    tell(state, taken(0))

    assert (statuses(state), state.status) == (["skipped"], SwarmStatus.FAILED)


# --- money -----------------------------------------------------------------------------------------------------------


def test_each_call_is_reserved_for_and_settled_by_itself() -> None:
    budget = Budget(max_cost_nano_usd=10 * CALL)
    state = priced(task("a"), budget=budget)
    start(state)
    assert state.reserved_nano_usd == CALL

    tell(state, taken(0, **bill(100, 10)))
    assert (state.reserved_nano_usd, state.cost_nano_usd) == (0, 200_000)
    start(state)

    journal = len(RECORD) * 1_000  # what the call before said may be sent along, a token a byte
    assert state.reserved_nano_usd == CALL + journal
    tell(state, completed(0, step=1, **bill(100, 10)))
    assert (state.reserved_nano_usd, state.reserved_tokens, state.cost_nano_usd) == (0, 0, 400_000)


def test_a_call_that_the_caps_do_not_leave_room_for_pauses_the_run() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=CALL + 100_000))
    start(state)
    tell(state, taken(0, **bill(100, 10)))

    assert start(state) == []

    assert (state.status, state.pause_reason, statuses(state)) == (SwarmStatus.PAUSED, "budget", ["queued"])


def test_a_sub_agents_own_tokens_are_of_all_its_calls() -> None:
    state = priced(task("a"), budget=Budget(per_agent_tokens=2 * CALL_TOKENS))
    start(state)
    tell(state, taken(0, **bill(142, 50)))  # exactly half

    start(state)  # the second would also be sent the record

    assert statuses(state) == ["skipped"]


def test_a_cap_that_comes_later_knows_the_journal() -> None:
    state = priced(task("a"), budget=None)
    start(state)
    tell(state, taken(0, **bill(100, 10)))

    tell(state, BudgetChanged(Budget(max_cost_nano_usd=10 * CALL)))
    start(state)

    assert state.reserved_nano_usd == CALL + len(RECORD) * 1_000


def test_an_unknown_bill_of_a_step_stays_on_the_account() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=10 * CALL))
    start(state)

    out = tell(state, taken(0, usage=Usage(), cost_nano_usd=None, settled=False))

    [recorded] = [change for change in out.changes if isinstance(change, StepRecorded)]
    assert recorded.unsettled_nano_usd == state.unsettled_nano_usd == CALL
    assert (state.tasks[0].lost_nano_usd, state.tasks[0].tokens_used) == (0, CALL_TOKENS)


# --- second calls of stragglers --------------------------------------------------------------------------------------


def test_the_faster_of_a_hedged_pair_takes_the_step_and_the_other_is_stopped() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=10 * CALL))
    start(state)
    tell(state, HedgeDue(0, 1))

    out = tell(state, taken(0, **bill(100, 10)))

    assert [effect for effect in out.effects if isinstance(effect, StopAttempt)] == [StopAttempt(0, 1)]
    assert (state.reserved_nano_usd, state.unsettled_nano_usd) == (0, CALL)
    assert tell(state, taken(0, **bill(100, 10))) == Step()


def test_a_second_call_that_was_never_made_is_not_taken_off_the_call_after() -> None:
    """The news may come once the next call of the attempt is under way."""
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=10 * CALL))
    start(state)
    tell(state, HedgeDue(0, 1), taken(0, **bill(100, 10)))
    start(state)
    before = replace(state)

    assert tell(state, HedgeDropped(0, 1)) == Step()

    assert (state.tasks[0].calls, state.reserved_nano_usd, state.steps) == (1, before.reserved_nano_usd, before.steps)
    tell(state, completed(0, step=1, cost_nano_usd=PRICE.cost_nano_usd(used(1, 1))))
    assert state.status is SwarmStatus.COMPLETED


def test_one_turn_may_hold_a_step_and_the_start_of_the_next_call() -> None:
    state = under_way("a", "b")
    out = Step()
    for fact in (taken(0), taken(1), SlotsGranted(LANE, 5)):
        step(state, fact, START_MS, out)

    kinds = [type(change).__name__ for change in out.changes]
    assert kinds == ["StepRecorded", "TaskGoesOn"] * 2 + ["CallStarted"] * 2
