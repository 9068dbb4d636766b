"""The suites of the service with its sub-agents at workers: ``SWARMD_TEST_DATABASE=nodes`` runs them so.

Service and two workers share the test's loop, so that what a test puts behind the scheduler is behind all of them; what
goes between them goes through PostgreSQL and a NATS server, as between machines.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import nats
from nats.js.errors import NotFoundError

from app.settings import Settings
from app.worker import work
from tests.support.brokers import NatsServer, nats_server

_WORKERS = 2
_serial = count()
_to_end = ExitStack()


def broker_of() -> dict[str, Any]:
    """The settings that leave the jobs of a service to workers, none of another service."""
    if os.environ.get("SWARMD_TEST_DATABASE") != "nodes":
        return {}
    return {"nats_url": _server().url, "nats_prefix": f"test{next(_serial)}", "local_agents": 0}


@asynccontextmanager
async def workers_of(settings: Settings) -> AsyncIterator[None]:
    """Do the jobs of a service that leaves them to workers, until the context ends."""
    if settings.nats_url is None or os.environ.get("SWARMD_TEST_DATABASE") != "nodes":
        yield
        return
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_remove_stream, settings)
        for _ in range(_WORKERS):
            stop, up = asyncio.Event(), asyncio.Event()
            sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            settings = settings.model_copy(update={"drain_s": 0.0})
            working = asyncio.create_task(work(settings, sock, stop, up.set))
            stack.push_async_callback(asyncio.wait_for, working, 20)
            stack.callback(stop.set)
            waiting = asyncio.create_task(up.wait())
            await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                waiting.cancel()
                await working
        yield


async def _remove_stream(settings: Settings) -> None:
    """Give back what the server keeps free for it, or there is no room for the fortieth."""
    assert settings.nats_url is not None
    client = await nats.connect(settings.nats_url.get_secret_value())
    with suppress(NotFoundError):
        await client.jetstream().delete_stream(f"{settings.nats_prefix}-tasks")
    await client.close()


@cache
def _server() -> NatsServer:
    """The broker of this run; ``shut_down`` ends it."""
    folder = Path(_to_end.enter_context(tempfile.TemporaryDirectory(prefix="swarmd-nats-")))
    return _to_end.enter_context(nats_server(folder))


def shut_down() -> None:
    """End the broker of this run where there is one."""
    _to_end.close()
