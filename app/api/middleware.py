"""What every request passes before a route: plain ASGI, so a body is never buffered twice and sockets pass too."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.api.errors import problem


class _BodyTooLarge(Exception):
    pass


class BodyLimit:
    """Refuses a body above ``max_bytes`` with 413, by its declared length or while it streams in."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise _BodyTooLarge
            return message

        try:
            await self._app(scope, counted, send)
        except _BodyTooLarge:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"the body is above {self._max_bytes} bytes; send the work in several requests"
        await problem(scope["path"], 413, "body_too_large", detail)(scope, receive, send)


class LocalGuard:
    """While no key is needed (local mode), lets only this machine's own programs in.

    A web page that the user visits could otherwise drive the service: by a cross-site request (it carries a foreign
    Origin) or by DNS rebinding (it carries a foreign Host).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        origin = headers.get("origin")
        if not is_loopback(host):
            detail = f"local mode answers only to loopback host names, not to {host[:200]!r}"
        elif origin is not None and not _same(origin, host):
            detail = f"local mode takes no requests from web pages of another origin ({origin[:200]!r})"
        else:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await WebSocketClose(code=1008, reason="forbidden")(scope, receive, send)
        else:
            await problem(scope["path"], 403, "forbidden", detail, title="Forbidden")(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Return whether a Host header (or a bind address) names this machine only."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()
