"""A tool of an MCP server as models see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from app.ports.tools import DEFAULT_MAX_OUTPUT_CHARS, ToolContext, ToolResult, ToolSpec
from app.tools.mcp_servers.link import Link, LinkFailed

_GRACE_S = 5.0
"""More than ``server.timeout_s`` for the caller's own timeout, so that the server is told of the end."""


class Server(Protocol):
    """The server behind a tool."""

    @property
    def name(self) -> str: ...

    @property
    def timeout_s(self) -> float: ...

    @property
    def link(self) -> Link | None:
        """None while there is no connection."""
        ...

    def unavailable(self) -> str | None:
        """Why there is no connection, for people; None where there is one."""
        ...

    def doubt(self) -> None:
        """Have the connection looked after: a call ended in a way that may be its fault."""
        ...


class McpTool:
    """A ``ports.tools.Tool``.

    Args:
        tool: its name at the server.
        refused: why it cannot be used although the server is there; None where it can.
    """

    def __init__(
        self,
        server: Server,
        tool: str,
        *,
        name: str,
        description: str,
        parameters: Mapping[str, Any],
        refused: Callable[[], str | None] | str | None = None,
    ) -> None:
        self._server = server
        self._tool = tool
        self._refused = refused
        self.spec = ToolSpec(
            name=name,
            description=description,
            parameters=parameters,
            timeout_s=server.timeout_s + _GRACE_S,
            max_output_chars=DEFAULT_MAX_OUTPUT_CHARS,
            server=server.name,
        )

    def unavailable(self) -> str | None:
        refused = self._refused() if callable(self._refused) else self._refused
        return refused or self._server.unavailable()

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        """See ``ports.tools.Tool``."""
        server = self._server
        link = server.link
        why_not = self.unavailable()
        if why_not is not None or link is None:
            return ToolResult(content=why_not or "the server is down", is_error=True)
        try:
            async with asyncio.timeout(server.timeout_s):
                return await link.call(
                    self._tool, arguments, run_key=context.run_key, max_chars=self.spec.max_output_chars
                )
        except TimeoutError:
            server.doubt()
            why = f"the MCP server {server.name!r} gave no answer within {server.timeout_s:g} s; the call was cancelled"
        except LinkFailed as exc:
            server.doubt()
            why = f"the MCP server {server.name!r} failed: {exc}; whether the call was carried out is not known"
        return ToolResult(content=why, is_error=True)
