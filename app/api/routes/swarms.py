"""``/v1/swarms``: start runs and look at them (contract, section 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from app.api import sse
from app.api.deps import Caller, CallerDep, Limit, Services, ServicesDep, cursor_query, id_cursor, json_response
from app.api.errors import responses
from app.api.idempotency import KEY_NOT_NEEDED, KeyedDep, answer_of, reply
from app.api.openapi import request_body
from app.api.schemas.events import EventPage
from app.api.schemas.insights import critical_path_json
from app.api.schemas.steering import CancelTasks, ForkTasks, RetryTasks, SwarmPatch
from app.api.schemas.swarm_create import SwarmCreate
from app.api.schemas.swarms import (
    ResultsOut,
    SnapshotOut,
    SwarmCreated,
    SwarmGraphOut,
    SwarmOut,
    SwarmPage,
    graph_json,
    listed_json,
    results_json,
    snapshot_json,
    swarm_json,
)
from app.api.schemas.tasks import TaskDetailOut, TaskPage, task_detail_json, task_json
from app.api.schemas.times import Moment, moment_ms
from app.api.starting import Wait, called, start_run
from app.api.strict_json import body_of, parse, validate
from app.domain.ids import SWARM_PREFIX
from app.domain.swarm import SwarmStatus
from app.domain.task import TaskStatus
from app.ports.idempotency import Once
from app.ports.runs import Beside
from app.ports.store import SwarmFilter, TaskFilter
from app.services.idempotency import KeyedRequest, Outcome

router = APIRouter(prefix="/v1/swarms", tags=["swarms"])

_SSE: dict[str, Any] = {
    "x-event-schema": {"$ref": "#/components/schemas/EventOut"},
    "examples": {"spawned": {"value": 'id: 3\nevent: agent_spawned\ndata: {"type":"agent_spawned","seq":3, …}\n\n'}},
}
"""Each event is described in `/asyncapi.json`."""

SwarmCursor = Annotated[str | None, id_cursor(SWARM_PREFIX)]
TaskCursor = Annotated[str | None, cursor_query("^[0-9]{1,9}$")]


@router.post(
    "",
    status_code=201,
    operation_id="create_swarm",
    response_model=SwarmCreated,
    responses=responses(400, 402, 404, 409, 413, 422, 503),
    openapi_extra=request_body(SwarmCreate),
)
async def create_swarm(
    services: ServicesDep,
    caller: CallerDep,
    keyed: KeyedDep,
    body: Annotated[SwarmCreate, Depends(body_of(SwarmCreate))],
    wait: Wait = None,
) -> Response:
    """Start a run. With `wait`, answer when it has ended or the time is up, `results` included."""
    return await start_run(services, caller, keyed, body, wait)


@router.get("", operation_id="list_swarms", response_model=SwarmPage, responses=responses(422))
async def list_swarms(
    services: ServicesDep,
    caller: CallerDep,
    status: SwarmStatus | None = None,
    agent: Annotated[str | None, Query(max_length=256)] = None,
    name: Annotated[str | None, Query(max_length=200)] = None,
    created_after: Moment | None = None,
    created_before: Moment | None = None,
    figures: Annotated[bool, Query(description="`true`: with `p95_ms`, which reads the tasks of each run")] = False,
    limit: Limit = 100,
    cursor: SwarmCursor = None,
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
    p95_ms = await services.latencies.p95_ms(page.items) if figures else {}
    items = [listed_json(row) | {"p95_ms": p95_ms.get(row.swarm_id)} for row in page.items]
    return json_response({"items": items, "next_cursor": page.next_cursor})


@router.get("/{swarm_id}", operation_id="get_swarm", response_model=SwarmOut, responses=responses(404))
async def get_swarm(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Get a run with its counts, cost, tokens and steps, and where its time went."""
    row = await services.swarms.get(caller.tenant_id, swarm_id)
    path = critical_path_json(await services.insights.critical_path(row))
    return json_response(swarm_json(row) | {"critical_path": path})


@router.patch(
    "/{swarm_id}",
    operation_id="update_swarm",
    response_model=SwarmOut,
    responses=responses(400, 404, 409, 422, 503),
    openapi_extra=request_body(SwarmPatch),
)
async def update_swarm(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    body: Annotated[SwarmPatch, Depends(body_of(SwarmPatch))],
) -> Response:
    """Change limits of a run while it goes on: a raised budget lets it go on where it had paused the run."""
    row = await services.steering.change(caller.tenant_id, swarm_id, **body.to_changes())
    return json_response(swarm_json(row))


@router.delete("/{swarm_id}", operation_id="delete_swarm", status_code=204, responses=responses(404, 409, 503))
async def delete_swarm(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Delete an ended run with all its tasks and events."""
    await services.swarms.delete(caller.tenant_id, swarm_id)
    services.sweeper.wake()
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
    cursor: TaskCursor = None,
) -> Response:
    """List the tasks of a run in the order of the request."""
    where = TaskFilter(status=status, role=role, attempt=attempt, error=error)
    swarm = await services.swarms.get(caller.tenant_id, swarm_id)
    page = await services.swarms.list_tasks(swarm, where, limit, cursor)
    items = [task_json(row, paused=swarm.paused) for row in page.items]
    return json_response({"items": items, "next_cursor": page.next_cursor})


@router.get(
    "/{swarm_id}/tasks/{task_id:path}", operation_id="get_task", response_model=TaskDetailOut, responses=responses(404)
)
async def get_task(services: ServicesDep, caller: CallerDep, swarm_id: str, task_id: str) -> Response:
    """Get one task with its input, why it has its model, and every attempt."""
    swarm = await services.swarms.get(caller.tenant_id, swarm_id)
    row, attempts = await services.swarms.get_task(swarm, task_id)
    steps = await services.tasks.steps(swarm_id, row.index)
    return json_response(task_detail_json(row, attempts, steps, paused=swarm.paused))


@router.get(
    "/{swarm_id}/results", operation_id="get_swarm_results", response_model=ResultsOut, responses=responses(404)
)
async def get_swarm_results(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Get the outputs so far, the merged value, and what is missing."""
    return json_response(results_json(await services.results.get(caller.tenant_id, swarm_id)))


@router.get("/{swarm_id}/graph", operation_id="get_swarm_graph", response_model=SwarmGraphOut, responses=responses(404))
async def get_swarm_graph(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Get the dependency graph with the state of each task."""
    return json_response(graph_json(*await services.swarms.snapshot(caller.tenant_id, swarm_id, outputs=False)))


@router.get(
    "/{swarm_id}/snapshot", operation_id="get_swarm_snapshot", response_model=SnapshotOut, responses=responses(404, 422)
)
async def get_swarm_snapshot(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    outputs: Annotated[bool, Query(description="`false`: every `output` is null, and none is read")] = True,
) -> Response:
    """Get one consistent picture of the run and the `seq` of the last event it includes."""
    found = await services.swarms.snapshot(caller.tenant_id, swarm_id, outputs=outputs)
    return json_response(snapshot_json(*found))


@router.get(
    "/{swarm_id}/events",
    operation_id="list_events",
    response_model=EventPage,
    responses={200: {"content": {"text/event-stream": _SSE}}, **responses(404, 422)},
)
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
    responses=responses(400, 404, 422, 503),
    openapi_extra=request_body(CancelTasks, required=False),
    dependencies=[KEY_NOT_NEEDED],
)
async def cancel_swarm(request: Request, services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Cancel a run: its connections are closed and no new call is made. An ended run stays as it is.

    With `task_ids` or `states` only those of its tasks, and what depends on them is skipped; the run goes on.
    """
    raw = await request.body()
    some = (validate(CancelTasks, parse(raw)) if raw.strip() else CancelTasks()).to_filter()
    if some is None:
        row = await services.steering.cancel(caller.tenant_id, swarm_id)
    else:
        row = await services.steering.cancel_tasks(caller.tenant_id, swarm_id, **some)
    return json_response(swarm_json(row), 202)


@router.post(
    "/{swarm_id}/pause",
    status_code=202,
    operation_id="pause_swarm",
    response_model=SwarmOut,
    responses=responses(404, 409, 422, 503),
    dependencies=[KEY_NOT_NEEDED],
)
async def pause_swarm(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Start no further call; calls under way end and count."""
    return json_response(swarm_json(await services.steering.pause(caller.tenant_id, swarm_id)), 202)


@router.post(
    "/{swarm_id}/resume",
    status_code=202,
    operation_id="resume_swarm",
    response_model=SwarmOut,
    responses=responses(404, 409, 422, 503),
    dependencies=[KEY_NOT_NEEDED],
)
async def resume_swarm(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Let a paused run go on; one that its budget paused needs a raised budget (PATCH), else it pauses again."""
    return json_response(swarm_json(await services.steering.resume(caller.tenant_id, swarm_id)), 202)


@router.post(
    "/{swarm_id}/retry",
    status_code=202,
    operation_id="retry_swarm",
    response_model=SwarmOut,
    responses=responses(400, 404, 409, 422, 503),
    openapi_extra=request_body(RetryTasks, required=False),
)
async def retry_swarm(
    request: Request, services: ServicesDep, caller: CallerDep, keyed: KeyedDep, swarm_id: str
) -> Response:
    """Run unsuccessful tasks again, and those skipped for want of them; an ended run goes on."""
    raw = await request.body()
    body = validate(RetryTasks, parse(raw)) if raw.strip() else RetryTasks()
    return await _retry(services, caller, keyed, swarm_id, body.to_filter())


@router.post(
    "/{swarm_id}/fork",
    status_code=202,
    operation_id="fork_swarm",
    response_model=SwarmOut,
    responses=responses(400, 402, 404, 409, 422, 503),
    openapi_extra=request_body(ForkTasks, required=False),
)
async def fork_swarm(
    request: Request, services: ServicesDep, caller: CallerDep, keyed: KeyedDep, swarm_id: str
) -> Response:
    """Start a run like an ended one, some of its tasks changed: only those and what depends on them is paid.

    Without tasks it is a replay: no model is called, and the results are the same. Artifacts of unchanged tasks come
    along, and messages that unchanged tasks and clients sent to topics and to the tasks that run again; what the code
    interpreter keeps between calls does not. Answers with the new run.
    """
    raw = await request.body()
    body = validate(ForkTasks, parse(raw)) if raw.strip() else ForkTasks()

    async def begin(once: Once | None) -> Outcome:
        webhook = await called(services, body.webhook)
        row = await services.forks.fork(
            caller.tenant_id,
            swarm_id,
            body.to_changes(),
            name=body.name,
            webhook_events=() if webhook is None else webhook.events,
            key_id=caller.key_id,
            beside=lambda row: Beside(once=once and once.answered(answer_of(swarm_json(row), 202)), webhook=webhook),
        )
        return Outcome(swarm_id=row.swarm_id, answer=answer_of(swarm_json(row), 202))

    return reply(await services.idempotency.start(keyed, begin))


@router.post(
    "/{swarm_id}/tasks/{task_id:path}/cancel",
    status_code=202,
    operation_id="cancel_task",
    response_model=SwarmOut,
    responses=responses(404, 422, 503),
    dependencies=[KEY_NOT_NEEDED],
)
async def cancel_task(services: ServicesDep, caller: CallerDep, swarm_id: str, task_id: str) -> Response:
    """Cancel one task: its connection is closed, and what depends on it is skipped."""
    return json_response(swarm_json(await services.steering.cancel_task(caller.tenant_id, swarm_id, task_id)), 202)


@router.post(
    "/{swarm_id}/tasks/{task_id:path}/retry",
    status_code=202,
    operation_id="retry_task",
    response_model=SwarmOut,
    responses=responses(404, 409, 422, 503),
)
async def retry_task(
    services: ServicesDep, caller: CallerDep, keyed: KeyedDep, swarm_id: str, task_id: str
) -> Response:
    """Run one unsuccessful task again, and those skipped for want of it."""
    return await _retry(services, caller, keyed, swarm_id, {"task_ids": {task_id}})


async def _retry(
    services: Services, caller: Caller, keyed: KeyedRequest | None, swarm_id: str, tasks: dict[str, Any]
) -> Response:
    async def begin(once: Once | None) -> Outcome:
        row = await services.steering.retry(caller.tenant_id, swarm_id, **tasks, once=once)
        answer = answer_of(swarm_json(row), 202)
        await services.idempotency.complete(once, answer)
        return Outcome(swarm_id=swarm_id, answer=answer)

    outcome = await services.idempotency.start(keyed, begin)
    if outcome.answer is None:  # the service ended between the command and its answer
        outcome = replace(
            outcome, answer=answer_of(swarm_json(await services.swarms.get(caller.tenant_id, swarm_id)), 202)
        )
    return reply(outcome)
