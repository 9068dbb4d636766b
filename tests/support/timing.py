"""Bounds on the time that code takes, which hold on a busy machine and late in a long run."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within_cpu_s(most_s: float) -> Iterator[None]:
    """Fail if the block takes more processor time of this thread than ``most_s`` seconds.

    The collector stays out of it: going through what thousands of tests before have left takes it seconds.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        started = time.thread_time()
        yield
        took_s = time.thread_time() - started
    finally:
        if collects:
            gc.enable()
    assert took_s < most_s, f"{took_s:.2f} s"
