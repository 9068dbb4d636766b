"""Runs as they are kept: the least that a store must write and read back, in memory, for tests of the pure core.

It is no stand-in for the real store (that has its own contract suite): it holds the changes of the core to the fences
that every store puts on them, and rebuilds a run from nothing but what was written.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.changes import (
    AggregateChanged,
    AttemptEnded,
    AttemptStarted,
    CallStarted,
    Step,
    StepRecorded,
    TaskAdded,
    TaskClosed,
    TaskCompleted,
    TaskGoesOn,
    TaskQueued,
    TaskRearmed,
    TaskRetrying,
)
from app.domain.events import Event
from app.domain.graph import Graph
from app.domain.progress import DECIDED
from app.domain.swarm import SWARM_TERMINAL, SwarmSpec, SwarmState, SwarmStatus, unmet_dependencies
from app.domain.task import TERMINAL, TaskKind, TaskSpec, TaskState, TaskStatus
from app.domain.usage import Price

SWARM_ID = "swm_01JQZX5V0G0000000000000000"
START_MS = 1_800_000_000_000
TaskChange = (
    TaskAdded
    | TaskRearmed
    | AttemptEnded
    | StepRecorded
    | TaskCompleted
    | TaskRetrying
    | TaskGoesOn
    | TaskQueued
    | AttemptStarted
    | CallStarted
    | TaskClosed
)
WRITE_ORDER: tuple[type[TaskChange], ...] = (
    TaskAdded,
    TaskRearmed,
    AttemptEnded,
    StepRecorded,
    TaskCompleted,
    TaskRetrying,
    TaskGoesOn,
    TaskQueued,
    AttemptStarted,
    CallStarted,
    TaskClosed,
)
"""A store may write the changes of one commit kind by kind, in this order: it must come to the same rows."""


# --- a new run -------------------------------------------------------------------------------------------------------


def graph_of(tasks: Sequence[TaskSpec]) -> Graph:
    """The graph within the swarm: without the dependencies that are tasks of other swarms."""
    inner = []
    for task in tasks:
        outer = {awaited.position for awaited in task.awaits}
        inner.append([name for position, name in enumerate(task.depends_on) if position not in outer])
    return Graph.build([task.task_id for task in tasks], inner)


def new_run(spec: SwarmSpec, tasks: Sequence[TaskSpec], now_ms: int = START_MS) -> SwarmState:
    """A run just accepted: tasks without dependencies are queued, the others wait; a goal has only its planner yet."""
    graph = graph_of(tasks)
    return SwarmState(
        swarm_id=SWARM_ID,
        tenant_id="default",
        spec=spec,
        graph=graph,
        tasks=[_task_state(index, task, graph, now_ms) for index, task in enumerate(tasks)],
        status=SwarmStatus.RUNNING if spec.planner is None else SwarmStatus.PLANNING,
        created_at_ms=now_ms,
        max_parallel_agents=spec.max_parallel_agents,
        budget=spec.budget,
        capped=spec.budget is not None or spec.token_budgets,
    )


def _task_state(index: int, task: TaskSpec, graph: Graph, queued_at_ms: int) -> TaskState:
    unmet = len(graph.dependencies[index]) + len(task.awaits)
    return TaskState(
        index=index,
        task_id=task.task_id,
        kind=task.kind,
        weight=task.weight,
        status=TaskStatus.WAITING if unmet else TaskStatus.QUEUED,
        priority=task.priority,
        complexity=task.complexity or 0,
        lane=task.lane,
        max_retries=task.max_retries,
        timeout_s=task.timeout_s,
        unmet=unmet,
        queued_at_ms=0 if unmet else queued_at_ms,
        allow_failed_dependencies=task.allow_failed_dependencies,
        payload=task.payload,
        requested_model=task.requested_model,
        awaits=task.awaits,
    )


# --- the store -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """What is kept of a task beyond its spec.

    Attributes:
        stepped: the newest attempt that put something into the journal.
    """

    status: TaskStatus
    queued_at_ms: int
    attempt: int = 0
    failures: int = 0
    not_before_ms: int = 0
    queue_ms: int = 0
    started_at_ms: int = 0
    latency_ms: float = 0.0
    tokens: int = 0
    output: str | None = None
    score: float | None = None
    error_type: str | None = None
    ended_at_ms: int = 0
    journal: list[str] = field(default_factory=list)
    stepped: int = 0

    @classmethod
    def of(cls, task: TaskState) -> Row:
        return cls(task.status, task.queued_at_ms)


@dataclass(slots=True)
class Table:
    """Task and attempt rows, written fenced: a write that would match no row is an error."""

    rows: list[Row]
    attempts: dict[tuple[int, int], str] = field(default_factory=dict)

    def write(self, change: TaskChange) -> None:
        if isinstance(change, TaskAdded):
            assert change.index == len(self.rows), change
            assert change.status in {TaskStatus.WAITING, TaskStatus.QUEUED}, change
            self.rows.append(Row(change.status, change.queued_at_ms))
            return
        row = self.rows[change.index]
        match change:
            case TaskQueued():
                assert row.status in {TaskStatus.WAITING, TaskStatus.RETRYING, TaskStatus.RUNNING}, change
                row.status, row.queued_at_ms, row.not_before_ms = TaskStatus.QUEUED, change.queued_at_ms, 0
            case AttemptStarted():
                assert (row.status, row.attempt) == (TaskStatus.QUEUED, change.attempt - 1), change
                assert (change.index, change.attempt) not in self.attempts, change
                assert self.attempts.get((change.index, row.attempt)) != "running", change
                row.status, row.attempt, row.queue_ms = TaskStatus.RUNNING, change.attempt, change.queue_ms
                row.started_at_ms = change.started_at_ms
                self.attempts[change.index, change.attempt] = "running"
            case AttemptEnded():
                self._end_attempt(change.index, change.attempt, change.status)
            case TaskCompleted():
                assert (row.status, row.attempt) == (TaskStatus.RUNNING, change.attempt), change
                assert row.output is None, change
                row.score, row.error_type = change.score, None
                row.ended_at_ms = change.ended_at_ms
                row.status, row.output, row.latency_ms = TaskStatus.COMPLETED, change.output, change.latency_ms
                row.tokens += change.usage.total_tokens
                self._end_attempt(change.index, change.attempt, "completed")
            case TaskRetrying():
                assert (row.status, row.attempt) == (TaskStatus.RUNNING, change.attempt), change
                row.status, row.failures = TaskStatus.RETRYING, change.failures
                row.not_before_ms, row.error_type = change.not_before_ms, change.error.type
                row.tokens += change.usage.total_tokens
            case TaskClosed():
                assert row.status not in TERMINAL, change
                row.status, row.failures, row.error_type = change.status, change.failures, change.error.type
                row.tokens += change.usage.total_tokens
                row.ended_at_ms = change.ended_at_ms
            case StepRecorded():
                assert change.step == len(row.journal), change
                assert row.attempt == change.attempt, change
                assert row.status is TaskStatus.RUNNING, change
                row.journal.append(change.record)
                row.stepped = change.attempt
            case TaskGoesOn():
                assert (row.status, row.attempt) == (TaskStatus.RUNNING, change.attempt), change
                assert change.status in {TaskStatus.WAITING, TaskStatus.QUEUED}, change
                row.status, row.queued_at_ms = change.status, change.queued_at_ms
                row.tokens += change.usage.total_tokens
            case CallStarted():
                assert (row.status, row.attempt) == (TaskStatus.QUEUED, change.attempt), change
                assert row.stepped == change.attempt, change
                row.status = TaskStatus.RUNNING
            case TaskRearmed():
                assert row.status in TERMINAL - {TaskStatus.COMPLETED}, change
                row.status, row.queued_at_ms = change.status, change.queued_at_ms
                row.failures = row.not_before_ms = 0
                row.error_type, row.ended_at_ms = None, 0

    def _end_attempt(self, index: int, attempt: int, status: str) -> None:
        assert self.attempts[index, attempt] == "running"
        self.attempts[index, attempt] = status


class Book:
    """All that survives the process: the last commit's totals, the tables and the event log."""

    def __init__(self, spec: SwarmSpec, tasks: Sequence[TaskSpec], created: SwarmState, first: Step) -> None:
        self.spec = spec
        self.tasks = list(tasks)
        self.table = Table([Row.of(task) for task in created.tasks])
        self.events: list[Event] = list(first.events)
        self.changes: list[TaskChange] = []
        self.aggregated: Any = created.aggregated
        self.aggregation = created.aggregation
        self.max_parallel_agents = created.max_parallel_agents
        self.prices: dict[str | None, Price | None] = {}
        self._save(created)

    @property
    def ended(self) -> bool:
        return self.status in SWARM_TERMINAL

    def commit(self, state: SwarmState, out: Step) -> None:
        for kind in WRITE_ORDER:
            for change in out.changes:
                if type(change) is kind and not isinstance(change, AggregateChanged):
                    self.table.write(change)
                    self._keep_spec(change)
        self.changes += [change for change in out.changes if not isinstance(change, AggregateChanged)]
        if any(isinstance(change, AggregateChanged) for change in out.changes):
            self.aggregated, self.aggregation = state.aggregated, state.aggregation
        self.events += out.events
        self._save(state)

    def _keep_spec(self, change: TaskChange) -> None:
        if isinstance(change, TaskAdded):
            new = change.new
            self.tasks.append(replace(new.spec, lane=new.lane, requested_model=new.requested_model))
        elif isinstance(change, TaskGoesOn) and change.depends_on is not None:
            self.tasks[change.index] = replace(self.tasks[change.index], depends_on=change.depends_on)

    def _save(self, state: SwarmState) -> None:
        self.status = state.status
        self.last_seq = state.last_seq
        self.steps = state.steps
        self.usage = state.usage
        self.cost_nano_usd = state.cost_nano_usd
        self.error = state.error
        self.created_at_ms = state.created_at_ms
        self.ended_at_ms = state.ended_at_ms
        self.started_at_ms = state.started_at_ms
        self.budget = state.budget
        self.pause_reason = state.pause_reason
        self.unsettled_nano_usd = state.unsettled_nano_usd
        self.unsettled_tokens = state.unsettled_tokens

    def load(self) -> SwarmState:
        """Build the run as a process does that knows nothing but what was written."""
        graph = graph_of(self.tasks)
        rows = self.table.rows
        unmet = unmet_dependencies(graph, [row.status for row in rows])
        tasks = []
        for index, (spec, row) in enumerate(zip(self.tasks, rows, strict=True)):
            task = _task_state(index, spec, graph, 0)
            task.status = row.status
            task.attempt = row.attempt
            task.failures = row.failures
            task.unmet = unmet[index] + len(spec.awaits)
            task.queued_at_ms = row.queued_at_ms
            task.not_before_ms = row.not_before_ms
            task.queue_ms = row.queue_ms
            task.started_at_ms = row.started_at_ms
            task.tokens_used = row.tokens
            task.output_bytes = len((row.output or "").encode())
            task.calls = int(row.status is TaskStatus.RUNNING)
            task.spawned = row.attempt > 0
            task.step = len(row.journal)
            task.journal_bytes = sum(len(record.encode()) for record in row.journal)
            between = row.status in {TaskStatus.QUEUED, TaskStatus.WAITING}
            task.going_on = between and self.table.attempts.get((index, row.attempt)) == "running"
            if row.status in TERMINAL:
                task.payload = ""
            tasks.append(task)
        return SwarmState(
            swarm_id=SWARM_ID,
            tenant_id="default",
            spec=self.spec,
            graph=graph,
            tasks=tasks,
            status=self.status,
            started_at_ms=self.started_at_ms,
            budget=self.budget,
            pause_reason=self.pause_reason,
            unsettled_nano_usd=self.unsettled_nano_usd,
            unsettled_tokens=self.unsettled_tokens,
            capped=self.budget is not None or self.spec.token_budgets,
            prices=dict(self.prices),
            created_at_ms=self.created_at_ms,
            max_parallel_agents=self.max_parallel_agents,
            last_seq=self.last_seq,
            steps=self.steps,
            usage=self.usage,
            cost_nano_usd=self.cost_nano_usd,
            error=self.error,
            ended_at_ms=self.ended_at_ms,
            aggregated=self.aggregated,
            aggregation=self.aggregation,
            latencies_ms=array("d", [row.latency_ms for row in self._rows_of_tasks() if row.output is not None]),
            decided=any(row.error_type == DECIDED.type for row in rows),
        )

    def _rows_of_tasks(self) -> list[Row]:
        return [row for row, spec in zip(self.table.rows, self.tasks, strict=True) if spec.kind is TaskKind.TASK]
