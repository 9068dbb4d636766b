"""The nodes that share a database: which of them live, and what each of them holds.

A node holds the runs that it claimed for as long as its lease lasts; it renews the lease for all of them at once. Time
is the database's: the clocks of the nodes do not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from app.ports.runs import Lease


class NodeStore(Protocol):
    """Where only one process can have the database there is none."""

    async def renew(self, node: str) -> None:
        """Let the node live for a further lease, or begin to; remove nodes that have been dead for long.

        Raises:
            StoreUnavailable: it was not written; the node lives as long as before.
        """
        ...

    async def leave(self, node: str) -> None:
        """Let the node be dead at once, so that others claim what it held."""
        ...

    async def hold(self, duty: str, node: str) -> bool:
        """Take what one node does for all, or keep it for a further lease; return whether it is the node's."""
        ...

    async def lost(self, leases: Collection[Lease]) -> Sequence[Lease]:
        """Return those of ``leases`` that are no longer the newest of their runs."""
        ...

    async def asked(self, node: str) -> Sequence[str]:
        """Return the runs that the node holds and of which clients have asked something that is not done yet."""
        ...
