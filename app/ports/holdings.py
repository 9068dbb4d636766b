"""What each node holds of what may be spent: leased from the store, so that together they never pass a cap.

For every account, a key's budget of the day or a tenant's prepaid credits: what is recorded as used, what runs have
reserved as of their last commits, and what the nodes hold beside it never exceed the cap. A node reserves within what
it holds; the commit of a run that reserves moves that much from the holding to the run (``Payment``), in the same
transaction. So what runs have reserved outlives every node, and the holding of a node that is gone is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What a commit takes out of a node's holding, above zero.

    Attributes:
        kind: of the account, as it is a run's ``pause_reason``.
        owner: id of the key, or of the tenant.
        is_fenced: it is for new calls, which must not be made unless the node holds that much.
    """

    kind: str
    owner: str
    node: str
    nano_usd: int
    is_fenced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """How an account stands once a node has asked, in nano-dollars.

    Attributes:
        held_nano_usd: by this node.
        left_nano_usd: what this node could hold, what it holds included; below zero where the cap was lowered, None
            where there is none.
        others_nano_usd: held by the other nodes.
        others_short: whether one of them could not have what it needs.
    """

    held_nano_usd: int
    left_nano_usd: int | None
    others_nano_usd: int
    others_short: bool


class HoldingStore(Protocol):
    """Each call of a method is one transaction; those of an account, and the payments from it, exclude each other."""

    lease_s: float
    """How long a holding is the node's at least, once it has asked."""

    async def take(self, kind: str, owner: str, node: str, day: str, *, out: int, least: int, most: int) -> Holding:
        """Set what a node holds of an account to ``most``, or to less, but at least ``least``, if that is what is left.

        Where less is left than ``least`` the node holds no more than ``out``: what it could not use others may need.

        Args:
            day: that a key's budget counts (UTC, ``2026-01-31``); if later ones have begun elsewhere, the dearest.
            out: of what the node holds, what its calls under way may cost; never taken from it.

        Raises:
            StoreUnavailable: nobody knows what is held.
        """
        ...

    async def give_up(self, node: str) -> None:
        """Let a node that ends hold nothing any more; nor those that no longer live."""
        ...
