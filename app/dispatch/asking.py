"""Asking the stream for jobs: never for more than there are hands free, the high priorities first.

A worker asks when a hand becomes free and when it hears that something was put in; what it hears is lost at times, so
it looks every two seconds. The server answers at once with what there is, and says so where that is less than asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import nats.errors
import orjson
import structlog
from nats.aio.msg import Msg

from app.dispatch import wire
from app.dispatch.broker import BANDS, Broker

_log = structlog.get_logger(__name__)

_LOOK_S = 2.0
_ANSWER_S = 2.0
_MOST_ASKED = 256
_NEVER = b"+TERM"


@dataclass(slots=True)
class _Source:
    """Messages of one pool and band; ``asked`` of them are on their way, ``hot`` where there may be some."""

    pool: str
    band: str
    place: int
    asked: int = 0
    asked_at: float = 0.0
    hot: bool = True


class Asking:
    """To be made before the broker runs.

    Args:
    pools: whose jobs are asked for.
    free: returns how many hands are free, those for what was asked for not taken off.
    arrived: takes a message, and the subject that acknowledges it.
    """

    def __init__(
        self,
        broker: Broker,
        pools: Sequence[str],
        free: Callable[[], int],
        arrived: Callable[[wire.Assignment, str], None],
    ) -> None:
        self._broker = broker
        self._free = free
        self._arrived = arrived
        sources = [(pool, band) for band in BANDS for pool in pools]
        self._sources = [_Source(pool, band, place) for place, (pool, band) in enumerate(sources)]
        self._by_subject = {(source.pool, source.band): source for source in self._sources}
        self._inbox = broker.inbox()
        self._news = asyncio.Event()
        for pool in pools:
            broker.serve(pool)
        broker.listen(f"{self._inbox}.*", self._on_message)
        broker.listen(broker.subject("work", "*", "*"), self._on_ring)
        broker.on_ready(self._on_ready)

    def wake(self) -> None:
        """A hand became free."""
        self._news.set()

    async def run(self) -> None:
        """Ask for as long as there is time."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()
            except TimeoutError:
                for source in self._sources:
                    source.hot = True
            self._news.clear()
            if self._broker.connected:
                await self._check_answers()
                self._ask()

    async def _check_answers(self) -> None:
        """A consumer that does not answer is not there: the server has lost it."""
        now = time.monotonic()
        late = [source for source in self._sources if source.asked and now - source.asked_at > _ANSWER_S]
        if late:
            for source in late:
                source.asked, source.hot = 0, True
            try:
                await self._broker.ensure()
            except (nats.errors.Error, TimeoutError, OSError) as exc:
                _log.warning("broker_not_ready", error=str(exc) or type(exc).__name__)

    def _ask(self) -> None:
        free = self._free() - sum(source.asked for source in self._sources)
        for source in self._sources:
            if free <= 0:
                return
            if source.asked or not source.hot:
                continue
            source.asked = min(free, _MOST_ASKED)
            source.asked_at = time.monotonic()
            request = orjson.dumps({"batch": source.asked, "no_wait": True})
            subject = self._broker.next_of(source.pool, source.band)
            if not self._broker.send(subject, request, f"{self._inbox}.{source.place}"):
                source.asked = 0
                return
            free -= source.asked

    def _on_message(self, message: Msg) -> None:
        # A job comes under its own subject and is acknowledged by its reply; what comes under ours is the server's
        # word that there are no more.
        if not message.reply:
            source = self._sources[int(message.subject.rpartition(".")[2])]
            source.asked, source.hot = 0, False
            self._news.set()
            return
        *_, pool, band, _tenant = message.subject.split(".")
        source = self._by_subject[pool, band]
        source.asked = max(source.asked - 1, 0)
        if not source.asked:
            self._news.set()
        try:
            assignment = wire.Assignment.load(message.data)
        except wire.Unreadable as exc:
            _log.error("assignment_unreadable", error=str(exc))
            self._broker.send(message.reply, _NEVER)
        else:
            self._arrived(assignment, message.reply)

    def _on_ring(self, message: Msg) -> None:
        *_, pool, band = message.subject.split(".")
        source = self._by_subject.get((pool, band))
        if source is not None:
            source.hot = True
            self._news.set()

    def _on_ready(self) -> None:
        for source in self._sources:
            source.asked, source.hot = 0, True
        self._news.set()
