"""What each node may use of a provider's limits: leased from the store, so that together they never pass them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ShareRow:
    """``demand`` is what the node could use: calls under way and those that wait; ``share`` what it may have."""

    node: str
    demand: int
    share: int


class ShareStore(Protocol):
    async def take(self, provider: str, node: str, *, demand: int, wanted: int, limit: int) -> Sequence[ShareRow]:
        """Let a node have ``wanted`` calls at once of a provider, or as many of them as the other nodes that live
        leave of ``limit``; it is its until it asks again, or dies.

        Returns:
            How all nodes that live stand now, this one included.
        """
        ...
