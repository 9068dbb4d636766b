"""What may still be spent: one account a key (its budget of the day) and one a tenant (its prepaid credits).

Here they are those of a process that is alone; ``holdings`` shares them with other nodes.

An account counts worst cases from the moment they are reserved, so the sum never passes the cap, whoever asks. Days are
UTC; credits know no days. The store is the memory across restarts: an account begins with what the usage says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import structlog

from app.domain.budget import dollars
from app.domain.errors import CreditsUsedUp, StoreUnavailable
from app.domain.events import rfc3339
from app.domain.swarm import PAUSED_BY_CREDITS, PAUSED_BY_KEY
from app.ports.allowances import AllowanceExceeded, Reservation, Terms
from app.ports.clock import Clock
from app.ports.holdings import Payment

_log = structlog.get_logger(__name__)

_LOOK_S = 5.0
"""How often a cap is looked up again while somebody waits for it: it may be raised by another process, and days end."""


@dataclass(slots=True, eq=False)
class Waiter:
    """Whoever is told once so much can be spent."""

    funds: Funds
    needed_nano_usd: int
    wake: Callable[[], None]


@dataclass(slots=True, eq=False)
class Account:
    """``spent_nano_usd`` is settled, never to be known, and reserved (``reserved_nano_usd`` of it).

    Attributes:
        owner: id of the key, or of the tenant.
        kind: why a run is paused that this account does not let go on.
        day: that it counts (UTC, ``2026-01-31``); None: all days.
    """

    owner: str
    kind: str
    cap_nano_usd: int | None
    day: str | None
    spent_nano_usd: int
    reserved_nano_usd: int = 0
    waiters: list[Waiter] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Funds:
    """The accounts that pay for a caller's work, each for all of it.

    Attributes:
        net_nano_usd: counted since the last ``settle``; with ``reserved_nano_usd`` of it for calls, where several nodes
            share the accounts (``holdings``).
    """

    accounts: tuple[Account, ...]
    net_nano_usd: int = 0
    reserved_nano_usd: int = 0


class Allowances:
    """Args:
    keys: asks the store about a key and a day.
    tenants: asks it about the prepaid credits of a tenant; None where nobody prepays.
    """

    asks = False
    """Whether there may be more than ``left`` says, once it is asked for (``holdings``)."""

    def __init__(
        self,
        clock: Clock,
        keys: Callable[[str, str], Awaitable[Terms]],
        tenants: Callable[[str], Awaitable[Terms]] | None = None,
    ) -> None:
        self._clock = clock
        self._keys = keys
        self._tenants = tenants
        self._accounts: dict[tuple[str, str], Account] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Allowances]:
        """Look after those who wait until the context ends."""
        keeper = asyncio.create_task(self._keep(), name="allowances")
        try:
            yield self
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def open(self, key_id: str | None, tenant_id: str) -> Funds | None:
        """Return what pays for a caller's work; None where nothing caps it. To be asked before its first call."""
        accounts = []
        if key_id is not None:
            accounts.append(await self._open(PAUSED_BY_KEY, key_id))
        if self._tenants is not None:
            accounts.append(await self._open(PAUSED_BY_CREDITS, tenant_id))
        capped = tuple(account for account in accounts if account.cap_nano_usd is not None)
        return Funds(capped) if capped else None

    async def check(self, key_id: str | None, tenant_id: str) -> bool:
        """See ``ports.allowances.AllowanceBook``. What is reserved and may come back is no reason to refuse."""
        funds = await self.open(key_id, tenant_id)
        for account in funds.accounts if funds is not None else ():
            left = _left(account)
            if account.kind == PAUSED_BY_CREDITS and left is not None and left + account.reserved_nano_usd <= 0:
                raise CreditsUsedUp(tenant_id, f"the tenant {tenant_id!r} has no prepaid credits left")
        return funds is not None

    def left(self, funds: Funds) -> tuple[int | None, str]:
        """Return what may still be spent, None where every cap was lifted, and the kind of the scarcest account."""
        least, kind = None, PAUSED_BY_KEY
        for account in funds.accounts:
            self._turn_day(account)
            left = _left(account)
            if left is not None and (least is None or left < least):
                least, kind = left, account.kind
        return least, kind

    def add(self, funds: Funds, nano_usd: int, reserved_nano_usd: int) -> None:
        """Count what was spent, reserved included (or, negative, turned out not to be needed).

        Args:
            reserved_nano_usd: how much more (negative: less) than before of it is reserved for calls under way.
        """
        for account in funds.accounts:
            self._turn_day(account)
            account.spent_nano_usd = max(account.spent_nano_usd + nano_usd, 0)
            account.reserved_nano_usd = max(account.reserved_nano_usd + reserved_nano_usd, 0)
        if nano_usd < 0:
            for account in funds.accounts:
                self._wake(account)

    @asynccontextmanager
    async def reserve(self, key_id: str | None, tenant_id: str, most_nano_usd: int) -> AsyncIterator[Reservation]:
        """Hold the most that a single call may cost (``ports.allowances.AllowanceBook``)."""
        reservation = Reservation(most_nano_usd)
        funds = await self.open(key_id, tenant_id)
        if funds is None:
            yield reservation
            return
        if not await self._fits(funds, most_nano_usd):
            left, kind = self.lacking(funds)
            raise _refused(kind, tenant_id, most_nano_usd, left or 0)
        self.add(funds, most_nano_usd, most_nano_usd)
        try:
            yield reservation
        finally:
            self._give_back(funds, reservation, most_nano_usd)

    async def _fits(self, funds: Funds, most_nano_usd: int) -> bool:
        left, _ = self.left(funds)
        return left is None or most_nano_usd <= left

    def _give_back(self, funds: Funds, reservation: Reservation, most_nano_usd: int) -> None:
        """Count what a call cost instead of the most that was reserved for it."""
        self.add(funds, reservation.spent_nano_usd - most_nano_usd, -most_nano_usd)

    def lacking(self, funds: Funds) -> tuple[int | None, str]:
        """Return what is left where ``more`` was not to be had, as ``left`` does."""
        return self.left(funds)

    async def more(self, funds: Funds, needed_nano_usd: int, count: int, *, patient: bool) -> bool:
        """Return whether a call fits for which there was not enough left; here there is no more."""
        return False

    def payments(self, funds: Funds) -> Sequence[Payment]:
        """Return what a commit of a run has to pay: here the account is the process's own."""
        return ()

    def settle(self, funds: Funds) -> None:
        """Hear that what was added is committed, or never will be."""

    async def reserved_nano_usd(self, tenant_id: str) -> int:
        """Return the most that the tenant's calls under way may cost; 0 where nobody prepays."""
        account = self._accounts.get((PAUSED_BY_CREDITS, tenant_id))
        return 0 if account is None else account.reserved_nano_usd

    async def refresh(self, kind: str, owner: str) -> None:
        """Let a change of a cap hold at once, and those go on who waited for it."""
        account = self._accounts.get((kind, owner))
        if account is not None:
            self._update(account, await self._look_up(account.kind, account.owner))
            self._wake(account)

    @contextmanager
    def waiting(self, funds: Funds, needed_nano_usd: int, wake: Callable[[], None]) -> Iterator[None]:
        """Call ``wake`` whenever ``needed_nano_usd`` can be spent, until the context ends."""
        waiter = Waiter(funds, needed_nano_usd, wake)
        for account in funds.accounts:
            account.waiters.append(waiter)
        try:
            yield
        finally:
            for account in funds.accounts:
                account.waiters.remove(waiter)

    async def _open(self, kind: str, owner: str) -> Account:
        account = self._accounts.get((kind, owner))
        if account is not None:
            self._update(account, await self._look_up(kind, owner))
            return account
        day = self._today() if kind == PAUSED_BY_KEY else None
        terms = await self._look_up(kind, owner)
        # Another caller may have opened it meanwhile; its sums are the true ones.
        reserved = terms.reserved_nano_usd
        opened = Account(owner, kind, terms.cap_nano_usd, day, terms.spent_nano_usd + reserved, reserved)
        return self._accounts.setdefault((kind, owner), opened)

    async def _look_up(self, kind: str, owner: str) -> Terms:
        if kind == PAUSED_BY_KEY:
            return await self._keys(owner, self._today())
        assert self._tenants is not None
        return await self._tenants(owner)

    def _wake(self, account: Account) -> None:
        for waiter in tuple(account.waiters):
            left, _ = self.left(waiter.funds)
            if left is None or waiter.needed_nano_usd <= left:
                waiter.wake()

    def _turn_day(self, account: Account) -> None:
        today = self._today() if account.day is not None else None
        # A clock that was set back must not open a day again.
        if today is not None and account.day is not None and today > account.day:
            # What is under way was reserved yesterday but is settled, and billed, today.
            account.day, account.spent_nano_usd = today, account.reserved_nano_usd

    def _update(self, account: Account, terms: Terms) -> None:
        """Take note of a cap that was set, changed or lifted."""
        if account.cap_nano_usd is None:  # nothing was counted so far
            account.spent_nano_usd = max(account.spent_nano_usd, terms.spent_nano_usd)
        account.cap_nano_usd = terms.cap_nano_usd

    def _today(self) -> str:
        return rfc3339(self._clock.now_ms())[:10]

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            for account in tuple(self._accounts.values()):
                if account.waiters:
                    try:
                        await self.refresh(account.kind, account.owner)
                    except StoreUnavailable as exc:
                        _log.warning("allowance_not_read", error=exc.detail)


def _refused(kind: str, tenant_id: str, most_nano_usd: int, left_nano_usd: int) -> Exception:
    """Return what is raised for a call that does not fit into an account of this kind."""
    if kind == PAUSED_BY_KEY:
        return AllowanceExceeded(left_nano_usd)
    free = dollars(max(left_nano_usd, 0))
    figures = f"the call may cost up to {dollars(most_nano_usd)}, and {free} of the prepaid"
    return CreditsUsedUp(tenant_id, f"{figures} credits of the tenant {tenant_id!r} are free")


def _left(account: Account) -> int | None:
    return None if account.cap_nano_usd is None else account.cap_nano_usd - account.spent_nano_usd
