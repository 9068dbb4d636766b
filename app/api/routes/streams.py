"""Live streams: ``/v1/swarms/{id}/stream`` and ``/v1/agents/{id}/stream`` (contract, section 4)."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from fastapi import APIRouter, WebSocket
from fastapi.responses import Response
from pydantic import BaseModel

from app.api import ws
from app.api.deps import Caller, CallerDep, Services, ServicesDep, json_response
from app.api.errors import problem, responses
from app.api.idempotency import KEY_NOT_NEEDED
from app.api.schemas.times import Timestamp
from app.domain.errors import InvalidRequest, NotFound, SwarmdError
from app.domain.events import rfc3339
from app.domain.ids import split_sub_agent_id

router = APIRouter(prefix="/v1", tags=["streams"])

_MAX_BATCH_MS = 10_000


class Ticket(BaseModel):
    ticket: str
    expires_at: Timestamp


@router.post(
    "/stream-tickets",
    status_code=201,
    operation_id="create_stream_ticket",
    response_model=Ticket,
    responses=responses(401, 422),
    dependencies=[KEY_NOT_NEEDED],
)
async def create_stream_ticket(services: ServicesDep, caller: CallerDep) -> Response:
    """Get a ticket for `?ticket=` of a socket, good for one minute: browsers cannot send headers there."""
    ticket, expires_at_ms = await services.keys.issue_ticket(caller.tenant_id, caller.scopes)
    return json_response({"ticket": ticket, "expires_at": rfc3339(expires_at_ms)}, 201)


@router.websocket("/swarms/{swarm_id}/stream")
async def stream_swarm(websocket: WebSocket, swarm_id: str) -> None:
    """Events of one run from its first, or from behind `?after=<seq>`; closes with 1000 after the last."""
    services, caller = _context(websocket)
    try:
        after, pause_s = _query(websocket)
        frames = await services.streams.of_swarm(caller.tenant_id, swarm_id, after, pause_s)
    except SwarmdError as exc:
        await _refuse(websocket, exc)
        return
    await _serve(websocket, services, frames, batched=pause_s > 0)


@router.websocket("/agents/{agent_id}/stream")
async def stream_agent(websocket: WebSocket, agent_id: str) -> None:
    """Events of all runs of an orchestrator; stays open. `?after=<cursor>` resumes."""
    services, caller = _context(websocket)
    try:
        after, pause_s = _query(websocket)
        place = split_sub_agent_id(agent_id)
        if place is not None:
            frames = await services.streams.of_swarm(caller.tenant_id, place[0], after, pause_s)
            if await services.tasks.get_by_index(*place) is None:
                raise NotFound("agent", agent_id)
        else:
            agent = await services.agents.get(caller.tenant_id, agent_id)
            frames = await services.streams.of_agent(caller.tenant_id, agent.agent_id, after, pause_s)
    except SwarmdError as exc:
        await _refuse(websocket, exc)
        return
    await _serve(websocket, services, frames, batched=pause_s > 0)


async def stream_unknown(websocket: WebSocket) -> None:
    """Every other path: Starlette alone would answer 403."""
    await _refuse(websocket, NotFound("stream", websocket.url.path))


async def _serve(
    websocket: WebSocket, services: Services, frames: AsyncGenerator[list[str], None], *, batched: bool
) -> None:
    await ws.serve(websocket, frames, batched=batched, slow_client_s=services.slow_client_s)


def _context(websocket: WebSocket) -> tuple[Services, Caller]:
    services: Services = websocket.app.state.services
    caller: Caller = websocket.state.caller
    return services, caller


def _query(websocket: WebSocket) -> tuple[str | None, float]:
    """Return ``after`` and the seconds to rest between batches (0 for plain frames)."""
    batch_ms = websocket.query_params.get("batch_ms", "0")
    if not (batch_ms.isascii() and batch_ms.isdigit() and len(batch_ms) < 6 and int(batch_ms) <= _MAX_BATCH_MS):
        raise InvalidRequest.field("/batch_ms", f"expected 0-{_MAX_BATCH_MS}")
    return websocket.query_params.get("after"), int(batch_ms) / 1000


async def _refuse(websocket: WebSocket, exc: SwarmdError) -> None:
    errors = exc.errors if isinstance(exc, InvalidRequest) else ()
    status = 404 if isinstance(exc, NotFound) else 422 if isinstance(exc, InvalidRequest) else 503
    await websocket.send_denial_response(problem(websocket.url.path, status, exc.code, exc.detail, errors=errors))
