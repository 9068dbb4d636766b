"""A second call for an attempt that takes long: the first answer counts, and both are paid for."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain import events
from app.domain.budget import Budget
from app.domain.changes import AttemptEnded, StartHedge, Step, StopAttempt, TaskClosed, TaskCompleted
from app.domain.facts import BudgetChanged, HedgeDropped, HedgeDue, PauseRequested, TaskCancelRequested
from app.domain.retry import RetryPolicy
from app.domain.swarm import SwarmState
from app.domain.transitions import resume
from tests.support.book import START_MS
from tests.support.money import CALL, CALL_TOKENS, bill, priced
from tests.support.steps import GONE, REFUSED, THROTTLED, completed, failed, start, statuses, task, tell, types

HEDGING = RetryPolicy(hedge_percentile=95.0)


def hedged(budget: Budget | None = None, **fields: Any) -> SwarmState:
    """Task a with two calls under way."""
    state = priced(task("a", max_retries=1), budget=budget, retry=HEDGING, **fields)
    start(state)
    out = tell(state, HedgeDue(0, 1))
    assert out.effects == [StartHedge(0, 1)]
    assert types(out) == [events.AGENT_HEDGED]
    assert (state.tasks[0].calls, state.steps) == (2, 2)
    return state


def ended(out: Step) -> AttemptEnded:
    [change] = [change for change in out.changes if isinstance(change, AttemptEnded)]
    return change


def test_the_first_answer_of_two_counts_and_the_other_call_is_stopped() -> None:
    state = hedged(Budget(max_cost_nano_usd=10 * CALL))
    assert state.reserved_nano_usd == 2 * CALL

    out = tell(state, completed(0, **bill(10, 1)))

    assert (statuses(state), out.effects) == (["completed"], [StopAttempt(0, 1)])
    assert (state.cost_nano_usd, state.unsettled_nano_usd, state.reserved_nano_usd) == (20_000, CALL, 0)
    [change] = [change for change in out.changes if isinstance(change, TaskCompleted)]
    assert (change.cost_nano_usd, change.unsettled_nano_usd) == (20_000, CALL)
    assert tell(state, completed(0, **bill(10, 1))) == Step()


def test_while_one_of_two_may_answer_a_failure_is_none() -> None:
    state = hedged(Budget(max_cost_nano_usd=10 * CALL))

    assert tell(state, failed(0, settled=False)) == Step()
    assert (statuses(state), state.tasks[0].failures) == (["running"], 0)
    out = tell(state, completed(0, **bill(10, 1)))

    assert statuses(state) == ["completed"]
    assert out.effects == []
    assert (state.cost_nano_usd, state.unsettled_nano_usd) == (20_000, CALL)


def test_two_calls_that_fail_are_one_failed_attempt_with_both_bills() -> None:
    state = hedged(Budget(max_cost_nano_usd=10 * CALL))
    tell(state, failed(0, **bill(10, 1)))

    out = tell(state, failed(0, error=REFUSED, **bill(5, 0)))

    assert (statuses(state), state.tasks[0].failures) == (["failed"], 1)
    assert (ended(out).cost_nano_usd, ended(out).usage.prompt_tokens) == (25_000, 15)
    [closed] = [change for change in out.changes if isinstance(change, TaskClosed)]
    assert (closed.error, closed.cost_nano_usd) == (REFUSED, 25_000)
    assert state.cost_nano_usd == 25_000


def test_the_bill_of_the_call_that_failed_is_part_of_the_tasks() -> None:
    state = hedged(Budget(max_cost_nano_usd=10 * CALL))

    out = tell(state, failed(0, **bill(10, 1)), completed(0, **bill(5, 0)))

    [change] = [change for change in out.changes if isinstance(change, TaskCompleted)]
    assert (change.cost_nano_usd, change.usage.total_tokens) == (25_000, 16)
    assert out.events[-2].fields["cost_usd"] == 0.000025


def test_a_second_call_that_found_no_slot_costs_nothing_and_is_no_failure() -> None:
    state = hedged(Budget(max_cost_nano_usd=10 * CALL))

    tell(state, HedgeDropped(0, 1))

    assert (state.tasks[0].calls, state.steps, state.reserved_nano_usd) == (1, 1, CALL)
    tell(state, failed(0))
    assert (statuses(state), state.tasks[0].failures) == (["retrying"], 1)


def test_a_task_is_retried_for_its_own_failure_though_the_second_call_found_no_slot() -> None:
    """The first call failed while it was being found out that there is no slot for the second."""
    state = hedged(Budget(max_cost_nano_usd=10 * CALL))
    tell(state, failed(0, error=THROTTLED, **bill(10, 0)))

    out = tell(state, HedgeDropped(0, 1))

    assert statuses(state) == ["retrying"]
    assert (ended(out).error, ended(out).cost_nano_usd) == (THROTTLED, 10_000)
    assert (state.tasks[0].throttles, state.tasks[0].failures) == (1, 0)
    assert state.unsettled_nano_usd == state.reserved_nano_usd == 0


def test_one_second_call_an_attempt() -> None:
    state = hedged()

    assert tell(state, HedgeDue(0, 1)) == Step()


@pytest.mark.parametrize("attempt", [0, 2])
def test_only_the_attempt_that_runs_gets_one(attempt: int) -> None:
    state = priced(task("a"), budget=None)
    start(state)

    assert tell(state, HedgeDue(0, attempt)) == Step()


def test_a_paused_run_makes_no_second_call() -> None:
    state = priced(task("a"), budget=None)
    start(state)
    tell(state, PauseRequested())

    assert tell(state, HedgeDue(0, 1)) == Step()


@pytest.mark.parametrize(
    "budget",
    [
        Budget(max_cost_nano_usd=2 * CALL - 1),
        Budget(max_tokens=2 * CALL_TOKENS - 1),
        Budget(per_agent_tokens=2 * CALL_TOKENS - 1),
    ],
)
def test_a_second_call_is_worth_no_pause(budget: Budget) -> None:
    state = priced(task("a"), budget=budget)
    start(state)

    assert tell(state, HedgeDue(0, 1)) == Step()
    assert (state.status, state.tasks[0].calls) == ("running", 1)


def test_the_keys_allowance_holds_for_second_calls_too() -> None:
    state = priced(task("a"), budget=None)
    state.capped = True
    start(state)

    assert tell(state, HedgeDue(0, 1, CALL - 1)) == Step()
    assert tell(state, HedgeDue(0, 1, CALL)).effects == [StartHedge(0, 1)]


def test_the_last_step_goes_to_no_second_call() -> None:
    state = priced(task("a"), task("b"), budget=None, max_steps=1)
    start(state)

    assert tell(state, HedgeDue(0, 1)) == Step()


def test_both_calls_of_a_cancelled_task_stay_on_the_account() -> None:
    state = hedged(Budget(max_cost_nano_usd=10 * CALL))

    out = tell(state, TaskCancelRequested(0))

    assert (state.unsettled_nano_usd, ended(out).unsettled_nano_usd) == (2 * CALL, 2 * CALL)


def test_a_cancelled_task_keeps_the_bill_of_the_call_that_had_failed() -> None:
    state = hedged(Budget(max_cost_nano_usd=10 * CALL))
    tell(state, failed(0, error=GONE, **bill(10, 1)))

    out = tell(state, TaskCancelRequested(0))

    assert (ended(out).cost_nano_usd, ended(out).unsettled_nano_usd) == (20_000, CALL)


def test_a_budget_that_is_set_while_two_calls_run_counts_both() -> None:
    state = hedged()

    tell(state, BudgetChanged(Budget(max_cost_nano_usd=10 * CALL)))

    assert state.reserved_nano_usd == 2 * CALL


@pytest.mark.parametrize(("cap", "kept"), [(10 * CALL, 2 * CALL), (CALL + 5, CALL + 5), (CALL, CALL)])
def test_a_crash_may_have_taken_a_second_call_with_it(cap: int, kept: int) -> None:
    """It left no word of it; but both fitted into the cap when they were made."""
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=cap), retry=HEDGING)
    start(state)
    state.reserved_nano_usd = state.reserved_tokens = 0  # as loaded: reservations are not stored
    state.tasks[0].reserved_nano_usd = state.tasks[0].reserved_tokens = 0

    resume(state, START_MS, Step())

    assert (state.unsettled_nano_usd, state.reserved_nano_usd) == (kept, 0)
