"""Requests at the end of the process: those that start work are refused, those that wait are answered in time.

While the service drains it still answers everything that reads or steers, so that clients see how their runs stand.
Then, before the server stops, whatever still waits (``?wait=``, execute, a long-poll) gets a 503 to try again with, and
an event stream its end, after which clients resume where they were.
"""

from __future__ import annotations

import asyncio

from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import problem

CODE = "draining"
_DETAIL = "the service is stopping; send the request again once it is back"
_STEERING = frozenset({"cancel", "pause", "scale", "stream-tickets"})
"""Last segments of what may still be posted: a route that is not known here counts as one that starts work."""

_LAST_ANSWERS_S = 0.5
"""Enough for any request that does not wait for something."""


class OpenRequests:
    """The requests under way in this process, and whether new ones are still taken."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[object]] = set()
        self.draining = False
        self.closed = False

    async def close(self) -> None:
        """Let requests be answered that do not wait for anything, then cut off the others; take no new ones."""
        if self.tasks:
            await asyncio.wait(set(self.tasks), timeout=_LAST_ANSWERS_S)
        self.closed = True
        cut = set(self.tasks)
        for task in cut:
            task.cancel()
        if cut:
            await asyncio.wait(cut, timeout=_LAST_ANSWERS_S)


class _Answer:
    """What has been sent of one answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.is_open_stream = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.is_open_stream = "content-length" not in Headers(raw=message["headers"])
        elif not message.get("more_body"):
            self.is_open_stream = False
        await self._send(message)


class Draining:
    """Plain ASGI, inside the check of keys: who may not call is told so, whatever the service is at."""

    def __init__(self, app: ASGIApp, *, requests: OpenRequests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return
        requests = self._requests
        if requests.closed or (requests.draining and _starts_work(scope)):
            await refusal(scope["path"])(scope, receive, send)
            return
        answer = _Answer(send)
        requests.tasks.add(task)
        try:
            await self._app(scope, receive, answer.send)
        except asyncio.CancelledError:
            if not requests.closed or (answer.begun and not answer.is_open_stream):
                raise
            task.uncancel()
            if answer.is_open_stream:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await refusal(scope["path"])(scope, receive, send)
        finally:
            requests.tasks.discard(task)


def refusal(path: str) -> Response:
    """A 503 with Retry-After, in the form of errors at ``path``."""
    return problem(path, 503, CODE, _DETAIL, title="Draining")


def _starts_work(scope: Scope) -> bool:
    if scope["method"] in {"GET", "HEAD", "OPTIONS", "DELETE", "PATCH"}:
        return False
    return scope["path"].rstrip("/").rpartition("/")[2] not in _STEERING
