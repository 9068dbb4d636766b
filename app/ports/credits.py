"""Prepaid credits as they are kept: a ledger a tenant, to which rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.ports.pages import Page


class EntryKind(StrEnum):
    """What a row of the ledger is for."""

    OPENING = "opening"
    """The first one, with the free credits of a new tenant."""
    TOP_UP = "top_up"
    CORRECTION = "correction"
    """Credits taken back; below zero."""
    USAGE = "usage"
    """What model calls cost since the last such row; below zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditEntry:
    """A row to be added.

    Attributes:
        reference: of the payment, once a tenant; None for rows of the service's own.
        actor: id of the key that added it.
    """

    entry_id: str
    tenant_id: str
    kind: EntryKind
    amount_nano_usd: int
    at_ms: int
    reference: str | None = None
    note: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRow(CreditEntry):
    """``balance_nano_usd`` is the sum of the amounts from the first row, at ``position`` 1, to this one."""

    position: int
    balance_nano_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditStanding:
    """A tenant's account at one moment, in nano-dollars.

    Attributes:
        balance_nano_usd: sum of the ledger.
        counted_nano_usd: the part of the tenant's usage that the ledger has taken off, usage before it began included.
        usage_nano_usd: all of the tenant's usage, as the store has it: settled, or never to be known.
    """

    balance_nano_usd: int
    counted_nano_usd: int
    usage_nano_usd: int

    @property
    def pending_nano_usd(self) -> int:
        """What was used and is not in the ledger yet."""
        return self.usage_nano_usd - self.counted_nano_usd

    @property
    def left_nano_usd(self) -> int:
        return self.balance_nano_usd - self.pending_nano_usd


class CreditStore(Protocol):
    """Each call of a method is one transaction."""

    async def open(self, entry: CreditEntry) -> None:
        """Begin the ledger of a tenant with ``entry``, unless it has begun; usage up to now is none of its business."""
        ...

    async def add(self, entry: CreditEntry) -> tuple[CreditRow, bool]:
        """Add a row to a ledger that has begun; where its reference is there already, nothing.

        Returns:
            The row of that reference, and whether it is new.
        """
        ...

    async def post_usage(self, entry: CreditEntry) -> CreditRow | None:
        """Add a row that takes off what was used and is not in the ledger yet; None where that is nothing.

        Args:
            entry: its amount is replaced.
        """
        ...

    async def standing(self, tenant_id: str) -> CreditStanding | None:
        """None where the tenant has no ledger yet."""
        ...

    async def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> Page[CreditRow]:
        """Newest first.

        Raises:
            InvalidRequest: the cursor is none of this list.
        """
        ...

    async def tenants(self) -> Sequence[str]:
        """Return those that have a ledger, in order."""
        ...
