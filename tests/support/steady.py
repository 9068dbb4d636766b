"""A clock and a source of chance that say the same in every run."""


class TickingClock:
    """Each look at its monotonic time takes ``tick_s``."""

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._now_s = 0.0

    def now_ms(self) -> int:
        return int(self._now_s * 1000)

    def monotonic(self) -> float:
        self._now_s += self._tick_s
        return self._now_s


class SteadyEntropy:
    """Every sample is a quarter."""

    def bits(self, count: int) -> int:
        return count

    def sample(self) -> float:
        return 0.25
