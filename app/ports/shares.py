"""What each node may use of limits that hold for all of them: leased from the store, so that together they never pass
them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a node would like of a pool.

    Args:
        pool: names what is limited, the same at all nodes.
        demand: what it could use: what is in use and what is waited for.
        used: in use; taken from the others even where it is more than the share.
        limit: of all nodes together.
    """

    pool: str
    demand: int
    used: int
    wanted: int
    limit: int


@dataclass(frozen=True, slots=True)
class ShareRow:
    """``demand`` is what the node could use; ``share`` what it may have."""

    node: str
    demand: int
    share: int


class ShareStore(Protocol):
    async def take(
        self, node: str, asks: Sequence[Ask], given_back: Collection[str] = ()
    ) -> Mapping[str, Sequence[ShareRow]]:
        """Let a node have ``wanted`` of each pool, or as much of it as the other nodes that live leave of ``limit``;
        it is its until it asks again, gives the pool back or dies.

        Returns:
            How all nodes that live stand now in the pools asked for, this one included.
        """
        ...
