"""Steps that run tools: they want a slot as calls do, but cost nothing, count as none and are made once at a time."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain import events
from app.domain.budget import FAIL, Budget
from app.domain.changes import (
    AttemptEnded,
    CallStarted,
    StartAttempt,
    Step,
    StepRecorded,
    StopAttempt,
    TaskClosed,
    TaskCompleted,
    TaskRetrying,
)
from app.domain.facts import (
    AttemptAbandoned,
    BudgetChanged,
    CancelRequested,
    HedgeDue,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    SlotsGranted,
    StepTaken,
    TaskCancelRequested,
)
from app.domain.journal import CALLS, RESULTS, TOOLS, TOOLS_LANE, next_model
from app.domain.rerouting import take_up
from app.domain.retry import RetryPolicy, TaskError
from app.domain.swarm import SwarmSpec, SwarmState, SwarmStatus
from app.domain.task import TaskStatus
from app.domain.usage import FREE, Usage
from tests.support.book import START_MS
from tests.support.money import CALL, CALL_TOKENS, bill, priced
from tests.support.steps import GONE, LANE, completed, failed, run_of, start, statuses, task, tell, types

CALLED = '{"kind":"calls"}'
TIMED_OUT = TaskError(type="timeout", message="its tools did not end in 1 s", retryable=True)


def called(index: int = 0, attempt: int = 1, step: int = 0, **fields: Any) -> StepTaken:
    """The model called tools."""
    values: dict[str, Any] = {"record": CALLED, "kind": CALLS, "model": "m", "latency_ms": 40.0, "next_model": TOOLS}
    values |= {"usage": Usage(prompt_tokens=10, completion_tokens=5), "cost_nano_usd": 7, "tools": ("search", "fetch")}
    return StepTaken(index=index, attempt=attempt, step=step, **(values | fields))


def told(index: int = 0, attempt: int = 1, step: int = 1, **fields: Any) -> StepTaken:
    """The tools said something."""
    values: dict[str, Any] = {"record": '{"kind":"results"}', "kind": RESULTS, "model": "", "latency_ms": 300.0}
    values |= {"usage": Usage(), "cost_nano_usd": 0, "steps": 0, "tools": ("search", "fetch")}
    return StepTaken(index=index, attempt=attempt, step=step, **(values | fields))


def with_tools(state: SwarmState) -> SwarmState:
    state.lanes |= {TOOLS: TOOLS_LANE, None: LANE}
    state.prices[TOOLS] = FREE
    return state


def at_tools(*, running: bool = True, **spec: Any) -> SwarmState:
    """Task a, whose model has called tools; they run, or are about to."""
    state = with_tools(run_of(task("a"), **spec))
    start(state)
    tell(state, called())
    if running:
        assert tell(state, SlotsGranted(TOOLS_LANE, 1)).effects == [StartAttempt(0, 1)]
    return state


# --- on their way ----------------------------------------------------------------------------------------------------


def test_tools_want_a_slot_of_their_own_lane() -> None:
    state = at_tools(running=False)

    assert (state.tasks[0].lane, state.tasks[0].model, statuses(state)) == (TOOLS_LANE, TOOLS, ["queued"])
    assert start(state) == []  # a slot of a model is none for tools
    out = tell(state, SlotsGranted(TOOLS_LANE, 1))
    assert (out.changes, out.effects, types(out)) == ([CallStarted(0, 1)], [StartAttempt(0, 1)], [])


def test_after_them_the_task_s_own_model_is_called_on_its_own_lane() -> None:
    state = at_tools()

    tell(state, told())

    assert (state.tasks[0].lane, state.tasks[0].model, statuses(state)) == (LANE, None, ["queued"])
    assert tell(state, SlotsGranted(TOOLS_LANE, 1)) == Step()
    assert start(state) == ["a"]


def test_they_are_no_step_of_the_run() -> None:
    state = at_tools()
    assert state.steps == 1
    tell(state, told())
    assert state.steps == 1
    start(state)

    tell(state, completed(0, step=2))

    assert (state.steps, state.status) == (2, SwarmStatus.COMPLETED)


def test_tools_are_not_run_where_no_model_may_read_what_they_say() -> None:
    state = at_tools(running=False, max_steps=1)

    assert tell(state, SlotsGranted(TOOLS_LANE, 1)).effects == []
    assert (statuses(state), state.status) == (["skipped"], SwarmStatus.FAILED)


def test_they_use_and_cost_nothing() -> None:
    state = at_tools()

    out = tell(state, told())

    [recorded] = [change for change in out.changes if isinstance(change, StepRecorded)]
    assert (recorded.usage, recorded.cost_nano_usd, recorded.billed) == (Usage(), None, False)
    assert (state.usage, state.cost_nano_usd) == (Usage(prompt_tokens=10, completion_tokens=5), 7)


def test_their_time_is_time_of_the_attempt() -> None:
    state = at_tools()
    tell(state, told())
    start(state)

    out = tell(state, completed(0, step=2, latency_ms=60.0))

    [done] = [change for change in out.changes if isinstance(change, TaskCompleted)]
    assert done.latency_ms == 40.0 + 300.0 + 60.0


def test_watchers_are_told_which_tools() -> None:
    state = with_tools(run_of(task("a")))
    start(state)

    [first] = tell(state, called()).events
    tell(state, SlotsGranted(TOOLS_LANE, 1))
    [second] = tell(state, told()).events

    assert [first.type, second.type] == [events.AGENT_STEP] * 2
    assert [(event.fields["kind"], event.fields["nth"], event.fields["tools"]) for event in (first, second)] == [
        ("calls", 1, ["search", "fetch"]),
        ("results", 2, ["search", "fetch"]),
    ]
    assert (first.fields["cost_usd"], second.fields["cost_usd"], second.fields["tokens_in"]) == (7 / 10**9, 0.0, 0)


def test_facts_of_tools_that_ran_before_change_nothing() -> None:
    state = at_tools()
    tell(state, told())

    assert tell(state, told()) == Step()
    start(state)
    assert tell(state, told()) == Step()
    assert (state.tasks[0].step, statuses(state)) == (2, ["running"])


@pytest.mark.parametrize(
    ("kind", "model"), [(CALLS, TOOLS), (RESULTS, None), ("answer", "judge"), ("repair", "judge"), ("verdict", None)]
)
def test_a_restart_goes_on_by_the_last_record(kind: str, model: str | None) -> None:
    spec = SwarmSpec(agent_id="agt_1", validation={"rubric": "Good.", "model": "judge"})

    assert next_model(spec, {"kind": kind}) == model
    assert next_model(SwarmSpec(agent_id="agt_1"), {"kind": kind}) == (TOOLS if kind == CALLS else None)


# --- what else may happen --------------------------------------------------------------------------------------------


def test_a_pause_between_the_call_and_its_tools_holds_them_back() -> None:
    state = with_tools(run_of(task("a")))
    start(state)
    tell(state, PauseRequested())
    tell(state, called())

    assert tell(state, SlotsGranted(TOOLS_LANE, 1)).effects == []
    tell(state, ResumeRequested())
    assert tell(state, SlotsGranted(TOOLS_LANE, 1)).effects == [StartAttempt(0, 1)]


def test_a_pause_while_they_run_lets_them_end_and_holds_the_next_call_back() -> None:
    state = at_tools()
    tell(state, PauseRequested())

    out = tell(state, told())

    assert [change.record for change in out.changes if isinstance(change, StepRecorded)] == ['{"kind":"results"}']
    assert start(state) == []


@pytest.mark.parametrize("fact", [CancelRequested(), TaskCancelRequested(0)])
def test_a_cancel_stops_them(fact: Any) -> None:
    state = at_tools()

    out = tell(state, fact)

    assert out.effects == [StopAttempt(0, 1)]
    assert [change.status for change in out.changes if isinstance(change, AttemptEnded)] == ["cancelled"]
    assert statuses(state) == ["cancelled"]
    assert tell(state, told()) == Step()
    assert (state.usage, state.cost_nano_usd) == (Usage(prompt_tokens=10, completion_tokens=5), 7)


def test_they_are_never_hedged() -> None:
    state = at_tools(retry=RetryPolicy(hedge_percentile=95.0))

    assert tell(state, HedgeDue(0, 1)) == Step()
    assert (state.tasks[0].calls, state.steps) == (1, 1)


def test_of_a_hedged_pair_the_first_calls_of_tools_count_once() -> None:
    state = with_tools(run_of(task("a"), retry=RetryPolicy(hedge_percentile=95.0)))
    start(state)
    tell(state, HedgeDue(0, 1))

    out = tell(state, called())

    assert StopAttempt(0, 1) in out.effects
    assert tell(state, called()) == Step()  # the slower one's
    assert tell(state, SlotsGranted(TOOLS_LANE, 5)).effects == [StartAttempt(0, 1)]


def test_tools_that_took_too_long_are_run_again_without_a_new_call() -> None:
    state = at_tools()

    out = tell(state, failed(0, error=TIMED_OUT, step=1, cost_nano_usd=0))
    tell(state, RetryDue(0, 1))

    assert [change.failures for change in out.changes if isinstance(change, TaskRetrying)] == [1]
    assert (state.tasks[0].model, state.tasks[0].lane, start(state)) == (TOOLS, TOOLS_LANE, [])
    assert tell(state, SlotsGranted(TOOLS_LANE, 1)).effects == [StartAttempt(0, 2)]
    assert state.steps == 1


def test_a_provider_s_error_after_them_calls_the_model_again_and_not_the_tools() -> None:
    state = at_tools()
    tell(state, told())
    start(state)

    out = tell(state, failed(0, error=GONE, step=2))
    tell(state, RetryDue(0, 1))

    assert not [change for change in out.changes if isinstance(change, StepRecorded | TaskClosed)]
    assert (state.tasks[0].model, state.tasks[0].step) == (None, 2)
    assert start(state) == ["a"]
    assert state.tasks[0].attempt == 2


def test_an_answer_that_will_not_do_keeps_what_the_tools_said() -> None:
    state = at_tools()
    tell(state, told())
    start(state)

    tell(state, failed(0, step=2, record='{"kind":"verdict","over":true}'), RetryDue(0, 1))

    assert (state.tasks[0].step, state.tasks[0].model, start(state)) == (3, None, ["a"])


def test_what_a_lost_process_ran_is_run_again() -> None:
    state = at_tools()

    tell(state, AttemptAbandoned(0, 1))

    assert (state.tasks[0].model, state.tasks[0].lane, statuses(state)) == (TOOLS, TOOLS_LANE, ["queued"])
    assert tell(state, SlotsGranted(TOOLS_LANE, 1)).effects == [StartAttempt(0, 2)]


# --- budgets ---------------------------------------------------------------------------------------------------------


def capped(budget: Budget) -> SwarmState:
    state = with_tools(priced(task("a"), budget=budget))
    start(state)
    tell(state, called(**bill(10, 5)))
    return state


def test_tools_are_run_where_the_budget_holds_no_further_call() -> None:
    state = capped(Budget(max_cost_nano_usd=CALL))

    assert tell(state, SlotsGranted(TOOLS_LANE, 1)).effects == [StartAttempt(0, 1)]
    assert (state.reserved_nano_usd, state.reserved_tokens) == (0, 0)
    tell(state, told())
    assert start(state) == []

    assert (state.status, state.pause_reason) == (SwarmStatus.PAUSED, "budget")
    tell(state, BudgetChanged(Budget(max_cost_nano_usd=10 * CALL)), ResumeRequested())
    assert start(state) == ["a"]


def test_a_budget_that_ends_runs_ends_this_one_at_the_next_call_of_a_model() -> None:
    state = capped(Budget(max_cost_nano_usd=CALL, on_exceeded=FAIL))
    tell(state, SlotsGranted(TOOLS_LANE, 1))
    tell(state, told())

    start(state)

    assert state.status is SwarmStatus.FAILED
    assert statuses(state) != ["running"]


def test_a_key_with_nothing_left_may_still_run_tools_that_were_called() -> None:
    state = capped(Budget(max_tokens=10 * CALL_TOKENS))

    assert tell(state, SlotsGranted(TOOLS_LANE, 1, allowance_nano_usd=0)).effects == [StartAttempt(0, 1)]


def test_what_tools_said_is_reserved_for_in_the_next_call() -> None:
    state = capped(Budget(max_tokens=100_000))
    tell(state, SlotsGranted(TOOLS_LANE, 1))
    result = '{"kind":"results","results":{"c":"' + "x" * 5_000 + '"}}'
    tell(state, told(record=result))

    tell(state, SlotsGranted(LANE, 1))

    assert state.reserved_tokens == CALL_TOKENS + len(CALLED) + len(result)


def test_a_sub_agent_s_own_tokens_end_it_behind_its_tools() -> None:
    state = capped(Budget(per_agent_tokens=CALL_TOKENS))
    assert tell(state, SlotsGranted(TOOLS_LANE, 1)).effects == [StartAttempt(0, 1)]
    tell(state, told(record='{"kind":"results","x":"' + "x" * 300 + '"}'))

    tell(state, SlotsGranted(LANE, 1), now_ms=START_MS + 1)

    assert state.tasks[0].status is TaskStatus.SKIPPED


def test_a_restart_leaves_tools_on_their_lane_though_the_task_went_to_another_model() -> None:
    state = at_tools(running=False, reroute_after=1)
    state.lanes["next"] = "other"
    state.tasks[0].payload = '{"route":{"chain":["next"]}}'
    state.tasks[0].failures = 1

    take_up(state)

    assert (state.tasks[0].lane, state.tasks[0].routed_model) == (TOOLS_LANE, "next")
