"""A task: what was asked (``TaskSpec``), and where it stands (``TaskState``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from app.domain.usage import Usage
from app.domain.values import value

if TYPE_CHECKING:
    from app.domain.facts import AttemptFailed


class TaskStatus(StrEnum):
    WAITING = "waiting"  # some dependency has not ended
    QUEUED = "queued"  # ready, waiting for a slot
    RUNNING = "running"  # an attempt is under way
    RETRYING = "retrying"  # a back-off runs; then queued again
    COMPLETED = "completed"  # has an output
    FAILED = "failed"  # out of attempts, or an error that no retry mends
    CANCELLED = "cancelled"  # stopped on request, by fail_fast or by the swarm's time limit
    SKIPPED = "skipped"  # can never start: a dependency did not complete, or the step limit is reached


TERMINAL = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.SKIPPED})

TASK_TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.WAITING: frozenset({TaskStatus.QUEUED, TaskStatus.SKIPPED, TaskStatus.CANCELLED}),
    TaskStatus.QUEUED: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED, TaskStatus.SKIPPED}),
    TaskStatus.RUNNING: frozenset(
        {
            TaskStatus.COMPLETED,
            TaskStatus.FAILED,
            TaskStatus.RETRYING,
            TaskStatus.QUEUED,
            TaskStatus.WAITING,
            TaskStatus.CANCELLED,
        }
    ),
    TaskStatus.RETRYING: frozenset({TaskStatus.QUEUED, TaskStatus.CANCELLED, TaskStatus.SKIPPED}),
    TaskStatus.COMPLETED: frozenset(),
    TaskStatus.FAILED: frozenset({TaskStatus.WAITING, TaskStatus.QUEUED}),
    TaskStatus.CANCELLED: frozenset({TaskStatus.WAITING, TaskStatus.QUEUED}),
    TaskStatus.SKIPPED: frozenset({TaskStatus.WAITING, TaskStatus.QUEUED}),
}
"""Every legal change. RUNNING to QUEUED is an attempt abandoned by a crash, which does not count as a failure, or one
whose next call wants a slot; RUNNING to WAITING one that waits for the sub-agents it gave work to. What ended without
an output goes back to WAITING or QUEUED only when a client asks for a retry."""


class TaskKind(StrEnum):
    TASK = "task"  # asked for, by the client or by a plan
    PLANNER = "planner"  # turns a goal into tasks; as an orchestrator it waits for them and answers
    MERGE = "merge"  # merges outputs into one


PRIORITY_NAMES = {"low": 2, "normal": 5, "high": 8, "critical": 10}


_NOTHING = Usage()
_FIRST = -11
"""Rank before that of the highest priority, 10: to begin others first would leave more of them half done."""


@value(kw_only=True)
class TaskSpec:
    """One task as accepted: checked, defaults filled in.

    Attributes:
        priority: 1-10, 10 runs first.
        complexity: 1-10 or None; breaks ties of priority.
        lane: see ``TaskState``; known once the model has been looked up.
        timeout_s: total seconds an attempt may take.
        awaits: the part of ``depends_on`` that are tasks of other swarms.
        payload: what the sub-agent reads (``prompt``, ``data``, extra fields, …): one JSON object, as text.
        weight: of its output in a vote.
    """

    task_id: str
    kind: TaskKind = TaskKind.TASK
    weight: float = 1.0
    type: str | None = None
    role: str | None = None
    priority: int = 5
    complexity: int | None = None
    lane: str = ""
    requested_model: str | None = None
    timeout_s: float = 120.0
    max_retries: int = 3
    depends_on: tuple[str, ...] = ()
    allow_failed_dependencies: bool = False
    payload: str = "{}"
    awaits: tuple[Awaited, ...] = ()


@dataclass(frozen=True, slots=True)
class Awaited:
    """A dependency that is a task of another swarm; ``position`` is its place in ``depends_on``."""

    position: int
    task_id: str
    swarm_id: str
    index: int


@dataclass(slots=True)  # defaults of fields that are keywords alone are looked up by name, one by one
class TaskState:
    """Where one task of a running swarm stands; owned and changed by ``transitions.step`` alone.

    Attributes:
        index: position in the swarm, from 0.
        lane: the provider that serves it: ready tasks queue up per lane.
        attempt: attempts started so far; also the fence of the running one.
        failures: failed attempts that count against ``max_retries``.
        throttles: refusals (429) since this process took the swarm.
        unmet: dependencies that have not ended, those in other swarms included.
        queued_at_ms: Unix milliseconds when it last became ready.
        not_before_ms: end of the running back-off, Unix milliseconds; 0 when there is none.
        queue_ms: how long the newest attempt waited for its slot.
        started_at_ms: when the newest attempt started, Unix milliseconds.
        spawned: whether its sub-agent was announced.
        routed_model: the model that serves it instead of the requested one; None for the requested one.
        tokens_used: of its ended attempts, where tokens are capped.
        output_bytes: of its output as JSON, where anything is capped.
        outer_bytes: of the outputs of other swarms that it is sent.
        calls: model calls of the running attempt in flight at once: 2 while a straggler is hedged.
        reserved_nano_usd: worst case of those calls, with ``reserved_tokens``; 0 where nothing is capped.
        lost_nano_usd: what stays on the account of calls that another call of the same attempt outlives.
        half_failed: the failure of one call of a hedged pair while the other may still answer.
        outer_open: dependencies in other swarms whose end was not told to this state yet.
        outer_failed: whether one of those that were told has no output.
        step: calls of the task that are recorded in its journal: it goes on after them.
        journal_bytes: of those records, where anything is capped.
        busy_ms: what the recorded calls of the running attempt took; ``busy_usage`` and ``busy_nano_usd`` (None where a
            price is not known) what they used and cost.
        going_on: queued for the next call of an attempt that began before.
        next_model: the model of that call where it is not the task's own; None where it is.
        chained: ``routed_model`` is the next of the task's own chain, after repeated failure: no breaker's detour.
    """

    index: int
    task_id: str
    status: TaskStatus
    priority: int
    complexity: int
    lane: str
    max_retries: int
    timeout_s: float
    kind: TaskKind = TaskKind.TASK
    attempt: int = 0
    failures: int = 0
    throttles: int = 0
    unmet: int = 0
    queued_at_ms: int = 0
    not_before_ms: int = 0
    queue_ms: int = 0
    started_at_ms: int = 0
    allow_failed_dependencies: bool = False
    spawned: bool = False
    payload: str = ""
    requested_model: str | None = None
    routed_model: str | None = None
    awaits: tuple[Awaited, ...] = ()
    tokens_used: int = 0
    output_bytes: int = 0
    outer_bytes: int = 0
    calls: int = 0
    reserved_nano_usd: int = 0
    reserved_tokens: int = 0
    lost_nano_usd: int = 0
    half_failed: AttemptFailed | None = None
    step: int = 0
    journal_bytes: int = 0
    busy_ms: float = 0.0
    busy_usage: Usage = _NOTHING
    busy_nano_usd: int | None = 0
    going_on: bool = False
    next_model: str | None = None
    chained: bool = False
    weight: float = 1.0
    outer_open: int = field(init=False)
    outer_failed: bool = False

    def __post_init__(self) -> None:
        self.outer_open = len(self.awaits)

    @property
    def model(self) -> str | None:
        return self.next_model or self.routed_model or self.requested_model

    def rank(self) -> tuple[int, int, int]:
        """Sort key among ready tasks: what began before, then priority, then complexity, then age."""
        return (_FIRST if self.going_on else -self.priority, -self.complexity, self.index)
