"""Whether a database on the network can be reached: one caller that waited in vain spares the next ones the wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.domain.errors import StoreUnavailable

_REST_S = 0.5
"""After a failure nobody tries for so long."""


_LATE_S = 0.25
_AGAIN_S = 1.0


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """As ``asyncio.timeout``, but for what the other side takes.

    While this process itself was held up (its loop looks at the clock late) the answer may have come and not been
    looked at, so there is a further second for it.

    Raises:
        TimeoutError: nothing came in time.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    handle: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal due, handle
        if loop.time() - due > _LATE_S:
            due = loop.time() + _AGAIN_S
            handle = loop.call_at(due, look)
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        handle = loop.call_at(due, look)
        try:
            yield
        finally:
            if handle is not None:
                handle.cancel()


class Reach:
    """Shared by writer and reader."""

    def __init__(self) -> None:
        self._rests_until = 0.0
        self._why = ""

    def check(self) -> None:
        """Raises StoreUnavailable shortly after a failure, with its reason."""
        if time.monotonic() < self._rests_until:
            raise StoreUnavailable(self._why)

    def failed(self, why: str) -> None:
        self._rests_until, self._why = time.monotonic() + _REST_S, why

    def worked(self) -> None:
        self._rests_until = 0.0
