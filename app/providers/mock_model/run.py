"""Starting and stopping the mock model server: inside a test's own loop, or as a process of its own."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from app.providers.mock_model.config import MockModelConfig
from app.providers.mock_model.server import MockModel

MAX_BODY_BYTES = 256 * 1024 * 1024
BACKLOG = 4096
"""Connections waiting to be accepted: a benchmark opens a thousand at once."""

SHUTDOWN_S = 0.2
"""Hanging answers would otherwise hold the process for a minute after SIGTERM."""


class RunningMockModel:
    """A listening server: its address, and its state for tests in the same process."""

    def __init__(self, model: MockModel, host: str, port: int) -> None:
        self.model = model
        self.host = host
        self.port = port

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"{self.root_url}/v1"

    @property
    def root_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@asynccontextmanager
async def listening(config: MockModelConfig) -> AsyncIterator[RunningMockModel]:
    """Serve ``config`` on the running loop for as long as the block lasts."""
    model = MockModel(config)
    loop = asyncio.get_running_loop()

    def large_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)

    server = web.Server(model.handle, request_factory=large_request, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
    try:
        await runner.setup()
        await web.TCPSite(runner, config.host, config.port, backlog=BACKLOG).start()
        yield RunningMockModel(model, config.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()
        model.close()


def announce(running: RunningMockModel) -> None:
    """The one line on standard output that tells a parent process where to connect."""
    sys.stdout.write(f"mock-model listening on {running.base_url}\n")
    sys.stdout.flush()


async def serve(config: MockModelConfig, *, on_ready: Callable[[RunningMockModel], None] = announce) -> None:
    """Serve until SIGINT or SIGTERM (or until cancelled)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with listening(config) as running:
            gc.collect()
            gc.freeze()
            on_ready(running)
            await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def run(config: MockModelConfig) -> None:
    """Serve in this process until it is told to end; blocks."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(config))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ModuleNotFoundError:  # not built for Windows
        return asyncio.new_event_loop
    return uvloop.new_event_loop
