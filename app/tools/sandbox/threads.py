"""Threads for what blocks, such that nothing is left running behind a cancelled call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from app.tools.sandbox.cell import Cancellation

Value = TypeVar("Value")


async def in_thread(
    threads: ThreadPoolExecutor, work: Callable[[], Value], cancellation: Cancellation | None = None
) -> Value:
    """Run what blocks. Cancelled, it tells the thread and waits until that is done, so nothing is left running."""
    submitted = threads.submit(work)
    future = asyncio.wrap_future(submitted)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if not submitted.cancel():  # it runs already
            if cancellation is not None:
                cancellation.set()
            await done(future)
        raise


async def done(future: asyncio.Future[Any]) -> None:
    """Wait for a thread that is told to end, however often the waiting is cancelled meanwhile; its end is bounded."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({future})
    if not future.cancelled():
        future.exception()


async def ended(threads: ThreadPoolExecutor) -> None:
    """Wait until the threads have done what they began."""
    await done(asyncio.get_running_loop().run_in_executor(None, threads.shutdown))
