"""Work that goes on beside requests, for as long as a context lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import structlog

from app.domain.errors import StoreUnavailable

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def beside(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Run ``work`` in a task of that name; it is cancelled, and awaited, when the context ends."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def every(interval_s: float, work: Callable[[], Awaitable[object]], failed: str) -> None:
    """Do ``work`` now and again after each interval; while the store is away it is left, and logged as ``failed``."""
    while True:
        try:
            await work()
        except StoreUnavailable as exc:
            _log.warning(failed, error=exc.detail)
        await asyncio.sleep(interval_s)
