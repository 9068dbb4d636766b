"""Writes into the audit log who changed what: plain ASGI, and nothing on the path of requests that change nothing.

What is noted is told by method and path alone (``_ACTIONS``); a route that knows more says so (``note``). The row is
durable before the answer begins. Where it cannot be written the request is answered all the same, since it was carried
out, and the log says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.deps import Caller, Services
from app.api.idempotency import REPLAYED
from app.domain.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

_ACTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "POST": (
        (r"/v1/keys", "key.created"),
        (r"/v1/keys/([^/]+)/rotate", "key.rotated"),
        (r"/v1/credits", "credits.added"),
        (r"/v1/webhooks/secret/rotate", "webhook_secret.rotated"),
        (r"/v1/webhooks/secret/rotate", "webhook_secret.rotated"),
        (r"/v1/agents/create", "agent.configured"),
        (r"/v1/swarms/([^/]+)/cancel", "swarm.cancelled"),
        (r"/v1/swarms/([^/]+)/pause", "swarm.paused"),
        (r"/v1/swarms/([^/]+)/resume", "swarm.resumed"),
        (r"/v1/swarms/([^/]+)/retry", "swarm.retried"),
        (r"/v1/swarms/([^/]+)/tasks/.+/cancel", "swarm.task_cancelled"),
    ),
    "PUT": (
        (r"/v1/prices", "prices.changed"),
        (r"/v1/roles", "roles.changed"),
        (r"/v1/graphs/([^/]+)", "graph.saved"),
    ),
    "PATCH": (
        (r"/v1/keys/([^/]+)", "key.changed"),
        (r"/v1/swarms/([^/]+)", "swarm.changed"),
        (r"/v1/agents/([^/]+)", "agent.configured"),
    ),
    "DELETE": (
        (r"/v1/keys/([^/]+)", "key.revoked"),
        (r"/v1/swarms/([^/]+)", "swarm.deleted"),
        (r"/v1/agents/([^/]+)", "agent.deleted"),
        (r"/v1/graphs/([^/]+)", "graph.deleted"),
    ),
}
_PATTERNS = {
    method: tuple((re.compile(pattern), action) for pattern, action in actions) for method, actions in _ACTIONS.items()
}

_NOTE = "audit"
_LONGEST_OBJECT = 300


def note(request: Request, object: str | None, detail: Mapping[str, Any] | None = None) -> None:  # noqa: A002
    """Say what a request that is noted was about; never with a secret in it."""
    request.scope.setdefault("state", {})[_NOTE] = (object, detail)


class Auditing:
    """Inside the check of keys, so that it is known who asks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        noted = _noted(scope) if scope["type"] == "http" and scope["method"] in _PATTERNS else None
        if noted is None:
            await self._app(scope, receive, send)
            return
        action, of_path = noted

        async def write_first(message: Message) -> None:
            # An answer that is given again tells of nothing new.
            if message["type"] == "http.response.start" and message["status"] < 300 and not _is_replay(message):
                await _write(scope, action, of_path)
            await send(message)

        await self._app(scope, receive, write_first)


def _noted(scope: Scope) -> tuple[str, str | None] | None:
    """Return the action of a request that is to be noted, and what its path names."""
    for pattern, action in _PATTERNS[scope["method"]]:
        match = pattern.fullmatch(scope["path"])
        if match is not None:
            return action, match[1][:_LONGEST_OBJECT] if match.groups() else None
    return None


def _is_replay(message: Message) -> bool:
    return REPLAYED in Headers(raw=message["headers"])


async def _write(scope: Scope, action: str, of_path: str | None) -> None:
    services: Services = scope["app"].state.services
    state = scope["state"]
    caller: Caller = state["caller"]
    named, detail = state.get(_NOTE, (None, None))
    client = scope.get("client")
    try:
        await services.audit.note(
            caller.tenant_id,
            action,
            actor=caller.key_id,
            object=named or of_path,
            detail=detail,
            remote=client[0] if client else None,
        )
    except StoreUnavailable as exc:
        _log.error("audit_not_written", action=action, object=named or of_path, key_id=caller.key_id, error=exc.detail)
