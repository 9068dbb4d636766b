"""Work handed to an orchestrator: spawn, execute, batches and barriers (contract, section 2)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from app.api.deps import Caller, CallerDep, Services, ServicesDep, json_response
from app.api.errors import problem, responses
from app.api.idempotency import KeyedDep, answer_of, mark, reply
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
from app.api.schemas.run_options import RunOptionsIn
from app.api.strict_json import body_of, validate
from app.domain.agent import BarrierName
from app.domain.errors import FieldError, InvalidRequest, NotFound
from app.domain.ids import TASK_PREFIX, make_id, sub_agent_id
from app.ports.agents import AgentRow
from app.ports.idempotency import Answer, Once
from app.ports.runs import Beside
from app.ports.store import SwarmRow
from app.services.barriers import BarrierState, state_of_run
from app.services.idempotency import Outcome
from app.services.results import Results

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
    responses=responses(400, 402, 404, 409, 413, 422, 503),
    openapi_extra=request_body(Execute),
)
async def execute_task(
    services: ServicesDep, caller: CallerDep, keyed: KeyedDep, body: Annotated[Execute, Depends(body_of(Execute))]
) -> Response:
    """Run one task and wait for its output; a failed task answers 200 with `status` and `error`."""

    async def begin(once: Once | None) -> Outcome:
        agent = await _agent(services, caller, body)
        work = body.to_work("", _made_up_id(services), agent.config, services.caps)
        with _of_the_body():
            swarm = await services.batches.start(
                agent, [work], kind="execute", key_id=caller.key_id, beside=lambda _: Beside(once=once)
            )
        return Outcome(swarm_id=swarm.swarm_id)

    outcome = await services.idempotency.start(keyed, begin)
    await services.swarms.wait(caller.tenant_id, outcome.run_id, math.inf)
    results = await services.results.get(caller.tenant_id, outcome.run_id)
    return mark(json_response(output_json(results.tasks[0]) | {"warnings": body.warnings(services.tools)}), outcome)


@router.post(
    "/batch-execute",
    operation_id="execute_batch",
    response_model=BatchOut,
    responses={**responses(400, 402, 404, 409, 413, 422, 503), 202: {"model": Accepted}},
    openapi_extra=request_body(BatchExecute),
)
async def execute_batch(
    services: ServicesDep,
    caller: CallerDep,
    keyed: KeyedDep,
    body: Annotated[BatchExecute, Depends(body_of(BatchExecute))],
) -> Response:
    """Run tasks in parallel, each as soon as its own dependencies have completed."""
    warnings = body.warnings(services.tools)

    async def begin(once: Once | None) -> Outcome:
        agent = await _agent(services, caller, body)

        def accepted(swarm: SwarmRow) -> Answer | None:
            if body.wait and not agent.config.async_result_fetch:
                return None
            value = {
                "swarm_id": swarm.swarm_id,
                "orchestrator_id": agent.agent_id,
                "status": swarm.status,
                "total": swarm.counts.total,
                "warnings": warnings,
            }
            return answer_of(value, 202)

        swarm = await services.batches.start(
            agent,
            body.to_work(agent.config, services.caps, partial(_made_up_id, services)),
            kind="batch",
            parallelism=body.parallelism,
            context_window=body.context_window,
            checkpoints=body.memory_strategy == "checkpoint",
            options=validate(RunOptionsIn, body.options()).to_domain(),
            key_id=caller.key_id,
            beside=lambda row: Beside(once=once and once.answered(accepted(row))),
        )
        return Outcome(swarm_id=swarm.swarm_id, answer=accepted(swarm))

    outcome = await services.idempotency.start(keyed, begin)
    if outcome.answer is not None:
        return reply(outcome)
    await services.swarms.wait(caller.tenant_id, outcome.run_id, math.inf)
    results = await services.results.get(caller.tenant_id, outcome.run_id)
    return mark(json_response(batch_json(results, warnings)), outcome)


@router.post(
    "/barrier-execute",
    operation_id="execute_barrier",
    response_model=BarrierExecuted,
    responses={**responses(400, 402, 404, 409, 413, 422, 503), 202: {"model": BarrierExecuted}},
    openapi_extra=request_body(BarrierExecute),
)
async def execute_barrier(
    services: ServicesDep,
    caller: CallerDep,
    keyed: KeyedDep,
    body: Annotated[BarrierExecute, Depends(body_of(BarrierExecute))],
) -> Response:
    """Run tasks behind a barrier; a strict check that fails answers 200, `state` failed, and says what is missing."""

    def json_of(state: BarrierState, results: Results | None) -> dict[str, Any]:
        return barrier_executed_json(body.barrier_id, state, results, body.warnings(services.tools))

    def accepted(state: BarrierState) -> Answer | None:
        if state.swarm_id is None:
            return answer_of(json_of(state, None), 200)
        return None if body.wait_for_completion else answer_of(json_of(state, None), 202)

    async def begin(once: Once | None) -> Outcome:
        agent = await _agent(services, caller, body)
        state = await services.barriers.start(
            agent,
            BarrierName.parse(str(body.barrier_id)),
            body.to_work(agent.config, services.caps, partial(_made_up_id, services)),
            strict=body.dependency_check == "strict",
            options=validate(RunOptionsIn, body.options()).to_domain(),
            key_id=caller.key_id,
            once=lambda state: once and once.answered(accepted(state)),
        )
        return Outcome(swarm_id=state.swarm_id, answer=accepted(state))

    outcome = await services.idempotency.start(keyed, begin)
    if outcome.answer is not None:
        return reply(outcome)
    await services.swarms.wait(caller.tenant_id, outcome.run_id, math.inf)
    results = await services.results.get(caller.tenant_id, outcome.run_id)
    return mark(json_response(json_of(state_of_run(results.swarm), results)), outcome)


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
    responses=responses(400, 402, 404, 409, 413, 422, 503),
    openapi_extra=request_body(Spawn),
)
async def spawn_agent(
    services: ServicesDep,
    caller: CallerDep,
    keyed: KeyedDep,
    agent_id: str,
    body: Annotated[Spawn, Depends(body_of(Spawn))],
) -> Response:
    """Start a sub-agent in the background and answer at once."""

    async def begin(once: Once | None) -> Outcome:
        agent = await services.agents.get(caller.tenant_id, agent_id)
        task = validate(WorkTask, body.task_fields())
        work = task.to_work("", _made_up_id(services), agent.config, services.caps)

        def accepted(swarm: SwarmRow) -> Answer:
            value = {
                "agent_id": sub_agent_id(swarm.swarm_id, 0),
                "task_id": work.spec.task_id,
                "swarm_id": swarm.swarm_id,
                "orchestrator_id": agent.agent_id,
                "status": "queued",
                "warnings": task.warnings(services.tools),
            }
            return answer_of(value, 202)

        with _of_the_body():
            swarm = await services.batches.start(
                agent,
                [work],
                kind="spawn",
                key_id=caller.key_id,
                beside=lambda row: Beside(once=once and once.answered(accepted(row))),
            )
        return Outcome(swarm_id=swarm.swarm_id, answer=accepted(swarm))

    return reply(await services.idempotency.start(keyed, begin))
