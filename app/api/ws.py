"""Sends a stream of frames over a WebSocket, and notices when nobody reads them.

A client that does not take what is sent for ``slow_client_s`` seconds is closed with 4008 and the last ``seq`` it was
sent, from which it can resume. It never slows a run, and costs no memory beyond its socket's buffers: frames wait in
the log, not in a queue of the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

_log = structlog.get_logger(__name__)

SLOW_CLIENT = 4008
_DONE = 1000
_FAULT = 1011
_CLOSE_WAIT_S = 300.0
"""How long the close frame waits for a client that has stopped reading to read again."""


@dataclass(slots=True)
class _Progress:
    """Since when the current send is under way (loop time; None between sends), and what was sent last."""

    sending_since: float | None = None
    last: str = ""


async def serve(
    websocket: WebSocket, frames: AsyncGenerator[list[str], None], *, batched: bool, slow_client_s: float
) -> None:
    """Accept the socket and send ``frames`` to their end or until the client goes; what it sends is ignored.

    Args:
        batched: one message ``{"type": "batch", "events": […]}`` for each list, instead of one for each frame.
    """
    await websocket.accept()
    progress = _Progress()
    sender = asyncio.create_task(_send(websocket, frames, progress, batched=batched))
    receiver = asyncio.create_task(_receive(websocket))
    watchdog = asyncio.create_task(_watch(progress, slow_client_s))
    tasks = {sender, receiver, watchdog}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if receiver in done:
            return
        if sender in done:
            code, reason = _outcome(sender)
        else:
            sender.cancel()
            await asyncio.wait({sender})
            code, reason = SLOW_CLIENT, _reason(progress.last)
        closing = asyncio.create_task(websocket.close(code, reason))
        tasks.add(closing)
        await asyncio.wait({closing, receiver}, timeout=_CLOSE_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
    except (WebSocketDisconnect, RuntimeError):
        return  # the client went while it was being sent to or closed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(
    websocket: WebSocket, frames: AsyncGenerator[list[str], None], progress: _Progress, *, batched: bool
) -> None:
    now = asyncio.get_running_loop().time
    async with aclosing(frames):
        async for texts in frames:
            for text in ('{"type":"batch","events":[' + ",".join(texts) + "]}",) if batched else texts:
                progress.sending_since = now()
                await websocket.send({"type": "websocket.send", "text": text})
                progress.sending_since = None
                progress.last = texts[-1] if batched else text


def _outcome(sender: asyncio.Task[None]) -> tuple[int, str]:
    """Return code and reason of the close frame.

    Raises:
        WebSocketDisconnect, RuntimeError: the client went.
    """
    try:
        sender.result()
    except (WebSocketDisconnect, RuntimeError):
        raise
    except Exception:
        _log.exception("stream_crashed")
        return _FAULT, "a fault of the service; resume after the last frame"
    return _DONE, ""


async def _receive(websocket: WebSocket) -> None:
    """Return when the client has gone: only a receive tells."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        await asyncio.sleep(0)  # a client that talks without a pause must not keep the loop from others


async def _watch(progress: _Progress, slow_client_s: float) -> None:
    """Return when one send has taken longer than ``slow_client_s``."""
    now = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(slow_client_s / 4)
        since = progress.sending_since
        if since is not None and now() - since > slow_client_s:
            return


def _reason(last: str) -> str:
    """At most 123 bytes (RFC 6455, section 5.5)."""
    frame = orjson.loads(last) if last else {}
    place = f"cursor {frame['cursor']}" if "cursor" in frame else f"seq {frame.get('seq', 0)}"
    return f"reads too slowly; resume after {place}"
