"""A doorbell for several nodes on one database: it rings by itself from time to time, for what nobody heard of.

Without a bell that other nodes hear this is how news of them arrive at all, a second late; with one it makes up for
rings that were lost. Every listener looks into the store when it rings, and finds out whether there is something.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.ports.doorbell import CONTROL_TOPICS, Doorbell

_EVERY_S = 1.0
_SELDOM = 15
"""Every so many times the topics of which each run has two: what clients ask of runs is looked up for all at once
(``ports.nodes``), and only a changed orchestrator has to wait for this."""


class PolledDoorbell:
    """Args:
    bell: rings and is listened to as well.
    """

    def __init__(self, bell: Doorbell, *, every_s: float = _EVERY_S) -> None:
        self._bell = bell
        self._every_s = every_s
        self._listeners: dict[int, tuple[str, Callable[[], None]]] = {}
        self._count = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[PolledDoorbell]:
        """Ring until the context ends."""
        ringing = asyncio.create_task(self._ring(), name="doorbell")
        try:
            yield self
        finally:
            ringing.cancel()
            await asyncio.gather(ringing, return_exceptions=True)

    def ring(self, topic: str) -> None:
        self._bell.ring(topic)

    @contextmanager
    def listen(self, topic: str, callback: Callable[[], None]) -> Iterator[None]:
        self._count += 1
        number = self._count
        with self._bell.listen(topic, callback):
            self._listeners[number] = (topic, callback)
            try:
                yield
            finally:
                del self._listeners[number]

    async def _ring(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(self._every_s)
            rounds += 1
            for topic, callback in tuple(self._listeners.values()):
                if rounds % _SELDOM == 0 or not topic.startswith(CONTROL_TOPICS):
                    callback()
