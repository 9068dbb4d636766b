"""Steps of one task: its attempts start, complete, fail, are abandoned (see ``transitions.step``)."""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush

from app.domain import events, progress, spending
from app.domain.budget import FAIL
from app.domain.changes import (
    AttemptStarted,
    CallStarted,
    ScheduleRetry,
    StartAttempt,
    StartHedge,
    StopAttempt,
    TaskClosed,
    TaskCompleted,
    TaskGoesOn,
    TaskRetrying,
)
from app.domain.facts import (
    AttemptAbandoned,
    AttemptCompleted,
    AttemptFailed,
    HedgeDropped,
    HedgeDue,
    SlotsGranted,
    StepTaken,
)
from app.domain.growth import grow
from app.domain.journal import TOOLS
from app.domain.recorder import Recorder
from app.domain.rerouting import give_to_next
from app.domain.retry import TaskError, back_off_s, may_retry
from app.domain.spending import Refusal
from app.domain.swarm import AT_WORK, PAUSED_BY_BUDGET, PAUSED_BY_FUNDS, SwarmState, SwarmStatus
from app.domain.task import TaskKind, TaskState, TaskStatus
from app.domain.usage import Usage, usd

ABANDONED = TaskError(type="abandoned", message="the service restarted while the attempt ran", retryable=True)


def start(record: Recorder, fact: SlotsGranted) -> Refusal | None:
    """Start ready tasks of a lane; return why the next one may not start at all, where money or tokens forbid it."""
    state, out, now_ms = record.state, record.out, record.now_ms
    heap = state.ready.get(fact.lane, [])
    allowance = fact.allowance_nano_usd
    left = min(fact.count, state.startable(fact.lane))
    while left and state.ready_count[fact.lane]:
        task = _pop_ready(state, heap, fact.lane)
        if state.capped:
            case = spending.worst_case_of(state, task)
            error = spending.over_token_budget(state, task, case)
            if error is not None:
                record.skip(task, error)
                record.release(task)
                continue
            refused = spending.refusal(state, task, case, allowance, fact.payer)
            if refused is not None:
                heappush(heap, task.rank())
                if fact.asks and refused.reason in PAUSED_BY_FUNDS and refused.needed_nano_usd < spending.ANYTHING:
                    state.needed_nano_usd = refused.needed_nano_usd
                    return None
                if state.running:
                    state.blocked = True  # what is in flight may turn out cheaper than its worst case
                    return None
                return refused
            spending.reserve(state, task, case)
            allowance = None if allowance is None else allowance - case.cost_nano_usd
        left -= 1
        record.move(task, TaskStatus.RUNNING)
        task.calls = 1
        task.half_failed = None
        if task.next_model != TOOLS:
            state.steps += 1
        if task.going_on:
            task.going_on = False
            out.changes.append(CallStarted(task.index, task.attempt))
        else:
            task.attempt += 1
            task.queue_ms = max(now_ms - task.queued_at_ms, 0)
            task.started_at_ms = now_ms
            task.lost_nano_usd = 0
            task.busy_ms, task.busy_usage, task.busy_nano_usd = 0.0, Usage(), 0
            out.changes.append(AttemptStarted(task.index, task.attempt, now_ms, task.queue_ms))
        if not task.spawned:
            task.spawned = True
            record.emit(events.AGENT_SPAWNED, task, {"queue_ms": task.queue_ms})
        out.effects.append(StartAttempt(task.index, task.attempt))
    return None


def refuse(record: Recorder, refused: Refusal) -> TaskError | None:
    """Pause the run; return the error it ends with instead, where its budget says so."""
    state = record.state
    if refused.reason == PAUSED_BY_BUDGET and state.budget is not None and state.budget.on_exceeded == FAIL:
        return TaskError(type=spending.BUDGET_EXCEEDED, message=refused.detail)
    state.needed_nano_usd = refused.needed_nano_usd
    record.pause(refused.reason, refused.detail)
    return None


def _pop_ready(state: SwarmState, heap: list[tuple[int, int, int]], lane: str) -> TaskState:
    while True:
        task = state.tasks[heappop(heap)[2]]
        if task.status is TaskStatus.QUEUED and task.lane == lane:
            return task


def complete(record: Recorder, fact: AttemptCompleted) -> None:
    task = record.running(fact.index, fact.attempt, fact.step)
    if task is None:
        return
    state = record.state
    lost_nano_usd = settle_answer(record, task, fact)
    if state.capped:
        task.output_bytes = len(fact.output.encode())
    usage, cost_nano_usd = with_other_call(task, fact)
    latency_ms = fact.latency_ms + task.busy_ms
    if task.kind is TaskKind.TASK:
        state.latencies_ms.append(latency_ms)
    if fact.record is not None:
        record.journal(task, fact.record, fact.model, fact.latency_ms)
    if fact.tasks:
        grow(record, fact.tasks)
    record.out.changes.append(
        TaskCompleted(
            index=task.index,
            attempt=task.attempt,
            output=fact.output,
            ended_at_ms=record.now_ms,
            latency_ms=latency_ms,
            score=fact.score,
            answered_by=fact.answered_by,
            model=fact.model,
            usage=usage,
            cost_nano_usd=cost_nano_usd,
            unsettled_nano_usd=lost_nano_usd,
        )
    )
    if task.busy_ms:  # to watchers it is one agent, of however many calls
        usage, cost_nano_usd = usage + task.busy_usage, _sum(cost_nano_usd, task.busy_nano_usd)
    fields = {
        "latency_ms": latency_ms,
        "queue_ms": task.queue_ms,
        "tokens_in": usage.prompt_tokens,
        "tokens_out": usage.completion_tokens,
        "tokens_cached": usage.cached_tokens,
        "cost_usd": usd(cost_nano_usd),
        "model": fact.answered_by or fact.model,
    }
    if fact.score is not None:
        fields["score"] = fact.score
    record.emit(events.AGENT_COMPLETED, task, fields)
    record.end(task, TaskStatus.COMPLETED)
    progress.note(record, task, fact)


def take_step(record: Recorder, fact: StepTaken) -> None:
    """Journal a call that is not the attempt's last; the next one wants a slot, or waits for the work it gave out."""
    task = record.running(fact.index, fact.attempt, fact.step)
    if task is None:
        return
    lost_nano_usd = settle_answer(record, task, fact)
    usage, cost_nano_usd = with_other_call(task, fact)
    task.lost_nano_usd = 0
    bill = (usage, cost_nano_usd, lost_nano_usd) if fact.steps else None
    record.journal(task, fact.record, fact.model, fact.latency_ms, bill)
    task.busy_ms += fact.latency_ms
    if fact.steps:  # tools use no tokens, and no price of theirs is unknown
        task.busy_usage += usage
        task.busy_nano_usd = _sum(task.busy_nano_usd, cost_nano_usd)
    task.next_model = fact.next_model
    task.going_on = True
    fields = {
        "kind": fact.kind,
        "nth": task.step,
        "latency_ms": fact.latency_ms,
        "tokens_in": usage.prompt_tokens,
        "tokens_out": usage.completion_tokens,
        "cost_usd": usd(cost_nano_usd) if fact.steps else 0.0,
        "model": fact.model,
    }
    if fact.tools:
        fields["tools"] = list(fact.tools)
    record.emit(events.AGENT_STEP, task, fields)
    depends_on = None
    if fact.tasks:
        record.move(task, TaskStatus.WAITING)
        grow(record, fact.tasks, waiting=task)
        depends_on = tuple(record.state.tasks[index].task_id for index in record.state.graph.dependencies[task.index])
    else:
        record.ready(task)
    record.out.changes.append(
        TaskGoesOn(
            index=task.index,
            attempt=task.attempt,
            status=task.status,
            queued_at_ms=task.queued_at_ms,
            usage=usage,
            cost_nano_usd=cost_nano_usd,
            depends_on=depends_on,
        )
    )


def settle_answer(record: Recorder, task: TaskState, fact: AttemptCompleted | StepTaken) -> int:
    """Bill a call that was answered; return what stays on the account of the attempt's calls."""
    record.bill(fact.usage, fact.cost_nano_usd, fact.steps or 1)
    if task.calls > 1:
        record.out.effects.append(StopAttempt(task.index, task.attempt))  # the slower one of a hedged pair
    task.lost_nano_usd += _settle(record, task, fact)
    return spending.write_off(record.state, task)


def fail(record: Recorder, fact: AttemptFailed) -> None:
    """End an attempt without an output: the task is tried again, or closed."""
    task = record.running(fact.index, fact.attempt, fact.step)
    if task is None:
        return
    record.bill(fact.usage, fact.cost_nano_usd, fact.steps if task.next_model != TOOLS else 1)  # none was counted
    task.lost_nano_usd += _settle(record, task, fact)
    if task.calls:  # the other call of a hedged pair may still answer
        task.half_failed = fact
        return
    usage, cost_nano_usd = with_other_call(task, fact)
    _failed(record, task, replace(fact, usage=usage, cost_nano_usd=cost_nano_usd))


def _settle(record: Recorder, task: TaskState, fact: AttemptCompleted | AttemptFailed | StepTaken) -> int:
    tokens, cost_nano_usd = fact.usage.total_tokens, fact.cost_nano_usd or 0
    return spending.settle(record.state, task, tokens, cost_nano_usd, settled=fact.settled)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def with_other_call(task: TaskState, fact: AttemptCompleted | AttemptFailed | StepTaken) -> tuple[Usage, int | None]:
    """Return what the attempt used: this call, and the one of a hedged pair that failed before it."""
    other = task.half_failed
    if other is None:
        return fact.usage, fact.cost_nano_usd
    costs = [cost for cost in (fact.cost_nano_usd, other.cost_nano_usd) if cost is not None]
    return fact.usage + other.usage, sum(costs) if costs else None


def _failed(record: Recorder, task: TaskState, fact: AttemptFailed) -> None:
    """Close the attempt, of which no call is left; ``fact`` holds what all of its calls used."""
    state, out, error = record.state, record.out, fact.error
    if error.type == "rate_limit":
        task.throttles += 1
    elif not fact.excused:
        task.failures += 1
    record.attempt_ended(
        task,
        "failed",
        error,
        usage=fact.usage,
        cost_nano_usd=fact.cost_nano_usd,
        unsettled_nano_usd=task.lost_nano_usd,
        latency_ms=fact.latency_ms + task.busy_ms,
        model=fact.model,
    )
    if fact.record is not None:
        record.journal(task, fact.record, fact.model, fact.latency_ms)
        task.next_model = None  # a new answer is asked for: of the task's own model
    policy = state.spec.retry
    again = fact.excused and error.retryable
    if again or may_retry(
        policy, error, max_retries=task.max_retries, failures=task.failures, throttles=task.throttles
    ):
        # An excused one waits for the breaker, which has a back-off of its own.
        nth = task.throttles if error.type == "rate_limit" else 1 if fact.excused else task.failures
        delay_ms = round(back_off_s(policy, nth, fact.jitter_sample, fact.retry_after_s) * 1000)
        _retry(record, task, fact, delay_ms)
        return
    out.changes.append(
        TaskClosed(
            index=task.index,
            status=TaskStatus.FAILED,
            ended_at_ms=record.now_ms,
            error=error,
            latency_ms=fact.latency_ms + task.busy_ms,
            failures=task.failures,
            model=fact.model,
            usage=fact.usage,
            cost_nano_usd=fact.cost_nano_usd,
        )
    )
    record.agent_failed(task, error)
    record.end(task, TaskStatus.FAILED)
    if task.kind is TaskKind.PLANNER:
        state.error = f"the planner failed: {error.message}"
    if state.spec.on_task_failure == "fail_fast" and task.kind is TaskKind.TASK:
        reason = f"task {task.task_id!r} failed and on_task_failure is fail_fast"
        record.stop(SwarmStatus.FAILED, TaskError(type="fail_fast", message=reason))


def _retry(record: Recorder, task: TaskState, fact: AttemptFailed, delay_ms: int) -> None:
    task.not_before_ms = record.now_ms + delay_ms
    record.out.changes.append(
        TaskRetrying(
            index=task.index,
            attempt=task.attempt,
            failures=task.failures,
            not_before_ms=task.not_before_ms,
            error=fact.error,
            usage=fact.usage,
            cost_nano_usd=fact.cost_nano_usd,
        )
    )
    record.move(task, TaskStatus.RETRYING)
    record.agent_retrying(task, fact.error, delay_ms)
    if fact.error.type != "rate_limit":
        give_to_next(record, task)
    record.out.effects.append(ScheduleRetry(task.index, task.attempt, task.not_before_ms))


def abandon(record: Recorder, fact: AttemptAbandoned) -> None:
    """The attempt was lost with its process: nobody knows its bill, and the task is queued again."""
    task = record.running(fact.index, fact.attempt)
    if task is None:
        return
    record.give_up(task, "abandoned", ABANDONED)
    record.agent_retrying(task, ABANDONED, 0)
    record.queue(task)


def hedge(record: Recorder, fact: HedgeDue) -> None:
    """Make a second call for a straggler; not where steps, money or tokens forbid it: it is worth no pause."""
    state = record.state
    task = record.running(fact.index, fact.attempt)
    if task is None or task.calls != 1 or state.status not in AT_WORK or task.next_model == TOOLS:
        return
    if state.steps >= state.spec.max_steps:
        return
    if state.capped:
        case = spending.worst_case_of(state, task)
        if spending.over_token_budget(state, task, case) or spending.refusal(
            state, task, case, fact.allowance_nano_usd
        ):
            return
        spending.reserve(state, task, case)
    task.calls = 2
    state.steps += 1
    record.emit(events.AGENT_HEDGED, task)
    record.out.effects.append(StartHedge(task.index, task.attempt))


def drop_hedge(record: Recorder, fact: HedgeDropped) -> None:
    """Take back a second call that was never made; where the first one failed meanwhile, the attempt has failed."""
    task = record.running(fact.index, fact.attempt)
    if task is None or (task.calls < 2 and task.half_failed is None):
        return  # it was of a call before this one, which is settled
    spending.settle(record.state, task, 0, 0, settled=True)
    record.state.steps -= 1
    if not task.calls and task.half_failed is not None:
        _failed(record, task, task.half_failed)
