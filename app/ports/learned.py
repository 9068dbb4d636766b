"""How many calls at once each lane (a model of a provider) was seen to take, of all nodes together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Learned:
    """Calls at once, not whole ones.

    Args:
        limit: of the node that tells.
        change: in it since the node told last; all of it, where it never did.
    """

    limit: float
    change: float


class LearnedStore(Protocol):
    async def add(self, learned: Mapping[str, Learned]) -> Mapping[str, float]:
        """Add what a node has learned, by lane; a lane of which nothing is known begins with the node's own limit.

        Returns:
            The limits of all lanes of which a node has told in the last ten minutes.
        """
        ...
