"""``/v1/swarms/{id}/artifacts``: named outputs of tasks (contract, section 6)."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from app.api.deps import CallerDep, Limit, ServicesDep, json_response
from app.api.downloads import archive, download
from app.api.errors import responses
from app.api.paths import whole_path
from app.api.schemas.artifacts import ArtifactPage, artifact_json
from app.api.zip_stream import Entry, zip_chunks
from app.domain.errors import InvalidRequest
from app.ports.artifacts import MAX_NAME_CHARS

router = APIRouter(prefix="/v1/swarms/{swarm_id}", tags=["artifacts"], dependencies=[Depends(whole_path)])

TaskId = Annotated[str | None, Query(min_length=1, max_length=256, description="Only what this task saved")]


def _content(*kinds: str) -> dict[int | str, dict[str, object]]:
    schema = {"type": "string", "format": "binary"}
    return {200: {"description": "The content", "content": {kind: {"schema": schema} for kind in kinds}}}


@router.get("/artifacts", operation_id="list_artifacts", response_model=ArtifactPage, responses=responses(404, 422))
async def list_artifacts(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    task_id: TaskId = None,
    limit: Limit = 100,
    cursor: Annotated[
        str | None, Query(max_length=MAX_NAME_CHARS + 20, description="`next_cursor` of the page before")
    ] = None,
    versions: Annotated[
        Literal["newest", "all"], Query(description="`all`: every version of a name, the newest first")
    ] = "newest",
    name: Annotated[
        str | None, Query(min_length=1, max_length=MAX_NAME_CHARS, description="With `versions=all`: only this name")
    ] = None,
) -> Response:
    """List the newest version of every artifact of a run, by name; with `task_id` the newest that this task saved."""
    if name is not None and versions != "all":
        raise InvalidRequest.field("/name", "is taken with versions=all only")
    await services.swarms.get(caller.tenant_id, swarm_id)
    if versions == "all":
        page = await services.artifacts.versions(swarm_id, task_id, name, limit=limit, cursor=cursor)
    else:
        page = await services.artifacts.list(swarm_id, task_id, limit=limit, cursor=cursor)
    return json_response({"items": [artifact_json(row) for row in page.items], "next_cursor": page.next_cursor})


@router.get(
    "/artifacts.zip",
    operation_id="download_artifacts",
    response_class=StreamingResponse,
    responses=responses(404, 422) | _content("application/zip"),
)
async def download_artifacts(
    services: ServicesDep, caller: CallerDep, swarm_id: str, task_id: TaskId = None
) -> Response:
    """Download the newest version of every artifact of a run in one zip archive; names are made safe to unpack.

    Of a name that several tasks saved it holds what each of them saved last, in a folder of the task's id.
    """
    await services.swarms.get(caller.tenant_id, swarm_id)
    blobs = services.artifacts.blobs
    rows = await services.artifacts.of_tasks(swarm_id, task_id)
    savers = Counter(row.name for row in rows)
    entries = [
        Entry(
            name=row.name if savers[row.name] == 1 else f"{row.task_id}/{row.name}",
            chunks=blobs.chunks(row.sha256),
            size_bytes=row.size_bytes,
            at_ms=row.created_at_ms,
        )
        for row in rows
    ]
    return archive(zip_chunks(entries), f"{swarm_id}.zip")


@router.head("/artifacts/{name:path}", include_in_schema=False)
@router.get(
    "/artifacts/{name:path}",
    operation_id="download_artifact",
    response_class=StreamingResponse,
    responses=responses(404, 422) | _content("application/octet-stream", "*/*"),
)
async def download_artifact(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    name: str,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The newest without it")] = None,
    task_id: TaskId = None,
) -> Response:
    """Download one artifact: the newest version, or with `task_id` the newest that this task saved.

    HEAD, one `Range` and `If-None-Match` are taken, too.
    """
    await services.swarms.get(caller.tenant_id, swarm_id)
    row = await services.artifacts.get(swarm_id, name, version, task_id)
    return await download(
        request,
        services.artifacts.blobs,
        row.sha256,
        name=row.name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
    )
