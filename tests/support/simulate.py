"""Runs the pure core with a virtual clock, a store in memory (``book``) and faults on demand; no loop and no I/O.

``Simulation`` does in the order of the real runner what a turn is made of: facts, then slots, then one commit, then
effects. The order, the number and the lateness of the facts, and the instants at which the process dies, come from
the ``Random`` it is given, so that the same seed always tells the same story.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from app.domain.changes import Aggregate, MakeCheckpoint, ScheduleRetry, StartAttempt, Step, StopAttempt
from app.domain.facts import (
    AggregateCompleted,
    AttemptAbandoned,
    AttemptCompleted,
    AttemptFailed,
    AwaitedEnded,
    CancelRequested,
    CheckpointMade,
    DeadlinePassed,
    Fact,
    MergesPlanned,
    ParallelismChanged,
    Rerouted,
    RetryDue,
    SlotsGranted,
    StepTaken,
    TaskCancelRequested,
)
from app.domain.retry import TaskError
from app.domain.strategies import VOTES, Options
from app.domain.swarm import ORCHESTRATOR, SwarmSpec, SwarmState
from app.domain.task import Awaited, TaskKind, TaskSpec, TaskState
from app.domain.transitions import begin, resume, step
from app.domain.usage import Usage
from app.domain.voting import Tally
from tests.support.book import START_MS, Book, new_run
from tests.support.growing import LANE_OF, MOST_TASKS, Growth

MAX_TURNS = 5_000

ONCE = (AwaitedEnded, AggregateCompleted, CheckpointMade, MergesPlanned)
"""Facts that a process tells but once: of its own reading of the store, not of a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How rough the world is: probabilities per attempt, per turn or per fact.

    Attributes:
        step: an answer is not the last call of its attempt; an orchestrator takes another turn.
        wanting: an answer is journaled and will not do.
        prune: a client cancels one task.
        detour: a breaker opens or closes.
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
    step: float = 0.0
    wanting: float = 0.0
    prune: float = 0.0
    detour: float = 0.0
    turns: int = 80


Watch = Callable[[SwarmState, Fact | None, Step], None]
"""Called after every single step with the state, the fact (None: the run was taken over) and what followed from it."""


class Simulation:
    """One run from its acceptance to its end.

    Attributes:
        book: what was committed.
        started: attempts that were really begun, in order (a start that was lost with its turn is not).
        calls: their calls alike, with the number of those before in the task's journal.
        merges: how often a merge was really begun.
        growth: draws the tasks that the run gets while it goes on.
        fates: how the tasks of other swarms end that this run waits for: with an output or not.
        told: which task has been told of which of those, by the process that is at work.
        crashes: how often the process died.
    """

    def __init__(self, spec: SwarmSpec, tasks: Sequence[TaskSpec], weather: Weather, random: Random) -> None:
        self.weather = weather
        self.random = random
        self.now_ms = START_MS
        self.watches: list[Watch] = []
        self.started: list[tuple[int, int]] = []
        self.calls: list[tuple[int, int, int]] = []
        self.growth = Growth(random)
        self.crashes = 0
        self.merges = 0
        self.fates = {awaited: random.random() < 0.8 for task in tasks for awaited in task.awaits}
        self.told: set[tuple[int, Awaited]] = set()
        self._over: set[Awaited] = set()
        self._begun: set[tuple[int, int]] = set()
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
        self.state.lanes.update(LANE_OF)
        self.state.tally = self._tally()
        self._in_flight: set[tuple[int, int]] = set()
        self._timers: list[ScheduleRetry] = []
        self._merging: Aggregate | MakeCheckpoint | None = None
        self._merge_wanted: Aggregate | MakeCheckpoint | None = None
        self._awaited = [(task.index, awaited) for task in self.state.tasks for awaited in task.awaits]
        out = Step()
        self.told.clear()
        known = [] if self.state.ended else [entry for entry in self._awaited if entry[1] in self._over]
        over = [self._awaited_ended(*entry) for entry in known]
        self.told.update(known)
        resume(self.state, self.now_ms, out, awaited=over)
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

    def _tally(self) -> Tally | None:
        """The votes that are in, for a run that a decided vote may end: as ``Reducer.tally``."""
        options = Options.of(self.book.spec.aggregate)
        if options.strategy not in VOTES or self.book.spec.planner is not None or self.state.decided:
            return None
        tally = Tally.of(options, [task.weight for task in self.state.tasks])
        rows = sorted(enumerate(self.book.table.rows), key=lambda entry: entry[1].ended_at_ms)
        for index, row in rows:
            if row.output is not None:
                tally.vote(index, json.loads(row.output), row.score)
            elif row.ended_at_ms:
                tally.lost(index)
        return tally

    def _step(self, fact: Fact, out: Step) -> None:
        alone = Step()
        step(self.state, fact, self.now_ms, alone)
        if isinstance(fact, AwaitedEnded):
            self.told.add((fact.index, fact.awaited))
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
                    self._call(self.state.tasks[effect.index], effect.attempt)
                case StopAttempt():
                    if (effect.index, effect.attempt) in self._in_flight:
                        self._in_flight.remove((effect.index, effect.attempt))
                        self._echoes.append(self._outcome(effect.index, effect.attempt))
                case ScheduleRetry():
                    self._timers.append(effect)
                case Aggregate():
                    # A checkpoint may have planned the merges that another look at the outputs is still waiting for.
                    again = self._merging is None or self.book.spec.checkpoint_every is not None
                    assert again, "two merges at once"
                    self._merge_wanted = effect
                    self.merges += 1
                case MakeCheckpoint():
                    self._merge_wanted = self._merge_wanted or effect
        if self._merging is None:
            self._merging, self._merge_wanted = self._merge_wanted, None

    def _call(self, task: TaskState, attempt: int) -> None:
        assert task.step == len(self.book.table.rows[task.index].journal), "a call goes on from what is not recorded"
        self._in_flight.add((task.index, attempt))
        self.calls.append((task.index, attempt, task.step))
        if (task.index, attempt) not in self._begun:
            self._begun.add((task.index, attempt))
            self.started.append((task.index, attempt))

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
        if not self._in_flight and self._merging is None and self._timers:
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
                facts.append(self._awaited_ended(index, awaited))
        if self._merging is not None and self._chance(0.5):
            at_end = isinstance(self._merging, Aggregate)
            merged = self.growth.reduce(self.state) if at_end else self.growth.checkpoint(self.state)
            self._merging = None
            facts += [] if merged is None else [merged]
        told = [fact for fact in facts if not isinstance(fact, ONCE)]
        if not self.calm:
            facts += self._noise()
        self._echoes += told
        self.random.shuffle(facts)
        return facts

    def _awaited_ended(self, index: int, awaited: Awaited) -> AwaitedEnded:
        self._awaited.remove((index, awaited))
        self._over.add(awaited)  # and so it is for every process to come
        return AwaitedEnded(index, awaited, 6 if self.fates[awaited] else None)

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
        if self._chance(weather.prune):
            noise.append(TaskCancelRequested(self.random.randrange(len(self.state.tasks))))
        if self._chance(weather.detour):
            noise.append(self.random.choice([Rerouted("big", "deepseek", "small"), Rerouted("big", "kimi", None)]))
        return noise

    def _outcome(self, index: int, attempt: int) -> Fact:
        weather, random = self.weather, self.random
        usage = Usage(prompt_tokens=random.randint(1, 90), completion_tokens=random.randint(1, 90))
        task = self.state.tasks[index]
        draw = random.random()
        for probability, error in (
            (weather.failure, TaskError(type=random.choice(["provider", "timeout"]), message="x", retryable=True)),
            (weather.fatal, TaskError(type="refused", message="x")),
            (weather.throttle, TaskError(type="rate_limit", message="x", retryable=True)),
            (weather.wanting, TaskError(type="output_mismatch", message="x", retryable=True)),
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
                    step=task.step,
                    record=f'{{"wanting":{task.step}}}' if error.type == "output_mismatch" else None,
                )
            draw -= probability
        if draw < weather.lost:
            return AttemptAbandoned(index, attempt)
        self._answers += 1
        fields: dict[str, Any] = {
            "index": index,
            "attempt": attempt,
            "step": task.step,
            "model": "offline",
            "usage": usage,
            "cost_nano_usd": random.choice([None, 7]),
            "latency_ms": random.uniform(1, 500),
            "steps": random.randint(1, 2),
        }
        supervises = task.kind is TaskKind.PLANNER and self.book.spec.planner != ORCHESTRATOR
        if not supervises and self._chance(weather.step):
            orchestrates = task.kind is TaskKind.PLANNER and len(self.state.tasks) < MOST_TASKS
            return StepTaken(
                record=f'{{"answer":{self._answers}}}',
                kind="turn" if orchestrates else "answer",
                next_model=None if orchestrates else random.choice([None, "judge"]),
                tasks=self.growth.work(self.state, 0) if orchestrates else (),
                **fields,
            )
        votes = self.state.tally is not None
        return AttemptCompleted(
            output=random.choice(['"a"', '"a"', '"b"']) if votes else f'"answer {self._answers}"',
            tasks=self.growth.work(self.state, 1) if supervises else (),
            **fields,
        )
