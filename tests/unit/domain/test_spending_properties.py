"""Promises of budgets that hold for every graph, every order of facts, every bill and every crash."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain import events
from app.domain.budget import Budget
from app.domain.changes import AttemptStarted, Step, TaskRearmed
from app.domain.facts import Fact, RetryRequested, SlotsGranted
from app.domain.swarm import Counts, SwarmSpec, SwarmState, SwarmStatus
from app.domain.task import TERMINAL, TaskStatus
from tests.support.book import new_run
from tests.support.scenarios import WEATHERS, Scenario, inner, many, scenarios
from tests.support.spending import SpendingSimulation
from tests.support.steps import completed, start, tell
from tests.support.steps import task as new_task

CALL_NANO_USD = 130 * 3_000 + 50 * 15_000
"""Roughly the worst case of a call in these runs: the empty prompt's overhead, and 50 tokens of completion."""

BUDGETS = st.builds(
    Budget,
    max_cost_nano_usd=st.none() | st.integers(CALL_NANO_USD // 2, CALL_NANO_USD * 12),
    max_tokens=st.none() | st.integers(100, 3_000),
    per_agent_tokens=st.none() | st.integers(300, 2_000),
)


@st.composite
def capped(draw: st.DrawFn) -> SpendingSimulation:
    scenario: Scenario = draw(scenarios(WEATHERS))
    budget = draw(BUDGETS)
    spec = replace(scenario.spec, budget=budget, max_output_tokens=50)
    if draw(st.booleans()):
        spec = replace(spec, retry=replace(spec.retry, hedge_percentile=90.0))
    return SpendingSimulation(spec, scenario.tasks, scenario.weather, Random(scenario.seed))


@many
@given(capped())
def test_what_is_settled_unknown_and_reserved_never_passes_a_cap(simulation: SpendingSimulation) -> None:
    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        assert state.budget is not None
        most, most_tokens = state.budget.max_cost_nano_usd, state.budget.max_tokens
        assert most is None or state.cost_nano_usd + state.unsettled_nano_usd + state.reserved_nano_usd <= most
        assert most_tokens is None or state.spent_tokens <= most_tokens

    simulation.watches.append(watch)
    book = simulation.run()

    assert book.budget is not None
    assert book.budget.max_cost_nano_usd is None or simulation.billed_nano_usd <= book.budget.max_cost_nano_usd
    assert simulation.billed_nano_usd <= book.cost_nano_usd + book.unsettled_nano_usd


@many
@given(capped())
def test_the_providers_own_books_never_pass_a_cap_that_nobody_raises(simulation: SpendingSimulation) -> None:
    simulation.raises = False
    most = simulation.book.spec.budget.max_cost_nano_usd if simulation.book.spec.budget else None

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        assert simulation.raises or most is None or simulation.billed_nano_usd <= most
        if state.pause_reason == "budget" and simulation.calm:
            simulation.raises = True  # so that it ends

    simulation.watches.append(watch)
    simulation.run()


@many
@given(capped())
def test_nothing_is_reserved_but_for_the_calls_that_run(simulation: SpendingSimulation) -> None:
    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        assert state.reserved_nano_usd == sum(task.reserved_nano_usd for task in state.tasks) >= 0
        assert state.reserved_tokens == sum(task.reserved_tokens for task in state.tasks) >= 0
        for task in state.tasks:
            running = task.status is TaskStatus.RUNNING
            assert bool(task.calls) == running
            assert bool(task.reserved_tokens) == running
        if not state.counts.running:
            assert (state.reserved_nano_usd, state.reserved_tokens) == (0, 0)

    simulation.watches.append(watch)
    simulation.run()


@many
@given(capped())
def test_no_sub_agent_passes_its_own_tokens(simulation: SpendingSimulation) -> None:
    cap = simulation.book.spec.budget.per_agent_tokens if simulation.book.spec.budget else None

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        for task in state.tasks:
            assert cap is None or task.tokens_used + task.reserved_tokens <= cap

    simulation.watches.append(watch)
    simulation.run()


@many
@given(capped())
def test_a_run_whose_budget_is_raised_ends_and_no_grant_goes_without_an_answer(simulation: SpendingSimulation) -> None:
    """While it runs with something ready and nothing in flight, a grant starts, closes or pauses something."""
    before: list[tuple[SwarmStatus, Counts]] = []

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        if isinstance(fact, SlotsGranted) and fact.count and before:
            status, counts = before[-1]
            idle = status is SwarmStatus.RUNNING and not counts.running and ready.get(fact.lane)
            assert not idle or alone.changes or alone.events
        if state.status is SwarmStatus.RUNNING and not state.counts.running:
            assert not state.blocked
        ready.update(dict.fromkeys(ready, 0) | state.ready_count)
        before[:] = [(state.status, replace(state.counts))]

    ready: dict[str, int] = {}
    simulation.watches.append(watch)
    book = simulation.run()

    assert {row.status for row in book.table.rows} <= TERMINAL
    assert [event.seq for event in book.events] == list(range(1, len(book.events) + 1))


@many
@given(capped())
def test_counts_stay_true_and_a_pause_starts_nothing(simulation: SpendingSimulation) -> None:
    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        assert state.counts == Counts.of(task.status for task in state.tasks)
        assert (state.status is SwarmStatus.PAUSED) == (state.pause_reason is not None)
        if state.status is SwarmStatus.PAUSED:
            assert not [change for change in alone.changes if isinstance(change, AttemptStarted)]
            assert events.AGENT_HEDGED not in [event.type for event in alone.events]

    simulation.watches.append(watch)
    simulation.run()


# --- retries of ended runs -------------------------------------------------------------------------------------------


def _skipped_for_want_of(state: SwarmState, chosen: set[int]) -> set[int]:
    """By the definition, one task at a time: skipped, and behind one that runs again."""
    found = set(chosen)
    while True:
        more = {
            task.index
            for task in state.tasks
            if task.status is TaskStatus.SKIPPED and found & set(state.graph.dependencies[task.index])
        }
        if more <= found:
            return found
        found |= more


@many
@given(capped(), st.randoms(use_true_random=False))
def test_a_retry_runs_again_exactly_what_can_and_touches_no_output(
    simulation: SpendingSimulation, random: Random
) -> None:
    book = simulation.run()
    table = book.table
    state = book.load()
    vain = [task.index for task in state.tasks if task.status in TERMINAL - {TaskStatus.COMPLETED}]
    wanted = _skipped_for_want_of(state, {index for index in vain if random.random() < 0.6})
    outputs = [row.output for row in table.rows]
    rearmed: set[int] = set()

    def watch(now: SwarmState, fact: Fact | None, alone: Step) -> None:
        changed = {change.index for change in alone.changes if isinstance(change, TaskRearmed)}
        assert not changed or isinstance(fact, RetryRequested)
        rearmed.update(changed)

    simulation.watches.append(watch)
    if wanted:
        simulation.again(RetryRequested({index: book.tasks[index].payload for index in wanted}))

    def able(index: int) -> bool:
        if book.tasks[index].allow_failed_dependencies:
            return True
        in_vain = [one for one in inner(book.tasks[index]) if one in vain]
        return all(one in wanted and able(one) for one in in_vain)

    assert rearmed == {index for index in wanted if able(index)}
    assert [row.output for row, was in zip(table.rows, outputs, strict=True) if was is not None] == [
        output for output in outputs if output is not None
    ]
    assert {row.status for row in table.rows} <= TERMINAL
    assert [event.seq for event in book.events] == list(range(1, len(book.events) + 1))


@many
@given(capped(), st.randoms(use_true_random=False))
def test_a_task_that_runs_again_waits_for_every_dependency_that_does(
    simulation: SpendingSimulation, random: Random
) -> None:
    """Also in the middle of a run, where others wait beside it."""

    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        for change in alone.changes:
            if isinstance(change, AttemptStarted) and not state.tasks[change.index].allow_failed_dependencies:
                open_ones = [
                    one for one in state.graph.dependencies[change.index] if state.tasks[one].status not in TERMINAL
                ]
                assert not open_ones
        vain = [task.index for task in state.tasks if task.status in TERMINAL - {TaskStatus.COMPLETED}]
        if (
            vain
            and not state.ended
            and isinstance(fact, SlotsGranted)
            and not simulation.calm
            and random.random() < 0.2
        ):
            wanted = _skipped_for_want_of(state, {random.choice(vain)})
            simulation.wishes.append(RetryRequested({index: simulation.book.tasks[index].payload for index in wanted}))

    simulation.watches.append(watch)
    simulation.run()


def test_a_retry_of_a_run_whose_steps_are_used_up_ends_it_again() -> None:
    """A run must never stand still: without a step left there is nothing that a grant could start."""
    state = new_run(SwarmSpec(agent_id="agt_01", max_steps=1), [new_task("a"), new_task("b")])
    start(state)
    tell(state, completed(0))
    assert (state.status, state.tasks[1].status) == (SwarmStatus.PARTIAL, TaskStatus.SKIPPED)

    tell(state, RetryRequested({1: "{}"}))

    assert (state.status, state.tasks[1].status) == (SwarmStatus.PARTIAL, TaskStatus.SKIPPED)
