"""``/v1/swarms``: start runs and look at them (contract, section 3)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import Response

from app.api import sse
from app.api.deps import CallerDep, Cursor, Limit, ServicesDep, json_response
from app.api.errors import responses
from app.api.openapi import request_body
from app.api.schemas.events import EventPage
from app.api.schemas.swarms import (
    GraphOut,
    ResultsOut,
    SnapshotOut,
    SwarmCreate,
    SwarmOut,
    SwarmPage,
    SwarmPatch,
    SwarmWithResults,
    graph_json,
    listed_json,
    results_json,
    snapshot_json,
    swarm_json,
)
from app.api.schemas.tasks import TaskDetailOut, TaskPage, task_detail_json, task_json
from app.api.schemas.times import moment_ms
from app.api.strict_json import body_of
from app.domain.errors import InvalidRequest
from app.domain.swarm import SwarmStatus
from app.domain.task import TaskStatus
from app.ports.store import SwarmFilter, TaskFilter

router = APIRouter(prefix="/v1/swarms", tags=["swarms"])

Wait = Annotated[float | None, Query(ge=0, description="Seconds to wait for the end of the run")]


@router.post(
    "",
    status_code=201,
    operation_id="create_swarm",
    response_model=SwarmWithResults,
    responses=responses(400, 404, 413, 422, 503),
    openapi_extra=request_body(SwarmCreate),
)
async def create_swarm(
    services: ServicesDep,
    caller: CallerDep,
    body: Annotated[SwarmCreate, Depends(body_of(SwarmCreate))],
    wait: Wait = None,
) -> Response:
    """Start a run. With `wait`, answer when it has ended or the time is up, `results` included."""
    if wait is not None and wait > services.max_wait_s:
        raise InvalidRequest.field("/wait", f"expected at most {services.max_wait_s:g} seconds")
    agent = await services.agents.resolve(caller.tenant_id, body.agent, "/agent")
    spec, tasks = body.to_domain(services.caps, agent.agent_id)
    row = await services.swarms.create(caller.tenant_id, spec, tasks)
    if wait is None:
        return json_response(swarm_json(row), 201)
    row = await services.swarms.wait(caller.tenant_id, row.swarm_id, wait)
    results = await services.results.get(caller.tenant_id, row.swarm_id)
    return json_response(swarm_json(results.swarm) | {"results": results_json(results)}, 201)


@router.get("", operation_id="list_swarms", response_model=SwarmPage, responses=responses(422))
async def list_swarms(
    services: ServicesDep,
    caller: CallerDep,
    status: SwarmStatus | None = None,
    agent: Annotated[str | None, Query(max_length=256)] = None,
    name: Annotated[str | None, Query(max_length=200)] = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the runs, newest first."""
    where = SwarmFilter(
        status=status,
        agent_id=await services.agents.id_of(caller.tenant_id, agent) if agent else None,
        name=name,
        created_after_ms=moment_ms(created_after),
        created_before_ms=moment_ms(created_before),
    )
    page = await services.swarms.list(caller.tenant_id, where, limit, cursor)
    return json_response({"items": [listed_json(row) for row in page.items], "next_cursor": page.next_cursor})


@router.get("/{swarm_id}", operation_id="get_swarm", response_model=SwarmOut, responses=responses(404))
async def get_swarm(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Get a run with its counts, cost, tokens and steps."""
    return json_response(swarm_json(await services.swarms.get(caller.tenant_id, swarm_id)))


@router.patch(
    "/{swarm_id}",
    operation_id="update_swarm",
    response_model=SwarmOut,
    responses=responses(400, 404, 422, 503),
    openapi_extra=request_body(SwarmPatch),
)
async def update_swarm(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    body: Annotated[SwarmPatch, Depends(body_of(SwarmPatch))],
) -> Response:
    """Scale a run while it goes on."""
    return json_response(swarm_json(await services.swarms.scale(caller.tenant_id, swarm_id, body.to_domain())))


@router.delete("/{swarm_id}", operation_id="delete_swarm", status_code=204, responses=responses(404, 409, 503))
async def delete_swarm(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Delete an ended run with all its tasks and events."""
    await services.swarms.delete(caller.tenant_id, swarm_id)
    return Response(status_code=204)


@router.get("/{swarm_id}/tasks", operation_id="list_tasks", response_model=TaskPage, responses=responses(404, 422))
async def list_tasks(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    status: Annotated[TaskStatus | None, Query(alias="state")] = None,
    role: Annotated[str | None, Query(max_length=200)] = None,
    attempt: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Attempts started")] = None,
    error: Annotated[str | None, Query(max_length=100, description="Machine name of the error")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the tasks of a run in the order of the request."""
    where = TaskFilter(status=status, role=role, attempt=attempt, error=error)
    page = await services.swarms.list_tasks(caller.tenant_id, swarm_id, where, limit, cursor)
    return json_response({"items": [task_json(row) for row in page.items], "next_cursor": page.next_cursor})


@router.get(
    "/{swarm_id}/tasks/{task_id:path}", operation_id="get_task", response_model=TaskDetailOut, responses=responses(404)
)
async def get_task(services: ServicesDep, caller: CallerDep, swarm_id: str, task_id: str) -> Response:
    """Get one task with its input and every attempt."""
    row, attempts = await services.swarms.get_task(caller.tenant_id, swarm_id, task_id)
    return json_response(task_detail_json(row, attempts))


@router.get("/{swarm_id}/results", operation_id="get_results", response_model=ResultsOut, responses=responses(404))
async def get_results(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Get the outputs so far, the merged value, and what is missing."""
    return json_response(results_json(await services.results.get(caller.tenant_id, swarm_id)))


@router.get("/{swarm_id}/graph", operation_id="get_graph", response_model=GraphOut, responses=responses(404))
async def get_graph(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Get the dependency graph with the state of each task."""
    return json_response(graph_json(*await services.swarms.snapshot(caller.tenant_id, swarm_id)))


@router.get("/{swarm_id}/snapshot", operation_id="get_snapshot", response_model=SnapshotOut, responses=responses(404))
async def get_snapshot(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Get one consistent picture of the run and the `seq` of the last event it includes."""
    return json_response(snapshot_json(*await services.swarms.snapshot(caller.tenant_id, swarm_id)))


@router.get("/{swarm_id}/events", operation_id="list_events", response_model=EventPage, responses=responses(404, 422))
async def list_events(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    after: Annotated[int, Query(ge=0, le=2**53, description="Events with a larger `seq`")] = 0,
    limit: Limit = 1000,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
    last_event_id: Annotated[int | None, Header(ge=0, le=2**53, description="Resumes server-sent events")] = None,
) -> Response:
    """List the events of a run in `seq` order; with `Accept: text/event-stream` as server-sent events until its end."""
    if "text/event-stream" in accept:
        place = str(after if last_event_id is None else last_event_id)
        return sse.stream(await services.streams.of_swarm(caller.tenant_id, swarm_id, place))
    events = await services.swarms.list_events(caller.tenant_id, swarm_id, after, limit)
    body = '{"items":[' + ",".join([event.body for event in events]) + "]}"
    return Response(body, media_type="application/json")


@router.post(
    "/{swarm_id}/cancel",
    status_code=202,
    operation_id="cancel_swarm",
    response_model=SwarmOut,
    responses=responses(404, 503),
)
async def cancel_swarm(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Cancel a run: its connections are closed and no new call is made. An ended run stays as it is."""
    return json_response(swarm_json(await services.swarms.cancel(caller.tenant_id, swarm_id)), 202)
