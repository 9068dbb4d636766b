"""The hidden limits of the mock provider, which clients only notice by their 429."""

from __future__ import annotations

import math


class HiddenRate:
    """A token bucket that holds at most one second's worth of requests (at least one)."""

    def __init__(self) -> None:
        self._level: float | None = None
        self._at_s = 0.0

    def take(self, per_s: float, now_s: float) -> float:
        """Take one request at ``now_s`` (monotonic seconds): 0.0 when let in, else the seconds until one would be."""
        capacity = max(per_s, 1.0)
        level = capacity if self._level is None else min(capacity, self._level + (now_s - self._at_s) * per_s)
        self._at_s = now_s
        if level >= 1.0:
            self._level = level - 1.0
            return 0.0
        self._level = level
        return (1.0 - level) / per_s

    def forget(self) -> None:
        self._level = None


def retry_after_header(seconds: float) -> str:
    """``Retry-After`` in whole seconds (RFC 9110, section 10.2.3), never sooner than ``seconds``, at least 1."""
    return str(max(1, math.ceil(seconds)))
