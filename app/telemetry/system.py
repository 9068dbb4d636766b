"""The real clock and the real randomness (``ports.clock``)."""

from __future__ import annotations

import random
import secrets
import time


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class SystemEntropy:
    def bits(self, count: int) -> int:
        return secrets.randbits(count)

    def sample(self) -> float:
        return random.random()  # noqa: S311 - spreads retries, guards nothing
