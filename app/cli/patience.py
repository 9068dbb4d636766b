"""How long, and at what pace, something that did not work is tried again."""

from __future__ import annotations

from collections.abc import Callable


class Patience:
    """Trying again for so many seconds, with growing pauses."""

    def __init__(self, patience_s: float, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        self._sleep = sleep
        self._clock = clock
        self._patience_s = patience_s
        self.renew()

    def renew(self) -> None:
        """Begin anew: something went well."""
        self._give_up_at = self._clock() + self._patience_s
        self._delay_s = 0.25

    def rest(self, at_least_s: float = 0.0) -> bool:
        """Wait for the next try; False, at once, where the time is up."""
        if self._clock() + self._delay_s > self._give_up_at:
            return False
        self._sleep(max(self._delay_s, at_least_s))
        self._delay_s = min(self._delay_s * 2, 5.0)
        return True
