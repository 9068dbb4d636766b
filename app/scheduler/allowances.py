"""What each key may still spend today: one account a key, shared by its runs and its single calls.

An account counts worst cases from the moment they are reserved, so the sum never passes the cap, whoever asks. Days are
UTC. The store is the memory across restarts: an account begins with what the usage of the day says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import structlog

from app.domain.errors import StoreUnavailable
from app.domain.events import rfc3339
from app.ports.allowances import AllowanceExceeded, Reservation
from app.ports.clock import Clock

_log = structlog.get_logger(__name__)

_LOOK_S = 5.0
"""How often a cap is looked up again while somebody waits for it: it may be raised by another process, and days end."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the store says of a key: its cap a day (None for none) and what it spent on the day in question."""

    cap_nano_usd: int | None
    spent_nano_usd: int


@dataclass(slots=True, eq=False)
class _Waiter:
    needed_nano_usd: int
    wake: Callable[[], None]


@dataclass(slots=True, eq=False)
class Account:
    """One key's day; ``spent_nano_usd`` is settled, never to be known, and reserved (``reserved_nano_usd`` of it)."""

    key_id: str
    cap_nano_usd: int | None
    day: str
    spent_nano_usd: int
    reserved_nano_usd: int = 0
    waiters: list[_Waiter] = field(default_factory=list)


class Allowances:
    """Args:
    look_up: asks the store about a key and a day (UTC, ``2026-01-31``).
    """

    def __init__(self, clock: Clock, look_up: Callable[[str, str], Awaitable[Terms]]) -> None:
        self._clock = clock
        self._look_up = look_up
        self._accounts: dict[str, Account] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Allowances]:
        """Look after those who wait until the context ends."""
        keeper = asyncio.create_task(self._keep(), name="allowances")
        try:
            yield self
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def open(self, key_id: str | None) -> Account | None:
        """Return the account of a key; None where nothing caps it. Must be asked before a key's first call is made."""
        if key_id is None:
            return None
        account = self._accounts.get(key_id)
        if account is None:
            day = self._today()
            terms = await self._look_up(key_id, day)
            # Another caller may have opened it meanwhile; its sums are the true ones.
            account = self._accounts.setdefault(key_id, Account(key_id, terms.cap_nano_usd, day, terms.spent_nano_usd))
        else:
            self._update(account, await self._look_up(key_id, self._today()))
        return account if account.cap_nano_usd is not None else None

    async def is_capped(self, key_id: str | None) -> bool:
        return await self.open(key_id) is not None

    def left_nano_usd(self, account: Account) -> int | None:
        """Return what may still be spent today; None where the cap was lifted."""
        self._turn_day(account)
        return None if account.cap_nano_usd is None else account.cap_nano_usd - account.spent_nano_usd

    def add(self, account: Account, nano_usd: int, reserved_nano_usd: int) -> None:
        """Count what was spent, reserved included (or, negative, turned out not to be needed).

        Args:
            reserved_nano_usd: how much more (negative: less) than before of it is reserved for calls under way.
        """
        self._turn_day(account)
        account.spent_nano_usd = max(account.spent_nano_usd + nano_usd, 0)
        account.reserved_nano_usd = max(account.reserved_nano_usd + reserved_nano_usd, 0)
        if nano_usd < 0:
            self._wake(account)

    @asynccontextmanager
    async def reserve(self, key_id: str | None, most_nano_usd: int) -> AsyncIterator[Reservation]:
        """Hold the most that a single call may cost (``ports.allowances.AllowanceBook``)."""
        reservation = Reservation(most_nano_usd)
        account = await self.open(key_id)
        if account is None:
            yield reservation
            return
        left = self.left_nano_usd(account)
        if left is not None and most_nano_usd > left:
            raise AllowanceExceeded(left)
        self.add(account, most_nano_usd, most_nano_usd)
        try:
            yield reservation
        finally:
            self.add(account, reservation.spent_nano_usd - most_nano_usd, -most_nano_usd)

    @contextmanager
    def waiting(self, account: Account, needed_nano_usd: int, wake: Callable[[], None]) -> Iterator[None]:
        """Call ``wake`` whenever ``needed_nano_usd`` can be spent, until the context ends."""
        waiter = _Waiter(needed_nano_usd, wake)
        account.waiters.append(waiter)
        try:
            yield
        finally:
            account.waiters.remove(waiter)

    def _wake(self, account: Account) -> None:
        left = self.left_nano_usd(account)
        for waiter in tuple(account.waiters):
            if left is None or waiter.needed_nano_usd <= left:
                waiter.wake()

    def _turn_day(self, account: Account) -> None:
        today = self._today()
        if today > account.day:  # a clock that was set back must not open a day again
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
                        terms = await self._look_up(account.key_id, self._today())
                    except StoreUnavailable as exc:
                        _log.warning("allowance_not_read", error=exc.detail)
                        continue
                    self._update(account, terms)
                    self._wake(account)
