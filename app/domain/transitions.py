"""The only way a run changes state: ``step(state, fact, now_ms, out)``.

``step`` mutates ``state`` and appends to ``out`` what the store must write (changes), what watchers see (events) and
what is to be done once both are committed (effects). A fact about one task costs O(its dependents); nothing rescans the
graph. Facts that come too late (an attempt that was cancelled, a run that ended) change nothing.
"""

from __future__ import annotations

from heapq import heappop
from typing import assert_never

from app.domain import events
from app.domain.facts import (
    Aggregate,
    AggregateCompleted,
    AttemptAbandoned,
    AttemptCompleted,
    AttemptEnded,
    AttemptFailed,
    AttemptStarted,
    AwaitedEnded,
    CancelRequested,
    DeadlinePassed,
    Fact,
    ParallelismChanged,
    RetryDue,
    ScheduleRetry,
    SlotsGranted,
    StartAttempt,
    Step,
    TaskClosed,
    TaskCompleted,
    TaskRetrying,
)
from app.domain.recorder import Recorder
from app.domain.retry import MAX_DELAY_MS, TaskError, back_off_s, may_retry
from app.domain.swarm import SwarmState, SwarmStatus
from app.domain.task import TERMINAL, TaskState, TaskStatus
from app.domain.usage import usd

ABANDONED = TaskError(type="abandoned", message="the service restarted while the attempt ran", retryable=True)


def step(state: SwarmState, fact: Fact, now_ms: int, out: Step) -> None:
    """Apply one fact at Unix time ``now_ms`` (milliseconds) and append the results to ``out``."""
    if state.ended:
        return
    record = Recorder(state, now_ms, out)
    match fact:
        case SlotsGranted():
            _start(record, fact)
        case AttemptCompleted():
            _completed(record, fact)
        case AttemptFailed():
            _failed(record, fact)
        case AttemptAbandoned():
            _abandoned(record, fact)
        case RetryDue():
            task = state.tasks[fact.index]
            if task.status is TaskStatus.RETRYING and task.attempt == fact.attempt:
                record.queue(task)
        case AwaitedEnded():
            status = TaskStatus.COMPLETED if fact.completed else TaskStatus.FAILED
            record.meet_awaited(state.tasks[fact.index], fact.awaited.task_id, status)
        case ParallelismChanged():
            _scale(record, fact.max_parallel_agents)
        case CancelRequested():
            _stop(record, SwarmStatus.CANCELLED, TaskError(type="cancelled", message=fact.reason))
        case DeadlinePassed():
            _stop(record, None, TaskError(type="swarm_timeout", message="the swarm's timeout_s passed"))
        case AggregateCompleted():
            _aggregated(record, fact)
        case _:
            assert_never(fact)
    _settle(record)


def begin(state: SwarmState, now_ms: int, out: Step) -> None:
    """Append the first events of a run that is about to be stored; its tasks are already waiting or queued."""
    record = Recorder(state, now_ms, out)
    fields = {
        "name": state.spec.name,
        "orchestrator_id": state.spec.agent_id,
        "total": len(state.tasks),
        "max_parallel_agents": state.max_parallel_agents,
    }
    record.emit(events.SWARM_STARTED, fields=fields)
    for task in state.tasks:
        record.emit(events.TASK_QUEUED if task.status is TaskStatus.QUEUED else events.TASK_WAITING, task)


def resume(state: SwarmState, now_ms: int, out: Step) -> None:
    """Take over a stored run: what ran is abandoned, back-offs are re-armed, a merge is begun again."""
    if state.status is SwarmStatus.AGGREGATING:
        out.effects.append(Aggregate())
        return
    for task in state.tasks:
        if task.status is TaskStatus.RUNNING:
            step(state, AttemptAbandoned(task.index, task.attempt), now_ms, out)
        elif task.status is TaskStatus.RETRYING:
            # A clock that was set back must not strand the task: never wait longer than the longest delay there is.
            at_ms = min(task.not_before_ms, now_ms + MAX_DELAY_MS)
            out.effects.append(ScheduleRetry(task.index, task.attempt, at_ms))
    _settle(Recorder(state, now_ms, out))


# --- facts about one task --------------------------------------------------------------------------------------------


def _start(record: Recorder, fact: SlotsGranted) -> None:
    state, out, now_ms = record.state, record.out, record.now_ms
    heap = state.ready.get(fact.lane, [])
    for _ in range(min(fact.count, state.startable(fact.lane))):
        task = _pop_ready(state, heap)
        record.move(task, TaskStatus.RUNNING)
        task.attempt += 1
        task.queue_ms = max(now_ms - task.queued_at_ms, 0)
        task.started_at_ms = now_ms
        state.steps += 1
        out.changes.append(AttemptStarted(task.index, task.attempt, now_ms, task.queue_ms))
        if not task.spawned:
            task.spawned = True
            record.emit(events.AGENT_SPAWNED, task, {"queue_ms": task.queue_ms})
        out.effects.append(StartAttempt(task.index, task.attempt))


def _pop_ready(state: SwarmState, heap: list[tuple[int, int, int]]) -> TaskState:
    while True:
        task = state.tasks[heappop(heap)[2]]
        if task.status is TaskStatus.QUEUED:
            return task


def _completed(record: Recorder, fact: AttemptCompleted) -> None:
    task = record.running(fact.index, fact.attempt)
    if task is None:
        return
    record.bill(fact.usage, fact.cost_nano_usd, fact.steps)
    record.state.latencies_ms.append(fact.latency_ms)
    record.out.changes.append(
        TaskCompleted(
            index=task.index,
            attempt=task.attempt,
            output=fact.output,
            ended_at_ms=record.now_ms,
            latency_ms=fact.latency_ms,
            model=fact.model,
            usage=fact.usage,
            cost_nano_usd=fact.cost_nano_usd,
        )
    )
    fields = {
        "latency_ms": fact.latency_ms,
        "queue_ms": task.queue_ms,
        "tokens_in": fact.usage.prompt_tokens,
        "tokens_out": fact.usage.completion_tokens,
        "tokens_cached": fact.usage.cached_tokens,
        "cost_usd": usd(fact.cost_nano_usd),
        "model": fact.model,
    }
    record.emit(events.AGENT_COMPLETED, task, fields)
    record.end(task, TaskStatus.COMPLETED)


def _failed(record: Recorder, fact: AttemptFailed) -> None:
    task = record.running(fact.index, fact.attempt)
    if task is None:
        return
    state, out, error = record.state, record.out, fact.error
    record.bill(fact.usage, fact.cost_nano_usd, fact.steps)
    throttled = error.type == "rate_limit"
    if throttled:
        task.throttles += 1
    else:
        task.failures += 1
    out.changes.append(
        AttemptEnded(
            index=task.index,
            attempt=task.attempt,
            status="failed",
            started_at_ms=task.started_at_ms,
            ended_at_ms=record.now_ms,
            queue_ms=task.queue_ms,
            latency_ms=fact.latency_ms,
            model=fact.model,
            usage=fact.usage,
            cost_nano_usd=fact.cost_nano_usd,
            error=error,
        )
    )
    policy = state.spec.retry
    if may_retry(policy, error, max_retries=task.max_retries, failures=task.failures, throttles=task.throttles):
        nth = task.throttles if throttled else task.failures
        delay_ms = round(back_off_s(policy, nth, fact.jitter_sample, fact.retry_after_s) * 1000)
        task.not_before_ms = record.now_ms + delay_ms
        out.changes.append(
            TaskRetrying(
                index=task.index,
                attempt=task.attempt,
                failures=task.failures,
                not_before_ms=task.not_before_ms,
                error=error,
                usage=fact.usage,
                cost_nano_usd=fact.cost_nano_usd,
            )
        )
        record.move(task, TaskStatus.RETRYING)
        record.agent_retrying(task, error, delay_ms)
        out.effects.append(ScheduleRetry(task.index, task.attempt, task.not_before_ms))
        return
    out.changes.append(
        TaskClosed(
            index=task.index,
            status=TaskStatus.FAILED,
            ended_at_ms=record.now_ms,
            error=error,
            latency_ms=fact.latency_ms,
            failures=task.failures,
            model=fact.model,
            usage=fact.usage,
            cost_nano_usd=fact.cost_nano_usd,
        )
    )
    record.agent_failed(task, error)
    record.end(task, TaskStatus.FAILED)
    if state.spec.on_task_failure == "fail_fast":
        reason = f"task {task.task_id!r} failed and on_task_failure is fail_fast"
        _stop(record, SwarmStatus.FAILED, TaskError(type="fail_fast", message=reason))


def _abandoned(record: Recorder, fact: AttemptAbandoned) -> None:
    task = record.running(fact.index, fact.attempt)
    if task is None:
        return
    ended = AttemptEnded(
        index=task.index,
        attempt=task.attempt,
        status="abandoned",
        started_at_ms=task.started_at_ms,
        ended_at_ms=record.now_ms,
        queue_ms=task.queue_ms,
        error=ABANDONED,
    )
    record.out.changes.append(ended)
    record.agent_retrying(task, ABANDONED, 0)
    record.queue(task)


# --- facts about the whole run ---------------------------------------------------------------------------------------


def _scale(record: Recorder, max_parallel_agents: int) -> None:
    before = record.state.max_parallel_agents
    if max_parallel_agents != before:
        record.state.max_parallel_agents = max_parallel_agents
        fields = {"max_parallel_agents": max_parallel_agents, "before": before}
        record.emit(events.SWARM_SCALED, fields=fields)


def _stop(record: Recorder, status: SwarmStatus | None, error: TaskError) -> None:
    """Cancel every open task; the run ends as ``status``, or by its counts where that is None."""
    state = record.state
    for task in state.tasks:
        if task.status not in TERMINAL:
            record.cancel(task, error)
    state.error = error.message
    _finish(record, status or _outcome(state))


def _settle(record: Recorder) -> None:
    """End the run, or begin its merge, once nothing is left to do."""
    state = record.state
    if state.status is not SwarmStatus.RUNNING:
        return
    counts = state.counts
    if counts.running == 0 and state.steps >= state.spec.max_steps and counts.open:
        error = TaskError(type="step_limit", message=f"the swarm's max_steps ({state.spec.max_steps}) is used up")
        for task in state.tasks:
            if task.status not in TERMINAL:
                record.skip(task, error)
        state.error = error.message
    if counts.open:
        return
    if state.spec.aggregates and counts.completed:
        record.become(SwarmStatus.AGGREGATING)
        record.out.effects.append(Aggregate())
        return
    _finish(record, _outcome(state))


def _aggregated(record: Recorder, fact: AggregateCompleted) -> None:
    state = record.state
    if state.status is SwarmStatus.AGGREGATING:
        state.aggregated = fact.aggregated
        state.aggregation = fact.aggregation
        record.emit(events.AGGREGATE_COMPLETED, fields=fact.aggregation)
        _finish(record, _outcome(state))


def _outcome(state: SwarmState) -> SwarmStatus:
    counts = state.counts
    if counts.completed == counts.total:
        return SwarmStatus.COMPLETED
    if not counts.completed or counts.completed / counts.total < state.spec.min_success_rate:
        return SwarmStatus.FAILED
    return SwarmStatus.PARTIAL


def _finish(record: Recorder, status: SwarmStatus) -> None:
    state = record.state
    record.become(status)
    state.ended_at_ms = record.now_ms
    if state.error is None and status is SwarmStatus.FAILED:
        state.error = f"{state.counts.completed} of {state.counts.total} tasks completed"
    fields = {
        "status": status.value,
        "error": state.error,
        "counts": state.counts.as_dict(),
        "cost_usd": usd(state.cost_nano_usd),
        "steps": state.steps,
        "elapsed_s": max(record.now_ms - state.created_at_ms, 0) / 1000,
    }
    record.emit(events.SWARM_COMPLETED, fields=fields)
