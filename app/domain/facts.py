"""What ``transitions.step`` takes: facts, in the past tense, since they happened and cannot be refused.

What it gives stands in ``app.domain.changes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from app.domain.budget import Budget
from app.domain.retry import TaskError
from app.domain.swarm import PAUSED_BY_KEY
from app.domain.task import Awaited, TaskSpec
from app.domain.usage import Usage
from app.domain.values import value


@value()
class NewTask:
    """A task to add to a run; ``spec.depends_on`` names tasks that the run has, or new ones before it."""

    spec: TaskSpec
    lane: str
    requested_model: str | None


# --- facts -----------------------------------------------------------------------------------------------------------


@value()
class SlotsGranted:
    """Admission granted ``count`` slots on ``lane``.

    Args:
        allowance_nano_usd: what may still be spent from the accounts that pay for the run; None: any sum.
        payer: the scarcest of them, as a run's ``pause_reason`` names it.
        asks: a call that the allowance does not suffice for is no reason to pause: more is asked for first.
    """

    lane: str
    count: int
    allowance_nano_usd: int | None = None
    payer: str = PAUSED_BY_KEY
    asks: bool = False


@value(kw_only=True)
class AttemptCompleted:
    """``output`` is JSON text; ``cost_nano_usd`` is None for a model without a price.

    Attributes:
        settled: False where the provider did not say what was used: the worst case then stays on the account.
        step: calls of the task that its journal held when this one was made.
        score: 0-1, what a validator gave the output.
        answered_by: the model that gave the output, where it is another than that of the last call.
        tasks: what a plan adds to the run.
        record: the call for the journal, where the task has one; see ``StepTaken``.
        call: 1 for the second call of a hedged pair.
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
    step: int = 0
    score: float | None = None
    answered_by: str | None = None
    tasks: tuple[NewTask, ...] = ()
    record: str | None = None
    call: int = 0


@value(kw_only=True)
class StepTaken:
    """A call of an attempt gave something to go on with: it is journaled, and the attempt's next call wants a slot.

    Attributes:
        record: what the next call must know of this one, as JSON text; the scheduler's own.
        kind: what the call was for, for watchers: answer, turn, …
        next_model: requested model of the next call, None for the task's own.
        tasks: work that the call gave to new sub-agents; the next call waits for all of them.
        steps: 0 where tools were run instead of a model.
        tools: names of the tools that were called, for watchers.
        call: 1 for the second call of a hedged pair.
    """

    index: int
    attempt: int
    step: int
    record: str
    kind: str
    model: str
    usage: Usage
    cost_nano_usd: int | None
    latency_ms: float
    steps: int = 1
    settled: bool = True
    next_model: str | None = None
    tasks: tuple[NewTask, ...] = ()
    tools: tuple[str, ...] = ()
    call: int = 0


@value(kw_only=True)
class AttemptFailed:
    """``jitter_sample`` is a uniform sample in [0, 1) for the back-off, drawn where the failure was seen.

    Attributes:
        settled: False where the provider may have billed the call without our knowing.
        outage: the failure is one of the provider as a whole, not an answer to this call.
        excused: the provider was down as a whole (its breaker was open): not the task's failure.
        step: calls of the task that its journal held when this one was made.
        record: the call for the journal, where its answer was found wanting; see ``StepTaken``.
        call: 1 for the second call of a hedged pair.
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
    step: int = 0
    record: str | None = None
    call: int = 0


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
class MaxStepsChanged:
    max_steps: int


@value()
class PriorityChanged:
    priority: int


@value()
class PauseRequested:
    """No new attempt starts; running ones end."""


@value()
class StartDue:
    """The time has come at which the run was to begin."""


@value()
class ResumeRequested:
    """By a client, whatever paused the run."""


@value()
class AllowanceRaised:
    """The key that started the run may spend again what its next call needs."""


@value()
class RetryRequested:
    """Run these ended tasks again, ``payloads`` by index; those that were skipped for want of them come along.

    With none it is the merge of the outputs that is to be made again, where it failed.
    """

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


@value()
class MergesPlanned:
    """The outputs so far are too many for one value without a model: these merges are to be run first."""

    tasks: tuple[NewTask, ...]


@value()
class CheckpointMade:
    """The outputs so far, merged while the run goes on."""

    aggregated: Any
    aggregation: dict[str, Any]


Fact = (
    SlotsGranted
    | AttemptCompleted
    | StepTaken
    | AttemptFailed
    | AttemptAbandoned
    | HedgeDue
    | HedgeDropped
    | RetryDue
    | AwaitedEnded
    | ParallelismChanged
    | BudgetChanged
    | MaxStepsChanged
    | PriorityChanged
    | PauseRequested
    | StartDue
    | ResumeRequested
    | AllowanceRaised
    | RetryRequested
    | TaskCancelRequested
    | LaneNews
    | Rerouted
    | CancelRequested
    | DeadlinePassed
    | AggregateCompleted
    | MergesPlanned
    | CheckpointMade
)
