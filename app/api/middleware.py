"""What every request passes before a route: plain ASGI, so a body is never buffered twice and sockets pass too."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.api.deps import DEFAULT_TENANT, Caller, lacks
from app.api.errors import problem
from app.domain.errors import StoreUnavailable
from app.ports.keys import KeyRow
from app.services.keys import SCOPES, KeyService


class _BodyTooLarge(Exception):
    pass


class BodyLimit:
    """Refuses a body above ``max_bytes`` with 413, by its declared length or while it streams in.

    Args:
        limited_by_route: paths whose routes read a body as it comes and stop it themselves.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, limited_by_route: Collection[str] = ()) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._limited_by_route = frozenset(limited_by_route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._limited_by_route:
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


class Gate:
    """Lets a request in with a key, or, while no key exists, from this machine's own programs (local mode).

    In local mode a web page that the user visits could otherwise drive the service: by a cross-site request (it
    carries a foreign Origin) or by DNS rebinding (it carries a foreign Host).

    Public paths need no key: probes, and pages that hold no data of anyone.

    Args:
        local: whether the service listens on a loopback address only; else a key is needed even when none exists any
            more, since the Host header is what the client says it is.
    """

    def __init__(self, app: ASGIApp, *, local: bool) -> None:
        self._app = app
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        keys: KeyService = scope["app"].state.services.keys
        try:
            refusal = await self._admit(scope, keys)
        except StoreUnavailable as exc:
            refusal = None if _is_public(scope["path"]) else _Refusal(503, exc.code, "Store unavailable", exc.detail)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await WebSocketClose(code=1008, reason=refusal.code)(scope, receive, send)
        else:
            await refusal.response(scope["path"])(scope, receive, send)

    async def _admit(self, scope: Scope, keys: KeyService) -> _Refusal | None:
        """Put the caller into the scope, or return why it may not pass."""
        headers = Headers(scope=scope)
        caller = Caller(DEFAULT_TENANT, SCOPES)
        if self._local and not await keys.any_live():
            refusal = _local_rule(headers.get("host", ""), headers.get("origin"))
            if refusal is not None:
                return refusal
        elif not _is_public(scope["path"]):
            found = await self._caller(scope, headers, keys)
            if found is None:
                return _Refusal(401, "unauthorized", "Unauthorized", "send a valid key as Authorization: Bearer <key>")
            caller, key = found
            wait_s = None if key is None else keys.wait_s(key)
            if key is not None and wait_s is not None:
                detail = f"rate_limit: this key may make {key.max_requests_per_minute} requests a minute"
                return _Refusal(429, "rate_limit", "Too many requests", detail, retry_after_s=math.ceil(wait_s))
            needed = needed_scope(scope.get("method", "GET"), scope["path"])
            if not {needed, "admin"} & set(caller.scopes):
                return _Refusal(403, "forbidden", "Forbidden", lacks(needed))
        scope.setdefault("state", {})["caller"] = caller
        return None

    async def _caller(self, scope: Scope, headers: Headers, keys: KeyService) -> tuple[Caller, KeyRow | None] | None:
        """Return who the bearer token, or the ticket of a socket, stands for; a ticket is of no key."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            key = await keys.check(token.strip())
            if key is None:
                return None
            return Caller(key.tenant_id, key.scopes, key.key_id, key.max_cost_per_day_nano_usd), key
        if scope["type"] == "websocket":
            tickets = parse_qs(scope["query_string"].decode("latin-1")).get("ticket", [])
            found = await keys.check_ticket(tickets[0]) if tickets else None
            return None if found is None else (Caller(*found), None)
        return None


_TICKETS = "/v1/stream-tickets"
"""Posted to, but only to watch: what reads by a header may read by a ticket."""

_ADMIN_PATHS = frozenset({"/v1/prices"})
"""Changed only by ``admin``: what stands here is the whole service's, not one tenant's."""

PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json", "/asyncapi.json"})


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path == "/console" or path.startswith(("/console/", "/docs/"))


def needed_scope(method: str, path: str) -> str:
    """Return the scope without which the gate lets nobody at a path; routes may ask for more (``deps.admin_of``)."""
    if method in {"GET", "HEAD", "OPTIONS"} or path == _TICKETS:
        return "read"
    return "admin" if path in _ADMIN_PATHS else "run"


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    code: str
    title: str
    detail: str
    retry_after_s: int | None = None

    def response(self, path: str) -> Response:
        response = problem(path, self.status, self.code, self.detail, title=self.title)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        return response


def _local_rule(host: str, origin: str | None) -> _Refusal | None:
    if not is_loopback(host):
        detail = f"local mode answers only to loopback host names, not to {host[:200]!r}"
    elif origin is not None and not _same(origin, host):
        detail = f"local mode takes no requests from web pages of another origin ({origin[:200]!r})"
    else:
        return None
    return _Refusal(403, "forbidden", "Forbidden", detail)


def is_loopback(host: str) -> bool:
    """Return whether a Host header (or a bind address) names this machine only."""
    if host.count(":") > 1 and not host.startswith("["):  # a bare IPv6 address, as settings have it
        host = f"[{host}]"
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
