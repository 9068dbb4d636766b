"""An answer that is made for one client while it is there: its pace and its leaving are watched.

``sse`` serves logs, which can be read again; here nothing is kept for a client, so the work that makes the answer waits
for it: what is not sent is not made. Plain ASGI, as a generator between the two would cost each event another turn of
the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from fastapi.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.api.errors import openai_error

_log = structlog.get_logger(__name__)

_KEEP_ALIVE_S = 15.0
_LOOKS = 4
"""At a client, in the time that it may take nothing."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Writer:
    """Sends events to one client.

    Attributes:
        headers: of the answer; may be added to until the first event is written.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._now = asyncio.get_running_loop().time
        self._waiting_since: float | None = None
        self._last = 0.0
        self.begun = False
        self.headers: dict[str, str] = dict(_HEADERS)

    async def write(self, data: bytes) -> None:
        """Send whole events; returns when the client is ready for more."""
        self._waiting_since = self._last = self._now()
        if not self.begun:
            self.begun = True
            await self._send(_start(self.headers))
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._waiting_since = None

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def keep_alive(self) -> None:
        """Send a comment where nothing was sent for a while, so that no proxy closes the connection."""
        if self.begun and self._waiting_since is None and self._now() - self._last >= _KEEP_ALIVE_S:
            await self.write(b": keep-alive\n\n")

    @property
    def waiting_s(self) -> float:
        """How long the client has taken nothing of what is sent."""
        return 0.0 if self._waiting_since is None else self._now() - self._waiting_since


Work = Callable[[Writer], Awaitable[Response | None]]
"""Writes an answer in events, or, before anything was written, returns a whole one, or raises."""


class EventStream(Response):
    """Runs ``work`` for as long as its client is there.

    Args:
        slow_client_s: how long a client may take nothing.
    """

    media_type = "text/event-stream"

    def __init__(self, work: Work, slow_client_s: float) -> None:
        super().__init__()
        self._work = work
        self._slow_client_s = slow_client_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writer = Writer(send)
        work = asyncio.ensure_future(self._work(writer))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            ended = await self._watch(writer, work, gone)
        except asyncio.CancelledError:  # the service stops
            await _stop(work, gone)
            if writer.begun and not writer.waiting_s:
                await writer.write(error_event(_said("the service is stopping; send the request again", "draining")))
            raise
        await _stop(work, gone)
        if ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._slow_client_s):
                    await self._end(writer, work, scope, receive, send)

    async def _end(
        self, writer: Writer, work: asyncio.Future[Response | None], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send what is left to be sent once the work is done."""
        try:
            instead = work.result()
        except Exception:
            if not writer.begun:
                raise
            _log.exception("stream_crashed", path=scope["path"])
            await writer.write(error_event(_said("a fault of the service; see its log", "internal")))
            instead = None
        if instead is not None:
            await instead(scope, receive, send)
        else:
            await writer.end()

    async def _watch(self, writer: Writer, work: asyncio.Future[Response | None], gone: asyncio.Future[None]) -> bool:
        """Return once the work has ended, or False once its client has: by leaving, or by taking nothing."""
        either: tuple[asyncio.Future[Any], ...] = (work, gone)
        every_s = min(_KEEP_ALIVE_S, self._slow_client_s / _LOOKS)
        while not work.done() and not gone.done():
            await asyncio.wait(either, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
            if writer.waiting_s > self._slow_client_s:
                # Left without its end, the connection is closed by the server.
                _log.warning("slow_reader_left")
                return False
            if not work.done() and not gone.done():
                with suppress(TimeoutError):  # the next look finds it waiting
                    async with asyncio.timeout(self._slow_client_s):
                        await writer.keep_alive()
        return work.done()


def error_event(envelope: bytes) -> bytes:
    """Return the event that tells of a failure after the status was sent; ``envelope`` is OpenAI's."""
    return b"event: error\ndata: " + envelope + b"\n\n"


def _said(message: str, code: str) -> bytes:
    return openai_error(message, "api_error", code=code, param=None)


def _start(headers: Mapping[str, str]) -> Message:
    named = {"Content-Type": "text/event-stream; charset=utf-8", **headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    return {"type": "http.response.start", "status": 200, "headers": raw}


async def _gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stop(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
