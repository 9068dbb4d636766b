"""What one node has learned and the others should know: one versioned row for each thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Args:
    name: of what it tells.
    version: one more than that of the sign which its node knew.
    body: JSON.
    age_s: since it was said, by the store's clock; to be ignored where it is about to be.
    """

    name: str
    version: int
    node: str
    body: str
    age_s: float = 0.0


class SignStore(Protocol):
    async def say(self, signs: Sequence[Sign]) -> None:
        """Put up those whose version is above what stands: of two nodes that say something at once, the first counts.

        Raises:
            StoreUnavailable: it is not known whether any was put up; to say them again does no harm.
        """
        ...

    async def standing(self) -> Sequence[Sign]:
        """Return what was said last of each thing."""
        ...
