"""A connection to one MCP server as the supervisor sees it, free of the SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from app.ports.tools import ToolResult
from app.tools.mcp_servers.configuration import McpServerConfig

MAX_TOOLS = 500
MAX_MESSAGE_BYTES = 8 * 1024 * 1024


class LinkFailed(Exception):
    """The server cannot be reached, broke the protocol or ended; the text says what happened, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTool:
    """One tool as its server describes it."""

    name: str
    description: str
    schema: Mapping[str, Any]


class Link(Protocol):
    @property
    def over(self) -> str | None:
        """Why the connection is at its end; None while it is not."""
        ...

    async def list_tools(self) -> Sequence[ListedTool]:
        """Return ``MAX_TOOLS`` at most.

        Raises:
            LinkFailed: no list came.
        """
        ...

    async def call(self, name: str, arguments: Mapping[str, Any], *, run_key: str, max_chars: int) -> ToolResult:
        """Call once; cancelling it cancels the call at the server.

        Raises:
            LinkFailed: no answer came, or none that can be read. Whether the call was carried out is not known.
        """
        ...


Connect = Callable[[McpServerConfig, Callable[[], None]], AbstractAsyncContextManager[Link]]
"""Connects and shakes hands; raises LinkFailed. The callable is called when the tools may have changed or the
connection ended. Leaving the context ends the connection and every process that was started for it."""
