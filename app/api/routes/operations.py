"""At the root: is it alive, is it ready, what does it measure."""

from __future__ import annotations

from functools import cache
from typing import Literal

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from app import __version__
from app.api import asyncapi
from app.api.deps import ServicesDep, json_response
from app.api.draining import OpenRequests, refusal
from app.api.errors import responses

router = APIRouter(tags=["operations"])
metrics_router = APIRouter(tags=["operations"])


class Health(BaseModel):
    status: str
    version: str


class Readiness(Health):
    broker: Literal["connected", "disconnected"] | None = Field(
        None, description="With several nodes: while NATS is away work is taken, and goes on when it is back"
    )
    workers: int | None = Field(
        None, ge=0, description="With several nodes: processes that make the calls of sub-agents; with none they wait"
    )


@router.get("/healthz", operation_id="get_health", response_model=Health)
async def get_health() -> Response:
    """Alive: the process answers."""
    return json_response({"status": "ok", "version": __version__})


@router.get("/readyz", operation_id="get_readiness", response_model=Readiness, responses=responses(503))
async def get_readiness(request: Request, services: ServicesDep) -> Response:
    """Ready: new work is taken, the store can be written and some model can be served."""
    requests: OpenRequests = request.app.state.requests
    if requests.draining:
        return refusal(request.url.path)
    await services.swarms.check_writable()
    await services.models.names()
    found: dict[str, str | int] = {"status": "ready", "version": __version__}
    if services.broker_connected is not None:
        found["broker"] = "connected" if services.broker_connected() else "disconnected"
    if services.workers is not None:
        found["workers"] = services.workers()
    return json_response(found)


@router.get("/asyncapi.json", include_in_schema=False)
async def get_asyncapi() -> Response:
    """The AsyncAPI document; it is made when it is first asked for."""
    return Response(_asyncapi(), media_type="application/json")


@cache
def _asyncapi() -> bytes:
    return orjson.dumps(asyncapi.document())


@metrics_router.get("/metrics", operation_id="get_metrics", response_class=Response)
async def get_metrics(request: Request) -> Response:
    """Prometheus metrics in the text format."""
    registry: CollectorRegistry = request.app.state.metrics
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
