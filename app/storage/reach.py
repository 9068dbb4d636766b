"""Whether a database on the network can be reached: one caller that waited in vain spares the next ones the wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.domain.errors import StoreUnavailable

_REST_S = 0.5
"""After a failure nobody tries for so long."""


_LATE_S = 0.25
_AGAIN_S = 1.0


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """As ``asyncio.timeout``, but for what the other side takes, see ``_acting``.

    Raises:
        TimeoutError: nothing came in time.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        with _acting(seconds, lambda: limit.reschedule(loop.time())):
            yield


@contextmanager
def cut_after(seconds: float, cut: Callable[[], None]) -> Iterator[None]:
    """As ``within``, but ends what takes too long by ``cut``, which makes it fail, instead of cancelling it.

    For what says farewell to the other side when it is cancelled, and waits for an answer to that.

    Raises:
        TimeoutError: nothing came in time.
    """
    passed = False

    def end() -> None:
        nonlocal passed
        passed = True
        cut()

    with _acting(seconds, end):
        try:
            yield
        except Exception as exc:
            if passed:
                raise TimeoutError(f"no answer within {seconds:g} s") from exc
            raise


@contextmanager
def _acting(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` in so many seconds unless the block has ended.

    While this process itself was held up (its loop looks at the clock late) the answer may have come and not been
    looked at, so there is a further second for it.
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
            act()

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
        self._worked_at = 0.0

    def check(self) -> None:
        """Raises StoreUnavailable shortly after a failure, with its reason."""
        if time.monotonic() < self._rests_until:
            raise StoreUnavailable(self._why)

    def failed(self, why: str, began: float) -> None:
        """Args:
        began: when, by ``time.monotonic()``. Who began before another had an answer, while the network was down for
            one, says nothing of how it is now.
        """
        if began >= self._worked_at:
            self._rests_until, self._why = time.monotonic() + _REST_S, why

    def worked(self) -> None:
        self._worked_at, self._rests_until = time.monotonic(), 0.0
