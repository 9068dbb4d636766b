"""Calls reserved for and settled: what a run does at its caps."""

from __future__ import annotations

import pytest

from app.domain import events
from app.domain.budget import Budget
from app.domain.changes import AttemptEnded, StartAttempt, Step, TaskClosed
from app.domain.facts import (
    AllowanceRaised,
    BudgetChanged,
    CancelRequested,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    SlotsGranted,
)
from app.domain.swarm import SwarmState, SwarmStatus
from app.domain.transitions import resume
from tests.support.book import START_MS
from tests.support.money import CALL, CALL_TOKENS, PRICE, bill, priced
from tests.support.steps import LANE, completed, failed, start, statuses, task, tell, types


def account(state: SwarmState) -> tuple[int, int, int]:
    return state.cost_nano_usd, state.unsettled_nano_usd, state.reserved_nano_usd


def grant(state: SwarmState, allowance_nano_usd: int) -> tuple[list[int], Step]:
    out = tell(state, SlotsGranted(LANE, 100, allowance_nano_usd))
    return [effect.index for effect in out.effects if isinstance(effect, StartAttempt)], out


# --- reserve and settle ----------------------------------------------------------------------------------------------


def test_a_call_is_reserved_for_at_its_worst_and_settled_at_its_bill() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=10 * CALL))

    start(state)
    assert account(state) == (0, 0, 2 * CALL)
    assert (state.reserved_tokens, state.spent_tokens) == (2 * CALL_TOKENS, 2 * CALL_TOKENS)
    tell(state, completed(0, **bill(20, 3)))

    assert account(state) == (20 * 1_000 + 3 * 10_000, 0, CALL)
    assert state.spent_tokens == 23 + CALL_TOKENS


def test_exactly_the_cap_may_be_reserved_and_not_a_nano_dollar_more() -> None:
    exact = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=2 * CALL))
    short = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=2 * CALL - 1))

    assert (start(exact), start(short)) == (["a", "b"], ["a"])


def test_what_is_in_flight_may_turn_out_cheaper_so_that_the_run_does_not_pause_yet() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=2 * CALL - 1))
    start(state)
    assert (state.status, state.blocked, state.startable(LANE)) == (SwarmStatus.RUNNING, True, 0)

    tell(state, completed(0, **bill(1, 0)))

    assert (state.blocked, start(state)) == (False, ["b"])


def test_an_answer_without_a_bill_keeps_its_worst_case_on_the_account() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=2 * CALL))
    start(state, 1)

    out = tell(state, completed(0, cost_nano_usd=None, settled=False))

    assert account(state) == (0, CALL, 0)
    assert (state.unsettled_tokens, state.tasks[0].tokens_used) == (CALL_TOKENS, CALL_TOKENS)
    assert getattr(out.changes[0], "unsettled_nano_usd") == CALL  # noqa: B009 - of whichever change it is
    assert start(state) == ["b"]


def test_a_bill_that_is_known_in_part_is_not_counted_twice() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=CALL))
    start(state)

    tell(state, failed(0, settled=False, **bill(100, 0)))

    assert account(state) == (100_000, CALL - 100_000, 0)


@pytest.mark.parametrize("settled", [True, False])
def test_a_failed_call_is_settled_or_stays_on_the_account(settled: bool) -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=2 * CALL))
    start(state)

    out = tell(state, failed(0, settled=settled))

    assert account(state) == (0, 0 if settled else CALL, 0)
    [ended] = [change for change in out.changes if isinstance(change, AttemptEnded)]
    assert ended.unsettled_nano_usd == (0 if settled else CALL)


def test_a_cancelled_call_stays_on_the_account() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=10 * CALL))
    start(state)

    out = tell(state, CancelRequested())

    assert account(state) == (0, 2 * CALL, 0)
    ended = [change for change in out.changes if isinstance(change, AttemptEnded)]
    assert [change.unsettled_nano_usd for change in ended] == [CALL, CALL]


def test_what_died_with_the_process_stays_on_the_account() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=10 * CALL))
    start(state)
    state.reserved_nano_usd = state.reserved_tokens = 0  # as loaded: reservations are not stored
    state.tasks[0].reserved_nano_usd = state.tasks[0].reserved_tokens = 0

    resume(state, START_MS, Step())

    assert account(state) == (0, CALL, 0)
    assert (statuses(state), state.tasks[0].tokens_used) == (["queued"], CALL_TOKENS)


def test_the_outputs_a_task_is_sent_are_part_of_its_worst_case() -> None:
    state = priced(task("a"), task("b", "a"), budget=Budget(max_cost_nano_usd=100 * CALL))
    start(state)
    tell(state, completed(0, output='"' + "x" * 998 + '"', **bill(1, 1)))

    start(state)

    assert state.reserved_nano_usd == CALL + (1_000 + 6 + 8) * 1_000


# --- at the cap ------------------------------------------------------------------------------------------------------


def test_the_run_pauses_at_its_cap_and_says_the_figures() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=CALL))
    start(state)
    tell(state, completed(0, **bill(142, 50)))

    out = tell(state, SlotsGranted(LANE, 1))

    assert (state.status, state.pause_reason) == (SwarmStatus.PAUSED, "budget")
    [paused] = out.events
    assert paused.type == events.SWARM_PAUSED
    assert paused.fields == {
        "reason": "budget",
        "detail": "the next call (task 'b') may cost up to 0.000642 USD; 0.000642 USD of 0.000642 USD is spent",
        "spent_usd": 0.000642,
    }
    assert statuses(state) == ["completed", "queued"]


def test_the_message_tells_what_of_it_is_unknown() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=CALL))
    start(state)
    tell(state, completed(0, cost_nano_usd=None, settled=False))

    [paused] = tell(state, SlotsGranted(LANE, 1)).events

    assert paused.fields["detail"].endswith(
        "of 0.000642 USD is spent, 0.000642 USD of it the most that calls with an unknown bill may have cost"
    )


def test_a_raised_budget_resumes_what_the_budget_paused_and_nothing_else() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=CALL - 1))
    start(state)
    assert state.pause_reason == "budget"

    out = tell(state, BudgetChanged(Budget(max_cost_nano_usd=CALL)))
    assert (state.status, types(out)) == (SwarmStatus.RUNNING, [events.SWARM_RESUMED])
    tell(state, PauseRequested())
    tell(state, BudgetChanged(Budget(max_cost_nano_usd=9 * CALL)))

    assert (state.status, state.pause_reason) == (SwarmStatus.PAUSED, "request")
    tell(state, ResumeRequested())
    assert start(state) == ["a"]


def test_a_resume_without_more_money_pauses_again() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=CALL - 1))
    start(state)

    tell(state, ResumeRequested())
    assert state.status is SwarmStatus.RUNNING
    start(state)

    assert (state.status, state.pause_reason) == (SwarmStatus.PAUSED, "budget")


def test_a_pause_by_request_outlives_the_budgets_own() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=CALL - 1))
    start(state)
    tell(state, PauseRequested())

    tell(state, BudgetChanged(Budget(max_cost_nano_usd=CALL)))

    assert (state.status, state.pause_reason) == (SwarmStatus.PAUSED, "request")


def test_with_on_exceeded_fail_the_run_fails_once_nothing_is_in_flight() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=CALL, on_exceeded="fail"))
    start(state)
    assert state.status is SwarmStatus.RUNNING
    tell(state, completed(0, **bill(142, 50)))

    out = tell(state, SlotsGranted(LANE, 1))

    assert (state.status, statuses(state)) == (SwarmStatus.FAILED, ["completed", "cancelled"])
    assert state.error is not None
    assert "may cost up to 0.000642 USD" in state.error
    [closed] = [change for change in out.changes if isinstance(change, TaskClosed)]
    assert closed.error.type == "budget_exceeded"


def test_tokens_are_capped_alike() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_tokens=2 * CALL_TOKENS - 1), price=None)
    assert start(state) == ["a"]
    tell(state, completed(0, **bill(142, 50)))

    [paused] = tell(state, SlotsGranted(LANE, 1)).events

    assert paused.fields["detail"] == "the next call (task 'b') may use up to 192 tokens; 192 of 383 are used"


def test_money_is_not_spent_on_a_model_without_a_price() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=10**12), price=None)

    start(state)

    assert (state.status, state.reserved_nano_usd) == (SwarmStatus.PAUSED, 0)


def test_a_budget_that_is_set_on_a_running_run_counts_what_runs() -> None:
    state = priced(task("a"), task("b", "a"), task("c"), budget=None)
    start(state, 1)
    tell(state, completed(0, output='"x"', **bill(10, 1)))
    start(state, 1)
    assert account(state) == (20_000, 0, 0)

    tell(state, BudgetChanged(Budget(max_cost_nano_usd=100 * CALL), {0: 3}))

    assert statuses(state) == ["completed", "running", "queued"]
    assert account(state) == (20_000, 0, CALL + (3 + 6 + 8) * 1_000)


# --- tokens of one sub-agent -----------------------------------------------------------------------------------------


def test_a_sub_agent_out_of_tokens_is_skipped_with_what_waits_for_it() -> None:
    budget = Budget(per_agent_tokens=2 * CALL_TOKENS - 1)
    state = priced(task("a"), task("b", "a"), task("c"), budget=budget)
    start(state)
    tell(state, failed(0, **bill(142, 50)), completed(2, **bill(1, 1)))
    tell(state, RetryDue(0, 1), now_ms=START_MS + 10_000)

    out = tell(state, SlotsGranted(LANE, 1))

    assert (state.status, statuses(state)) == (SwarmStatus.PARTIAL, ["skipped", "skipped", "completed"])
    first, second = [change for change in out.changes if isinstance(change, TaskClosed)]
    assert first.error.type == "token_budget"
    assert "142 + 50 tokens (prompt + completion) and 192 are used of the sub-agent's 383" in first.error.message
    assert second.error.type == "dependency_failed"


def test_a_skipped_one_costs_no_slot_and_the_next_starts() -> None:
    state = priced(task("a", payload='{"token_budget":10}'), task("b"), budget=None, token_budgets=True)

    assert start(state, 1) == ["b"]
    assert statuses(state) == ["skipped", "running"]


# --- the key's day ---------------------------------------------------------------------------------------------------


def test_the_allowance_of_a_key_holds_for_the_calls_of_one_grant_together() -> None:
    state = priced(task("a"), task("b"), task("c"), budget=None)
    state.capped = True

    assert grant(state, 2 * CALL + CALL - 1)[0] == [0, 1]
    assert state.blocked


def test_a_key_without_means_pauses_the_run_even_where_its_own_cap_would_fail_it() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=10 * CALL, on_exceeded="fail"))

    _, out = grant(state, CALL - 1)

    assert (state.status, state.pause_reason, state.needed_nano_usd) == (SwarmStatus.PAUSED, "key_budget", CALL)
    assert "may spend 0.000641999 USD more today" in out.events[0].fields["detail"]
    tell(state, BudgetChanged(Budget(max_cost_nano_usd=20 * CALL)))
    assert state.pause_reason == "key_budget"
    tell(state, AllowanceRaised())
    assert (state.status, state.needed_nano_usd) == (SwarmStatus.RUNNING, 0)


def test_an_overdrawn_key_is_told_as_nothing_left() -> None:
    state = priced(task("a"), budget=None)
    state.capped = True

    _, out = grant(state, -5)

    assert "may spend 0 USD more today" in out.events[0].fields["detail"]


def test_a_model_without_a_price_is_not_waited_for_with_money() -> None:
    state = priced(task("a"), budget=None, price=None)
    state.capped = True

    grant(state, 10**15)

    assert state.pause_reason == "key_budget"
    assert state.needed_nano_usd > 10**18


def test_prices_are_those_of_the_moment() -> None:
    state = priced(task("a"), task("b"), budget=Budget(max_cost_nano_usd=2 * CALL))
    start(state, 1)
    state.prices[None] = type(PRICE)(input_nano_per_mtok=2_000_000_000, output_nano_per_mtok=20_000_000_000)

    assert start(state, 1) == []
