"""What ``transitions.step`` takes and gives: facts in; changes, events and effects out.

Facts are past tense (they happened and cannot be refused), effects imperative (to be performed after the commit).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.domain.events import Event
from app.domain.retry import TaskError
from app.domain.task import Awaited, TaskStatus
from app.domain.usage import Usage

# --- facts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlotsGranted:
    """Admission granted ``count`` slots on ``lane``."""

    lane: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCompleted:
    """``output`` is JSON text; ``cost_nano_usd`` is None for a model without a price."""

    index: int
    attempt: int
    output: str
    model: str
    usage: Usage
    cost_nano_usd: int | None
    latency_ms: float
    steps: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """``jitter_sample`` is a uniform sample in [0, 1) for the back-off, drawn where the failure was seen."""

    index: int
    attempt: int
    error: TaskError
    jitter_sample: float
    latency_ms: float
    retry_after_s: float | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_nano_usd: int | None = None
    steps: int = 1


@dataclass(frozen=True, slots=True)
class AttemptAbandoned:
    """The process that ran the attempt is gone; nothing is known of its call."""

    index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class RetryDue:
    index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class AwaitedEnded:
    """A task of another swarm ended that ``index`` waits for; ``completed`` tells whether it has an output.

    Once for each dependency in the life of a state: it lowers the count of what the task still waits for.
    """

    index: int
    awaited: Awaited
    completed: bool


@dataclass(frozen=True, slots=True)
class ParallelismChanged:
    max_parallel_agents: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    reason: str = "cancelled by request"


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The swarm's own ``timeout_s`` is over."""


@dataclass(frozen=True, slots=True)
class AggregateCompleted:
    aggregated: Any
    aggregation: dict[str, Any]


Fact = (
    SlotsGranted
    | AttemptCompleted
    | AttemptFailed
    | AttemptAbandoned
    | RetryDue
    | AwaitedEnded
    | ParallelismChanged
    | CancelRequested
    | DeadlinePassed
    | AggregateCompleted
)

# --- changes: what the store writes ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskQueued:
    index: int
    queued_at_ms: int


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    index: int
    attempt: int
    started_at_ms: int
    queue_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """An attempt ended without an output; ``status`` is failed, cancelled or abandoned.

    A completed attempt needs no record of its own: the task's row tells all of it (``TaskCompleted``).
    """

    index: int
    attempt: int
    status: str
    started_at_ms: int
    ended_at_ms: int
    queue_ms: int
    latency_ms: float | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_nano_usd: int | None = None
    error: TaskError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCompleted:
    """Written only while the same attempt is still the running one (the fence)."""

    index: int
    attempt: int
    output: str
    ended_at_ms: int
    latency_ms: float
    model: str
    usage: Usage
    cost_nano_usd: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRetrying:
    index: int
    attempt: int
    failures: int
    not_before_ms: int
    error: TaskError
    usage: Usage
    cost_nano_usd: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskClosed:
    """A task ended without an output: failed, cancelled or skipped."""

    index: int
    status: TaskStatus
    ended_at_ms: int
    error: TaskError
    latency_ms: float | None = None
    failures: int = 0
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_nano_usd: int | None = None


Change = TaskQueued | AttemptStarted | AttemptEnded | TaskCompleted | TaskRetrying | TaskClosed

# --- effects: what the runner does after the commit ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartAttempt:
    index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """Cancel the running attempt: its connection closes, its outcome is dropped."""

    index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ScheduleRetry:
    index: int
    attempt: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Merge the outputs and answer with ``AggregateCompleted``."""


Effect = StartAttempt | StopAttempt | ScheduleRetry | Aggregate


@dataclass(slots=True)
class Step:
    """The result of one or more steps, in order; one commit writes all of it."""

    changes: list[Change] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
