"""Limits of several nodes: each has a share of them, and asks for another once a second. No call waits for it.

What is limited is a *pool*: the calls at once of a provider, of an API key's work, of an orchestrator's. A node's part
of a provider's rate per minute is as large as its part of the calls. The store sees to it that the shares never exceed
the limit: who wants more gets it when others have given back. A node gives nothing back that its calls use; an idle one
keeps a little, so that it can begin at once, and what nobody there has to do with any more it gives back.

That a provider is down, or wants to be left alone, the nodes tell each other (``telling``); the right to make the
probes that find out whether it is back is a pool of its own. How many calls at once it takes they learn together: each
adapts its part as if it were all, and tells by how much it changed; the sum is what is known, a pool as well, of which
each gets a part by its demand. A probe of one may bring refusals upon another, so the more nodes there are, the more is
refused: with a hidden limit on calls at once 2 % instead of 1.4 % (four nodes), on a rate 2 to 5 % (two) and 5 to 10 %
(four), at nine tenths of the goodput and more (``tests/unit/scheduler/test_learning_together.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from app.domain.errors import StoreUnavailable
from app.ports.clock import Clock
from app.ports.doorbell import Doorbell
from app.ports.learned import LearnedStore
from app.ports.shares import Ask, ShareRow, ShareStore
from app.ports.signs import SignStore
from app.scheduler.shared_admission import Load, SharedAdmission
from app.scheduler.telling import Telling

_log = structlog.get_logger(__name__)

_EVERY_S = 1.0
_BREATH_S = 0.02
"""Between two updates, however much is wanted anew."""

_TURN_MS = 10_000
"""Where there are more nodes than slots they take turns of this length."""

_IDLE_PART = 8
"""An idle node keeps this part of what is its own."""

_SIGNS = "signs"
"""Topic rung when a node has told something of a provider."""


class Sharing:
    """Keeps the shares of a node up to date, and what it knows of providers.

    Args:
        doorbell: by which nodes hear of signs at once; without one that others hear, it takes a second.
    """

    def __init__(
        self,
        admission: SharedAdmission,
        shares: ShareStore,
        signs: SignStore,
        learned: LearnedStore,
        doorbell: Doorbell,
        node: str,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._shares = shares
        self._signs = signs
        self._learned = learned
        self._doorbell = doorbell
        self._telling = Telling(admission, node, clock)
        self._node = node
        self._clock = clock
        self._news = asyncio.Event()
        self._others: dict[str, Sequence[ShareRow]] = {}
        """Of each pool that was asked for."""
        admission.wanting = self._news.set

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sharing]:
        keeper = asyncio.create_task(self._keep(), name="shares")
        try:
            with self._doorbell.listen(_SIGNS, self._news.set):
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
            await asyncio.sleep(_BREATH_S)

    async def update(self) -> None:
        """Tell and hear what is new of providers, and ask for what this node needs by what the others need."""
        news = self._telling.news()
        if news:
            await self._signs.say(list(news))
            self._telling.said(news)
            self._doorbell.ring(_SIGNS)
        self._telling.hear(await self._signs.standing())
        await self._learn()
        await self._take()

    async def _learn(self) -> None:
        learned = self._admission.learned()
        joined = self._admission.told(learned, await self._learned.add(learned))
        if joined:
            self._admission.told({}, await self._learned.add(joined))

    async def _take(self) -> None:
        loads = self._admission.loads()
        asks = {load.pool: self._ask(load) for load in loads}
        given_back = self._others.keys() - asks.keys()
        for pool in given_back:  # before the store hears of it: what is wanted from now on is asked for again
            self._admission.set_share(pool, 0)
        if not asks and not given_back:
            return
        found = await self._shares.take(self._node, list(asks.values()), given_back)
        for pool in given_back:
            del self._others[pool]
        for pool, rows in found.items():
            self._others[pool] = [row for row in rows if row.node != self._node]
            [mine] = [row.share for row in rows if row.node == self._node] or [0]
            self._admission.set_share(pool, min(mine, self._aim(asks[pool])))

    def _ask(self, load: Load) -> Ask:
        demand = load.used + load.waiting
        ask = Ask(pool=load.pool, demand=demand, used=load.used, wanted=0, limit=load.limit)
        # What calls use is given back once they have ended.
        return replace(ask, wanted=min(max(self._aim(ask), load.used), load.limit))

    def _aim(self, ask: Ask) -> int:
        """Return what the node may have by what it is known to need, and the others are."""
        turn = self._clock.now_ms() // _TURN_MS
        others = self._others.get(ask.pool, ())
        return min(wanted_of(ask.limit, ask.demand, others, node=self._node, turn=turn), ask.limit)


def wanted_of(limit: int, demand: int, others: Sequence[ShareRow], *, node: str = "", turn: int = 0) -> int:
    """Return how much of ``limit`` a node with this demand asks for: all get what they need, or an equal part, and what
    nobody needs those share that need something.

    Nodes that know the same of each other ask for no more than there is; else it is the store that gives out no more.

    Args:
        turn: whose turn it is where there are more nodes than ``limit``.
    """
    kept = max(limit // (len(others) + 1), 1) // _IDLE_PART
    if not demand:
        return kept
    known = [(node, demand), *((other.node, other.demand) for other in others)]
    needs = sorted([(name, max(need, kept)) for name, need in known if need or kept])
    count = len(needs)
    if limit >= count:
        needs.sort(key=lambda entry: entry[1])
    else:
        needs = [needs[(place + turn) % count] for place in range(count)]
    own, left = 0, limit
    for place, (name, need) in enumerate(needs):
        part = min(need, left // (count - place))
        left -= part
        if name == node:
            own = part
    return own + left // sum(bool(need) for _, need in known)
