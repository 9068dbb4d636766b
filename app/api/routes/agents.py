"""``/v1/agents``: orchestrators, their results and their memory (contract, section 2)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from app.api.auditing import note
from app.api.deps import CallerDep, Cursor, Limit, Services, ServicesDep, json_response
from app.api.errors import responses
from app.api.idempotency import KEY_NOT_NEEDED, KeyedDep, answer_of, reply
from app.api.openapi import request_body
from app.api.schemas.agents import (
    AgentCreate,
    AgentOut,
    AgentPage,
    AgentPatch,
    AgentResults,
    Cleared,
    ClearMemory,
    SubAgentOut,
    agent_json,
    collected_json,
    output_json,
    sub_agent_json,
)
from app.api.schemas.swarms import summary_json
from app.api.schemas.times import Moment, moment_ms
from app.api.strict_json import body_of, parse, validate
from app.domain.errors import NotFound
from app.domain.ids import split_sub_agent_id
from app.domain.task import TERMINAL
from app.ports.idempotency import Answer
from app.ports.store import SwarmRow, TaskRow
from app.services.results import summarise_tasks

router = APIRouter(prefix="/v1/agents", tags=["agents"])

Timeout = Annotated[float, Query(ge=0, le=300, description="Seconds to wait until nothing is outstanding")]


@router.post(
    "/create",
    status_code=201,
    operation_id="create_agent",
    response_model=AgentOut,
    responses=responses(400, 409, 413, 422, 503),
    openapi_extra=request_body(AgentCreate),
)
async def create_agent(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    keyed: KeyedDep,
    body: Annotated[AgentCreate, Depends(body_of(AgentCreate))],
) -> Response:
    """Create an orchestrator. The same name again updates its configuration and keeps its id."""

    async def give() -> Answer:
        name, config = body.to_domain(services.tools)
        row = await services.agents.create(caller.tenant_id, name, config)
        note(request, row.agent_id, {"name": name})
        return answer_of(agent_json(row, services.tools, body.ignored()), 201)

    return reply(await services.idempotency.answer(keyed, give))


@router.post(
    "/clear-memory",
    operation_id="clear_memory",
    response_model=Cleared,
    responses=responses(400, 404, 422, 503),
    openapi_extra=request_body(ClearMemory, required=False),
    dependencies=[KEY_NOT_NEEDED],
)
async def clear_memory(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Remove the shared memory of an orchestrator, of all of them without `orchestrator_id`."""
    raw = await request.body()
    body = validate(ClearMemory, parse(raw)) if raw.strip() else ClearMemory()
    agent_id = None
    if body.orchestrator_id is not None:
        agent_id = (await services.agents.resolve(caller.tenant_id, body.orchestrator_id, "/orchestrator_id")).agent_id
    return json_response({"cleared": await services.memory.clear(caller.tenant_id, agent_id)})


@router.get("", operation_id="list_agents", response_model=AgentPage, responses=responses(422))
async def list_agents(services: ServicesDep, caller: CallerDep, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List the orchestrators, oldest first."""
    page = await services.agents.list(caller.tenant_id, limit, cursor)
    return json_response(
        {"items": [agent_json(row, services.tools) for row in page.items], "next_cursor": page.next_cursor}
    )


@router.get("/{agent_id}", operation_id="get_agent", response_model=AgentOut | SubAgentOut, responses=responses(404))
async def get_agent(services: ServicesDep, caller: CallerDep, agent_id: str) -> Response:
    """Get an orchestrator by id or name, or a sub-agent by its id."""
    found = await _sub_agent(services, caller.tenant_id, agent_id)
    if found is not None:
        return json_response(sub_agent_json(*found))
    return json_response(agent_json(await services.agents.get(caller.tenant_id, agent_id), services.tools))


@router.patch(
    "/{agent_id}",
    operation_id="update_agent",
    response_model=AgentOut,
    responses=responses(400, 404, 409, 422, 503),
    openapi_extra=request_body(AgentPatch),
)
async def update_agent(
    services: ServicesDep, caller: CallerDep, agent_id: str, body: Annotated[AgentPatch, Depends(body_of(AgentPatch))]
) -> Response:
    """Change some fields of an orchestrator; running work follows a changed `max_parallel_agents` at once."""
    row = await services.agents.get(caller.tenant_id, agent_id)
    name, config = body.to_domain(row, services.tools)
    updated = await services.agents.update(row, name, config)
    return json_response(agent_json(updated, services.tools, body.ignored()))


@router.delete("/{agent_id}", operation_id="delete_agent", status_code=204, responses=responses(404, 409, 503))
async def delete_agent(services: ServicesDep, caller: CallerDep, agent_id: str) -> Response:
    """Delete an orchestrator that has no running work; its ended swarms stay."""
    await services.agents.delete(await services.agents.get(caller.tenant_id, agent_id))
    return Response(status_code=204)


@router.get(
    "/{agent_id}/results",
    operation_id="get_agent_results",
    response_model=AgentResults,
    responses=responses(404, 422),
)
async def get_agent_results(
    services: ServicesDep,
    caller: CallerDep,
    agent_id: str,
    timeout: Timeout = 180.0,
    since: Annotated[Moment | None, Query(description="Only tasks that ended at or after this time")] = None,
    limit: Annotated[int, Query(ge=1, le=20_000, description="Newest tasks at most")] = 1000,
) -> Response:
    """Wait until nothing of this orchestrator (or sub-agent) is outstanding or the time is up; then its outputs."""
    found = await _sub_agent(services, caller.tenant_id, agent_id)
    if found is not None:
        swarm, task = found
        await services.swarms.wait(caller.tenant_id, swarm.swarm_id, timeout)
        row = await services.tasks.get_by_index(swarm.swarm_id, task.index)
        return json_response(_of_sub_agent(agent_id, row or task))
    agent = await services.agents.get(caller.tenant_id, agent_id)
    collected = await services.batches.collect(agent, timeout_s=timeout, ended_since_ms=moment_ms(since), limit=limit)
    return json_response(collected_json(agent.agent_id, collected))


def _of_sub_agent(agent_id: str, task: TaskRow) -> dict[str, object]:
    ended = task.status in TERMINAL
    return {
        "agent_id": agent_id,
        "status": task.status,
        "outputs": [output_json(task)] if ended else [],
        "aggregated": None,
        "summary": summary_json(summarise_tasks([task], over=ended)),
        "pending": 0 if ended else 1,
    }


async def _sub_agent(services: Services, tenant_id: str, agent_id: str) -> tuple[SwarmRow, TaskRow] | None:
    """Return run and task of a sub-agent, None where ``agent_id`` does not have the form of a sub-agent's id."""
    place = split_sub_agent_id(agent_id)
    if place is None:
        return None
    swarm = await services.swarms.swarms.get(tenant_id, place[0])
    task = await services.tasks.get_by_index(*place) if swarm else None
    if swarm is None or task is None:
        raise NotFound("agent", agent_id)
    return swarm, task
