"""Which trace the work of a request belongs to: the ``traceparent`` header (https://www.w3.org/TR/trace-context/).

Needs no OpenTelemetry: a header is read here, and spans are made in ``tracing``.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1

_request: ContextVar[str | None] = ContextVar("traceparent", default=None)


@dataclass(frozen=True, slots=True)
class Caller:
    """The span of whoever asked; ``sampled`` is whether it is recorded."""

    trace_id: int
    span_id: int
    sampled: bool


def read(traceparent: str | None) -> Caller | None:
    """Return what a ``traceparent`` says; None where there is none, or one that is not valid, as if it were not sent.

    A later version than 00 is read as far as 00 goes, as the recommendation asks for.
    """
    match = _FORM.fullmatch(traceparent or "")
    if match is None or (match[1] == "00" and match[5]):
        return None
    trace_id, span_id = int(match[2], 16), int(match[3], 16)
    if not (trace_id and span_id):
        return None
    return Caller(trace_id, span_id, bool(int(match[4], 16) & _SAMPLED))


def of_request() -> str | None:
    """Return the valid ``traceparent`` of the request that is being served, None where there is none."""
    return _request.get()


class TraceContext:
    """Remembers the ``traceparent`` of a request while it is served. Plain ASGI, as all of what requests pass."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == b"traceparent"]
            text = given[0].decode("latin-1").strip() if len(given) == 1 else None
            # Set in every request, so that one without it takes over nothing of another.
            _request.set(text if read(text) else None)
        await self._app(scope, receive, send)
