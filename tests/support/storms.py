"""Whole runs from a seed alone: a DAG, its limits, and all the weather there is, with what must hold after each step.

``tests.support.scenarios`` draws with Hypothesis and finds small examples; a storm is drawn from ``Random(seed)``:
a seed printed by one run tells the same story in any other, in any process.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, TypeVar

from app.domain import events
from app.domain.facts import AttemptStarted, Fact, SlotsGranted, Step, TaskCompleted
from app.domain.swarm import SWARM_TRANSITIONS, Counts, SwarmSpec, SwarmState, SwarmStatus
from app.domain.task import TASK_TRANSITIONS, TERMINAL, Awaited, TaskSpec, TaskStatus
from tests.support.book import Book
from tests.support.simulate import Simulation, Weather

Status = TypeVar("Status", bound=StrEnum)

CLOCK_JUMPS_MS = (-3_600_000, -50, 1, 3_600_000, 400 * 86_400_000)
"""An hour back and forth, as after a bad synchronisation; more than a year, as after a flat battery."""


class Storm(Simulation):
    """A simulation in which the clock jumps too.

    Attributes:
        jumps: how often it did, in the life of a process (it may jump while none runs as well).
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.jumps = 0
        random = Random(seed)
        self._clock_jumps = random.choice((0.0, 0.02, 0.1))
        spec, tasks = _spec(random), _tasks(random)
        super().__init__(spec, tasks, _weather(random), random)
        self.tasks = tasks
        self.check = Check(self)
        self.watches.append(self.check)

    def weather_of_all_kinds(self) -> dict[str, int]:
        """How often each fault came, for the figure."""
        kinds = Counter(type(fact).__name__ for fact in self.check.facts)
        return {"crashes": self.crashes, "clock jumps": self.jumps, "late facts": self.check.late} | {
            "cancels": kinds["CancelRequested"],
            "changes of parallelism": kinds["ParallelismChanged"],
        }

    def fingerprint(self) -> str:
        """What happened, to the last event, change and instant."""
        book = self.book
        told = repr((self.started, self.merges, self.crashes, self.now_ms, book.events, book.changes, book.table))
        return hashlib.sha256(told.encode()).hexdigest()

    def _pass_time(self) -> None:
        if not self.calm and self.random.random() < self._clock_jumps:
            self.jumps += 1
            self.now_ms += self.random.choice(CLOCK_JUMPS_MS)
        super()._pass_time()


@dataclass(slots=True)
class Check:
    """What must hold after every single step and every takeover (``simulate.Watch``)."""

    storm: Storm
    facts: list[Fact] = field(default_factory=list)
    late: int = 0
    steps: int = 0
    _tasks: list[TaskStatus] = field(default_factory=list)
    _swarm: SwarmStatus = SwarmStatus.RUNNING
    _seq: int = 0

    def __call__(self, state: SwarmState, fact: Fact | None, alone: Step) -> None:
        self.steps += 1
        if fact is None:  # a new process: what it knows is what was committed
            book = self.storm.book
            self._tasks, self._swarm, self._seq = [row.status for row in book.table.rows], book.status, book.last_seq
        else:
            self.facts.append(fact)
            attempt = getattr(fact, "attempt", None)
            self.late += attempt is not None and attempt != state.tasks[getattr(fact, "index", 0)].attempt
        self._legal(state)
        self._contiguous(state, alone)
        self._started(state, fact, alone)
        assert state.counts == Counts.of(task.status for task in state.tasks), "the counts are not those of the tasks"

    def _legal(self, state: SwarmState) -> None:
        for task, before in zip(state.tasks, self._tasks, strict=True):
            assert task.status in within_reach(TASK_TRANSITIONS, before), (
                f"{task.task_id} went from {before} to {task.status}"
            )
        assert state.status in within_reach(SWARM_TRANSITIONS, self._swarm), (
            f"the swarm went from {self._swarm} to {state.status}"
        )
        self._tasks, self._swarm = [task.status for task in state.tasks], state.status

    def _contiguous(self, state: SwarmState, alone: Step) -> None:
        seqs = [event.seq for event in alone.events]
        assert seqs == list(range(self._seq + 1, self._seq + 1 + len(seqs))), f"after event {self._seq} came {seqs}"
        self._seq += len(seqs)
        assert state.last_seq == self._seq

    def _started(self, state: SwarmState, fact: Fact | None, alone: Step) -> None:
        rows = self.storm.book.table.rows
        for change in alone.changes:
            if not isinstance(change, AttemptStarted):
                continue
            task = self.storm.tasks[change.index]
            assert isinstance(fact, SlotsGranted), f"{task.task_id} started without a slot"
            assert rows[change.index].status is not TaskStatus.COMPLETED, f"{task.task_id} had completed"
            assert state.counts.running <= state.max_parallel_agents
            awaited = {state.tasks[int(name[1:])].status for name in task.depends_on if name != "outer"}
            ready = TERMINAL if task.allow_failed_dependencies else {TaskStatus.COMPLETED}
            assert awaited <= ready, f"{task.task_id} started while a dependency was {awaited - ready}"


def within_reach(table: Mapping[Status, frozenset[Status]], before: Status) -> set[Status]:
    """Where one fact may lead: it may change a task twice, as when one that was abandoned may not start again."""
    return {before, *table[before], *(after for between in table[before] for after in table[between])}


def weather_through(seed: int) -> Storm:
    """Run the storm of a seed to its end and check what was committed."""
    storm = Storm(seed)
    book = storm.run()
    _check_book(book)
    assert max(Counter(storm.started).values(), default=1) == 1, "an attempt was begun twice"
    return storm


def _check_book(book: Book) -> None:
    assert {row.status for row in book.table.rows} <= TERMINAL, "a run ended before its tasks"
    assert "running" not in book.table.attempts.values(), "an attempt was left open"
    assert [event.seq for event in book.events] == list(range(1, len(book.events) + 1)), "the log has a gap"
    assert [event.type for event in book.events].count(events.SWARM_COMPLETED) == 1
    assert book.events[-1].type == events.SWARM_COMPLETED
    completions = Counter(change.index for change in book.changes if isinstance(change, TaskCompleted))
    assert set(completions.values()) <= {1}, "an outcome was recorded twice"
    told = [event.task_id for event in book.events if event.type == events.AGENT_COMPLETED]
    assert len(told) == len(set(told)) == len(completions), "completions told and recorded differ"


# --- what the seed draws ---------------------------------------------------------------------------------------------


def _tasks(random: Random) -> tuple[TaskSpec, ...]:
    """A DAG of 1-40 tasks in any order of definition; some also wait for a task of another swarm."""
    total = random.randint(1, 40)
    places = list(range(total))
    random.shuffle(places)
    tasks: dict[int, TaskSpec] = {}
    for position, index in enumerate(places):
        count = min(position, random.choice((0, 0, 1, 1, 2, 3)))
        depends_on = [f"t{places[other]}" for other in random.sample(range(position), count)]
        awaits: tuple[Awaited, ...] = ()
        if random.random() < 0.1:
            awaits = (Awaited(len(depends_on), "outer", "swm_other", random.randint(0, 2)),)
            depends_on.append("outer")
        fields: dict[str, Any] = {
            "priority": random.randint(1, 10),
            "complexity": random.choice((None, 1, 5, 10)),
            "lane": random.choice(("kimi", "deepseek")),
            "max_retries": random.randint(0, 3),
            "allow_failed_dependencies": random.random() < 0.3,
        }
        tasks[index] = TaskSpec(task_id=f"t{index}", depends_on=tuple(depends_on), awaits=awaits, **fields)
    return tuple(tasks[index] for index in range(total))


def _spec(random: Random) -> SwarmSpec:
    return SwarmSpec(
        agent_id="agt_01",
        max_parallel_agents=random.randint(1, 12),
        max_steps=random.choice((4_000, 4_000, random.randint(1, 80))),
        on_task_failure=random.choice(("continue", "continue", "fail_fast")),
        min_success_rate=random.choice((0.0, 0.5, 1.0)),
        aggregate={"strategy": random.choice(("none", "concat"))},
    )


def _weather(random: Random) -> Weather:
    return Weather(
        failure=random.choice((0.0, 0.1, 0.4)),
        fatal=random.choice((0.0, 0.0, 0.1)),
        throttle=random.choice((0.0, 0.2)),
        lost=random.choice((0.0, 0.1)),
        crash=random.choice((0.0, 0.1, 0.4)),
        echo=random.choice((0.0, 0.05, 0.5)),
        scale=random.choice((0.0, 0.2)),
        cancel=random.choice((0.0, 0.0, 0.0, 0.02)),
        deadline=random.choice((0.0, 0.0, 0.0, 0.02)),
    )
