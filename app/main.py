"""Builds the application: all wiring is here, in one lifespan, started and stopped in order."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator

from app import __version__
from app.accounts import open_accounts
from app.api import errors, openapi
from app.api.auditing import Auditing
from app.api.deps import Services
from app.api.draining import Draining, OpenRequests
from app.api.methods import methods_at
from app.api.middleware import BodyLimit, Gate, is_loopback
from app.api.routers import ROUTERS
from app.api.routes import files, operations, streams, webhooks
from app.api.schemas.swarm_create import Caps
from app.api.schemas.webhooks import webhook_data
from app.console import pages
from app.delivery import open_webhooks
from app.dispatch.polled import PolledDoorbell
from app.documents.table import rows_of
from app.documents.text import text_of
from app.domain.decompose.requests import Bounds
from app.domain.errors import SwarmdError
from app.node import Node
from app.ports.provider import RateLimitHeaders
from app.ports.tools import Tool
from app.scheduler.admission import Admission
from app.scheduler.lanes import LaneSettings
from app.scheduler.reducer import Reducer
from app.scheduler.routing import Routing
from app.scheduler.runner import Machinery
from app.scheduler.shared_admission import SharedAdmission
from app.scheduler.sharing import Sharing
from app.scheduler.supervisor import Supervisor
from app.services.agents import AgentService
from app.services.barriers import BarrierService
from app.services.batches import BatchService
from app.services.chat import ChatService
from app.services.composing import Composer
from app.services.decomposing import Decomposer
from app.services.exports import ExportService
from app.services.forks import ForkService
from app.services.graphs import GraphService
from app.services.idempotency import IdempotencyService
from app.services.insights import InsightService
from app.services.keys import KeyService
from app.services.latencies import LatencyService
from app.services.results import ResultService
from app.services.roles import RoleService
from app.services.staffing import Staffing
from app.services.steering import SteeringService
from app.services.streams import Streams
from app.services.swarm_chat import SwarmChatService
from app.services.swarms import SwarmService
from app.services.sweeping import Sweeper
from app.services.usage import UsageService
from app.services.webhooks import outbox
from app.settings import ProviderSettings, Settings, load_settings
from app.storage.engine import open_database
from app.sub_agents import blobs_of, open_sub_agents
from app.telemetry.lanes import LaneMetrics
from app.telemetry.prometheus import NoMetrics, PrometheusDeliveryMetrics, PrometheusSwarmMetrics
from app.telemetry.system import SystemClock, SystemEntropy, settle
from app.telemetry.trace_context import TraceContext, of_request
from app.telemetry.tracing import is_wanted
from app.telemetry.vitals import Vitals
from app.toolbox import swarm_files

_HOUR_MS = 3_600_000

_POLL_S, _SLOW_POLL_S = 1.0, 5.0
"""How often several nodes look for each other's news: where they hear nothing, and where a ring may be lost."""


class KeyNeeded(SwarmdError):
    """The bind address is open to others, and no key protects the service."""

    code = "key_needed"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"listening on {host} needs a key, since others can reach it; mint one with: swarmd keys create"
            " --scopes read,run,admin  (with the same --data-dir), or listen on 127.0.0.1"
        )


def create_app(settings: Settings | None = None, tools: Sequence[Tool] = ()) -> FastAPI:
    """Return the service. It starts, recovers unfinished swarms and opens its store when its lifespan begins.

    Args:
        settings: read from the environment where None.
        tools: beside the service's own.
    """
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.services = await _start(settings, app, stack, tools)
            settle()
            yield

    # The viewer of /docs comes with the package instead of from a CDN: the page works in a closed network, too.
    app = FastAPIOffline(
        title="swarmd",
        version=__version__,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        static_url="/docs/assets",
        favicon_url="/console/assets/icon.svg",
    )
    app.state.metrics = CollectorRegistry()
    app.state.requests = OpenRequests()
    routers = (*ROUTERS, operations.metrics_router)
    errors.install(app, methods_at(routers))
    openapi.install(app, routers)
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes.extend(pages.routes())
    app.webhooks.include_router(webhooks.messages)
    app.add_api_websocket_route("/{path:path}", streams.stream_unknown)
    if settings.metrics:
        app.include_router(operations.metrics_router)
        Vitals(settings.data_dir, settings.database_path, app.state.metrics)
        # Grouped by route template, so that labels stay bounded; sub-agent work never passes here.
        Instrumentator(registry=app.state.metrics, excluded_handlers=["/metrics"]).instrument(app)
    if is_wanted(settings.otlp_endpoint):
        app.add_middleware(TraceContext)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, limited_by_route={files.PATH})
    app.add_middleware(Auditing)
    app.add_middleware(Draining, requests=app.state.requests)
    app.add_middleware(Gate, local=is_loopback(settings.host))
    return app


async def drain(app: FastAPI, timeout_s: float) -> None:
    """Take no new work, let what runs end for ``timeout_s`` seconds at most, and answer every request that waits.

    The service answers meanwhile; afterwards its lifespan can end without anybody being cut off.
    """
    requests: OpenRequests = app.state.requests
    supervisor: Supervisor = app.state.supervisor
    requests.draining = True
    node: Node = app.state.node
    await asyncio.gather(supervisor.drain(timeout_s), node.drain(timeout_s))
    await requests.close()


async def _start(settings: Settings, app: FastAPI, stack: AsyncExitStack, further_tools: Sequence[Tool]) -> Services:
    metrics: CollectorRegistry = app.state.metrics
    clock = SystemClock()
    entropy = SystemEntropy()
    # In containers host and pid are often those of the process before, which must not seem to live on.
    owner = f"{socket.gethostname()}:{os.getpid()}:{entropy.bits(32):08x}"
    node = Node(settings, owner)
    doorbell = node.doorbell
    database = await stack.enter_async_context(open_database(settings.database, lease_s=settings.lease_s))
    if database.nodes is not None:
        every_s = _POLL_S if node.broker is None else _SLOW_POLL_S
        doorbell = await stack.enter_async_context(PolledDoorbell(doorbell, every_s=every_s).running())
    keys = KeyService(database.keys, clock, entropy, database.tickets)
    if not is_loopback(settings.host) and not await keys.any_live():
        raise KeyNeeded(settings.host)
    # As the database itself: a sweep removes what that database does not refer to.
    blobs = blobs_of(settings, database, clock, entropy)
    sweeper = Sweeper(database.contents, blobs, swarm_files=[swarm_files(settings)])
    await stack.enter_async_context(sweeper.running())
    agents = await stack.enter_async_context(
        open_sub_agents(settings, database, blobs, doorbell, clock, entropy, further_tools)
    )
    registry = agents.registry
    lane_settings = partial(_lane_settings, settings, agents.configured)
    later = asyncio.get_running_loop().call_later
    admission = Admission(lane_settings, clock, later)
    if database.nodes is not None:
        admission = several = SharedAdmission(lane_settings, clock, later, agents.configured)
        sharing = Sharing(several, database.shares, database.signs, database.learned, node.doorbell, owner, clock)
        await stack.enter_async_context(sharing.running())
    if settings.metrics:
        LaneMetrics(admission, metrics)
    accounts = await stack.enter_async_context(
        open_accounts(settings, database, keys, admission, clock, entropy, doorbell, owner)
    )
    elsewhere = doorbell if database.nodes is not None else None
    feed = Streams(database.swarms, database.tasks, database.events, clock, elsewhere)
    await stack.enter_async_context(feed.running())
    delivery_metrics = PrometheusDeliveryMetrics(metrics) if settings.metrics else NoMetrics()
    webhook_service = await stack.enter_async_context(
        open_webhooks(settings, database, doorbell, clock, entropy, delivery_metrics, owner)
    )
    shared = Machinery(
        runs=database.runs,
        admission=admission,
        allowances=accounts.allowances,
        routing=Routing(registry, settings.fallbacks),
        dispatch=node.dispatch(agents.executor, agents.tools, database),
        reducer=Reducer(database.tasks, registry, agents.growing),
        doorbell=doorbell,
        clock=clock,
        metrics=agents.traces.observing(PrometheusSwarmMetrics(metrics) if settings.metrics else NoMetrics()),
        feed=feed,
        outbox=outbox(webhook_data),
        assignments=database.assignments if node.broker is not None else None,
    )
    local_agents = settings.max_agents if settings.local_agents is None else settings.local_agents
    if node.broker is not None and local_agents:
        node.employ(agents.executor, agents.tools, database, local_agents)
    app.state.node = await stack.enter_async_context(node.running())
    supervisor = Supervisor(
        shared, owner=owner, max_runs=settings.max_runs, nodes=database.nodes, lease_s=settings.lease_s
    )
    app.state.supervisor = await stack.enter_async_context(supervisor.running())
    role_service = RoleService(database.roles, registry, clock)
    swarm_service = SwarmService(
        swarms=database.swarms,
        tasks=database.tasks,
        events=database.events,
        models=registry,
        doorbell=doorbell,
        clock=clock,
        entropy=entropy,
        feed=feed,
        staffing=Staffing(role_service, registry, agents.schemas, database.tasks, agents.tools),
        pictures=agents.pictures,
        max_output_tokens=settings.max_output_tokens,
        check_funds=accounts.allowances.check,
        traceparent=of_request,
    )
    idempotency = IdempotencyService(database.idempotency, clock, kept_ms=round(settings.idempotency_hours * _HOUR_MS))
    await stack.enter_async_context(idempotency.running())
    batches = BatchService(swarm_service, database.swarms, database.tasks, doorbell, clock)
    usage_service = UsageService(database.usage, database.swarms, clock)
    agent_service = AgentService(database.agents, database.swarms, registry, doorbell, clock, entropy)
    composer = Composer(
        Decomposer(
            agents.workspace,
            text_of,
            rows_of,
            Bounds(max_tasks=settings.max_tasks, max_input_bytes=settings.max_input_bytes),
            uploads=agents.files,
        ),
        registry,
    )
    return Services(
        keys=keys,
        credits=accounts.credits,
        credits_enabled=settings.credits,
        reserved_nano_usd=accounts.allowances.reserved_nano_usd,
        audit=accounts.audit,
        prices=agents.prices,
        roles=role_service,
        composer=composer,
        latencies=LatencyService(database.tasks),
        insights=InsightService(database.tasks, registry, admission, clock, lane_settings, settings.max_output_tokens),
        usage=usage_service,
        agents=agent_service,
        batches=batches,
        barriers=BarrierService(database.barriers, batches, database.swarms, database.runs, clock, entropy),
        chat=ChatService(
            registry,
            admission,
            accounts.allowances,
            usage_service,
            clock,
            settings.max_output_tokens,
            agents.pictures,
            partial(_note_limits, admission),
        ),
        swarm_chat=SwarmChatService(agent_service, swarm_service, feed, composer),
        tasks=database.tasks,
        clock=clock,
        entropy=entropy,
        swarms=swarm_service,
        tools=agents.tools,
        forks=ForkService(database.forks, database.runs, swarm_service),
        webhooks=webhook_service,
        graphs=GraphService(database.graphs, clock, settings.max_graphs),
        max_graph_bytes=settings.max_graph_bytes,
        steering=SteeringService(database.swarms, database.tasks, registry, doorbell, clock),
        streams=feed,
        idempotency=idempotency,
        memory=agents.memory,
        messages=agents.messages,
        artifacts=agents.artifacts,
        files=agents.files,
        sweeper=sweeper,
        results=ResultService(database.swarms),
        exports=ExportService(database.tasks, database.events, clock),
        models=registry,
        lanes=admission,
        providers=tuple(agents.configured),
        caps=Caps(max_tasks=settings.max_tasks, max_input_bytes=settings.max_input_bytes),
        max_wait_s=settings.max_wait_s,
        slow_client_s=settings.slow_client_s,
        broker_connected=node.broker_connected,
        workers=node.workers,
    )


def _note_limits(admission: Admission, lane: str, headers: RateLimitHeaders) -> None:
    admission.note_headers(lane, headers.remaining_requests, headers.remaining_tokens, headers.reset_s)


def _lane_settings(settings: Settings, providers: Mapping[str, ProviderSettings], lane: str) -> LaneSettings:
    """Return what is configured for a lane (``Route.lane``): its provider's limits, else the service's."""
    provider = providers.get(lane.partition("/")[0])
    return LaneSettings(
        max_concurrency=(provider.max_concurrency if provider else None) or settings.max_agents,
        requests_per_minute=provider.requests_per_minute if provider else None,
        tokens_per_minute=provider.tokens_per_minute if provider else None,
        breaker_failures=settings.breaker_failures,
        breaker_recovery_s=settings.breaker_recovery_s,
        breaker_probes=settings.breaker_probes,
        breaker_patience_s=settings.breaker_patience_s,
    )
