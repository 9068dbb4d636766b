"""The streamable HTTP transport of the SDK over a client that bounds answers and keeps one failure to one call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.link import MAX_MESSAGE_BYTES, LinkFailed

_CONNECT_S = 10.0
_SPARE_S = 5.0
_EVENTS = "text/event-stream"
_FAILED = -32000
"""JSON-RPC: the first of the codes that are free for implementations."""
_STATUS_IS_ALL = frozenset({401, 402, 403, 407, 429})


@asynccontextmanager
async def http_transport(config: McpServerConfig) -> AsyncGenerator[TransportStreams, None]:
    """Talk to ``config.url``.

    Raises:
        LinkFailed: not a URL.
    """
    timeout = httpx2.Timeout(_CONNECT_S, read=config.timeout_s + _SPARE_S)
    limits = httpx2.Limits(max_connections=256)
    try:
        client = httpx2.AsyncClient(
            headers={**config.headers, "Accept-Encoding": "identity", "User-Agent": "swarmd"},
            timeout=timeout,
            transport=_Bounded(httpx2.AsyncHTTPTransport(limits=limits)),
            trust_env=False,
            follow_redirects=False,
        )
    except (ValueError, UnicodeError) as exc:
        raise LinkFailed("its headers cannot be sent") from exc
    url = config.url or ""
    async with client, streamable_http_client(url, http_client=client, max_sse_event_size=MAX_MESSAGE_BYTES) as streams:
        yield streams


class _Bounded(httpx2.AsyncBaseTransport):
    """Turns what breaks one request into the answer to it: raised, it would end the session and all its calls."""

    def __init__(self, below: httpx2.AsyncBaseTransport) -> None:
        self._below = below

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._below.handle_async_request(request)
        except httpx2.TimeoutException:
            return _failed(504, "it does not answer")
        except (httpx2.TransportError, OSError, ValueError) as exc:
            return _failed(502, f"it cannot be reached ({type(exc).__name__})")
        kind = response.headers.get("content-type", "").lower()
        encoded = response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}
        status = response.status_code
        told = status in _STATUS_IS_ALL or status >= 500
        if encoded or (told and not kind.startswith("application/json")):
            await response.aclose()
            why = "it compresses its answer, which was not asked for" if encoded else f"it answers with status {status}"
            return _failed(502 if encoded else status, why)
        stream = response.stream
        if not kind.startswith(_EVENTS) and isinstance(stream, httpx2.AsyncByteStream):
            response.stream = _Counted(stream)
        return response

    async def aclose(self) -> None:
        await self._below.aclose()


class _Counted(httpx2.AsyncByteStream):
    """A body; events are bounded one by one by the SDK, everything else here."""

    def __init__(self, below: httpx2.AsyncByteStream) -> None:
        self._below = below

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read_bytes = 0
        try:
            async for piece in self._below:
                read_bytes += len(piece)
                if read_bytes > MAX_MESSAGE_BYTES:
                    raise httpx2.StreamError(f"the answer is longer than {MAX_MESSAGE_BYTES:,} bytes")
                yield piece
        except httpx2.TransportError as exc:
            raise httpx2.StreamError("the answer broke off") from exc

    async def aclose(self) -> None:
        await self._below.aclose()


def _failed(status: int, message: str) -> httpx2.Response:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": _FAILED, "message": message}}
    return httpx2.Response(status, json=error)
