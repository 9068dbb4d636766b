"""``…/memory``: the shared memory of an orchestrator, named by itself or by a swarm of it (contract, section 6)."""

from __future__ import annotations

import re
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import Response

from app.api.deps import Caller, CallerDep, Limit, Services, ServicesDep, json_response
from app.api.errors import problem, responses
from app.api.openapi import request_body
from app.api.paths import whole_path
from app.api.schemas.agents import Cleared
from app.api.schemas.memory import MemoryOut, MemoryPage, MemoryPut, memory_json, memory_page_json
from app.api.schemas.names import NO_CONTROL, own_name
from app.api.strict_json import body_of
from app.domain.errors import InvalidRequest, NotFound
from app.ports.memory import MAX_KEY_CHARS, MemoryEntry, VersionConflict

router = APIRouter(tags=["memory"], dependencies=[Depends(whole_path)])

_ETAG = re.compile(r'"(\d{1,16})"')

Prefix = Annotated[
    str,
    Query(
        max_length=MAX_KEY_CHARS,
        description="Only keys that begin with it",
        json_schema_extra={"pattern": NO_CONTROL.replace("+", "*")},
    ),
]
Key = Annotated[str, Path(description="Of the entry", json_schema_extra=own_name(MAX_KEY_CHARS))]
KeyCursor = Annotated[str | None, Query(max_length=MAX_KEY_CHARS, description="`next_cursor` of the page before")]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=100,
        description="The ETag that the entry must have",
        json_schema_extra={"pattern": '^"[0-9]{1,15}"$'},
        examples=['"7"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=100,
        description="`*`: there must be no such key",
        json_schema_extra={"pattern": "^\\*$"},
    ),
]
IfVersion = Annotated[int | None, Query(ge=1, le=2**53, description="The version that the entry must have")]
Body = Annotated[MemoryPut, Depends(body_of(MemoryPut))]


async def agent_of_swarm(services: ServicesDep, caller: CallerDep, swarm_id: str) -> str:
    return (await services.swarms.get(caller.tenant_id, swarm_id)).agent_id


async def agent_itself(services: ServicesDep, caller: CallerDep, agent_id: str) -> str:
    return (await services.agents.get(caller.tenant_id, agent_id)).agent_id


SwarmsAgent = Annotated[str, Depends(agent_of_swarm)]
TheAgent = Annotated[str, Depends(agent_itself)]


@router.get(
    "/v1/swarms/{swarm_id}/memory",
    operation_id="list_swarm_memory",
    response_model=MemoryPage,
    responses=responses(404, 422),
)
async def list_swarm_memory(
    services: ServicesDep, agent: SwarmsAgent, prefix: Prefix = "", limit: Limit = 100, cursor: KeyCursor = None
) -> Response:
    """List the memory that the swarm's sub-agents share with all others of its orchestrator, by key."""
    return await _list(services, agent, prefix, limit, cursor)


@router.get(
    "/v1/agents/{agent_id}/memory",
    operation_id="list_agent_memory",
    response_model=MemoryPage,
    responses=responses(404, 422),
)
async def list_agent_memory(
    services: ServicesDep, agent: TheAgent, prefix: Prefix = "", limit: Limit = 100, cursor: KeyCursor = None
) -> Response:
    """List the memory that an orchestrator's sub-agents share, by key."""
    return await _list(services, agent, prefix, limit, cursor)


@router.get(
    "/v1/swarms/{swarm_id}/memory/{key:path}",
    operation_id="get_swarm_memory",
    response_model=MemoryOut,
    responses=responses(404, 422),
)
async def get_swarm_memory(services: ServicesDep, agent: SwarmsAgent, key: Key) -> Response:
    """Get one entry; its ETag is its version."""
    return await _get(services, agent, key)


@router.get(
    "/v1/agents/{agent_id}/memory/{key:path}",
    operation_id="get_agent_memory",
    response_model=MemoryOut,
    responses=responses(404, 422),
)
async def get_agent_memory(services: ServicesDep, agent: TheAgent, key: Key) -> Response:
    """Get one entry; its ETag is its version."""
    return await _get(services, agent, key)


@router.put(
    "/v1/swarms/{swarm_id}/memory/{key:path}",
    operation_id="put_swarm_memory",
    response_model=MemoryOut,
    responses=responses(400, 404, 409, 412, 413, 422, 503),
    openapi_extra=request_body(MemoryPut),
)
async def put_swarm_memory(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    agent: SwarmsAgent,
    key: Key,
    body: Body,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Write one entry, durable before the answer. The memory is bounded: what was written longest ago makes room.

    Where the entry has another version than `if_version`: 409; than `If-Match` or `If-None-Match` say: 412.
    """
    return await _put(request, services, caller, agent, key, body, _wanted(if_match, if_none_match))


@router.put(
    "/v1/agents/{agent_id}/memory/{key:path}",
    operation_id="put_agent_memory",
    response_model=MemoryOut,
    responses=responses(400, 404, 409, 412, 413, 422, 503),
    openapi_extra=request_body(MemoryPut),
)
async def put_agent_memory(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    agent: TheAgent,
    key: Key,
    body: Body,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Write one entry, durable before the answer. The memory is bounded: what was written longest ago makes room.

    Where the entry has another version than `if_version`: 409; than `If-Match` or `If-None-Match` say: 412.
    """
    return await _put(request, services, caller, agent, key, body, _wanted(if_match, if_none_match))


@router.delete(
    "/v1/swarms/{swarm_id}/memory",
    operation_id="clear_swarm_memory",
    response_model=Cleared,
    responses=responses(404, 503),
)
async def clear_swarm_memory(services: ServicesDep, caller: CallerDep, agent: SwarmsAgent) -> Response:
    """Remove the whole memory of the swarm's orchestrator."""
    return json_response({"cleared": await services.memory.clear(caller.tenant_id, agent)})


@router.delete(
    "/v1/agents/{agent_id}/memory",
    operation_id="clear_agent_memory",
    response_model=Cleared,
    responses=responses(404, 503),
)
async def clear_agent_memory(services: ServicesDep, caller: CallerDep, agent: TheAgent) -> Response:
    """Remove the whole memory of an orchestrator."""
    return json_response({"cleared": await services.memory.clear(caller.tenant_id, agent)})


@router.delete(
    "/v1/swarms/{swarm_id}/memory/{key:path}",
    operation_id="delete_swarm_memory",
    status_code=204,
    responses=responses(404, 409, 412, 422, 503),
)
async def delete_swarm_memory(
    request: Request,
    services: ServicesDep,
    agent: SwarmsAgent,
    key: Key,
    if_version: IfVersion = None,
    if_match: IfMatch = None,
) -> Response:
    """Remove one entry."""
    return await _delete(request, services, agent, key, if_version, _wanted(if_match, None))


@router.delete(
    "/v1/agents/{agent_id}/memory/{key:path}",
    operation_id="delete_agent_memory",
    status_code=204,
    responses=responses(404, 409, 412, 422, 503),
)
async def delete_agent_memory(
    request: Request,
    services: ServicesDep,
    agent: TheAgent,
    key: Key,
    if_version: IfVersion = None,
    if_match: IfMatch = None,
) -> Response:
    """Remove one entry."""
    return await _delete(request, services, agent, key, if_version, _wanted(if_match, None))


async def _list(services: Services, agent_id: str, prefix: str, limit: int, cursor: str | None) -> Response:
    page = await services.memory.list(agent_id, prefix, limit=limit, cursor=cursor)
    return json_response(memory_page_json(page.items, page.next_cursor))


async def _get(services: Services, agent_id: str, key: str) -> Response:
    entry = await services.memory.get(agent_id, key)
    if entry is None:
        raise NotFound("memory key", key)
    return _entry_response(entry)


async def _put(
    request: Request,
    services: Services,
    caller: Caller,
    agent_id: str,
    key: str,
    body: MemoryPut,
    wanted: int | None,
) -> Response:
    if wanted is not None and body.if_version not in {None, wanted}:
        raise InvalidRequest.field("/if_version", "says another version than the header")
    try:
        entry = await services.memory.put(
            caller.tenant_id,
            agent_id,
            key,
            body.value,
            if_version=body.if_version if wanted is None else wanted,
            ttl_s=body.ttl_s,
        )
    except VersionConflict as exc:
        return _conflict(request, exc, by_header=wanted is not None)
    return _entry_response(entry)


async def _delete(
    request: Request, services: Services, agent_id: str, key: str, if_version: int | None, wanted: int | None
) -> Response:
    try:
        await services.memory.delete(agent_id, key, if_version if wanted is None else wanted)
    except VersionConflict as exc:
        return _conflict(request, exc, by_header=wanted is not None)
    return Response(status_code=204)


def _entry_response(entry: MemoryEntry) -> Response:
    return Response(
        orjson.dumps(memory_json(entry)), media_type="application/json", headers={"ETag": f'"{entry.version}"'}
    )


def _conflict(request: Request, conflict: VersionConflict, *, by_header: bool) -> Response:
    """RFC 9110, section 13.1: a condition in a header that does not hold is a 412."""
    status, title = (412, "Precondition failed") if by_header else (409, "Conflict")
    extra = {"version": conflict.version}
    return problem(request.url.path, status, conflict.code, conflict.detail, title=title, extra=extra)


def _wanted(if_match: str | None, if_none_match: str | None) -> int | None:
    """Return the version that the headers ask for, 0 where there must be no such key."""
    if if_match is not None and if_none_match is not None:
        raise InvalidRequest.field("/If-None-Match", "is not taken beside If-Match")
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise InvalidRequest.field("/If-None-Match", "expected *")
        return 0
    if if_match is None:
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None or int(found[1]) == 0:
        raise InvalidRequest.field("/If-Match", 'expected one ETag of an entry, as in "7"')
    return int(found[1])
