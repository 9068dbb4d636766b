"""Rows to domain values and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import starmap
from typing import Any

import orjson
from sqlalchemy import null

from app.domain.budget import Budget
from app.domain.retry import RetryPolicy, TaskError
from app.domain.swarm import Counts, SwarmSpec, SwarmStatus
from app.domain.task import Awaited, TaskKind, TaskSpec, TaskStatus
from app.domain.usage import Usage
from app.ports.store import AttemptRow, StepRow, SwarmRow, TaskRow
from app.storage.tables import SWARMS, TASKS


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def loads(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def dump_spec(spec: SwarmSpec) -> str:
    return dumps(asdict(spec))


def load_spec(text: str) -> SwarmSpec:
    fields = orjson.loads(text)
    fields["retry"] = RetryPolicy(**fields["retry"])
    for name in ("models", "tools", "webhook_events"):
        fields[name] = tuple(fields.get(name, ()))
    if fields.get("budget") is not None:
        fields["budget"] = Budget(**fields["budget"])
    return SwarmSpec(**fields)


def dump_budget(budget: Budget | None) -> str | None:
    return None if budget is None else dumps(asdict(budget))


def load_budget(text: str | None) -> Budget | None:
    return None if text is None else Budget(**orjson.loads(text))


def dump_counts(counts: Counts) -> str:
    return dumps(counts.as_dict())


def load_counts(text: str) -> Counts:
    fields = orjson.loads(text)
    fields.pop("total")
    return Counts(**fields)


def dump_error(error: TaskError | None) -> str | None:
    if error is None:
        return None
    return dumps({"type": error.type, "message": error.message, "retryable": error.retryable})


def usage_of(row: Any) -> Usage:
    return Usage(
        prompt_tokens=row.prompt_tokens, completion_tokens=row.completion_tokens, cached_tokens=row.cached_tokens
    )


SWARM_COLUMNS = tuple(column for column in SWARMS.columns if column.name != "spec")
"""All but the prompts."""


def swarm_row(row: Any) -> SwarmRow:
    return SwarmRow(
        swarm_id=row.id,
        tenant_id=row.tenant_id,
        agent_id=row.agent_id,
        name=row.name,
        status=SwarmStatus(row.status),
        kind=row.kind,
        metadata=orjson.loads(row.labels),
        created_at_ms=row.created_at_ms,
        started_at_ms=row.started_at_ms,
        ended_at_ms=row.ended_at_ms,
        max_parallel_agents=row.max_parallel_agents,
        counts=load_counts(row.counts),
        usage=usage_of(row),
        cost_nano_usd=row.cost_nano_usd,
        steps=row.steps,
        last_seq=row.last_seq,
        error=row.error,
        aggregated=loads(row.aggregated),
        aggregation=loads(row.aggregation),
        key_id=row.key_id,
        priority=row.priority,
        budget=load_budget(row.budget),
        pause_reason=row.pause_reason,
        start_at_ms=row.start_at_ms,
        unsettled_nano_usd=row.unsettled_nano_usd,
        unsettled_tokens=row.unsettled_tokens,
    )


TASK_COLUMNS = TASKS.c[
    "swarm_id",
    "ix",
    "task_id",
    "status",
    "type",
    "role",
    "priority",
    "complexity",
    "depends_on",
    "attempt",
    "output",
    "error",
    "latency_ms",
    "queue_ms",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cost_nano_usd",
    "model",
    "requested_model",
    "started_at_ms",
    "ended_at_ms",
    "weight",
    "score",
    "kind",
]
"""What ``task_row`` takes, in this order: unpacking costs a fifth of looking each column up by its name."""

WITHOUT_OUTPUT = [null().label(column.name) if column.name == "output" else column for column in TASK_COLUMNS]

_STATUSES = {status.value: status for status in TaskStatus}
_KINDS = {kind.value: kind for kind in TaskKind}
_NO_NAMES: tuple[str, ...] = ()


def task_row(row: Any, payload: str | None = None) -> TaskRow:
    (
        swarm_id,
        index,
        task_id,
        status,
        kind,
        role,
        priority,
        complexity,
        depends_on,
        attempts,
        output,
        error,
        latency_ms,
        queue_ms,
        prompt_tokens,
        completion_tokens,
        cached_tokens,
        cost_nano_usd,
        model,
        requested_model,
        started_at_ms,
        ended_at_ms,
        weight,
        score,
        task_kind,
    ) = row
    return TaskRow(
        swarm_id,
        index,
        task_id,
        _STATUSES[status],
        kind,
        role,
        priority,
        complexity,
        _NO_NAMES if depends_on == "[]" else orjson.loads(depends_on),
        attempts,
        output,
        None if error is None else orjson.loads(error),
        latency_ms,
        queue_ms,
        Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cached_tokens=cached_tokens),
        cost_nano_usd,
        model,
        requested_model,
        started_at_ms,
        ended_at_ms,
        weight,
        score,
        _KINDS[task_kind],
        {} if payload is None else orjson.loads(payload),
    )


def attempt_row(row: Any) -> AttemptRow:
    return AttemptRow(
        attempt=row.attempt,
        status=row.status,
        started_at_ms=row.started_at_ms,
        ended_at_ms=row.ended_at_ms,
        queue_ms=row.queue_ms,
        latency_ms=row.latency_ms,
        model=row.model,
        usage=usage_of(row),
        cost_nano_usd=row.cost_nano_usd,
        error=loads(row.error),
    )


def new_task(
    swarm_id: str,
    index: int,
    spec: TaskSpec,
    lane: str,
    requested_model: str | None,
    status: TaskStatus,
    queued_at_ms: int,
) -> tuple[Any, ...]:
    """Return the row of ``INSERT_TASK``, in the order of ``NEW_TASK_KEYS``."""
    return (
        swarm_id,
        index,
        spec.task_id,
        spec.kind,
        None if spec.weight == 1 else spec.weight,
        spec.type,
        spec.role,
        spec.priority,
        spec.complexity,
        lane,
        requested_model,
        spec.timeout_s,
        spec.max_retries,
        dumps(spec.depends_on) if spec.depends_on else "[]",
        _awaits(spec),
        spec.allow_failed_dependencies,
        status,
        queued_at_ms,
    )


def _awaits(spec: TaskSpec) -> str | None:
    if not spec.awaits:
        return None
    return dumps([[entry.position, entry.task_id, entry.swarm_id, entry.index] for entry in spec.awaits])


def load_awaits(text: str | None) -> tuple[Awaited, ...]:
    return () if text is None else tuple(starmap(Awaited, orjson.loads(text)))


def step_row(row: Any) -> StepRow:
    return StepRow(
        step=row.step,
        attempt=row.attempt,
        record=orjson.loads(row.record),
        model=row.model,
        latency_ms=row.latency_ms,
        at_ms=row.at_ms,
        usage=usage_of(row),
        cost_nano_usd=row.cost_nano_usd,
    )


def with_steps(attempt: AttemptRow, usage: Usage, cost_nano_usd: int | None) -> AttemptRow:
    """Return an attempt with what the calls before its last one used."""
    costs = [cost for cost in (attempt.cost_nano_usd, cost_nano_usd) if cost is not None]
    return replace(attempt, usage=attempt.usage + usage, cost_nano_usd=sum(costs) if costs else None)


def newest_attempt(task: TaskRow, started_at_ms: int | None, before: Sequence[AttemptRow]) -> list[AttemptRow]:
    """Return the running or completed attempt, which the task's own row tells; none where the last one failed.

    Its tokens and cost are the task's less those of the attempts ``before`` it.
    """
    if task.status not in {TaskStatus.RUNNING, TaskStatus.COMPLETED} or started_at_ms is None:
        return []
    usage = task.usage
    cost_nano_usd = task.cost_nano_usd
    for attempt in before:
        usage -= attempt.usage
        if cost_nano_usd is not None:
            cost_nano_usd -= attempt.cost_nano_usd or 0
    return [
        AttemptRow(
            attempt=task.attempts,
            status=task.status.value,
            started_at_ms=started_at_ms,
            ended_at_ms=task.ended_at_ms,
            queue_ms=task.queue_ms or 0,
            latency_ms=task.latency_ms,
            model=task.model,
            usage=usage,
            cost_nano_usd=cost_nano_usd,
            error=None,
        )
    ]
