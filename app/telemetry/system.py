"""The process and what it has of the machine: the real clock, the real randomness (``ports.clock``), the collector."""

from __future__ import annotations

import gc
import random
import secrets
import time

_GC_THRESHOLD = 200_000
"""Young-generation size: accepting or answering thousands of tasks allocates that many objects that soon die."""


def settle() -> None:
    """Leave what start-up made out of all later garbage collections, and collect less often.

    Modules, routes and schemas are there to stay. Looked through again and again they cost a process that makes model
    calls a third of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


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
