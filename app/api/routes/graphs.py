"""``/v1/graphs``: saved graphs, for editors and for what is run again and again (contract, section 7)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.responses import Response

from app.api.deps import CallerDep, Cursor, Limit, ServicesDep, json_response
from app.api.errors import responses
from app.api.idempotency import KEY_NOT_NEEDED, KeyedDep
from app.api.openapi import request_body
from app.api.schemas.graphs import (
    ETAG,
    GraphIn,
    GraphOut,
    GraphPage,
    GraphRun,
    GraphValidationOut,
    condition_of,
    content_of,
    etag_of,
    graph_listed_json,
    graph_row_json,
)
from app.api.schemas.swarm_create import SwarmCreate
from app.api.schemas.swarms import SwarmCreated
from app.api.starting import Wait, start_run
from app.api.strict_json import parse, validate, value_of
from app.api.validating import report_on
from app.domain.errors import InvalidRequest
from app.domain.graph import Graph
from app.ports.graphs import IfGraph

router = APIRouter(prefix="/v1/graphs", tags=["graphs"])

GraphId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=100,
        pattern="^[a-z0-9][a-z0-9_.-]*$",
        description="A name of yours: lower-case letters, digits, `_`, `.` and `-`",
        examples=["quarterly-report"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=f"^(\\*|{ETAG})$",
        description="The ETag of what is changed, as GET and PUT answer it, or `*`; where it is another by now: 412",
        examples=['"3-9f86d081884c7d65"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match", pattern="^\\*$", description="`*`: only where there is no graph of this id, else 412"
    ),
]
_ANY_OBJECT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A graph as `PUT /v1/graphs/{graph_id}` takes it; whatever else it is, the answer says so",
        "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
    }
}
_TAKEN = "validate"
_TAGGED: dict[str, Any] = {
    "headers": {"ETag": {"description": "Of the content, for `If-Match`", "schema": {"type": "string"}}}
}


@router.get("", operation_id="list_graphs", response_model=GraphPage, responses=responses(401, 403, 422, 503))
async def list_graphs(services: ServicesDep, caller: CallerDep, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List the saved graphs by id, without their tasks and layouts."""
    page = await services.graphs.list(caller.tenant_id, limit=limit, cursor=cursor)
    return json_response({"items": [graph_listed_json(row) for row in page.items], "next_cursor": page.next_cursor})


@router.post(
    "/validate",
    operation_id="validate_graph",
    response_model=GraphValidationOut,
    responses=responses(400, 401, 403, 413, 422, 503),
    openapi_extra=_ANY_OBJECT,
    dependencies=[KEY_NOT_NEEDED],
)
async def validate_graph(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Say whether a graph could be run as of now, what is wrong with it, how wide it is, and what it would take.

    What is wrong is part of the answer, whose status is 200; only what is no JSON object at all is refused. Nothing is
    stored and no model is called.
    """
    value = parse(await request.body())
    if not isinstance(value, dict):
        raise InvalidRequest.field("", "expected a JSON object")
    return json_response(await report_on(services, caller, value))


@router.get(
    "/{graph_id}",
    operation_id="get_graph",
    response_model=GraphOut,
    responses={200: _TAGGED, **responses(401, 403, 404, 422, 503)},
)
async def get_graph(services: ServicesDep, caller: CallerDep, graph_id: GraphId) -> Response:
    """Get a saved graph as it was saved; the header `ETag` is for `If-Match`."""
    row = await services.graphs.get(caller.tenant_id, graph_id)
    response = json_response(graph_row_json(row))
    response.headers["ETag"] = etag_of(row.version)
    return response


@router.put(
    "/{graph_id}",
    operation_id="put_graph",
    response_model=GraphOut,
    responses={
        200: _TAGGED,
        201: {"model": GraphOut, "description": "It is new", **_TAGGED},
        **responses(400, 401, 403, 404, 409, 412, 413, 422, 503),
    },
    openapi_extra=request_body(GraphIn),
)
async def put_graph(
    services: ServicesDep,
    caller: CallerDep,
    graph_id: GraphId,
    value: Annotated[Any, Depends(value_of)],
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Save a graph: make it, or replace the whole of it. What is saved already keeps its revision.

    Two editors at once: send the ETag of what you changed as `If-Match` (or its `revision` in the body), and what the
    other one saved meanwhile is not lost: you get 412.
    """
    if graph_id == _TAKEN:
        raise InvalidRequest.field("/graph_id", f"{_TAKEN!r} is a path of this API; choose another id")
    graph = validate(GraphIn, value)
    spec, work = graph.to_domain(services.caps, "")
    if isinstance(work, list) and spec.planner is None:
        await asyncio.to_thread(Graph.build, [task.task_id for task in work], [task.depends_on for task in work])
    if graph.agent is not None:
        await services.agents.resolve(caller.tenant_id, graph.agent, "/agent")
    if graph.graph_id not in {None, graph_id}:
        raise InvalidRequest.field("/graph_id", f"expected {graph_id!r}, as in the path; leave it out for a copy")
    condition = condition_of(if_match, if_none_match)
    content = content_of(value, graph, services.max_graph_bytes)
    if graph.revision is not None and if_match is None and if_none_match is None:
        condition = IfGraph(revision=graph.revision)
    row, is_new = await services.graphs.put(caller.tenant_id, graph_id, content, condition)
    response = json_response(graph_row_json(row), 201 if is_new else 200)
    response.headers["ETag"] = etag_of(row.version)
    return response


@router.delete(
    "/{graph_id}",
    operation_id="delete_graph",
    status_code=204,
    responses=responses(401, 403, 404, 412, 422, 503),
)
async def delete_graph(
    services: ServicesDep, caller: CallerDep, graph_id: GraphId, if_match: IfMatch = None
) -> Response:
    """Delete a saved graph; runs that were started from it stay."""
    await services.graphs.delete(caller.tenant_id, graph_id, condition_of(if_match, None))
    return Response(status_code=204)


@router.post(
    "/{graph_id}/runs",
    status_code=201,
    operation_id="run_graph",
    response_model=SwarmCreated,
    responses=responses(400, 401, 402, 403, 404, 409, 413, 422, 503),
    openapi_extra=request_body(GraphRun, required=False),
)
async def run_graph(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    keyed: KeyedDep,
    graph_id: GraphId,
    wait: Wait = None,
) -> Response:
    """Start a run of a saved graph, as `POST /v1/swarms` does; its `metadata` has `graph_id` and `graph_revision`."""
    raw = await request.body()
    wanted = validate(GraphRun, parse(raw)) if raw.strip() else GraphRun()
    graph = await services.graphs.get(caller.tenant_id, graph_id)
    body = validate(SwarmCreate, wanted.applied_to(graph))
    return await start_run(services, caller, keyed, body, wait)
