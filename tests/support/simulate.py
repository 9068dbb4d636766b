"""Runs the pure core with a virtual clock, a store in memory (``book``) and faults on demand; no loop and no I/O.

``Simulation`` does in the order of the real runner what a turn is made of: facts, then slots, then one commit, then
effects. The order, the number and the lateness of the facts, and the instants at which the process dies, come from
the ``Random`` it is given, so that the same seed always tells the same story.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from app.domain.facts import (
    Aggregate,
    AggregateCompleted,
    AttemptAbandoned,
    AttemptCompleted,
    AttemptFailed,
    AwaitedEnded,
    CancelRequested,
    DeadlinePassed,
    Fact,
    ParallelismChanged,
    RetryDue,
    ScheduleRetry,
    SlotsGranted,
    StartAttempt,
    Step,
    StopAttempt,
)
from app.domain.retry import TaskError
from app.domain.swarm import SwarmSpec, SwarmState
from app.domain.task import TaskSpec
from app.domain.transitions import begin, resume, step
from app.domain.usage import Usage
from tests.support.book import START_MS, Book, new_run

MAX_TURNS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How rough the world is: probabilities per attempt, per turn or per fact.

    Attributes:
        turns: after so many turns the process no longer dies and nothing comes late, twice or from outside.
    """

    failure: float = 0.0
    fatal: float = 0.0
    throttle: float = 0.0
    lost: float = 0.0
    crash: float = 0.0
    echo: float = 0.0
    scale: float = 0.0
    cancel: float = 0.0
    deadline: float = 0.0
    turns: int = 80


Watch = Callable[[SwarmState, Fact | None, Step], None]
"""Called after every single step with the state, the fact (None: the run was taken over) and what followed from it."""


class Simulation:
    """One run from its acceptance to its end.

    Attributes:
        book: what was committed.
        started: attempts that were really begun, in order (a start that was lost with its turn is not).
        merges: how often a merge was really begun.
        fates: how the tasks of other swarms end that this run waits for: with an output or not.
        crashes: how often the process died.
    """

    def __init__(self, spec: SwarmSpec, tasks: Sequence[TaskSpec], weather: Weather, random: Random) -> None:
        self.weather = weather
        self.random = random
        self.now_ms = START_MS
        self.watches: list[Watch] = []
        self.started: list[tuple[int, int]] = []
        self.crashes = 0
        self.merges = 0
        self.fates = {awaited: random.random() < 0.8 for task in tasks for awaited in task.awaits}
        self._turn = 0
        self._answers = 0
        self._echoes: list[Fact] = []
        created = new_run(spec, tasks, self.now_ms)
        first = Step()
        begin(created, self.now_ms, first)
        self.book = Book(spec, tasks, created, first)

    @property
    def calm(self) -> bool:
        return self._turn > self.weather.turns

    def run(self) -> Book:
        """Carry the run to its end, over as many processes as it takes."""
        while not self.book.ended:
            self._process()
        return self.book

    def _process(self) -> None:
        """The life of one process, from loading the run to its end or the crash."""
        self.state = self.book.load()
        self._in_flight: set[tuple[int, int]] = set()
        self._timers: list[ScheduleRetry] = []
        self._merging = False
        self._awaited = [(task.index, awaited) for task in self.state.tasks for awaited in task.awaits]
        out = Step()
        resume(self.state, self.now_ms, out)
        self._show(None, out)
        while True:
            self._turn += 1
            assert self._turn < MAX_TURNS, "the run does not end"
            for fact in self._facts():
                self._step(fact, out)
            for lane in {task.lane: None for task in self.state.tasks}:
                self._step(SlotsGranted(lane, self.random.randint(0, 12)), out)
            if self._dies():  # the turn is lost as a whole
                return
            self.book.commit(self.state, out)
            if self.book.ended or self._dies():  # the turn is durable, its effects are lost
                return
            self._perform(out)
            self._pass_time()
            out = Step()

    def _step(self, fact: Fact, out: Step) -> None:
        alone = Step()
        step(self.state, fact, self.now_ms, alone)
        out.changes += alone.changes
        out.events += alone.events
        out.effects += alone.effects
        self._show(fact, alone)

    def _show(self, fact: Fact | None, alone: Step) -> None:
        for watch in self.watches:
            watch(self.state, fact, alone)

    def _perform(self, out: Step) -> None:
        for effect in out.effects:
            match effect:
                case StartAttempt():
                    self._in_flight.add((effect.index, effect.attempt))
                    self.started.append((effect.index, effect.attempt))
                case StopAttempt():
                    if (effect.index, effect.attempt) in self._in_flight:
                        self._in_flight.remove((effect.index, effect.attempt))
                        self._echoes.append(self._outcome(effect.index, effect.attempt))
                case ScheduleRetry():
                    self._timers.append(effect)
                case Aggregate():
                    assert not self._merging, "two merges at once"
                    self._merging = True
                    self.merges += 1

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _dies(self) -> bool:
        if self.calm or not self._chance(self.weather.crash):
            return False
        self.crashes += 1
        # What the dead process had under way may still answer: to a run that has given it up.
        self._echoes += [self._outcome(index, attempt) for index, attempt in sorted(self._in_flight)]
        self.now_ms += self.random.choice([0, 0, 50, 5_000, 3_600_000, -200_000])
        return True

    def _pass_time(self) -> None:
        self.now_ms += self.random.randint(0, 800)
        if not self._in_flight and not self._merging and self._timers:
            self.now_ms = max(self.now_ms, min(timer.at_ms for timer in self._timers))

    # --- facts -------------------------------------------------------------------------------------------------------

    def _facts(self) -> list[Fact]:
        facts: list[Fact] = []
        for key in sorted(self._in_flight):
            if self._chance(0.5):
                self._in_flight.remove(key)
                facts.append(self._outcome(*key))
        for timer in list(self._timers):
            early = not self.calm and self._chance(0.05)
            if timer.at_ms <= self.now_ms or early:
                self._timers.remove(timer)
                facts.append(RetryDue(timer.index, timer.attempt))
        for index, awaited in list(self._awaited):
            if self._chance(0.3):
                self._awaited.remove((index, awaited))
                facts.append(AwaitedEnded(index, awaited, 6 if self.fates[awaited] else None))
        if self._merging and self._chance(0.5):
            self._merging = False
            facts.append(AggregateCompleted("merged", {"strategy": "concat"}))
        told = [fact for fact in facts if not isinstance(fact, AwaitedEnded)]  # those are told once a process
        if not self.calm:
            facts += self._noise()
        self._echoes += told
        self.random.shuffle(facts)
        return facts

    def _noise(self) -> list[Fact]:
        """Facts that come twice, too late, or from outside."""
        weather = self.weather
        noise: list[Fact] = [fact for fact in self._echoes[-200:] if self._chance(weather.echo)]
        if self._chance(weather.scale):
            # Written by the request, then told to the runner.
            self.book.max_parallel_agents = self.random.randint(1, 12)
            noise.append(ParallelismChanged(self.book.max_parallel_agents))
        if self._chance(weather.cancel):
            noise.append(CancelRequested())
        if self._chance(weather.deadline):
            noise.append(DeadlinePassed())
        return noise

    def _outcome(self, index: int, attempt: int) -> Fact:
        weather, random = self.weather, self.random
        usage = Usage(prompt_tokens=random.randint(1, 90), completion_tokens=random.randint(1, 90))
        draw = random.random()
        for probability, error in (
            (weather.failure, TaskError(type=random.choice(["provider", "timeout"]), message="x", retryable=True)),
            (weather.fatal, TaskError(type="refused", message="x")),
            (weather.throttle, TaskError(type="rate_limit", message="x", retryable=True)),
        ):
            if draw < probability:
                return AttemptFailed(
                    index=index,
                    attempt=attempt,
                    error=error,
                    jitter_sample=random.random(),
                    latency_ms=1.0,
                    retry_after_s=random.choice([None, None, 0.0, 7.5, 90.0]),
                    usage=usage,
                    cost_nano_usd=random.choice([None, 11]),
                    steps=random.randint(0, 2),
                )
            draw -= probability
        if draw < weather.lost:
            return AttemptAbandoned(index, attempt)
        self._answers += 1
        return AttemptCompleted(
            index=index,
            attempt=attempt,
            output=f'"answer {self._answers}"',
            model="offline",
            usage=usage,
            cost_nano_usd=random.choice([None, 7]),
            latency_ms=random.uniform(1, 500),
            steps=random.randint(1, 2),
        )
