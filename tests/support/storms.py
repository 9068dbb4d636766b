"""Whole runs from a seed alone: their tasks, limits and all the weather there is, with what must hold after each step.

Some have tasks of several calls, some get their tasks from a planner, some merge by a model, some vote.

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
from app.domain.changes import AttemptStarted, CallStarted, Step, StepRecorded, TaskAdded, TaskClosed, TaskCompleted
from app.domain.facts import CancelRequested, DeadlinePassed, Fact, SlotsGranted
from app.domain.progress import DECIDED
from app.domain.swarm import (
    ORCHESTRATOR,
    SUPERVISOR,
    SWARM_TRANSITIONS,
    Counts,
    SwarmSpec,
    SwarmState,
    SwarmStatus,
)
from app.domain.task import TASK_TRANSITIONS, TERMINAL, Awaited, TaskKind, TaskSpec, TaskState, TaskStatus
from tests.support.book import Book
from tests.support.growing import CHAINED, LANE_OF
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
        kind = random.choice(KINDS)
        spec, tasks = draw_spec(random, kind), draw_tasks(random, kind)
        super().__init__(spec, tasks, draw_weather(random, kind), random)
        self.tasks = tasks
        self.check = Check(self)
        self.watches.append(self.check)

    def weather_of_all_kinds(self) -> dict[str, int]:
        """How often each fault came, for the figure."""
        kinds = Counter(type(fact).__name__ for fact in self.check.facts)
        return {"crashes": self.crashes, "clock jumps": self.jumps, "late facts": self.check.late} | {
            "cancels": kinds["CancelRequested"],
            "changes of parallelism": kinds["ParallelismChanged"],
            "journaled calls": sum(len(row.journal) for row in self.book.table.rows),
            "tasks added": len(self.book.tasks) - len(self.tasks),
            "merges by a model": sum(task.kind is TaskKind.MERGE for task in self.book.tasks),
            "votes decided early": int(any(row.error_type == DECIDED.type for row in self.book.table.rows)),
            "ways to another model": sum(event.type == events.AGENT_REROUTED for event in self.book.events),
        }

    def fingerprint(self) -> str:
        """What happened, to the last event, change and instant."""
        book = self.book
        told = repr((self.calls, self.merges, self.crashes, self.now_ms, book.events, book.changes, book.table))
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
    _steps: list[tuple[int, int, TaskStatus]] = field(default_factory=list)

    def __call__(self, state: SwarmState, fact: Fact | None, alone: Step) -> None:
        self.steps += 1
        if fact is None:  # a new process: what it knows is what was committed
            book = self.storm.book
            self._tasks, self._swarm, self._seq = [row.status for row in book.table.rows], book.status, book.last_seq
            self._steps = []
        else:
            self.facts.append(fact)
            attempt = getattr(fact, "attempt", None)
            self.late += attempt is not None and attempt != state.tasks[getattr(fact, "index", 0)].attempt
        self._legal(state)
        self._contiguous(state, alone)
        self._started(state, fact, alone)
        own: list[TaskStatus] = []
        inner: list[TaskStatus] = []
        for task in state.tasks:
            (own if task.kind is TaskKind.TASK else inner).append(task.status)
            assert bool(task.calls) == (task.status is TaskStatus.RUNNING), f"{task.task_id} has {task.calls} calls"
        assert state.counts == Counts.of(own), "the counts are not those of the tasks"
        assert state.inner == Counts.of(inner), "the inner counts are not those of planners and merges"
        assert (state.reserved_nano_usd, state.reserved_tokens) == (0, 0), "something is reserved without a cap"
        if fact is not None and self._is_late(state, fact):
            assert alone == Step(), f"a fact of a call that is over changed something: {fact}"
        self._steps = [(task.attempt, task.step, task.status) for task in state.tasks]

    def _legal(self, state: SwarmState) -> None:
        born = [TaskStatus.WAITING] * (len(state.tasks) - len(self._tasks))
        for task, before in zip(state.tasks, [*self._tasks, *born], strict=True):
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
            if not isinstance(change, AttemptStarted | CallStarted):
                continue
            task = state.tasks[change.index]
            assert isinstance(fact, SlotsGranted), f"{task.task_id} started without a slot"
            if change.index < len(rows):
                assert rows[change.index].status is not TaskStatus.COMPLETED, f"{task.task_id} had completed"
            assert state.running <= state.max_parallel_agents
            awaited = {state.tasks[index].status for index in self._dependencies(state, task)}
            ready = TERMINAL if task.allow_failed_dependencies else {TaskStatus.COMPLETED}
            assert awaited <= ready, f"{task.task_id} started while a dependency was {awaited - ready}"

    def _dependencies(self, state: SwarmState, task: TaskState) -> set[int]:
        """Those it was made with, by name, and those that it got since."""
        made = self.storm.growth.specs.get(task.task_id) or self.storm.tasks[task.index]
        named = {one.index for one in state.tasks if one.task_id in made.depends_on}
        assert named <= set(state.graph.dependencies[task.index]), f"{task.task_id} lost a dependency"
        return set(state.graph.dependencies[task.index])

    def _is_late(self, state: SwarmState, fact: Fact) -> bool:
        """Whether the fact is of an attempt, or of a call of it, that was not the running one."""
        index, attempt = getattr(fact, "index", None), getattr(fact, "attempt", None)
        if index is None or attempt is None or index >= len(self._steps):
            return False
        expected = TaskStatus.RETRYING if type(fact).__name__ == "RetryDue" else TaskStatus.RUNNING
        was_attempt, was_step, was = self._steps[index]
        return (attempt, getattr(fact, "step", was_step), expected) != (was_attempt, was_step, was)


def within_reach(table: Mapping[Status, frozenset[Status]], before: Status) -> set[Status]:
    """Where one fact may lead: it may change a task twice, as when one that was abandoned may not start again."""
    return {before, *table[before], *(after for between in table[before] for after in table[between])}


def weather_through(seed: int) -> Storm:
    """Run the storm of a seed to its end and check what was committed."""
    storm = Storm(seed)
    book = storm.run()
    _check_book(book)
    _check_vote(storm)
    assert max(Counter(storm.calls).values(), default=1) == 1, "a call was made twice"
    return storm


def _check_book(book: Book) -> None:
    assert {row.status for row in book.table.rows} <= TERMINAL, "a run ended before its tasks"
    assert "running" not in book.table.attempts.values(), "an attempt was left open"
    assert [event.seq for event in book.events] == list(range(1, len(book.events) + 1)), "the log has a gap"
    assert [event.type for event in book.events].count(events.SWARM_COMPLETED) == 1
    assert book.events[-1].type == events.SWARM_COMPLETED
    completions = Counter(change.index for change in book.changes if isinstance(change, TaskCompleted))
    assert set(completions.values()) <= {1}, "an outcome was recorded twice"
    own = [index for index in completions if book.tasks[index].kind is TaskKind.TASK]
    told = [event.task_id for event in book.events if event.type == events.AGENT_COMPLETED]
    assert len(told) == len(set(told)) == len(own), "completions told and recorded differ"
    steps: dict[int, list[int]] = {}
    for change in book.changes:
        if isinstance(change, StepRecorded):
            steps.setdefault(change.index, []).append(change.step)
    assert all(taken == list(range(len(taken))) for taken in steps.values()), "a step was taken twice or left out"
    added = [change.index for change in book.changes if isinstance(change, TaskAdded)]
    assert added == list(range(len(book.tasks) - len(added), len(book.tasks))), "a task was added twice or left out"


def _check_vote(storm: Storm) -> None:
    """A decided vote cancels what is left in one step, and nothing of it starts again."""
    book = storm.book
    changes = [change for change in book.changes if isinstance(change, TaskClosed)]
    cancelled = [change for change in changes if change.error.type == DECIDED.type]
    if not cancelled:
        return
    assert len({change.index for change in cancelled}) == len(cancelled), "a decided vote cancelled a task twice"
    assert len({change.ended_at_ms for change in cancelled}) == 1, "a vote was decided twice"
    failed = any(row.status is TaskStatus.FAILED for row in book.table.rows)
    stopped = any(isinstance(fact, CancelRequested | DeadlinePassed) for fact in storm.check.facts)
    assert stopped or failed or book.status is SwarmStatus.COMPLETED, f"a decided vote ended {book.status}"


# --- what the seed draws ---------------------------------------------------------------------------------------------


KINDS = ("plain", "plain", "calls", SUPERVISOR, ORCHESTRATOR, "merge", "vote")
"""What a run is: tasks of one call, of several; a goal and its planner; a merge by a model; a vote."""


def draw_tasks(random: Random, kind: str) -> tuple[TaskSpec, ...]:
    """A DAG of 1-40 tasks in any order of definition; some also wait for a task of another swarm. Or a planner."""
    if kind in {SUPERVISOR, ORCHESTRATOR}:
        retries = random.randint(0, 3)
        fields: dict[str, Any] = {
            "lane": LANE_OF["big"],
            "requested_model": "big",
            "max_retries": retries,
            "priority": 10,
        }
        return (TaskSpec(task_id="~planner", kind=TaskKind.PLANNER, allow_failed_dependencies=True, **fields),)
    total = random.randint(1, 40)
    places = list(range(total))
    random.shuffle(places)
    tasks: dict[int, TaskSpec] = {}
    for position, index in enumerate(places):
        count = 0 if kind == "vote" else min(position, random.choice((0, 0, 1, 1, 2, 3)))
        depends_on = [f"t{places[other]}" for other in random.sample(range(position), count)]
        awaits: tuple[Awaited, ...] = ()
        if random.random() < 0.1:
            awaits = (Awaited(len(depends_on), "outer", "swm_other", random.randint(0, 2)),)
            depends_on.append("outer")
        model = random.choice(("big", "small"))
        fields = {
            "priority": random.randint(1, 10),
            "complexity": random.choice((None, 1, 5, 10)),
            "lane": LANE_OF[model],
            "requested_model": model,
            "max_retries": random.randint(0, 3),
            "allow_failed_dependencies": random.random() < 0.3,
            "payload": random.choice(("{}", CHAINED)),
        }
        tasks[index] = TaskSpec(task_id=f"t{index}", depends_on=tuple(depends_on), awaits=awaits, **fields)
    return tuple(tasks[index] for index in range(total))


def draw_spec(random: Random, kind: str) -> SwarmSpec:
    strategies = {
        "merge": ("hierarchical",),
        "vote": ("majority", "first_past_the_post", "consensus"),
        SUPERVISOR: ("none", "hierarchical", "concat"),
        ORCHESTRATOR: ("none", "none", "hierarchical"),
    }
    aggregate: dict[str, Any] = {"strategy": random.choice(strategies.get(kind, ("none", "concat")))}
    if aggregate["strategy"] != "none" and random.random() < 0.3:
        aggregate["checkpoint_every"] = random.randint(1, 5)
    return SwarmSpec(
        agent_id="agt_01",
        max_parallel_agents=random.randint(1, 12),
        max_steps=random.choice((4_000, 4_000, random.randint(1, 80))),
        on_task_failure=random.choice(("continue", "continue", "fail_fast")),
        min_success_rate=random.choice((0.0, 0.5, 1.0)),
        aggregate=aggregate,
        planner=kind if kind in {SUPERVISOR, ORCHESTRATOR} else None,
        reroute_after=random.randint(1, 2),
    )


def draw_weather(random: Random, kind: str) -> Weather:
    talkative = kind not in {"plain", "vote"}
    return Weather(
        step=random.choice((0.2, 0.6)) if talkative else 0.0,
        wanting=random.choice((0.0, 0.1)) if talkative else 0.0,
        prune=random.choice((0.0, 0.0, 0.05)),
        detour=random.choice((0.0, 0.1)),
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
