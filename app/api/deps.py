"""What routes are handed: the services, and who is calling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Query, Request
from fastapi.responses import Response

from app.api.schemas.swarm_create import Caps
from app.domain.errors import Forbidden
from app.domain.ids import ID_ALPHABET
from app.ports.admission import Lanes
from app.ports.clock import Clock, Entropy
from app.ports.provider import Models
from app.ports.store import TaskStore
from app.ports.tools import Tools
from app.services.agents import AgentService
from app.services.artifacts import ArtifactService
from app.services.audit import AuditService
from app.services.barriers import BarrierService
from app.services.batches import BatchService
from app.services.chat import ChatService
from app.services.composing import Composer
from app.services.credits import CreditService
from app.services.exports import ExportService
from app.services.files import FileService
from app.services.forks import ForkService
from app.services.graphs import GraphService
from app.services.idempotency import IdempotencyService
from app.services.insights import InsightService
from app.services.keys import KeyService
from app.services.latencies import LatencyService
from app.services.memory import MemoryService
from app.services.messages import MessageService
from app.services.prices import PriceService
from app.services.results import ResultService
from app.services.roles import RoleService
from app.services.steering import SteeringService
from app.services.streams import Streams
from app.services.swarm_chat import SwarmChatService
from app.services.swarms import SwarmService
from app.services.sweeping import Sweeper
from app.services.usage import UsageService
from app.services.webhooks import WebhookService

DEFAULT_TENANT = "default"
"""Of local mode, and the operator's own: an ``admin`` of it may do what concerns all tenants (prices, credits).

A scope of its own would not be safer, and a tenant's ``admin`` is not enough: tenants mint such keys for themselves,
and could top up their own credits, or make their models cost nothing.
"""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything routes may call; ``main`` builds it."""

    keys: KeyService
    credits: CreditService
    credits_enabled: bool
    reserved_nano_usd: Callable[[str], Awaitable[int]]
    audit: AuditService
    prices: PriceService
    roles: RoleService
    composer: Composer
    insights: InsightService
    latencies: LatencyService
    forks: ForkService
    webhooks: WebhookService
    graphs: GraphService
    max_graph_bytes: int
    tools: Tools
    usage: UsageService
    agents: AgentService
    batches: BatchService
    barriers: BarrierService
    chat: ChatService
    swarm_chat: SwarmChatService
    tasks: TaskStore
    clock: Clock
    entropy: Entropy
    swarms: SwarmService
    steering: SteeringService
    results: ResultService
    exports: ExportService
    streams: Streams
    idempotency: IdempotencyService
    memory: MemoryService
    messages: MessageService
    artifacts: ArtifactService
    files: FileService
    sweeper: Sweeper
    models: Models
    lanes: Lanes
    providers: Sequence[str]
    caps: Caps
    max_wait_s: float
    slow_client_s: float
    broker_connected: Callable[[], bool] | None = None
    workers: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling; in local mode everyone is the default tenant with every scope, and there is no key.

    A stream's ticket carries no key either: it only reads.
    """

    tenant_id: str
    scopes: tuple[str, ...]
    key_id: str | None = None
    max_cost_per_day_nano_usd: int | None = None

    @property
    def is_operator(self) -> bool:
        return self.tenant_id == DEFAULT_TENANT and "admin" in self.scopes


def lacks(scope: str) -> str:
    return f"this key lacks the scope {scope!r}; send one that has it, or have an admin of your tenant mint one"


async def services_of(request: Request) -> Services:
    """A coroutine, like ``caller_of``: a plain function would cost every request a trip to a worker thread."""
    services: Services = request.app.state.services
    return services


async def caller_of(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def admin_of(request: Request) -> Caller:
    """Raises Forbidden for whoever is no ``admin`` of a tenant."""
    caller = await caller_of(request)
    if "admin" not in caller.scopes:
        raise Forbidden(lacks("admin"))
    return caller


async def operator_of(request: Request) -> Caller:
    """Raises Forbidden for whoever does not run the service: see ``DEFAULT_TENANT``."""
    caller = await admin_of(request)
    if not caller.is_operator:
        raise Forbidden(f"this concerns all tenants: it needs a key of the tenant {DEFAULT_TENANT!r} with 'admin'")
    return caller


ServicesDep = Annotated[Services, Depends(services_of)]
CallerDep = Annotated[Caller, Depends(caller_of)]
AdminDep = Annotated[Caller, Depends(admin_of)]
OperatorDep = Annotated[Caller, Depends(operator_of)]
MAX_WAIT_S = 300
"""The default of the setting."""

Limit = Annotated[int, Query(ge=1, le=1000, description="Items a page")]


def cursor_query(pattern: str | None = None, max_length: int = 200) -> Any:
    """Return the query ``cursor``; ``pattern`` tells the document what the list's own cursors look like."""
    extra = None if pattern is None else {"pattern": pattern}
    return Query(max_length=max_length, description="`next_cursor` of the page before", json_schema_extra=extra)


def wait_query(description: str) -> Any:
    """Return a query of seconds to wait; how many are taken is a setting, whose default the document tells."""
    return Query(ge=0, description=description, json_schema_extra={"maximum": MAX_WAIT_S})


def id_cursor(prefix: str) -> Any:
    """Return the query ``cursor`` of a list that goes on behind an id."""
    return cursor_query(f"^{prefix}[{ID_ALPHABET}]{{26}}$")


Cursor = Annotated[str | None, cursor_query()]


def json_response(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
