"""Circuit breaker: when a provider is down, stop calling it, and let a few calls at a time find out when it is back.

Hand-written because no library at hand counts the probes that run *at once*: those tried let 10 of 10 concurrent
half-open probes through. Pure: time is an argument, in monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf

_MAX_RECOVERY_S = 15.0
"""Each failed probe doubles the wait, but a provider that is back is noticed within a quarter of a minute."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    """Calls pass."""
    OPEN = "open"
    """No call passes until the recovery time is over."""
    HALF_OPEN = "half_open"
    """A few calls at once pass as probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What one breaker tells another of a provider; times are seconds from the moment it is told.

    Args:
        open: no call passes but probes, which do from ``retry_in_s`` on.
        armed: it waits for the provider; False once it gave up and lets all calls pass.
        wait_s: from an opening to the first probe; the next failed one doubles it.
        down_for_s: since the breaker opened; 0 where it is closed.
        opened_count: how often it has opened so far.
    """

    open: bool
    armed: bool
    retry_in_s: float
    wait_s: float
    down_for_s: float
    opened_count: int


class Breaker:
    """Opens after ``failures`` failures in a row; closes after ``probes`` successful probes in a row.

    One successful probe would not do: beside a provider that answers every other call it would let everything through
    to fail again. Asking for as many as run at once costs no time, as they run at once.

    What ends only counts if it was sent under the present state: the stragglers of an outage, which time out one by
    one, would otherwise open a breaker that has just closed.

    It waits for a provider for ``patience_s`` and then lets all calls pass until one has succeeded: what waits for a
    provider that does not come back must get to fail within the time that its own retries take.

    Args:
        failures: in a row; from 1.
        recovery_s: first wait before probes; each failed probe doubles it, up to 15 s (or ``recovery_s`` itself).
        probes: at once; from 1.
        patience_s: from the opening to the failed probe with which it gives up.
    """

    def __init__(self, failures: int, recovery_s: float, probes: int, patience_s: float = inf) -> None:
        self.state = BreakerState.CLOSED
        self.opened_count = 0
        self.probing = 0
        """Probes that run now."""
        self.retry_at = -inf
        """When an open breaker lets the first probe pass."""
        self.at_once = probes
        """Probes that may run at once here: fewer than ``probes`` where other processes have the right to the rest."""
        self.changes = 0
        """How often it has learned something that breakers of the same provider elsewhere should know."""
        self._failures = failures
        self._recovery_s = recovery_s
        self._probes = probes
        self._failed = 0
        self._passed = 0
        self._since = -inf
        self._wait_s = recovery_s
        self._patience_s = patience_s
        self._down_since = -inf
        self._armed = True

    @property
    def trusted(self) -> bool:
        """Whether calls pass in the hope of an answer: closed, and not because it gave up waiting."""
        return self.state is BreakerState.CLOSED and self._armed

    def probes_due(self, now: float) -> int:
        """Return how many calls that could go elsewhere may be risked now to find out whether the provider is back."""
        if self.trusted or now < self.retry_at:
            return 0
        return max(self.at_once - self.probing, 0)

    def room(self, now: float) -> int | None:
        """Return how many calls may start now, None for any number; an open breaker whose time has come half-opens."""
        if self.state is BreakerState.CLOSED:
            return None
        if self.state is BreakerState.OPEN:
            if now < self.retry_at:
                return 0
            self._enter(BreakerState.HALF_OPEN, now)
            self.probing = 0
        return max(self.at_once - self.probing, 0)

    def started(self, count: int) -> None:
        if self.state is BreakerState.HALF_OPEN:
            self.probing += count

    def succeeded(self, now: float, sent_at: float) -> None:
        """The provider answered, be it with a refusal (429 or another 4xx)."""
        if self.state is BreakerState.CLOSED:
            self._failed = 0
            self.changes += not self._armed
            self._armed = True
        elif self._ends_probe(sent_at):
            self._passed += 1
            if self._passed >= self._probes:
                self._enter(BreakerState.CLOSED, now)
                self._wait_s = self._recovery_s
                self.changes += 1

    def failed(self, now: float, sent_at: float) -> None:
        """The provider did not answer: 5xx, connection lost, timeout."""
        if self.state is BreakerState.CLOSED:
            if sent_at >= self._since and self._armed:
                self._failed += 1
                if self._failed >= self._failures:
                    self._down_since = now
                    self._open(now)
            elif not self._armed:
                self.retry_at = now + _MAX_RECOVERY_S
        elif self._ends_probe(sent_at):
            self._wait_s = min(self._wait_s * 2, max(_MAX_RECOVERY_S, self._recovery_s))
            if now - self._down_since >= self._patience_s:
                self._armed = False
                self._wait_s = self._recovery_s
                self._enter(BreakerState.CLOSED, now)
                self.retry_at = now + _MAX_RECOVERY_S
                self.changes += 1
            else:
                self._open(now)

    def ended(self, sent_at: float, count: int = 1) -> None:
        """Calls ended that tell nothing of the provider: cancelled, or never made."""
        for _ in range(min(count, self.probing)):
            self._ends_probe(sent_at)

    def tell(self, now: float) -> Outage:
        """Return what breakers of the same provider elsewhere should go by."""
        is_open = self.state is not BreakerState.CLOSED
        return Outage(
            open=is_open,
            armed=self._armed,
            retry_in_s=max(self.retry_at - now, 0.0),
            wait_s=self._wait_s,
            down_for_s=now - self._down_since if is_open else 0.0,
            opened_count=self.opened_count,
        )

    def follow(self, outage: Outage, now: float) -> None:
        """Go by what another breaker has learned; ``retry_in_s`` may be past."""
        self.opened_count = max(self.opened_count, outage.opened_count)
        self._armed = outage.armed
        self._wait_s = outage.wait_s
        self._down_since = now - outage.down_for_s
        self.retry_at = now + outage.retry_in_s
        if outage.open or self.state is not BreakerState.CLOSED:
            self._enter(BreakerState.OPEN if outage.open else BreakerState.CLOSED, now)

    def _ends_probe(self, sent_at: float) -> bool:
        """Whether this call is one of the probes that run; those of an earlier half-open time are not."""
        if self.state is not BreakerState.HALF_OPEN or sent_at < self._since or not self.probing:
            return False
        self.probing -= 1
        return True

    def _open(self, now: float) -> None:
        self._enter(BreakerState.OPEN, now)
        self.retry_at = now + self._wait_s
        self.opened_count += 1
        self.changes += 1

    def _enter(self, state: BreakerState, now: float) -> None:
        self.state = state
        self._since = now
        self._failed = self._passed = self.probing = 0
