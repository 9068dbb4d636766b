"""Promises of runs whose tasks take several calls and which grow, under a budget, over every crash and every retry.

``tests.support.storms`` draws the runs; here they have prices and caps, and a provider that keeps its own books.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain.budget import Budget
from app.domain.changes import Step, StepRecorded, TaskRearmed
from app.domain.facts import Fact, RetryRequested, StepTaken
from app.domain.retry import RetryPolicy
from app.domain.swarm import ORCHESTRATOR, SUPERVISOR, SwarmState, SwarmStatus
from app.domain.task import TERMINAL, TaskKind, TaskStatus
from app.domain.usage import Usage
from tests.support.book import Book
from tests.support.growing import LANE_OF
from tests.support.scenarios import many
from tests.support.spending import PRICE, SpendingSimulation
from tests.support.storms import draw_spec, draw_tasks, draw_weather


class GrowingUnderBudget(SpendingSimulation):
    """Bills the calls of a journal, too; what a client asks is heard after a takeover is committed, not with it."""

    _taken_over = False
    _asked: Sequence[Fact] = ()

    def _show(self, fact: Fact | None, alone: Step) -> None:
        if fact is None:
            self._taken_over = bool(alone.changes)
        super()._show(fact, alone)

    def _facts(self) -> list[Fact]:
        if not self._taken_over:
            return super()._facts()
        self._taken_over = False
        asked, self.wishes = self.wishes, []
        facts = super()._facts()
        self._asked = asked
        return facts

    def _perform(self, out: Step) -> None:
        super()._perform(out)
        self.wishes += self._asked
        self._asked = []

    def _billed(self, fact: Fact, nth: int) -> Fact:
        if not isinstance(fact, StepTaken):
            return super()._billed(fact, nth)
        usage = self._bills[fact.index, fact.attempt, nth]
        if self.random.random() < self._silent:
            return replace(fact, usage=Usage(), cost_nano_usd=None, settled=False, steps=1)
        return replace(fact, usage=usage, cost_nano_usd=PRICE.cost_nano_usd(usage), settled=True, steps=1)


@st.composite
def grown(draw: st.DrawFn, *, capped: bool = True) -> GrowingUnderBudget:
    kind = draw(st.sampled_from(["calls", "merge", SUPERVISOR, ORCHESTRATOR]))
    random = Random(draw(st.integers(0, 2**32 - 1)))
    spec = draw_spec(random, kind)
    if capped:
        budget = Budget(
            max_cost_nano_usd=random.choice([None, 100_000_000, 1_000_000_000]),
            max_tokens=random.choice([None, 30_000, 300_000]),
            per_agent_tokens=random.choice([None, None, 60_000]),
        )
        hedged = RetryPolicy(hedge_percentile=90.0) if random.random() < 0.5 else RetryPolicy()
        spec = replace(spec, budget=budget, retry=hedged)
    simulation = GrowingUnderBudget(spec, draw_tasks(random, kind), draw_weather(random, kind), random)
    simulation.book.prices.update(dict.fromkeys(LANE_OF, PRICE))
    return simulation


@many
@given(grown())
def test_no_call_of_a_journal_passes_a_cap(simulation: GrowingUnderBudget) -> None:
    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        assert state.budget is not None
        most, most_tokens = state.budget.max_cost_nano_usd, state.budget.max_tokens
        assert most is None or state.spent_nano_usd <= most
        assert most_tokens is None or state.spent_tokens <= most_tokens
        cap = state.budget.per_agent_tokens
        assert cap is None or all(task.tokens_used + task.reserved_tokens <= cap for task in state.tasks)

    simulation.watches.append(watch)
    book = simulation.run()

    assert simulation.billed_nano_usd <= book.cost_nano_usd + book.unsettled_nano_usd


@many
@given(grown())
def test_what_is_reserved_is_that_of_the_calls_that_run(simulation: GrowingUnderBudget) -> None:
    def watch(state: SwarmState, fact: Fact | None, alone: Step) -> None:
        assert state.reserved_nano_usd == sum(task.reserved_nano_usd for task in state.tasks)
        assert state.reserved_tokens == sum(task.reserved_tokens for task in state.tasks)
        for task in state.tasks:
            running = task.status is TaskStatus.RUNNING
            assert bool(task.calls) == bool(task.reserved_tokens) == running
        if not state.running:
            assert (state.reserved_nano_usd, state.reserved_tokens) == (0, 0)

    simulation.watches.append(watch)
    book = simulation.run()

    assert {row.status for row in book.table.rows} <= TERMINAL


@many
@given(grown(capped=False))
def test_what_a_task_used_is_billed_once_over_all_its_calls(simulation: GrowingUnderBudget) -> None:
    """The sum of the run is that of its tasks, whatever a crash or a late answer did between."""
    simulation._hurry = 0.0  # of a hedged pair, the call that failed first is told of by the attempt's end alone
    book = simulation.run()

    assert book.usage.total_tokens == sum(row.tokens for row in book.table.rows)


@many
@given(grown(capped=False), st.randoms(use_true_random=False))
def test_a_retry_goes_on_from_the_journal_and_ends_again(simulation: GrowingUnderBudget, random: Random) -> None:
    """A planner that failed plans on, merges are made anew, and nothing that was recorded is done again."""
    book = simulation.run()
    before = [(row.output, list(row.journal)) for row in book.table.rows]
    vain = [index for index, row in enumerate(book.table.rows) if row.output is None]
    wanted = [index for index in vain if random.random() < 0.8]
    fact = RetryRequested({index: book.tasks[index].payload for index in wanted})
    if not wanted:
        return

    simulation.again(fact)

    for (output, journal), row in zip(before, book.table.rows, strict=False):
        assert output is None or row.output == output
        assert row.journal[: len(journal)] == journal
    rearmed = {change.index for change in book.changes if isinstance(change, TaskRearmed)}
    assert rearmed <= set(wanted)
    assert not any(book.tasks[index].kind is TaskKind.MERGE for index in rearmed)
    assert {row.status for row in book.table.rows} <= TERMINAL
    assert max(Counter(simulation.calls).values(), default=1) == 1
    _in_order(book)


@many
@given(grown(capped=False))
def test_a_merge_by_a_model_takes_in_every_output_once(simulation: GrowingUnderBudget) -> None:
    book = simulation.run()
    if book.aggregation is None or book.aggregation.get("strategy") != "hierarchical":
        return
    if book.aggregation["status"] != "completed" or book.status in {SwarmStatus.CANCELLED, SwarmStatus.FAILED}:
        return
    index_of = {task.task_id: index for index, task in enumerate(book.tasks)}
    taken: Counter[int] = Counter()
    for index, task in enumerate(book.tasks):
        if task.kind is TaskKind.MERGE and book.table.rows[index].output is not None:
            taken.update(index_of[name] for name in task.depends_on)

    completed = {index for index, row in enumerate(book.table.rows) if row.output is not None}
    outputs = {index for index in completed if book.tasks[index].kind is not TaskKind.PLANNER}
    [answer] = outputs - set(taken)
    assert book.tasks[answer].type == "final_merge"
    assert set(taken.values()) == {1}


def _in_order(book: Book) -> None:
    steps: dict[int, list[int]] = {}
    for change in book.changes:
        if isinstance(change, StepRecorded):
            steps.setdefault(change.index, []).append(change.step)
    assert all(taken == list(range(len(taken))) for taken in steps.values())
    assert [event.seq for event in book.events] == list(range(1, len(book.events) + 1))
