"""Time and randomness, injected so that tests run on a virtual clock and replay identically."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix time in milliseconds: for records, never for measuring durations."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back: for durations and deadlines."""
        ...


class Entropy(Protocol):
    def bits(self, count: int) -> int:
        """Return ``count`` random bits."""
        ...

    def sample(self) -> float:
        """Return a uniform sample in [0, 1)."""
        ...
