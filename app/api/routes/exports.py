"""``/v1/swarms/{id}/export``: everything of a run as one file, streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from app.api.deps import CallerDep, Services, ServicesDep
from app.api.downloads import disposition
from app.api.errors import responses
from app.api.schemas.exports import (
    COLUMNS,
    Format,
    Kind,
    attempt_rows,
    csv_line,
    csv_text,
    event_texts,
    json_texts,
    metric_rows,
    task_rows,
)
from app.ports.store import SwarmRow

router = APIRouter(prefix="/v1/swarms/{swarm_id}", tags=["swarms"])

Texts = AsyncGenerator[Iterable[bytes], None]
"""Pages of rows, each a JSON text."""

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
        },
    }
}


@router.get(
    "/export",
    operation_id="export_swarm",
    response_class=StreamingResponse,
    responses=responses(404, 422) | _FILE,
)
async def export_swarm(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    kind: Annotated[Kind, Query(description="What its rows are")] = "tasks",
    as_format: Annotated[Format, Query(alias="format")] = "csv",
    interval_s: Annotated[int, Query(ge=1, le=86_400, description="Of a row of metrics")] = 1,
) -> Response:
    """Export a run as one file: all tasks with their outputs, all attempts with what they cost (planners' and merges',
    too), all events, or what was done second by second. Of a run that goes on, what there is by then.
    """
    swarm = await services.swarms.get(caller.tenant_id, swarm_id)
    pages = _pages(services, swarm, kind, interval_s)
    first = await anext(pages, ())  # what is wrong is said before anything is sent
    headers = {
        "Content-Disposition": disposition(f"{swarm_id}-{kind}.{as_format}"),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    encode = _csv if as_format == "csv" else _json
    return StreamingResponse(encode(kind, first, pages), headers=headers, media_type=_MEDIA_TYPES[as_format])


async def _pages(services: Services, swarm: SwarmRow, kind: Kind, interval_s: int) -> Texts:
    exports = services.exports
    if kind == "events":
        async for events in exports.events(swarm):
            yield event_texts(events)
    elif kind == "metrics":
        async for intervals in exports.metrics(swarm, interval_s):
            yield json_texts(metric_rows(intervals, from_ms=swarm.created_at_ms))
    elif kind == "attempts":
        async for attempts in exports.attempts(swarm):
            yield json_texts(attempt_rows(attempts))
    else:
        async for tasks in exports.tasks(swarm):
            yield json_texts(task_rows(tasks))


async def _csv(kind: Kind, first: Iterable[bytes], further: Texts) -> AsyncIterator[str]:
    yield csv_line(COLUMNS[kind])
    async for page in _each(first, further):
        yield csv_text(kind, page)


async def _json(_: Kind, first: Iterable[bytes], further: Texts) -> AsyncIterator[bytes]:
    """One array, a row a line."""
    before = b"[\n"
    async for page in _each(first, further):
        if text := b",\n".join(page):
            yield before + text
            before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


async def _each(first: Iterable[bytes], further: Texts) -> AsyncIterator[Iterable[bytes]]:
    async with aclosing(further):
        yield first
        async for page in further:
            yield page
