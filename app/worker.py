"""``swarmd worker``: a process that does the jobs of sub-agents, and nothing else. All its wiring is here.

It has no API, only what an operator asks a process: is it alive, is it ready, what does it measure.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app import __version__
from app.domain.errors import SwarmdError
from app.node import Node
from app.settings import Settings
from app.storage.engine import open_database
from app.sub_agents import blobs_of, open_sub_agents
from app.telemetry.system import SystemClock, SystemEntropy, settle

if TYPE_CHECKING:
    from app.dispatch.worker import Worker


class NothingToDo(SwarmdError):
    """A worker gets its jobs over NATS, and no server is named."""

    code = "nats_needed"


async def work(settings: Settings, sock: socket.socket, stop: asyncio.Event, announce: Callable[[], None]) -> None:
    """Do jobs until ``stop`` is set; then let those in hand end, for ``drain_s`` at most, and give the rest back.

    Args:
        sock: on which the operator's questions are answered.
        announce: called once jobs can come.

    Raises:
        SwarmdError: the settings do not make a worker, or the database is not there.
    """
    if settings.nats_url is None:
        raise NothingToDo("a worker gets its jobs over NATS: set SWARMD_NATS_URL and SWARMD_DATABASE_URL as for serve")
    clock, entropy, metrics = SystemClock(), SystemEntropy(), CollectorRegistry()
    # Another process of the same name and number may have been here before.
    node = Node(settings, f"worker-{socket.gethostname()}-{os.getpid()}-{time.time_ns() // 1_000_000:x}")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database))
        agents = await stack.enter_async_context(
            open_sub_agents(
                settings, database, blobs_of(settings, database, clock, entropy), node.doorbell, clock, entropy
            )
        )
        jobs = Counter("swarmd_worker_jobs", "Jobs done; recorded=false: others had it", ["recorded"], registry=metrics)
        for recorded in ("true", "false"):
            jobs.labels(recorded)
        worker = node.employ(
            agents.executor,
            agents.tools,
            database,
            settings.worker_concurrency,
            settings.worker_tags,
            lambda recorded: jobs.labels(str(recorded).lower()).inc(),
        )
        await stack.enter_async_context(node.running())
        await stack.enter_async_context(_answering(worker, settings, metrics, sock))
        settle()
        announce()
        await stop.wait()
        await worker.drain(settings.drain_s)


def _answering(worker: Worker, settings: Settings, metrics: CollectorRegistry, sock: socket.socket) -> _Site:
    ProcessCollector(registry=metrics)
    Gauge("swarmd_worker_running", "Jobs in hand", registry=metrics).set_function(lambda: worker.running)
    Gauge("swarmd_worker_slots", "Jobs that it does at once", registry=metrics).set(settings.worker_concurrency)
    Gauge("swarmd_worker_ready", "1 while jobs can come and be recorded", registry=metrics).set_function(
        lambda: float(worker.ready)
    )

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "version": __version__})

    async def ready(_: web.Request) -> web.Response:
        state = {"version": __version__, "running": worker.running, "slots": settings.worker_concurrency}
        if worker.ready:
            return web.json_response({"status": "ready", **state})
        return web.json_response({"status": "not_ready", "reason": worker.why_not(), **state}, status=503)

    async def measured(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/healthz", alive)
    application.router.add_get("/readyz", ready)
    if settings.metrics:
        application.router.add_get("/metrics", measured)
    return _Site(application, sock)


class _Site:
    """An HTTP listener, as a context."""

    def __init__(self, application: web.Application, sock: socket.socket) -> None:
        self._runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        self._sock = sock

    async def __aenter__(self) -> None:
        await self._runner.setup()
        await web.SockSite(self._runner, self._sock).start()

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
