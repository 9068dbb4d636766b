"""The only way a run changes state: ``step(state, fact, now_ms, out)``.

``step`` mutates ``state`` and appends to ``out`` what the store must write (changes), what watchers see (events) and
what is to be done once both are committed (effects). A fact about one task costs O(its dependents); nothing rescans the
graph. Facts that come too late (an attempt that was cancelled, a run that ended) change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import heappush
from typing import assert_never

from app.domain import attempts, budget, events, progress, spending
from app.domain.changes import Aggregate, AwaitCall, ScheduleRetry, Step
from app.domain.facts import (
    AggregateCompleted,
    AllowanceRaised,
    AttemptAbandoned,
    AttemptCompleted,
    AttemptFailed,
    AwaitedEnded,
    BudgetChanged,
    CancelRequested,
    CheckpointMade,
    DeadlinePassed,
    Fact,
    HedgeDropped,
    HedgeDue,
    LaneNews,
    MaxStepsChanged,
    MergesPlanned,
    ParallelismChanged,
    PauseRequested,
    PriorityChanged,
    Rerouted,
    ResumeRequested,
    RetryDue,
    RetryRequested,
    SlotsGranted,
    StartDue,
    StepTaken,
    TaskCancelRequested,
)
from app.domain.growth import grow
from app.domain.rearm import rearm
from app.domain.recorder import Recorder
from app.domain.retry import MAX_DELAY_MS, TaskError
from app.domain.strategies import MODEL
from app.domain.swarm import (
    AT_WORK,
    PAUSED_BY_BUDGET,
    PAUSED_BY_FUNDS,
    PAUSED_BY_REQUEST,
    PAUSED_UNTIL_START,
    SwarmState,
    SwarmStatus,
)
from app.domain.task import TERMINAL, TaskStatus


def step(state: SwarmState, fact: Fact, now_ms: int, out: Step) -> None:
    """Apply one fact at Unix time ``now_ms`` (milliseconds) and append the results to ``out``."""
    record = Recorder(state, now_ms, out)
    if state.ended:
        if isinstance(fact, RetryRequested):
            rearm(record, fact)
            _settle(record)
        return
    match fact:
        case SlotsGranted():
            refused = attempts.start(record, fact)
            if refused is not None:
                error = attempts.refuse(record, refused)
                if error is not None:
                    record.stop(SwarmStatus.FAILED, error)
        case AttemptCompleted():
            attempts.complete(record, fact)
        case StepTaken():
            attempts.take_step(record, fact)
        case AttemptFailed():
            attempts.fail(record, fact)
        case AttemptAbandoned():
            attempts.abandon(record, fact)
        case HedgeDue():
            attempts.hedge(record, fact)
        case HedgeDropped():
            attempts.drop_hedge(record, fact)
        case RetryDue():
            task = state.tasks[fact.index]
            if task.status is TaskStatus.RETRYING and task.attempt == fact.attempt:
                record.queue(task)
        case AwaitedEnded():
            _awaited_ended(record, fact)
        case AggregateCompleted():
            _aggregated(record, fact)
        case MergesPlanned():
            state.merging = False
            grow(record, fact.tasks)
        case CheckpointMade():
            _checkpoint(record, fact)
        case LaneNews():
            record.emit(fact.kind, fields=dict(fact.fields))
        case Rerouted():
            _reroute(record, fact)
        case _:
            _steer(record, fact)
    progress.stop_decided_vote(record)
    _settle(record)


def begin(state: SwarmState, now_ms: int, out: Step) -> None:
    """Append the first events of a run that is about to be stored; its tasks are already waiting or queued."""
    record = Recorder(state, now_ms, out)
    fields = {
        "name": state.spec.name,
        "orchestrator_id": state.spec.agent_id,
        "total": state.counts.total,
        "max_parallel_agents": state.max_parallel_agents,
    }
    if state.spec.forked_from is not None:
        fields["forked_from"] = state.spec.forked_from
    record.emit(events.SWARM_STARTED, fields=fields)
    for task in state.tasks:
        if task.status in TERMINAL:  # taken over from another run
            continue
        record.emit(events.TASK_QUEUED if task.status is TaskStatus.QUEUED else events.TASK_WAITING, task)
    if state.start_at_ms is not None:
        record.pause(PAUSED_UNTIL_START, f"it starts at {events.rfc3339(state.start_at_ms)}")


def resume(
    state: SwarmState,
    now_ms: int,
    out: Step,
    stand_ins: Mapping[str, Sequence[str]] | None = None,
    awaited: Sequence[AwaitedEnded] = (),
    out_there: Mapping[int, Sequence[int]] | None = None,
) -> None:
    """Take over a stored run: what ran is abandoned, back-offs are re-armed, a merge is begun again.

    Args:
        stand_ins: by model those that may have served its tasks in its place.
        out_there: by task its calls that go on without the process that is gone; see ``AwaitCall``.
        awaited: what has ended that its tasks wait for: what lost calls may have cost depends on the outputs they got.
    """
    if state.ended:
        return
    for fact in awaited:
        _awaited_ended(Recorder(state, now_ms, out), fact)
    state.merging = False
    newest_ms = max((max(task.started_at_ms, task.queued_at_ms) for task in state.tasks), default=0)
    set_back_ms = max(newest_ms - now_ms, 0)
    if state.capped:
        spending.reserve_lost(state, stand_ins or {})
    for task in state.tasks:
        calls = out_there.get(task.index) if out_there else None
        if task.status is TaskStatus.RUNNING and calls:
            task.calls = len(calls)
            out.effects += [AwaitCall(task.index, task.attempt, call) for call in calls]
        elif task.status is TaskStatus.RUNNING:
            step(state, AttemptAbandoned(task.index, task.attempt), now_ms, out)
        elif task.status is TaskStatus.RETRYING:
            # A clock that was set back must not strand the task: its back-off moves with the clock, and never waits
            # longer than the longest delay there is.
            at_ms = min(task.not_before_ms - set_back_ms, now_ms + MAX_DELAY_MS)
            out.effects.append(ScheduleRetry(task.index, task.attempt, at_ms))
    _settle(Recorder(state, now_ms, out))


def _awaited_ended(record: Recorder, fact: AwaitedEnded) -> None:
    task = record.state.tasks[fact.index]
    completed = fact.output_bytes is not None
    task.outer_open -= 1
    task.outer_failed |= not completed
    if fact.output_bytes is not None:
        shortened = record.state.spec.context_window is not None
        task.outer_bytes += budget.input_bytes(fact.awaited.task_id, fact.output_bytes, shortened=shortened)
    record.meet_awaited(task, fact.awaited.task_id, TaskStatus.COMPLETED if completed else TaskStatus.FAILED)


def _reroute(record: Recorder, fact: Rerouted) -> None:
    """O(tasks): a breaker that opens or closes is rare. O(1) for probes."""
    state = record.state
    if fact.indices is None:
        state.detours[fact.requested_model] = (fact.lane, fact.model)
    for task in state.tasks if fact.indices is None else [state.tasks[index] for index in fact.indices]:
        own = task.next_model is None and not task.chained
        if task.status is TaskStatus.QUEUED and own and task.requested_model == fact.requested_model:
            before = task.lane
            record.reroute_to(task, fact.lane, fact.model)
            if task.lane != before:  # its entry in the old heap is dropped when it is popped
                state.ready_count[before] -= 1
                state.ready_count[task.lane] = state.ready_count.get(task.lane, 0) + 1
                heappush(state.ready.setdefault(task.lane, []), task.rank())


# --- what clients and the clock ask of the whole run -----------------------------------------------------------------

Steering = (
    ParallelismChanged
    | BudgetChanged
    | MaxStepsChanged
    | PriorityChanged
    | PauseRequested
    | StartDue
    | ResumeRequested
    | AllowanceRaised
    | RetryRequested
    | TaskCancelRequested
    | CancelRequested
    | DeadlinePassed
)


def _steer(record: Recorder, fact: Steering) -> None:
    state = record.state
    match fact:
        case ParallelismChanged():
            _scale(record, fact.max_parallel_agents)
        case BudgetChanged():
            _change_budget(record, fact)
        case MaxStepsChanged():
            state.spec = replace(state.spec, max_steps=fact.max_steps)
        case PriorityChanged():
            state.priority = fact.priority
        case PauseRequested():
            if state.status in AT_WORK:
                record.pause(PAUSED_BY_REQUEST)
            elif state.status is SwarmStatus.PAUSED:
                state.pause_reason = PAUSED_BY_REQUEST
        case StartDue():
            if state.pause_reason == PAUSED_UNTIL_START and record.now_ms >= (state.start_at_ms or 0):
                record.resume(PAUSED_UNTIL_START)
        case ResumeRequested():
            if state.status is SwarmStatus.PAUSED:
                record.resume("request")
        case AllowanceRaised():
            if state.pause_reason in PAUSED_BY_FUNDS:
                record.resume(state.pause_reason)
        case RetryRequested():
            rearm(record, fact)
        case TaskCancelRequested():
            task = state.tasks[fact.index]
            if task.status not in TERMINAL:
                record.cancel(task, TaskError(type="cancelled", message="cancelled by request"))
                record.release(task)
        case CancelRequested():
            record.stop(SwarmStatus.CANCELLED, TaskError(type="cancelled", message=fact.reason))
        case DeadlinePassed():
            record.stop(None, TaskError(type="swarm_timeout", message="the swarm's timeout_s passed"))
        case _:
            assert_never(fact)


def _scale(record: Recorder, max_parallel_agents: int) -> None:
    before = record.state.max_parallel_agents
    if max_parallel_agents != before:
        record.state.max_parallel_agents = max_parallel_agents
        fields = {"max_parallel_agents": max_parallel_agents, "before": before}
        record.emit(events.SWARM_SCALED, fields=fields)


def _change_budget(record: Recorder, fact: BudgetChanged) -> None:
    state = record.state
    state.budget = fact.budget
    if not state.capped:
        state.capped = True
        for index, size in fact.output_bytes.items():
            state.tasks[index].output_bytes = size
        for task in state.tasks:
            for _ in range(task.calls):
                spending.reserve(state, task, spending.worst_case_of(state, task))
    state.blocked = False
    if state.pause_reason == PAUSED_BY_BUDGET:
        record.resume("budget")


# --- the end of a run ------------------------------------------------------------------------------------------------


def _settle(record: Recorder) -> None:
    """End the run, or begin its merge, once nothing is left to do."""
    state = record.state
    if state.status not in AT_WORK and state.status is not SwarmStatus.PAUSED:
        return
    at_work = state.status in AT_WORK
    if at_work and state.running == 0 and state.steps >= state.spec.max_steps and state.open:
        error = TaskError(type="step_limit", message=f"the swarm's max_steps ({state.spec.max_steps}) is used up")
        for task in state.tasks:
            if task.status not in TERMINAL:
                record.skip(task, error)
        state.error = error.message
    if state.open or (state.status is SwarmStatus.PAUSED and state.merging):
        return
    if state.planner is not None and state.planner.status is not TaskStatus.COMPLETED and not state.counts.total:
        record.finish(SwarmStatus.FAILED)
    elif state.spec.aggregates and state.counts.completed:
        if state.status is SwarmStatus.PAUSED and state.spec.aggregate["strategy"] in MODEL:
            return  # merges are calls: none is made until the run goes on
        if state.status is not SwarmStatus.AGGREGATING:
            record.become(SwarmStatus.AGGREGATING)
        state.pause_reason = None
        if not state.merging:
            state.merging = True
            record.out.effects.append(Aggregate())
    else:
        record.finish()


def _aggregated(record: Recorder, fact: AggregateCompleted) -> None:
    state = record.state
    state.merging = False
    if state.status is SwarmStatus.AGGREGATING and not state.open:  # else it knows nothing of what is under way
        record.keep_aggregate(fact.aggregated, fact.aggregation)
        record.emit(events.AGGREGATE_COMPLETED, fields=fact.aggregation)
        record.finish()


def _checkpoint(record: Recorder, fact: CheckpointMade) -> None:
    """Keep what there is so far, unless the run has come to its own merge meanwhile."""
    state = record.state
    if state.status in {SwarmStatus.RUNNING, SwarmStatus.PAUSED}:
        record.keep_aggregate(fact.aggregated, fact.aggregation)
        record.emit(events.CHECKPOINT, fields=dict(fact.aggregation) | {"completed": state.counts.completed})
