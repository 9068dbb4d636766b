"""What ``transitions.step`` takes and gives: facts in; changes, events and effects out.

Facts are past tense (they happened and cannot be refused), effects imperative (to be performed after the commit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.budget import Budget
from app.domain.events import Event
from app.domain.retry import TaskError
from app.domain.task import Awaited, TaskStatus
from app.domain.usage import Usage
from app.domain.values import value

# --- facts -----------------------------------------------------------------------------------------------------------


@value()
class SlotsGranted:
    """Admission granted ``count`` slots on ``lane``; ``allowance_nano_usd`` is what the run's key may still spend."""

    lane: str
    count: int
    allowance_nano_usd: int | None = None


@value(kw_only=True)
class AttemptCompleted:
    """``output`` is JSON text; ``cost_nano_usd`` is None for a model without a price.

    ``settled`` is False where the provider did not say what was used: the worst case then stays on the account.
    """

    index: int
    attempt: int
    output: str
    model: str
    usage: Usage
    cost_nano_usd: int | None
    latency_ms: float
    steps: int = 1
    settled: bool = True


@value(kw_only=True)
class AttemptFailed:
    """``jitter_sample`` is a uniform sample in [0, 1) for the back-off, drawn where the failure was seen.

    Attributes:
        settled: False where the provider may have billed the call without our knowing.
        outage: the failure is one of the provider as a whole, not an answer to this call.
        excused: the provider was down as a whole (its breaker was open): not the task's failure.
    """

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
    settled: bool = True
    outage: bool = False
    excused: bool = False


@value()
class AttemptAbandoned:
    """The process that ran the attempt is gone; nothing is known of its call."""

    index: int
    attempt: int


@value()
class HedgeDue:
    """The attempt has been running for longer than most do, and a slot is free for a second call."""

    index: int
    attempt: int
    allowance_nano_usd: int | None = None


@value()
class HedgeDropped:
    """The second call of an attempt was never made: no slot was to spare for it."""

    index: int
    attempt: int


@value()
class RetryDue:
    index: int
    attempt: int


@value()
class AwaitedEnded:
    """A task of another swarm ended that ``index`` waits for; ``output_bytes`` is None where it has no output.

    Once for each dependency in the life of a state: it lowers the count of what the task still waits for.
    """

    index: int
    awaited: Awaited
    output_bytes: int | None


@value()
class ParallelismChanged:
    max_parallel_agents: int


@value()
class BudgetChanged:
    """``output_bytes`` by index of the tasks that completed, for a run that had no caps until now."""

    budget: Budget
    output_bytes: Mapping[int, int] = field(default_factory=dict)


@value()
class PriorityChanged:
    priority: int


@value()
class PauseRequested:
    """No new attempt starts; running ones end."""


@value()
class ResumeRequested:
    """By a client, whatever paused the run."""


@value()
class AllowanceRaised:
    """The key that started the run may spend again what its next call needs."""


@value()
class RetryRequested:
    """Run these ended tasks again, ``payloads`` by index; those that were skipped for want of them come along."""

    payloads: Mapping[int, str]


@value()
class TaskCancelRequested:
    index: int


@value()
class LaneNews:
    """Something the limiter says of a lane this run uses: the event to tell its watchers."""

    kind: str
    fields: Mapping[str, Any]


@value()
class Rerouted:
    """Tasks that want ``requested_model`` are served on ``lane`` from now on, by ``model`` where it is not None.

    With ``indices`` it is only these, as probes, while the others stay on their detour.
    """

    requested_model: str | None
    lane: str
    model: str | None
    indices: tuple[int, ...] | None = None


@value()
class CancelRequested:
    reason: str = "cancelled by request"


@value()
class DeadlinePassed:
    """The swarm's own ``timeout_s`` is over."""


@value()
class AggregateCompleted:
    aggregated: Any
    aggregation: dict[str, Any]


Fact = (
    SlotsGranted
    | AttemptCompleted
    | AttemptFailed
    | AttemptAbandoned
    | HedgeDue
    | HedgeDropped
    | RetryDue
    | AwaitedEnded
    | ParallelismChanged
    | BudgetChanged
    | PriorityChanged
    | PauseRequested
    | ResumeRequested
    | AllowanceRaised
    | RetryRequested
    | TaskCancelRequested
    | LaneNews
    | Rerouted
    | CancelRequested
    | DeadlinePassed
    | AggregateCompleted
)

# --- changes: what the store writes ----------------------------------------------------------------------------------


@value()
class TaskQueued:
    index: int
    queued_at_ms: int


@value()
class AttemptStarted:
    index: int
    attempt: int
    started_at_ms: int
    queue_ms: int


@value(kw_only=True)
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
    unsettled_nano_usd: int = 0
    error: TaskError | None = None


@value(kw_only=True)
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
    unsettled_nano_usd: int = 0


@value(kw_only=True)
class TaskRetrying:
    index: int
    attempt: int
    failures: int
    not_before_ms: int
    error: TaskError
    usage: Usage
    cost_nano_usd: int | None


@value(kw_only=True)
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


@value()
class TaskRearmed:
    """A task that had ended is to run again: ``status`` is waiting or queued."""

    index: int
    status: TaskStatus
    queued_at_ms: int


Change = TaskQueued | AttemptStarted | AttemptEnded | TaskCompleted | TaskRetrying | TaskClosed | TaskRearmed

# --- effects: what the runner does after the commit ------------------------------------------------------------------


@value()
class StartAttempt:
    index: int
    attempt: int


@value()
class StartHedge:
    """Make a second call of the running attempt; the first answer of the two counts."""

    index: int
    attempt: int


@value()
class StopAttempt:
    """Cancel the running attempt: its connection closes, its outcome is dropped."""

    index: int
    attempt: int


@value()
class ScheduleRetry:
    index: int
    attempt: int
    at_ms: int


@value()
class Aggregate:
    """Merge the outputs and answer with ``AggregateCompleted``."""


Effect = StartAttempt | StartHedge | StopAttempt | ScheduleRetry | Aggregate


@dataclass(slots=True)
class Step:
    """The result of one or more steps, in order; one commit writes all of it."""

    changes: list[Change] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
