"""Accounts of several nodes: each holds a part of what is left (``ports.holdings``) and reserves within it.

A node asks for more when it runs short, in blocks, and gives back what it has not used for a moment, or at once when
another rings because it is short. So one node can use everything while the others are idle, and near the cap what is
left goes to who needs it. A call waits for the store only where the holding does not suffice.

Of a run nothing is free before its commit: what it reserves leaves the holding with the commit, what it turns out not
to need belongs to nobody until a node asks. Calls of the gateway stay in the holding until their cost is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from app.domain.errors import StoreUnavailable
from app.domain.spending import ANYTHING
from app.domain.swarm import PAUSED_BY_CREDITS, PAUSED_BY_KEY
from app.ports.allowances import Reservation, Terms
from app.ports.clock import Clock
from app.ports.doorbell import Doorbell
from app.ports.holdings import HoldingStore, Payment
from app.scheduler.allowances import Account, Allowances, Funds, Waiter

_log = structlog.get_logger(__name__)

_EVERY_S = 1.0
"""How often a node looks for what it has not used, and asks again for what it lacks."""

_AHEAD = 2
"""A run asks for this many times what its next calls may cost, so that not each turn has to."""

_MOST = 2**60


def money_of(kind: str, owner: str) -> str:
    """Topic rung when a node is short of an account, when what it lacked may be there, or the cap changed."""
    return f"money.{kind}.{owner}"


@dataclass(slots=True, eq=False)
class HeldAccount(Account):
    """``spent_nano_usd`` is what is recorded, as of the last look.

    Attributes:
        held_nano_usd: this node holds; never more than the store says.
        out_nano_usd: of it, what calls may cost that no commit has paid for yet.
        sure_nano_usd: of it, what will be left by a take that is on its way, which knows of no later calls; None
            while there is none.
        free_nano_usd: what this node could have had beyond ``out_nano_usd`` when it last asked.
        others_nano_usd: what the others held then; ``others_short`` if one of them lacked something.
        paid_nano_usd: all that ever left the holding, for takes that are on their way meanwhile.
        good_until: on the monotonic clock; a node that was held up for longer may hold nothing any more.
        is_short: something was needed that was not left.
        is_stale: the store may think that more is held.
        used: since the last look; ``rung``: somebody has news of it.
    """

    held_nano_usd: int = 0
    out_nano_usd: int = 0
    sure_nano_usd: int | None = None
    free_nano_usd: int = 0
    others_nano_usd: int = 0
    others_short: bool = False
    paid_nano_usd: int = 0
    good_until: float = 0.0
    is_capped: bool = True
    is_short: bool = False
    is_stale: bool = False
    used: bool = False
    rung: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    news: asyncio.Event = field(default_factory=asyncio.Event)


class HeldAllowances(Allowances):
    """Args:
    store: gives out what nodes hold.
    doorbell: heard by the other nodes.
    node: names this process; no two have the same.
    patience_s: how long a call waits for others to give back what they do not need.
    """

    asks = True

    def __init__(
        self,
        clock: Clock,
        keys: Callable[[str, str], Awaitable[Terms]],
        tenants: Callable[[str], Awaitable[Terms]] | None,
        store: HoldingStore,
        doorbell: Doorbell,
        node: str,
        *,
        patience_s: float = 1.0,
    ) -> None:
        super().__init__(clock, keys, tenants)
        self._store = store
        self._doorbell = doorbell
        self._node = node
        self._patience_s = patience_s
        self._held: dict[tuple[str, str], HeldAccount] = {}
        self._news = asyncio.Event()
        self._listening = ExitStack()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[HeldAllowances]:
        """Look after the holdings until the context ends; then nothing is held any more."""
        with self._listening:
            async with super().running():
                try:
                    yield self
                finally:
                    with suppress(StoreUnavailable):
                        await self._store.give_up(self._node)

    def left(self, funds: Funds) -> tuple[int | None, str]:
        """Return how much of what is held may be reserved, see ``Allowances.left``."""
        least, kind = None, PAUSED_BY_KEY
        for account in self._of(funds):
            left = _room(account, funds)
            if left is not None and (least is None or left < least):
                least, kind = left, account.kind
        return least, kind

    def lacking(self, funds: Funds) -> tuple[int | None, str]:
        """Return what the store said is left where ``more`` was not to be had, for people, and whose account it is."""
        free = [account for account in self._of(funds) if account.is_capped]
        scarcest = min(free, key=lambda account: account.free_nano_usd, default=None)
        return (None, PAUSED_BY_KEY) if scarcest is None else (scarcest.free_nano_usd, scarcest.kind)

    def add(self, funds: Funds, nano_usd: int, reserved_nano_usd: int) -> None:
        """Count what was spent or reserved since the last commit of a run, or by a call beside the runs."""
        before = max(funds.net_nano_usd, 0)
        funds.net_nano_usd += nano_usd
        funds.reserved_nano_usd += reserved_nano_usd
        change = max(funds.net_nano_usd, 0) - before
        for account in self._of(funds):
            account.used = True
            account.out_nano_usd += change
            if change < 0:
                self._wake(account)

    def payments(self, funds: Funds) -> Sequence[Payment]:
        """Return what the next commit takes out of the holdings."""
        if funds.net_nano_usd <= 0:
            return ()
        return [
            Payment(
                kind=account.kind,
                owner=account.owner,
                node=self._node,
                nano_usd=funds.net_nano_usd,
                is_fenced=funds.reserved_nano_usd > 0 and account.is_capped,
            )
            for account in self._of(funds)
        ]

    def settle(self, funds: Funds) -> None:
        """Take note that what was added is recorded; or never will be, or perhaps was: then it is not held either."""
        net, funds.net_nano_usd, funds.reserved_nano_usd = funds.net_nano_usd, 0, 0
        for account in self._of(funds):
            if net > 0:
                account.out_nano_usd -= net
                account.held_nano_usd -= net
                if account.sure_nano_usd is not None:
                    account.sure_nano_usd -= net
                account.paid_nano_usd += net
                account.is_stale = True
            elif net < 0 and (account.waiters or account.others_short):
                account.rung = True
                self._news.set()
                if account.others_short:
                    self._doorbell.ring(money_of(account.kind, account.owner))

    async def more(self, funds: Funds, needed_nano_usd: int, count: int, *, patient: bool) -> bool:
        """Ask for what ``count`` calls like the next one need; return whether that one fits now.

        Args:
            patient: others may be waited for that hold what they do not need.

        Raises:
            StoreUnavailable: nobody knows what is left.
        """
        if needed_nano_usd >= ANYTHING:
            return False
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + (self._patience_s if patient else 0.0)
        while True:
            for account in self._of(funds):
                account.news.clear()
                room = _room(account, funds)
                if room is not None and (room < needed_nano_usd or account.good_until <= self._clock.monotonic()):
                    beyond = max(needed_nano_usd + min(funds.net_nano_usd, 0), 0)
                    await self._take(account, beyond, needed_nano_usd * count * _AHEAD)
            left, _ = self.left(funds)
            if left is None or needed_nano_usd <= left:
                return True
            lacking = [account for account in self._of(funds) if (_room(account, funds) or 0) < needed_nano_usd]
            beyond = needed_nano_usd + min(funds.net_nano_usd, 0)
            if all(beyond > account.free_nano_usd + account.others_nano_usd for account in lacking):
                return False
            now = loop.time()
            if now >= give_up_at:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(give_up_at, now + self._patience_s / 4)):
                    await lacking[0].news.wait()

    async def _fits(self, funds: Funds, most_nano_usd: int) -> bool:
        now = self._clock.monotonic()
        left, _ = self.left(funds)
        is_good = all(account.good_until > now for account in self._of(funds))
        if left is None or (is_good and most_nano_usd <= left):
            return True
        return await self.more(funds, most_nano_usd, 1, patient=True)

    def _give_back(self, funds: Funds, reservation: Reservation, most_nano_usd: int) -> None:
        # What was withdrawn the cap has lost: it is free for nobody.
        spent = most_nano_usd if reservation.withdrawn else reservation.spent_nano_usd
        self.add(funds, spent - most_nano_usd, -most_nano_usd)
        self.settle(funds)

    async def reserved_nano_usd(self, tenant_id: str) -> int:
        """Return the most that the tenant's calls under way may cost: of runs anywhere, of other calls here."""
        if self._tenants is None:
            return 0
        account = self._held.get((PAUSED_BY_CREDITS, tenant_id))
        out = 0 if account is None else account.out_nano_usd
        return (await self._tenants(tenant_id)).reserved_nano_usd + out

    async def refresh(self, kind: str, owner: str) -> None:
        """Let a change of a cap hold at once, here and at the other nodes."""
        self._doorbell.ring(money_of(kind, owner))
        account = self._held.get((kind, owner))
        if account is not None:
            await self._look_after(account)

    @contextmanager
    def waiting(self, funds: Funds, needed_nano_usd: int, wake: Callable[[], None]) -> Iterator[None]:
        """See ``Allowances.waiting``; what is needed is asked for until it is there."""
        with super().waiting(funds, needed_nano_usd, wake):
            for account in self._of(funds):
                account.rung = True
            self._news.set()
            yield

    async def _open(self, kind: str, owner: str) -> HeldAccount:
        terms = await self._look_up(kind, owner)
        account = self._held.get((kind, owner))
        if account is None:
            account = self._held[kind, owner] = HeldAccount(owner, kind, terms.cap_nano_usd, None, terms.spent_nano_usd)
            self._listening.enter_context(self._doorbell.listen(money_of(kind, owner), _ring_of(account, self._news)))
        account.cap_nano_usd, account.spent_nano_usd = terms.cap_nano_usd, terms.spent_nano_usd
        account.is_capped = terms.cap_nano_usd is not None
        return account

    def _of(self, funds: Funds) -> Iterator[HeldAccount]:
        for account in funds.accounts:
            assert isinstance(account, HeldAccount)
            yield account

    async def _take(self, account: HeldAccount, needed: int, wanted: int) -> None:
        """Hold what calls under way may cost and ``wanted`` more, or what is left if that is ``needed`` at least."""
        async with account.lock:
            asked_at, paid, out = self._clock.monotonic(), account.paid_nano_usd, account.out_nano_usd
            held, account.is_stale = account.held_nano_usd, False
            least = min(out + needed, _MOST)
            most = min(max(out + wanted, least), _MOST)
            account.sure_nano_usd = out
            try:
                found = await self._store.take(
                    account.kind, account.owner, self._node, self._today(), out=out, least=least, most=most
                )
            except (StoreUnavailable, asyncio.CancelledError):  # it may have been taken all the same
                account.held_nano_usd = min(account.held_nano_usd, account.out_nano_usd)
                raise
            finally:
                account.sure_nano_usd = None
            # Payments that were on their way meanwhile may have come behind it.
            account.held_nano_usd = found.held_nano_usd - (account.paid_nano_usd - paid)
            account.good_until = asked_at + self._store.lease_s
            account.others_nano_usd, account.others_short = found.others_nano_usd, found.others_short
            account.is_capped = found.left_nano_usd is not None
            account.free_nano_usd = _MOST if found.left_nano_usd is None else found.left_nano_usd - out
            was_short, account.is_short = account.is_short, needed > account.free_nano_usd
        # Who is short rings once; who gives something back tells those that are.
        rings = account.is_short and not was_short and found.others_nano_usd
        if rings or (found.others_short and account.held_nano_usd < held):
            self._doorbell.ring(money_of(account.kind, account.owner))
        if account.waiters:
            self._wake(account)

    async def _look_after(self, account: HeldAccount) -> None:
        """Ask for what waits here; where nothing does give back what is not used."""
        lacks = [waiter.needed_nano_usd for waiter in account.waiters if self._is_lacking(waiter)]
        rung, account.rung = account.rung, False
        used, account.used = account.used, False
        if lacks:
            await self._take(account, min(lacks), sum(lacks))
            return
        idle = account.held_nano_usd == account.out_nano_usd and not account.is_stale
        # The cap that was lifted may be there again.
        if (rung and not account.is_capped) or ((rung or not used) and not idle):
            await self._take(account, 0, 0)

    def _is_lacking(self, waiter: Waiter) -> bool:
        left, _ = self.left(waiter.funds)
        return left is not None and waiter.needed_nano_usd > left and waiter.needed_nano_usd < ANYTHING

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + _EVERY_S
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            self._news.clear()
            all_of_them = loop.time() >= due
            if all_of_them:
                due = loop.time() + _EVERY_S
            looked_at = [account for account in self._held.values() if all_of_them or account.rung]
            await asyncio.gather(*[self._try_to_look_after(account) for account in looked_at])

    async def _try_to_look_after(self, account: HeldAccount) -> None:
        try:
            await self._look_after(account)
        except StoreUnavailable as exc:  # nothing is started meanwhile
            _log.warning("holding_not_asked", error=exc.detail)
        except Exception:
            _log.exception("holding_not_asked")


def _ring_of(account: HeldAccount, news: asyncio.Event) -> Callable[[], None]:
    def rung() -> None:
        account.rung = True
        account.news.set()
        news.set()

    return rung


def _room(account: HeldAccount, funds: Funds) -> int | None:
    """What may be reserved: what a run gave up since its last commit is its own until then."""
    if not account.is_capped:
        return None
    sure = account.held_nano_usd if account.sure_nano_usd is None else account.sure_nano_usd
    return min(account.held_nano_usd, sure) - account.out_nano_usd - min(funds.net_nano_usd, 0)
