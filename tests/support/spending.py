"""Simulated runs under a budget, with a provider that keeps its own books of what it bills.

The provider bills every call that was really begun, whether its answer came, was lost, was cancelled or died with the
process: what the run may cost at most is checked against these books, not against the run's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from app.domain import spending
from app.domain.budget import Budget, WorstCase
from app.domain.changes import StartAttempt, StartHedge, Step, StopAttempt
from app.domain.facts import (
    AttemptCompleted,
    AttemptFailed,
    BudgetChanged,
    Fact,
    HedgeDropped,
    HedgeDue,
    PauseRequested,
    ResumeRequested,
)
from app.domain.swarm import PAUSED_BY_BUDGET, SwarmSpec, SwarmState, SwarmStatus
from app.domain.task import TaskSpec, TaskStatus
from app.domain.usage import Price, Usage
from tests.support.simulate import Simulation, Weather

PRICE = Price(input_nano_per_mtok=3_000_000_000, output_nano_per_mtok=15_000_000_000)


class SpendingSimulation(Simulation):
    """Adds to a simulation: a price, a budget that is raised where it paused the run, pauses, and second calls.

    Attributes:
        billed_nano_usd: by the provider's own books.
        raises: whether a paused run gets more money.
        wishes: what a client asks next; of an ended run, too (``again``).
    """

    def __init__(self, spec: SwarmSpec, tasks: Sequence[TaskSpec], weather: Weather, random: Random) -> None:
        super().__init__(spec, tasks, weather, random)
        self.book.prices[None] = PRICE
        self.billed_nano_usd = 0
        self.raises = True
        self.wishes: list[Fact] = []
        self._bills: dict[tuple[int, int, int], Usage] = {}
        self._cases: dict[tuple[int, int], WorstCase] = {}
        self._hedges: set[tuple[int, int]] = set()
        self._hurry = random.choice([0.0, 0.0, 0.2])
        self._fickle = random.choice([0.0, 0.0, 0.05])
        self._silent = random.choice([0.0, 0.1, 0.5])

    def again(self, *wishes: Fact) -> None:
        """Ask something of an ended run, and carry it to its end anew."""
        self.wishes += wishes
        while self.wishes or not self.book.ended:
            crashes = self.crashes
            self._process()
            if self.crashes == crashes:
                self.wishes.clear()

    def _process(self) -> None:
        self._hedges.clear()
        super()._process()

    def _perform(self, out: Step) -> None:
        self.wishes.clear()
        super()._perform(out)
        for effect in out.effects:
            match effect:
                case StartAttempt():
                    self._begin(effect.index, effect.attempt, 1)
                case StartHedge():
                    if (effect.index, effect.attempt) in self._in_flight and self.random.random() < 0.7:
                        self._begin(effect.index, effect.attempt, 2)
                        self._hedges.add((effect.index, effect.attempt))
                    else:
                        self.wishes.append(HedgeDropped(effect.index, effect.attempt))
                case StopAttempt():
                    self._hedges.discard((effect.index, effect.attempt))

    def _begin(self, index: int, attempt: int, nth: int) -> None:
        case, random = self._cases[index, attempt], self.random
        full = random.random() < 0.3
        usage = Usage(
            prompt_tokens=case.prompt_tokens if full else random.randint(1, case.prompt_tokens),
            completion_tokens=case.output_tokens if full else random.randint(0, case.output_tokens),
        )
        self._bills[index, attempt, nth] = usage
        self.billed_nano_usd += PRICE.cost_nano_usd(usage)

    def _show(self, fact: Fact | None, alone: Step) -> None:
        for effect in alone.effects:
            if isinstance(effect, StartAttempt):
                case = spending.worst_case_of(self.state, self.state.tasks[effect.index])
                self._cases[effect.index, effect.attempt] = case
        super()._show(fact, alone)

    def _facts(self) -> list[Fact]:
        facts = [*self.wishes, *super()._facts()]
        for key in sorted(self._hedges):
            if self._chance(0.4):
                self._hedges.discard(key)
                facts.append(self._billed(super()._outcome(*key), 2))
        facts += [HedgeDue(*key) for key in sorted(self._in_flight) if self._chance(self._hurry)]
        if not self.calm and self._chance(self._fickle):
            facts.append(PauseRequested())
        if self.state.status is SwarmStatus.PAUSED and self._chance(0.4):
            facts += self._go_on(self.state)
        return facts

    def _go_on(self, state: SwarmState) -> list[Fact]:
        if state.pause_reason != PAUSED_BY_BUDGET:
            return [ResumeRequested()]
        if not self.raises or state.budget is None:
            return []
        caps = state.budget
        raised: Budget = replace(
            caps,
            max_cost_nano_usd=None if caps.max_cost_nano_usd is None else caps.max_cost_nano_usd * 2,
            max_tokens=None if caps.max_tokens is None else caps.max_tokens * 2,
        )
        return [BudgetChanged(raised)]

    def _outcome(self, index: int, attempt: int) -> Fact:
        return self._billed(super()._outcome(index, attempt), 1)

    def _billed(self, fact: Fact, nth: int) -> Fact:
        """The outcome as the provider reports it: with the bill of that very call, or without a word of it."""
        if not isinstance(fact, AttemptCompleted | AttemptFailed):
            return fact
        usage = self._bills[fact.index, fact.attempt, nth]
        if self.random.random() < self._silent:
            return replace(fact, usage=Usage(), cost_nano_usd=None, settled=False, steps=1)
        return replace(fact, usage=usage, cost_nano_usd=PRICE.cost_nano_usd(usage), settled=True, steps=1)

    def open_calls(self) -> int:
        """Calls that the run has an eye on: each has its worst case reserved."""
        return sum(task.calls for task in self.state.tasks if task.status is TaskStatus.RUNNING)
