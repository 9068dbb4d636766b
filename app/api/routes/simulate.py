"""``POST /v1/swarms/simulate``: what a run would take, without starting it (contract, section 3)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from app.api.deps import CallerDep, ServicesDep, json_response
from app.api.errors import responses
from app.api.idempotency import KEY_NOT_NEEDED
from app.api.openapi import request_body
from app.api.schemas.insights import SimulationOut, simulation_json
from app.api.schemas.swarm_create import SwarmCreate
from app.api.strict_json import body_of

router = APIRouter(prefix="/v1/swarms", tags=["swarms"])


@router.post(
    "/simulate",
    operation_id="simulate_swarm",
    response_model=SimulationOut,
    responses=responses(400, 404, 413, 422, 503),
    openapi_extra=request_body(SwarmCreate),
    dependencies=[KEY_NOT_NEEDED],
)
async def simulate_swarm(
    services: ServicesDep,
    caller: CallerDep,
    body: Annotated[SwarmCreate, Depends(body_of(SwarmCreate))],
) -> Response:
    """Predict cost and makespan of the run that the same body would start. No model is called, nothing is stored."""
    agent_id, group_limit = "", None  # without an orchestrator named there is no limit, and none is to be made
    if body.agent is not None:
        agent = await services.agents.resolve(caller.tenant_id, body.agent, "/agent")
        agent_id, group_limit = agent.agent_id, agent.config.max_parallel_agents
    spec, work = body.to_domain(services.caps, agent_id)
    spec, tasks = await services.composer.compose(services.swarms.with_defaults(spec), work, caller.tenant_id)
    spec, tasks = await services.swarms.staffing.staff(caller.tenant_id, spec, tasks)
    prediction = await services.insights.predict(caller.tenant_id, spec, tasks, group_limit=group_limit)
    return json_response(simulation_json(prediction))
