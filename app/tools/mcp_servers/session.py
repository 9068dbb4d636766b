"""One session with a server through the SDK's client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import httpx2
from mcp import Client, MCPError, types
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

from app import __version__
from app.ports.tools import ToolResult
from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.http import http_transport
from app.tools.mcp_servers.link import MAX_TOOLS, LinkFailed, ListedTool
from app.tools.mcp_servers.results import text_of
from app.tools.mcp_servers.stdio import stdio_transport

_MAX_PAGES = 50
_MESSAGE_CHARS = 1000
_LOST: Final = frozenset({types.CONNECTION_CLOSED, types.PARSE_ERROR, -32000})
"""Codes that tell of the connection, not of the call."""
_SESSION_LOST = "Session terminated"
_RESULT: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)

for _noisy in ("mcp", "client", "httpx2"):  # they log session ids, URLs and what servers sent
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)


@asynccontextmanager
async def connect(config: McpServerConfig, on_change: Callable[[], None]) -> AsyncGenerator[McpSession, None]:
    """See ``link.Connect``."""
    session = McpSession(on_change)
    transport = stdio_transport(config, session.end) if config.command else http_transport(config)
    client = Client(
        transport,
        cache=None,
        client_info=types.Implementation(name="swarmd", version=__version__),
        message_handler=session.hear,
    )
    try:
        async with client:
            session.client = client
            listening = asyncio.create_task(session.listen())
            try:
                yield session
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
    except Exception as exc:
        failure = _failure(exc, session.over)
        if failure is None:
            raise
        raise failure from exc


class McpSession:
    """A ``link.Link``."""

    client: Client

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self.over: str | None = None

    def end(self, reason: str) -> None:
        self.over = reason
        self._on_change()

    async def listen(self) -> None:
        """Hear of changed tools in the way of protocol 2026-07-28; earlier ones tell it unasked (``hear``)."""
        capabilities = self.client.server_capabilities
        changes = capabilities.tools is not None and capabilities.tools.list_changed
        if self.client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not changes:
            return
        try:
            async with self.client.listen(tools_list_changed=True) as events:
                async for _ in events:
                    self._on_change()
        except (MCPError, SubscriptionLost, ListenNotSupportedError, TimeoutError):
            return  # the supervisor lists the tools now and then anyway

    async def hear(self, message: IncomingMessage) -> None:
        """Take what the server sends by itself."""
        if isinstance(message, types.ToolListChangedNotification):
            self._on_change()

    async def list_tools(self) -> Sequence[ListedTool]:
        """See ``link.Link``."""
        listed: list[ListedTool] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            try:
                page = await self.client.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            except MCPError as exc:
                raise LinkFailed(self.over or exc.message[:_MESSAGE_CHARS]) from exc
            except ValidationError as exc:
                raise LinkFailed("its list of tools does not keep to the protocol") from exc
            listed += [
                ListedTool(name=tool.name, description=tool.description or tool.title or "", schema=tool.input_schema)
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if cursor is None or len(listed) >= MAX_TOOLS:
                break
        return listed[:MAX_TOOLS]

    async def call(self, name: str, arguments: Mapping[str, Any], *, run_key: str, max_chars: int) -> ToolResult:
        """See ``link.Link``."""
        meta = types.RequestParamsMeta(**{"swarmd/run_key": run_key})  # type: ignore[typeddict-unknown-key]
        params = types.CallToolRequestParams(name=name, arguments=dict(arguments), _meta=meta)
        try:
            result = await self.client.session.send_request(types.CallToolRequest(params=params), _RESULT)
        except MCPError as exc:
            if exc.code in _LOST or exc.message == _SESSION_LOST:
                raise LinkFailed(self.over or exc.message[:_MESSAGE_CHARS]) from exc
            return ToolResult(content=exc.message[:_MESSAGE_CHARS], is_error=True, details={"code": exc.code})
        except ValidationError as exc:
            raise LinkFailed("its answer does not keep to the protocol") from exc
        if isinstance(result, types.InputRequiredResult):
            return ToolResult(content="the tool asks for input of a person, which nobody can give here", is_error=True)
        return ToolResult(content=text_of(result, max_chars), is_error=bool(result.is_error))


def _failure(exc: BaseException, over: str | None) -> LinkFailed | None:
    """What a fault of the server or the way to it is called; the task groups of the SDK put faults into groups."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    match exc:
        case LinkFailed():
            return exc
        case MCPError():
            return LinkFailed(over or exc.message[:_MESSAGE_CHARS])
        case ValidationError():
            return LinkFailed("it does not keep to the protocol")
        case OSError() | httpx2.HTTPError() | httpx2.InvalidURL() | anyio.BrokenResourceError():
            return LinkFailed(over or f"the connection failed ({type(exc).__name__})")
    return None
