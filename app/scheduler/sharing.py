"""Provider limits of several nodes: each has a share of them, and asks for another once a second. No call waits for it.

A share is a number of calls at once; the node's part of a rate per minute is as large as its part of these. The store
sees to it that the shares never exceed the limit: who wants more gets it when others have given back. A node gives
nothing back that its calls use, and an idle one keeps a little, so that it can begin at once.

What is learned of a provider (how many calls it takes, that it is down, that it wants to be left alone) each node
learns by itself, as clients of different owners do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from app.domain.errors import StoreUnavailable
from app.ports.clock import Clock
from app.ports.shares import ShareRow, ShareStore
from app.scheduler.accounts import Provider, Queue, TimerLike
from app.scheduler.admission import Admission
from app.scheduler.lanes import LaneSettings

_log = structlog.get_logger(__name__)

_EVERY_S = 1.0
_IDLE_PART = 8
"""An idle node keeps this part of what is its own."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much of a provider is used here: ``limit`` is that of all nodes together."""

    provider: str
    limit: int
    used: int
    waiting: int


class SharedAdmission(Admission):
    """Slots of a process that is one of several.

    Args:
        shared: names of the providers whose limits hold for all of them together.
    """

    def __init__(
        self,
        settings: Callable[[str], LaneSettings],
        clock: Clock,
        call_later: Callable[[float, Callable[[], None]], TimerLike],
        shared: Container[str],
    ) -> None:
        super().__init__(settings, clock, call_later)
        self._shared = shared
        self._limits: dict[str, int] = {}
        self.wanting: Callable[[], None] = lambda: None
        """Called when a provider is wanted of which there is no share yet."""

    def _provider(self, name: str, settings: LaneSettings) -> Provider:
        if name not in self._shared:
            return super()._provider(name, settings)
        self._limits[name] = settings.max_concurrency
        self.wanting()
        return Provider(0)

    def _queue(self, lane: str) -> Queue:
        known = lane in self._queues
        queue = super()._queue(lane)
        name = lane.partition("/")[0]
        if not known and name in self._limits:
            queue.lane.set_share(queue.provider.limit / self._limits[name], self._clock.monotonic())
        return queue

    def loads(self) -> Sequence[Load]:
        """Return how much is used of each provider that is shared and was wanted."""
        waiting = dict.fromkeys(self._limits, 0)
        for lane, queue in self._queues.items():
            name = lane.partition("/")[0]
            if name in waiting:
                waiting[name] += sum(ticket.want for ticket in queue.tickets if ticket.want > 0)
        return [Load(name, limit, self._providers[name].used, waiting[name]) for name, limit in self._limits.items()]

    def set_share(self, name: str, slots: int) -> None:
        """Let this node use so much of a provider from now on; calls under way beyond it go on."""
        provider, now = self._providers[name], self._clock.monotonic()
        if provider.limit == slots:
            return
        provider.limit = slots
        for lane, queue in self._queues.items():
            if lane.partition("/")[0] == name:
                queue.lane.set_share(slots / self._limits[name], now)
        if provider.waiting:
            self._serve(provider, now)


class Sharing:
    """Keeps the shares of a node up to date."""

    def __init__(self, admission: SharedAdmission, shares: ShareStore, node: str) -> None:
        self._admission = admission
        self._shares = shares
        self._node = node
        self._news = asyncio.Event()
        self._others: dict[str, Sequence[ShareRow]] = {}
        admission.wanting = self._news.set

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sharing]:
        keeper = asyncio.create_task(self._keep(), name="shares")
        try:
            yield self
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_EVERY_S):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            try:
                await self.update()
            except StoreUnavailable as exc:  # nothing starts either while the database is away
                _log.warning("shares_not_updated", error=exc.detail)
            except Exception:
                _log.exception("shares_not_updated")

    async def update(self) -> None:
        """Ask for what this node needs, by what the others were seen to need."""
        for load in self._admission.loads():
            demand = load.used + load.waiting
            aim = min(wanted_of(load.limit, demand, self._others.get(load.provider, ())), load.limit)
            rows = await self._shares.take(
                load.provider,
                self._node,
                demand=demand,
                wanted=min(max(aim, load.used), load.limit),  # what calls use is given back once they have ended
                limit=load.limit,
            )
            self._others[load.provider] = [row for row in rows if row.node != self._node]
            [mine] = [row.share for row in rows if row.node == self._node] or [0]
            self._admission.set_share(load.provider, min(mine, aim))


def wanted_of(limit: int, demand: int, others: Sequence[ShareRow]) -> int:
    """Return how much of ``limit`` a node with this demand asks for, so that all get what they need or an equal part.

    Two that both ask by this may ask for more than there is: it is the store that gives out no more.
    """
    own = max(limit // (len(others) + 1), 1)
    kept = own // _IDLE_PART
    if not demand:
        return kept
    busy = [other for other in others if other.demand]
    equal = max(limit // (len(busy) + 1), 1)
    left = limit - sum(max(other.demand, kept) for other in others)
    return max(left, equal if demand > equal else demand)
