"""Builds the application: all wiring is here, in one lifespan, started and stopped in order."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator

from app import __version__
from app.api import errors, openapi
from app.api.deps import Services
from app.api.middleware import BodyLimit, Gate, is_loopback
from app.api.routes import agents, batches, chat, operations, streams, swarms
from app.api.schemas.swarms import Caps
from app.dispatch.local import LocalDoorbell
from app.domain.errors import SwarmdError
from app.domain.usage import NANO_USD, Price
from app.providers.offline import OfflineProvider
from app.providers.openai_chat import OpenAIChat, new_session
from app.providers.registry import ConfiguredProvider, Registry
from app.providers.wire import PROFILES
from app.scheduler.admission import Admission
from app.scheduler.executor import Executor
from app.scheduler.reducer import Reducer
from app.scheduler.runner import Machinery
from app.scheduler.supervisor import Supervisor
from app.services.agents import AgentService
from app.services.barriers import BarrierService
from app.services.batches import BatchService
from app.services.chat import ChatService
from app.services.keys import KeyService
from app.services.results import ResultService
from app.services.streams import Streams
from app.services.swarms import SwarmService
from app.settings import PriceSettings, ProviderSettings, Settings, load_settings
from app.storage.engine import open_database
from app.telemetry.prometheus import NoMetrics, PrometheusSwarmMetrics
from app.telemetry.system import SystemClock, SystemEntropy

_GC_THRESHOLD = 200_000
"""Young-generation size: accepting or answering thousands of tasks allocates that many objects that soon die."""


class KeyNeeded(SwarmdError):
    """The bind address is open to others, and no key protects the service."""

    code = "key_needed"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"listening on {host} needs a key, since others can reach it; mint one with: swarmd keys create"
            " --scopes read,run,admin  (with the same --data-dir), or listen on 127.0.0.1"
        )


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the service. It starts, recovers unfinished swarms and opens its store when its lifespan begins.

    Args:
        settings: read from the environment where None.
    """
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.services = await _start(settings, app.state.metrics, stack)
            gc.collect()
            gc.freeze()
            gc.set_threshold(_GC_THRESHOLD)
            yield

    app = FastAPI(
        title="swarmd",
        version=__version__,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.metrics = CollectorRegistry()
    errors.install(app)
    openapi.install(app)
    app.include_router(operations.router)
    app.include_router(streams.router)
    app.include_router(swarms.router)
    app.include_router(batches.router)
    app.include_router(agents.router)
    app.include_router(chat.router)
    app.add_api_websocket_route("/{path:path}", streams.stream_unknown)
    if settings.metrics:
        app.include_router(operations.metrics_router)
        # Grouped by route template, so that labels stay bounded; sub-agent work never passes here.
        Instrumentator(registry=app.state.metrics, excluded_handlers=["/metrics"]).instrument(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Gate, local=is_loopback(settings.host))
    return app


async def _start(settings: Settings, metrics: CollectorRegistry, stack: AsyncExitStack) -> Services:
    clock = SystemClock()
    entropy = SystemEntropy()
    doorbell = LocalDoorbell()
    database = await stack.enter_async_context(open_database(settings.database_path))
    keys = KeyService(database.keys, clock, entropy)
    if not is_loopback(settings.host) and not await keys.any_live():
        raise KeyNeeded(settings.host)
    session = await stack.enter_async_context(new_session())
    configured = settings.all_providers()
    registry = Registry(
        [
            ConfiguredProvider(
                OpenAIChat(
                    name,
                    entry.base_url,
                    api_key=entry.key(),
                    profile=PROFILES[entry.kind],
                    session=session,
                    clock=clock,
                ),
                entry.models,
            )
            for name, entry in configured.items()
        ],
        offline=OfflineProvider(),
        aliases=settings.aliases,
        prices={name: _price(entry) for name, entry in settings.prices.items()},
        default_model=settings.default_model if configured else None,
        clock=clock,
    )
    admission = Admission(lambda lane: _lane_limit(configured.get(lane), settings.max_agents))
    feed = Streams(database.swarms, database.tasks, database.events, clock)
    await stack.enter_async_context(feed.running())
    shared = Machinery(
        runs=database.runs,
        admission=admission,
        executor=Executor(registry, clock, entropy, max_output_tokens=settings.max_output_tokens),
        reducer=Reducer(database.tasks),
        doorbell=doorbell,
        clock=clock,
        metrics=PrometheusSwarmMetrics(metrics) if settings.metrics else NoMetrics(),
        feed=feed,
    )
    owner = f"{socket.gethostname()}:{os.getpid()}"
    await stack.enter_async_context(Supervisor(shared, owner=owner, max_runs=settings.max_runs).running())
    swarm_service = SwarmService(
        swarms=database.swarms,
        tasks=database.tasks,
        events=database.events,
        models=registry,
        doorbell=doorbell,
        clock=clock,
        entropy=entropy,
        feed=feed,
    )
    batches = BatchService(swarm_service, database.swarms, database.tasks, doorbell, clock)
    return Services(
        keys=keys,
        agents=AgentService(database.agents, database.swarms, registry, doorbell, clock, entropy),
        batches=batches,
        barriers=BarrierService(database.barriers, batches, database.swarms, database.runs, clock, entropy),
        chat=ChatService(registry, admission, clock),
        tasks=database.tasks,
        clock=clock,
        entropy=entropy,
        swarms=swarm_service,
        streams=feed,
        results=ResultService(database.swarms),
        models=registry,
        caps=Caps(max_tasks=settings.max_tasks, max_input_bytes=settings.max_input_bytes),
        max_wait_s=settings.max_wait_s,
        slow_client_s=settings.slow_client_s,
    )


def _lane_limit(provider: ProviderSettings | None, max_agents: int) -> int:
    return (provider.max_concurrency if provider else None) or max_agents


def _price(entry: PriceSettings) -> Price:
    def nano(dollars: Decimal) -> int:
        return int((dollars * NANO_USD).to_integral_value())

    return Price(
        input_nano_per_mtok=nano(entry.input_per_mtok),
        output_nano_per_mtok=nano(entry.output_per_mtok),
        cached_input_nano_per_mtok=None if entry.cached_input_per_mtok is None else nano(entry.cached_input_per_mtok),
    )
