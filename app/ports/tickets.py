"""Tickets that stand for a caller at any of the nodes that share a database."""

from __future__ import annotations

from typing import Protocol


class TicketStore(Protocol):
    async def put(self, digest: str, tenant_id: str, scopes: str, lives_s: float) -> None:
        """Keep a ticket for so long, by the database's clock.

        Args:
            digest: of the ticket; whoever reads the database cannot use it.
            scopes: parted by blanks.
        """
        ...

    async def find(self, digest: str) -> tuple[str, str] | None:
        """Return tenant and scopes of a live ticket."""
        ...
