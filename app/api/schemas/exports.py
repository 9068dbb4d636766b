"""Rows of exports, as JSON and as CSV.

CSV is RFC 4180 with a header line, UTF-8: a text stands as it is, anything nested as JSON, what is missing is empty.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, Literal

import orjson

from app.api.schemas.tasks import attempt_json, task_json
from app.domain.events import rfc3339
from app.domain.ids import sub_agent_id
from app.domain.intervals import Interval
from app.domain.usage import usd
from app.ports.events import EncodedEvent
from app.ports.store import TaskAttempts, TaskRow

Kind = Literal["tasks", "events", "metrics", "attempts"]
Format = Literal["csv", "json"]

_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens")
COLUMNS: Mapping[Kind, Sequence[str]] = {
    "tasks": (
        *("task_id", "swarm_id", "agent_id", "status", "type", "role", "priority", "complexity", "depends_on"),
        *("attempts", "output", "error_type", "error_message", "latency_ms", "queue_ms", *_TOKENS, "cost_usd"),
        *("model", "requested_model", "score", "started_at", "ended_at"),
    ),
    "attempts": (
        *("task_id", "swarm_id", "agent_id", "kind", "attempt", "status", "started_at", "ended_at", "queue_ms"),
        *("latency_ms", "model", *_TOKENS, "cost_usd", "error_type", "error_message"),
    ),
    "events": ("seq", "ts", "type", "swarm_id", "task_id", "agent_id", "attempt", "data"),
    "metrics": (
        *("from", "elapsed_s", "started", "completed", "failed", "active", "tokens_in", "tokens_out"),
        *("tokens_cached", "cost_usd", "p50_ms", "p95_ms", "p99_ms"),
    ),
}
"""The columns of the CSV, in their order."""


def task_rows(page: Sequence[TaskRow]) -> Iterable[dict[str, Any]]:
    return map(task_json, page)


def attempt_rows(page: Sequence[TaskAttempts]) -> Iterable[dict[str, Any]]:
    for row in page:
        task = row.task
        for attempt in row.attempts:
            yield {
                "task_id": task.task_id,
                "swarm_id": task.swarm_id,
                "agent_id": sub_agent_id(task.swarm_id, task.index),
                "kind": task.kind.value,
                **attempt_json(attempt),
            }


def metric_rows(page: Sequence[Interval], *, from_ms: int) -> Iterable[dict[str, Any]]:
    for row in page:
        yield {
            "from": rfc3339(row.from_ms),
            "elapsed_s": (row.from_ms - from_ms) // 1000,
            "started": row.started,
            "completed": row.completed,
            "failed": row.failed,
            "active": row.active,
            "tokens_in": row.usage.prompt_tokens,
            "tokens_out": row.usage.completion_tokens,
            "tokens_cached": row.usage.cached_tokens,
            "cost_usd": usd(row.cost_nano_usd),
            "p50_ms": row.latency_ms(50),
            "p95_ms": row.latency_ms(95),
            "p99_ms": row.latency_ms(99),
        }


def event_texts(page: Sequence[EncodedEvent]) -> Iterable[bytes]:
    return (event.body.encode() for event in page)


def json_texts(rows: Iterable[Mapping[str, Any]]) -> Iterable[bytes]:
    return map(orjson.dumps, rows)


def csv_line(columns: Sequence[str]) -> str:
    """Return the header line."""
    return _csv([columns])


def csv_text(kind: Kind, texts: Iterable[bytes]) -> str:
    """Return the lines of rows that are JSON texts."""
    flatten = _FLAT.get(kind, dict)
    columns = COLUMNS[kind]
    return _csv([[_cell(row.get(name)) for name in columns] for row in (flatten(orjson.loads(text)) for text in texts)])


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = row.pop("error") or {}
    usage: dict[str, Any] = row.pop("usage")
    return row | usage | {"error_type": error.get("type"), "error_message": error.get("message")}


def _flat_event(event: dict[str, Any]) -> dict[str, Any]:
    row = {name: event.pop(name, None) for name in COLUMNS["events"][:-1]}
    return row | {"data": event}


_FLAT: Mapping[Kind, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "tasks": _flat,
    "attempts": _flat,
    "events": _flat_event,
}


def _cell(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list | bool) else value


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
