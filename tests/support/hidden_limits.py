"""Limits of a provider that nobody told us, for simulations in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Hidden(Protocol):
    """A provider's limit that nobody told us."""

    def set(self, limit: float, now: float) -> None: ...

    def takes(self, now: float) -> bool: ...

    def ends(self) -> None: ...


@dataclass
class HiddenConcurrency:
    limit: float
    running: int = 0

    def set(self, limit: float, now: float) -> None:
        self.limit = limit

    def takes(self, now: float) -> bool:
        taken = self.running < self.limit
        self.running += taken
        return taken

    def ends(self) -> None:
        self.running -= 1


@dataclass
class HiddenRate:
    """Calls a second, of which one second's may come at once."""

    limit: float
    level: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.limit

    def set(self, limit: float, now: float) -> None:
        self.takes(now)
        self.limit = limit

    def takes(self, now: float) -> bool:
        self.level = min(self.level + (now - self.at) * self.limit, max(self.limit, 1.0))
        self.at = now
        taken = self.level >= 1.0
        self.level -= taken
        return taken

    def ends(self) -> None:
        """A rate does not care."""
