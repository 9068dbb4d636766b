"""Virtual time: a clock that jumps from one timer to the next, for simulations of hours in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count


@dataclass(slots=True)
class Timer:
    call: Callable[[], None] | None

    def cancel(self) -> None:
        self.call = None


class VirtualTime:
    """``ports.clock.Clock`` and ``call_later`` in one."""

    def __init__(self) -> None:
        self.now = 0.0
        self._serial = count()
        self._timers: list[tuple[float, int, Timer]] = []

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        assert delay_s >= 0
        timer = Timer(call)
        heappush(self._timers, (self.now + delay_s, next(self._serial), timer))
        return timer

    def pending(self) -> int:
        return sum(timer.call is not None for _, _, timer in self._timers)

    def run(self, until_s: float) -> None:
        """Let everything happen that is due up to ``until_s``."""
        while self._timers and self._timers[0][0] <= until_s:
            self.now, _, timer = heappop(self._timers)
            if timer.call is not None:
                call, timer.call = timer.call, None
                call()
        self.now = until_s
