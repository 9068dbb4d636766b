"""How many requests somebody may make a minute: a token bucket that holds a minute's worth."""

from __future__ import annotations

_MINUTE_S = 60.0
_EPSILON = 1e-9
"""Sums of floats: a bucket that was refilled for exactly long enough is full enough."""


class RequestRate:
    """Lets ``per_minute`` requests through at once, then as many as the minute refills.

    Args:
        per_minute: above 0.
        now: seconds on a monotonic clock, as everywhere here.
    """

    __slots__ = ("_at", "_level", "per_minute")

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self._level = float(per_minute)
        self._at = now

    def take(self, now: float) -> float | None:
        """Let one request through, or return in how many seconds the next one would be: it took nothing."""
        rate = self.per_minute / _MINUTE_S
        self._level = min(self._level + max(now - self._at, 0.0) * rate, float(self.per_minute))
        self._at = now
        if self._level >= 1 - _EPSILON:
            self._level -= 1
            return None
        return (1 - self._level) / rate
