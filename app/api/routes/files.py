"""``/v1/files``: files that clients upload, for sub-agents to read (contract, section 6)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect

from app.api.deps import CallerDep, Limit, ServicesDep, id_cursor, json_response
from app.api.downloads import download
from app.api.errors import problem, responses
from app.api.idempotency import REPLAYED, Key
from app.api.schemas.files import FileOut, FilePage, file_json
from app.api.schemas.names import NO_CONTROL
from app.api.uploading import upload_of
from app.domain.errors import IdempotencyConflict, InvalidRequest
from app.ports.blobs import ContentTooLarge
from app.ports.files import FILE_PREFIX, MAX_NAME_CHARS, UploadsFull

PATH = "/v1/files"

router = APIRouter(prefix=PATH, tags=["files"])

FileCursor = Annotated[str | None, id_cursor(FILE_PREFIX)]

_FORM_OVERHEAD_BYTES = 128 * 1024
_BINARY = {"type": "string", "format": "binary"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "description": "Nothing at all is an empty file",
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY}}
            },
            "application/octet-stream": {"schema": _BINARY},
        },
    }
}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The content, with the media type that it was uploaded with",
        "content": {"application/octet-stream": {"schema": _BINARY}, "*/*": {"schema": _BINARY}},
    }
}

Name = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=MAX_NAME_CHARS,
        description="A relative path. Of a raw body; else that of the form's file",
        json_schema_extra={"pattern": NO_CONTROL.replace("[^", r"[^\\")},
    ),
]


@router.post(
    "",
    status_code=201,
    operation_id="upload_file",
    response_model=FileOut,
    responses=responses(404, 409, 413, 422, 503),
    openapi_extra=_BODY,
)
async def upload_file(
    request: Request, services: ServicesDep, caller: CallerDep, name: Name = None, idempotency_key: Key = None
) -> Response:
    """Upload a file: as the raw body with `?name=`, or as the one file of a form. It goes to the disk as it comes.

    The tool `file_reader`, `decompose` and `attachments` take it by its id or name; of several of one name the newest
    counts. They read files of up to 32 MiB.
    """
    files = services.files
    declared = request.headers.get("content-length", "")
    announced = int(declared) if declared.isdigit() else 0
    try:
        if announced > files.max_bytes + _FORM_OVERHEAD_BYTES:
            raise ContentTooLarge(files.max_bytes)
        upload = await upload_of(request)
        chosen = name or upload.name
        if not chosen:
            raise InvalidRequest.field("/name", "expected the file's name as ?name=")
        row, replayed = await files.upload(
            caller.tenant_id,
            chosen,
            upload.media_type,
            upload.content,
            idempotency_key,
            announced - (_FORM_OVERHEAD_BYTES if upload.is_form else 0),
        )
    except ContentTooLarge as exc:
        return problem(PATH, 413, exc.code, exc.detail)
    except (UploadsFull, IdempotencyConflict):
        services.sweeper.wake()  # the content may be on the disk already, and nothing refers to it
        raise
    except ClientDisconnect:
        return problem(PATH, 400, "client_gone", "the body ended early")  # nobody reads it, and nothing was kept
    response = json_response(file_json(row), 201)
    if replayed:
        response.headers[REPLAYED] = "true"
    return response


@router.get("", operation_id="list_files", response_model=FilePage, responses=responses(422))
async def list_files(
    services: ServicesDep,
    caller: CallerDep,
    name: Annotated[str | None, Query(max_length=MAX_NAME_CHARS, description="Only files of this name")] = None,
    limit: Limit = 100,
    cursor: FileCursor = None,
) -> Response:
    """List the uploaded files, newest first."""
    page = await services.files.list(caller.tenant_id, name, limit=limit, cursor=cursor)
    return json_response({"items": [file_json(row) for row in page.items], "next_cursor": page.next_cursor})


@router.get("/{file_id}", operation_id="get_file", response_model=FileOut, responses=responses(404))
async def get_file(services: ServicesDep, caller: CallerDep, file_id: str) -> Response:
    """Get what is known of a file."""
    return json_response(file_json(await services.files.get(caller.tenant_id, file_id)))


@router.head("/{file_id}/content", include_in_schema=False)
@router.get(
    "/{file_id}/content",
    operation_id="download_file",
    response_class=StreamingResponse,
    responses=responses(404) | _CONTENT,
)
async def download_file(request: Request, services: ServicesDep, caller: CallerDep, file_id: str) -> Response:
    """Download a file; HEAD, one `Range` and `If-None-Match` are taken, too."""
    row = await services.files.get(caller.tenant_id, file_id)
    return await download(
        request, services.files.blobs, row.sha256, name=row.name, media_type=row.media_type, size_bytes=row.size_bytes
    )


@router.delete("/{file_id}", operation_id="delete_file", status_code=204, responses=responses(404, 503))
async def delete_file(services: ServicesDep, caller: CallerDep, file_id: str) -> Response:
    """Delete a file; its content goes once nothing else has the same one."""
    await services.files.delete(caller.tenant_id, file_id)
    services.sweeper.wake()
    return Response(status_code=204)
