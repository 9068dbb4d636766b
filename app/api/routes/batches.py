"""Work handed to an orchestrator: spawn, execute, batches and barriers (contract, section 2)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from app.api.deps import Caller, CallerDep, Services, ServicesDep, json_response
from app.api.errors import problem, responses
from app.api.openapi import request_body
from app.api.schemas.agents import output_json
from app.api.schemas.batches import (
    Accepted,
    BarrierExecute,
    BarrierExecuted,
    BarrierOut,
    BatchExecute,
    BatchOut,
    Execute,
    Executed,
    Spawn,
    Spawned,
    WorkRequest,
    WorkTask,
    barrier_executed_json,
    barrier_json,
    batch_json,
)
from app.api.strict_json import body_of, validate
from app.domain.agent import BarrierName
from app.domain.errors import FieldError, InvalidRequest, NotFound
from app.domain.ids import TASK_PREFIX, make_id, sub_agent_id
from app.ports.agents import AgentRow

router = APIRouter(prefix="/v1/agents", tags=["agents"])

_FIRST_TASK = "/tasks/0"


def _made_up_id(services: Services) -> str:
    return make_id(TASK_PREFIX, services.clock.now_ms(), services.entropy.bits(80))


async def _agent(services: Services, caller: Caller, body: WorkRequest | Execute) -> AgentRow:
    """Return the orchestrator that a body names under either of two names, or the default one."""
    pointer = "/orchestrator_id" if body.orchestrator_id is not None else "/agent_id"
    return await services.agents.resolve(caller.tenant_id, body.orchestrator_id or body.agent_id, pointer)


@contextmanager
def _of_the_body() -> Iterator[None]:
    """Let errors point into a body that is itself the one task."""
    try:
        yield
    except InvalidRequest as exc:
        exc.detail = exc.detail.removeprefix(_FIRST_TASK)
        exc.errors = tuple(
            FieldError(error.pointer.removeprefix(_FIRST_TASK), error.detail.removeprefix(_FIRST_TASK))
            for error in exc.errors
        )
        raise


@router.post(
    "/execute",
    operation_id="execute_task",
    response_model=Executed,
    responses=responses(400, 404, 413, 422, 503),
    openapi_extra=request_body(Execute),
)
async def execute_task(
    services: ServicesDep, caller: CallerDep, body: Annotated[Execute, Depends(body_of(Execute))]
) -> Response:
    """Run one task and wait for its output; a failed task answers 200 with `status` and `error`."""
    agent = await _agent(services, caller, body)
    work = body.to_work("", _made_up_id(services), agent.config, services.caps)
    with _of_the_body():
        swarm = await services.batches.start(agent, [work], kind="execute")
    await services.swarms.wait(caller.tenant_id, swarm.swarm_id, math.inf)
    results = await services.results.get(caller.tenant_id, swarm.swarm_id)
    return json_response(output_json(results.tasks[0]) | {"warnings": body.warnings()})


@router.post(
    "/batch-execute",
    operation_id="execute_batch",
    response_model=BatchOut,
    responses={**responses(400, 404, 413, 422, 503), 202: {"model": Accepted}},
    openapi_extra=request_body(BatchExecute),
)
async def execute_batch(
    services: ServicesDep, caller: CallerDep, body: Annotated[BatchExecute, Depends(body_of(BatchExecute))]
) -> Response:
    """Run tasks in parallel, each as soon as its own dependencies have completed."""
    agent = await _agent(services, caller, body)
    swarm = await services.batches.start(
        agent,
        body.to_work(agent.config, services.caps, partial(_made_up_id, services)),
        kind="batch",
        parallelism=body.parallelism,
        context_window=body.context_window,
    )
    warnings = body.warnings()
    if agent.config.async_result_fetch or not body.wait:
        accepted = {
            "swarm_id": swarm.swarm_id,
            "orchestrator_id": agent.agent_id,
            "status": swarm.status,
            "total": swarm.counts.total,
            "warnings": warnings,
        }
        return json_response(accepted, 202)
    await services.swarms.wait(caller.tenant_id, swarm.swarm_id, math.inf)
    return json_response(batch_json(await services.results.get(caller.tenant_id, swarm.swarm_id), warnings))


@router.post(
    "/barrier-execute",
    operation_id="execute_barrier",
    response_model=BarrierExecuted,
    responses={**responses(400, 404, 413, 422, 503), 202: {"model": BarrierExecuted}},
    openapi_extra=request_body(BarrierExecute),
)
async def execute_barrier(
    services: ServicesDep, caller: CallerDep, body: Annotated[BarrierExecute, Depends(body_of(BarrierExecute))]
) -> Response:
    """Run tasks behind a barrier; a strict check that fails answers 200, `state` failed, and says what is missing."""
    agent = await _agent(services, caller, body)
    name = BarrierName.parse(str(body.barrier_id))
    work = body.to_work(agent.config, services.caps, partial(_made_up_id, services))
    run = await services.barriers.start(agent, name, work, strict=body.dependency_check == "strict")
    results = None
    if run.swarm_id is not None and body.wait_for_completion:
        await services.swarms.wait(caller.tenant_id, run.swarm_id, math.inf)
        results = await services.results.get(caller.tenant_id, run.swarm_id)
    state = await services.barriers.state(run)
    status = 202 if run.swarm_id is not None and results is None else 200
    return json_response(barrier_executed_json(body.barrier_id, state, results, body.warnings()), status)


@router.get(
    "/barrier-status/{barrier_id:path}",
    operation_id="get_barrier_status",
    response_model=BarrierOut,
    responses=responses(404, 422),
)
async def get_barrier_status(
    services: ServicesDep,
    caller: CallerDep,
    barrier_id: Annotated[str, Path(min_length=1, max_length=256)],
    orchestrator_id: Annotated[str | None, Query(min_length=1, max_length=256)] = None,
) -> Response:
    """Get the newest run of a barrier, of any orchestrator unless `orchestrator_id` narrows."""
    try:
        agent_id = (await services.agents.get(caller.tenant_id, orchestrator_id)).agent_id if orchestrator_id else None
        state = await services.barriers.status(caller.tenant_id, BarrierName.parse(barrier_id), agent_id)
    except NotFound as exc:
        path = f"/v1/agents/barrier-status/{barrier_id}"
        extra = {"barrier_id": barrier_id, "state": "failed", "error": exc.detail}
        return problem(path, 404, exc.code, exc.detail, extra=extra)
    return json_response(barrier_json(barrier_id, state))


@router.post(
    "/{agent_id}/spawn",
    status_code=202,
    operation_id="spawn_agent",
    response_model=Spawned,
    responses=responses(400, 404, 413, 422, 503),
    openapi_extra=request_body(Spawn),
)
async def spawn_agent(
    services: ServicesDep, caller: CallerDep, agent_id: str, body: Annotated[Spawn, Depends(body_of(Spawn))]
) -> Response:
    """Start a sub-agent in the background and answer at once."""
    agent = await services.agents.get(caller.tenant_id, agent_id)
    task = validate(WorkTask, body.task_fields())
    work = task.to_work("", _made_up_id(services), agent.config, services.caps)
    with _of_the_body():
        swarm = await services.batches.start(agent, [work], kind="spawn")
    spawned = {
        "agent_id": sub_agent_id(swarm.swarm_id, 0),
        "task_id": work.spec.task_id,
        "swarm_id": swarm.swarm_id,
        "orchestrator_id": agent.agent_id,
        "status": "queued",
        "warnings": task.warnings(),
    }
    return json_response(spawned, 202)
