"""Prepaid credits: a tenant's ledger, and what is left of it for work that is started.

A row is added for a top-up, a correction, and from time to time for what was used since the last such row: the sum of
the rows is the balance. Calls under way hold their worst case in the book of allowances, so the balance never falls
below zero; the price of a call is taken off with the row that records its outcome (``usage``), in the same commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import structlog

from app.domain.budget import dollars
from app.domain.errors import Conflict, CreditsUsedUp, InvalidRequest
from app.domain.ids import CREDIT_PREFIX, make_id
from app.domain.usage import NANO_USD
from app.ports.allowances import AllowanceBook, Terms
from app.ports.clock import Clock, Entropy
from app.ports.credits import CreditEntry, CreditRow, CreditStanding, CreditStore, EntryKind
from app.ports.pages import Page
from app.services.periodic import beside, every

_log = structlog.get_logger(__name__)

_POST_S = 3600.0
"""How often a row takes off what was used."""

_MAX_USD = 1_000_000

NOTHING = CreditStanding(balance_nano_usd=0, counted_nano_usd=0, usage_nano_usd=0)


async def _nobody_waits(_: str) -> None:
    return None


class CreditService:
    """Args:
    free_nano_usd: what a tenant's ledger begins with.
    """

    def __init__(self, store: CreditStore, clock: Clock, entropy: Entropy, *, free_nano_usd: int = 0) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._free_nano_usd = free_nano_usd
        self._book: AllowanceBook | None = None
        self._added: Callable[[str], Awaitable[None]] = _nobody_waits

    def attach(self, book: AllowanceBook, added: Callable[[str], Awaitable[None]]) -> None:
        """Tell what a running service keeps beside the store.

        Args:
            book: holds what calls under way may cost.
            added: hears of a tenant whose credits were topped up.
        """
        self._book, self._added = book, added

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Enter into the ledgers what is used, until the context ends."""
        async with beside(every(_POST_S, self._post_all, "credits_not_posted"), "credits"):
            yield

    async def terms(self, tenant_id: str) -> Terms:
        """Return the tenant's credits as an account: all it was ever given, and all it has used, before included."""
        standing = await self._standing(tenant_id)
        return Terms(standing.balance_nano_usd + standing.counted_nano_usd, standing.usage_nano_usd)

    async def standing(self, tenant_id: str, *, begin: bool = False) -> CreditStanding:
        """Return how a tenant stands; one that was never seen has nothing, unless its ledger is to ``begin`` now."""
        if begin:
            return await self._standing(tenant_id)
        return await self._store.standing(tenant_id) or NOTHING

    async def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> Page[CreditRow]:
        """Return rows of the ledger, newest first."""
        return await self._store.list(tenant_id, limit=limit, cursor=cursor)

    async def add(
        self, tenant_id: str, amount_usd: Decimal, reference: str, *, note: str | None = None, by: str | None = None
    ) -> tuple[CreditRow, bool]:
        """Add a top-up, or below zero a correction that takes back what is free.

        Args:
            reference: of the payment; the same one again adds nothing.
            by: id of the key that asks.

        Returns:
            The row of that reference, and whether it is new.

        Raises:
            InvalidRequest: no sane amount.
            Conflict: the reference stands for another amount; or less than what is to be taken back is free, or no
                service runs that knows what is.
        """
        nano_usd = _nano_usd(amount_usd)
        await self._standing(tenant_id)
        kind = EntryKind.TOP_UP if nano_usd > 0 else EntryKind.CORRECTION
        entry = self._entry(tenant_id, kind, nano_usd, reference=reference, note=note, actor=by)
        row, is_new = await (self._store.add(entry) if nano_usd > 0 else self._take_back(entry))
        if row.amount_nano_usd != nano_usd:
            known = dollars(row.amount_nano_usd)
            raise Conflict(f"the reference {reference!r} was used for {known}; each payment has its own")
        if is_new:
            await self._added(tenant_id)
        return row, is_new

    async def post_usage(self, tenant_id: str) -> CreditRow | None:
        """Enter what was used since the last time into the ledger."""
        return await self._store.post_usage(self._entry(tenant_id, EntryKind.USAGE, 0))

    async def _take_back(self, entry: CreditEntry) -> tuple[CreditRow, bool]:
        """Reserved like a call while it is written, so that no call takes the same credits meanwhile."""
        if self._book is None:
            raise Conflict("credits are taken back with POST /v1/credits only: calls under way may need them")
        try:
            if (await self.standing(entry.tenant_id)).left_nano_usd < -entry.amount_nano_usd:
                raise CreditsUsedUp(entry.tenant_id, "no more is left")
            async with self._book.reserve(None, entry.tenant_id, -entry.amount_nano_usd) as reservation:
                row, is_new = await self._store.add(entry)
                if is_new:
                    await self._added(entry.tenant_id)
                reservation.spent_nano_usd, reservation.withdrawn = 0, is_new
                return row, is_new
        except CreditsUsedUp as exc:
            standing = await self.standing(entry.tenant_id)
            left = f"{dollars(standing.left_nano_usd)} are left, calls under way have a part of it reserved"
            raise Conflict(f"{dollars(-entry.amount_nano_usd)} cannot be taken back: {left}") from exc

    async def _standing(self, tenant_id: str) -> CreditStanding:
        """Return how a tenant stands; its ledger begins when it is first seen."""
        standing = await self._store.standing(tenant_id)
        if standing is None:
            note = "free credits" if self._free_nano_usd else None
            await self._store.open(self._entry(tenant_id, EntryKind.OPENING, self._free_nano_usd, note=note))
            standing = await self._store.standing(tenant_id)
            assert standing is not None
        return standing

    def _entry(
        self,
        tenant_id: str,
        kind: EntryKind,
        nano_usd: int,
        *,
        reference: str | None = None,
        note: str | None = None,
        actor: str | None = None,
    ) -> CreditEntry:
        now_ms = self._clock.now_ms()
        return CreditEntry(
            entry_id=make_id(CREDIT_PREFIX, now_ms, self._entropy.bits(80)),
            tenant_id=tenant_id,
            kind=kind,
            amount_nano_usd=nano_usd,
            at_ms=now_ms,
            reference=reference,
            note=note,
            actor=actor,
        )

    async def _post_all(self) -> None:
        for tenant_id in await self._store.tenants():
            await self.post_usage(tenant_id)


def _nano_usd(amount: Decimal) -> int:
    if not amount.is_finite() or not 0 < abs(amount) <= _MAX_USD:
        raise InvalidRequest.field("/amount_usd", f"expected an amount up to {_MAX_USD} dollars that is not 0")
    if amount * NANO_USD % 1:
        raise InvalidRequest.field("/amount_usd", "expected at most nine decimals")
    return int(amount * NANO_USD)
