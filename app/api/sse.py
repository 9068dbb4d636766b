"""Sends a stream of frames as server-sent events; the event id is the ``seq``, so ``Last-Event-ID`` resumes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import orjson
from fastapi.responses import StreamingResponse

_KEEP_ALIVE_S = 15.0


def stream(frames: AsyncGenerator[list[str], None]) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_encode(frames), media_type="text/event-stream", headers=headers)


async def _encode(frames: AsyncGenerator[list[str], None]) -> AsyncIterator[str]:
    """Yield events; a comment every 15 s while nothing happens keeps proxies from closing the connection."""
    async with aclosing(frames):
        pending: asyncio.Task[list[str]] | None = None
        try:
            while True:
                pending = pending or asyncio.ensure_future(anext(frames))
                done, _ = await asyncio.wait({pending}, timeout=_KEEP_ALIVE_S)
                if not done:
                    yield ": keep-alive\n\n"
                    continue
                try:
                    texts = pending.result()
                except StopAsyncIteration:
                    return
                pending = None
                yield "".join(map(_event, texts))
        finally:
            if pending is not None:
                pending.cancel()
                await asyncio.gather(pending, return_exceptions=True)


def _event(text: str) -> str:
    """A snapshot is no logged event, so it carries no id."""
    frame = orjson.loads(text)
    identity = "" if frame["type"] == "metrics_snapshot" else f"id: {frame['seq']}\n"
    return f"{identity}event: {frame['type']}\ndata: {text}\n\n"
