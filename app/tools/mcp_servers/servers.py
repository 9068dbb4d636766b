"""All configured MCP servers: their tools, and their start and stop with the service."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec

import structlog

from app.ports.output_schemas import OutputSchemas
from app.ports.tools import Tool
from app.tools.mcp_servers.configuration import McpServerConfig, check_together
from app.tools.mcp_servers.link import Connect
from app.tools.mcp_servers.server import NOT_INSTALLED, McpServer, Pace

_log = structlog.get_logger(__name__)

START_WAIT_S = 5.0
_STOP_S = 10.0


class McpServers:
    """``ports.tools.Tools`` of the servers, which are there inside ``running()``.

    Args:
        schemas: says which parameters can be checked.
        taken: names of the service's other tools; tools of servers get other ones.
        start_wait_s: how long the start of the service waits for the servers; they go on starting behind it.
        connect: None takes the SDK where it is installed.

    Raises:
        ValueError: see ``configuration.check_together``.
    """

    def __init__(
        self,
        configured: Iterable[McpServerConfig],
        schemas: OutputSchemas,
        *,
        taken: Collection[str] = (),
        start_wait_s: float = START_WAIT_S,
        pace: Pace | None = None,
        connect: Connect | None = None,
    ) -> None:
        configs = check_together(configured)
        self._start_wait_s = start_wait_s
        found = connect if connect is not None or not configs else _sdk()
        self._servers = [McpServer(config, found, schemas, taken=taken, pace=pace) for config in configs]

    def find(self, name: str) -> Tool | None:
        """See ``ports.tools.Tools``."""
        return next((tool for server in self._servers if (tool := server.find(name)) is not None), None)

    def all(self) -> Sequence[Tool]:
        """See ``ports.tools.Tools``."""
        return [tool for server in self._servers for tool in server.tools()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[McpServers]:
        """Start the servers and wait ``start_wait_s`` for them at most; afterwards nothing of them is left."""
        tasks: list[asyncio.Task[None]] = [asyncio.create_task(server.supervise()) for server in self._servers]
        if not tasks:
            yield self
            return
        try:
            settled = [asyncio.create_task(server.settled.wait()) for server in self._servers]
            _, late = await asyncio.wait(settled, timeout=self._start_wait_s)
            for waiting in late:
                waiting.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            yield self
        finally:
            for task in tasks:
                task.cancel()
            _, stuck = await asyncio.wait(tasks, timeout=_STOP_S)
            for task in stuck:  # e.g. an address that does not answer to the end of the session
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def can_start(config: McpServerConfig) -> bool:
    """Return whether this machine has what the server takes: the SDK, and its program where it is one."""
    program = not config.command or shutil.which(config.command[0], path=config.env.get("PATH")) is not None
    return program and _sdk() is not None


def _sdk() -> Connect | None:
    if find_spec("mcp") is None:
        _log.warning("mcp_not_installed", install=NOT_INSTALLED)
        return None
    try:
        from app.tools.mcp_servers.session import connect
    except ImportError:
        _log.exception("mcp_not_usable", install=NOT_INSTALLED)  # e.g. a release before 2
        return None
    return connect
