"""What a turn of a runner changed (``domain.changes``), as writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.domain.changes import (
    AggregateChanged,
    AttemptEnded,
    AttemptStarted,
    CallStarted,
    Change,
    StepRecorded,
    TaskAdded,
    TaskClosed,
    TaskCompleted,
    TaskGoesOn,
    TaskQueued,
    TaskRearmed,
    TaskRetrying,
)
from app.domain.events import rfc3339
from app.domain.swarm import SwarmState
from app.ports.runs import Commit
from app.storage import statements as sql
from app.storage.dialect import Op, Statement
from app.storage.mapping import dump_error, dumps, new_task

Row = dict[str, Any]


def usage_ops(state: SwarmState, commit: Commit) -> list[Op]:
    """Sum up what the ended attempts used, by model, into the day's row of the key that started the run."""
    sums: dict[str, list[int]] = {}
    for change in commit.changes:
        if isinstance(change, TaskCompleted | AttemptEnded) or (type(change) is StepRecorded and change.billed):
            row = sums.get(change.model or "")
            if row is None:
                row = sums[change.model or ""] = [0] * len(sql.USAGE_SUMS)
            usage, cost = change.usage, change.cost_nano_usd
            calls = change.calls if isinstance(change, AttemptEnded) else 1
            row[0] += calls
            row[1] += usage.prompt_tokens
            row[2] += usage.completion_tokens
            row[3] += usage.cached_tokens
            row[4] += cost or 0
            row[5] += calls if cost is None else 0
            row[6] += change.unsettled_nano_usd
    if not sums:
        return []
    key = {"tenant_id": state.tenant_id, "day": rfc3339(commit.at_ms)[:10], "key_id": state.key_id or ""}
    rows = [key | {"model": model} | dict(zip(sql.USAGE_SUMS, row, strict=True)) for model, row in sums.items()]
    return [Op(sql.ADD_USAGE, [sql.ADD_USAGE.row(row) for row in rows])]


def _rearm_task(change: TaskRearmed) -> Row:
    return {"status": change.status.value, "queued_at_ms": change.queued_at_ms}


def _bill(change: TaskCompleted | TaskRetrying | TaskClosed | AttemptEnded | StepRecorded | TaskGoesOn) -> Row:
    usage = change.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "cost_nano_usd": change.cost_nano_usd,
    }


def _error(change: TaskRetrying | TaskClosed) -> Row:
    return {"error": dump_error(change.error), "error_type": change.error.type}


def _queue_task(change: TaskQueued) -> Row:
    return {"queued_at_ms": change.queued_at_ms}


def _start(change: AttemptStarted) -> Row:
    return {"attempt": change.attempt, "started_at_ms": change.started_at_ms, "queue_ms": change.queue_ms}


def _end_attempt(change: AttemptEnded) -> Row:
    return {
        "attempt": change.attempt,
        "status": change.status,
        "started_at_ms": change.started_at_ms,
        "ended_at_ms": change.ended_at_ms,
        "queue_ms": change.queue_ms,
        "latency_ms": change.latency_ms,
        "model": change.model,
        "error": dump_error(change.error),
        **_bill(change),
    }


def _complete_task(change: TaskCompleted) -> Row:
    return {
        "attempt": change.attempt,
        "output": change.output,
        "ended_at_ms": change.ended_at_ms,
        "latency_ms": change.latency_ms,
        "model": change.answered_by or change.model,
        "score": change.score,
        **_bill(change),
    }


def _retry_task(change: TaskRetrying) -> Row:
    return {
        "attempt": change.attempt,
        "failures": change.failures,
        "not_before_ms": change.not_before_ms,
        **_error(change),
        **_bill(change),
    }


def _close_task(change: TaskClosed) -> Row:
    return {
        "status": change.status.value,
        "failures": change.failures,
        "ended_at_ms": change.ended_at_ms,
        "latency_ms": change.latency_ms,
        "model": change.model,
        **_error(change),
        **_bill(change),
    }


def _step(change: StepRecorded) -> Row:
    return {
        "step": change.step,
        "attempt": change.attempt,
        "record": change.record,
        "model": change.model,
        "latency_ms": change.latency_ms,
        "at_ms": change.at_ms,
        **_bill(change),
    }


def _go_on(change: TaskGoesOn) -> Row:
    return {
        "attempt": change.attempt,
        "status": change.status.value,
        "queued_at_ms": change.queued_at_ms,
        "depends_on": None if change.depends_on is None else dumps(change.depends_on),
        **_bill(change),
    }


def _start_call(change: CallStarted) -> Row:
    return {"attempt": change.attempt}


_WRITES: tuple[tuple[type[Change], Statement, Callable[[Any], Row]], ...] = (
    (TaskRearmed, sql.REARM_TASK, _rearm_task),
    (AttemptEnded, sql.INSERT_ATTEMPT, _end_attempt),
    (StepRecorded, sql.INSERT_STEP, _step),
    (TaskCompleted, sql.COMPLETE_TASK, _complete_task),
    (TaskRetrying, sql.RETRY_TASK, _retry_task),
    (TaskGoesOn, sql.GO_ON, _go_on),
    (TaskQueued, sql.QUEUE_TASK, _queue_task),
    (AttemptStarted, sql.START_TASK, _start),
    (CallStarted, sql.START_CALL, _start_call),
    (TaskClosed, sql.CLOSE_TASK, _close_task),
)
"""Statement per kind of change, in an order that is true for every turn of a runner: a retry is the last command that
a turn carries out, of tasks that had ended before it; what ended makes room for what starts (the runner steps
``SlotsGranted`` last), and nothing follows the close of a task. New tasks are inserted before all of them."""


def _added_ops(swarm_id: str, added: Sequence[TaskAdded]) -> list[Op]:
    tasks = [
        new_task(swarm_id, one.index, one.new.spec, one.new.lane, one.new.requested_model, one.status, one.queued_at_ms)
        for one in added
    ]
    inputs = [(swarm_id, one.index, one.new.spec.payload) for one in added]
    return [Op(sql.INSERT_TASK, tasks), Op(sql.INSERT_INPUT, inputs)]


def _aggregate_op(state: SwarmState) -> Op:
    row = {
        "swarm_id": state.swarm_id,
        "aggregated": None if state.aggregated is None else dumps(state.aggregated),
        "aggregation": None if state.aggregation is None else dumps(state.aggregation),
    }
    return Op(sql.SAVE_AGGREGATE, [sql.SAVE_AGGREGATE.row(row)])


def change_ops(state: SwarmState, changes: Sequence[Change]) -> list[Op]:
    by_kind: dict[type[Change], list[Any]] = {}
    for change in changes:
        by_kind.setdefault(type(change), []).append(change)
    swarm_id = state.swarm_id
    added = by_kind.get(TaskAdded, [])
    ops = _added_ops(swarm_id, added) if added else []
    if AggregateChanged in by_kind:
        ops.append(_aggregate_op(state))
    for kind, statement, values in _WRITES:
        found = by_kind.get(kind)
        if found:
            rows = [statement.row({"swarm_id": swarm_id, "ix": change.index} | values(change)) for change in found]
            ops.append(Op(statement, rows, expect=len(rows)))
    return ops
