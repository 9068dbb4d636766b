"""What ``transitions.step`` gives: changes for the store, events for watchers, effects to do after the commit."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.domain.events import Event
from app.domain.facts import NewTask
from app.domain.retry import TaskError
from app.domain.task import TaskStatus
from app.domain.usage import Usage
from app.domain.values import value

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

    A completed attempt needs no record of its own: the task's row tells all of it (``TaskCompleted``). ``calls`` is 0
    where its journal tells of all of them.
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
    calls: int = 1


@value(kw_only=True)
class TaskCompleted:
    """Written only while the same attempt is still the running one (the fence).

    ``model`` is that of the last call, ``answered_by`` the one that gave the output where it is another.
    """

    index: int
    attempt: int
    output: str
    ended_at_ms: int
    latency_ms: float
    model: str
    usage: Usage
    cost_nano_usd: int | None
    unsettled_nano_usd: int = 0
    score: float | None = None
    answered_by: str | None = None


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


@value()
class TaskAdded:
    index: int
    new: NewTask
    status: TaskStatus
    queued_at_ms: int


@value(kw_only=True)
class StepRecorded:
    """One call of a task's journal, written once: ``step`` counts from 0 over all its attempts.

    ``billed`` is False where another change of the same commit tells what the call used.
    """

    index: int
    attempt: int
    step: int
    record: str
    model: str | None
    latency_ms: float
    at_ms: int
    usage: Usage = field(default_factory=Usage)
    cost_nano_usd: int | None = None
    unsettled_nano_usd: int = 0
    billed: bool = False


@value()
class TaskGoesOn:
    """A running task waits for the slot of its next call, or for the tasks that it gave work to.

    ``depends_on`` are all its dependencies now, None where they did not change; usage and cost are of the step before.
    """

    index: int
    attempt: int
    status: TaskStatus
    queued_at_ms: int
    usage: Usage
    cost_nano_usd: int | None
    depends_on: tuple[str, ...] | None = None


@value()
class CallStarted:
    """The next call of an attempt that began before."""

    index: int
    attempt: int


@value()
class AggregateChanged:
    """The run's merged value, and what is told of it, are others than those that were last written."""


Change = (
    TaskQueued
    | AttemptStarted
    | AttemptEnded
    | TaskCompleted
    | TaskRetrying
    | TaskClosed
    | TaskRearmed
    | TaskAdded
    | StepRecorded
    | TaskGoesOn
    | CallStarted
    | AggregateChanged
)

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
class AwaitCall:
    """Go on waiting for a call that the last runner had handed out and that goes on without it.

    ``call`` is 1 for the second one of a hedged pair.
    """

    index: int
    attempt: int
    call: int = 0


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
    """Merge the outputs and answer with ``AggregateCompleted``, or with ``MergesPlanned`` where that takes a model."""


@value()
class MakeCheckpoint:
    """Merge the outputs so far and answer with ``CheckpointMade`` or ``MergesPlanned``."""


Effect = StartAttempt | StartHedge | AwaitCall | StopAttempt | ScheduleRetry | Aggregate | MakeCheckpoint


@dataclass(slots=True)
class Step:
    """The result of one or more steps, in order; one commit writes all of it."""

    changes: list[Change] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
