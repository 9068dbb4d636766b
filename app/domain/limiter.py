"""How fast calls may start: a token bucket for rates that are known, an adaptive limit for the one that is not.

Pure: time is an argument, in monotonic seconds. Who gets the next start is not decided here. The constants were found
by simulation; ``tests/unit/domain/test_limiter.py`` holds the figures that they reach.
"""

from __future__ import annotations

from math import ceil, exp, inf

UNLIMITED = 2**62

_MINUTE_S = 60.0
_EPSILON = 1e-9

_REFUSALS_PER_SUCCESS = 0.0133
"""What may be spent on finding out whether the hidden limit rose: one refusal in 75 calls, as 2 % is the goal."""

_REFUSALS_PER_S = 1 / 60
"""The same for lanes of few, long calls, which would wait hours for their 75th."""

_CUT = 0.95
"""What a refusal leaves of the limit. Little, because where the refusal was is known, and the next one cuts again."""

_FALL = 0.6
"""What it leaves when a limit that was just found is refused again: only a bucket's savings had carried it."""

_DOUBLE_S = 0.5
"""Time in which the limit doubles while it is below the point of refusal."""

_PROBE_S = 0.8
"""Beyond that point the limit grows by exp((t / this)^2): slowly at first, threefold within a second."""

_MAX_STEP_S = 0.1
"""A gap between two successes counts for no more, or the first after a pause would double the limit at once."""

_SLACK = 1.1
_AHEAD = 0.4
"""Starts are paced at limit / latency x slack, and may run ahead of that by this share of the latency: so little that
a window refills evenly, so much that uneven latencies do not leave slots idle."""

_LEAST = 0.01
"""Lower bound of the limit: one call at once, started every hundredth part of the rate that its latency allows."""


class TokenBucket:
    """A rate per minute, of starts (``cost`` 1 each) or of model tokens.

    One second's worth may go at once: a limit per minute says nothing of bursts, so they are spread. A ``cost`` above
    that is taken on credit once the bucket is full: it delays those after it and is never stuck itself. With costs of
    1 no 60 s hold more than ``per_minute`` starts.

    Args:
        per_minute: above 0.
    """

    __slots__ = ("_at", "_level", "_refill", "capacity", "per_minute")

    def __init__(self, per_minute: float, now: float) -> None:
        self._at = now
        self._level = 0.0
        self.per_minute = self.capacity = self._refill = 0.0
        self.set_rate(per_minute, now)
        self._level = self.capacity

    def set_rate(self, per_minute: float, now: float) -> None:
        """Go on at another rate; what has gathered stays, up to what may go at once."""
        self._advance(now)
        self.per_minute = per_minute
        self.capacity = float(max(per_minute // 60, 1))
        self._refill = (per_minute - (self.capacity - 1)) / _MINUTE_S  # the burst is part of the minute that it opens
        self._level = min(self._level, self.capacity)

    def affordable(self, cost: float, now: float) -> int:
        """Return how many calls of ``cost`` may start now."""
        self._advance(now)
        if cost <= 0:
            return UNLIMITED
        beyond = self._level - min(cost, self.capacity) + _EPSILON * self.capacity
        return 1 + int(beyond / cost) if beyond >= 0 else 0

    def affordable_at(self, cost: float, now: float) -> float:
        """Return when the next call of ``cost`` may start."""
        self._advance(now)
        return now + max(min(cost, self.capacity) - self._level, 0.0) / self._refill

    def take(self, cost: float, now: float) -> None:
        self._advance(now)
        self._level -= cost

    def refund(self, cost: float) -> None:
        """Give back what was taken and not used, or (``cost`` < 0) charge what was used beyond it.

        The level may then exceed the capacity, by a minute's worth at most: what was never used was no burst.
        """
        self._level = min(self._level + cost, max(self._level, float(self.per_minute)))

    def _advance(self, now: float) -> None:
        if self._level < self.capacity:
            self._level = min(self._level + (now - self._at) * self._refill, self.capacity)
        self._at = now


_VAIN_CUTS = 8
_VAIN_FALL = 6.0
"""Cuts in a row, none of them for having gone too far, and the factor by which the limit fell through them, after which
refusals are held to have another cause than load: a hidden limit rarely falls so far at once."""

_FIRST_CUTS = 24
_MARK_S = 20.0
"""Few refusals, as few as probes cost, sink a limit slowly if they have nothing to do with it: it is looked back at."""

_SINK_FALL = 4.0
_SETTLED_S = 1.0
_DEAF_S = 10.0
_JUDGED_CALLS = 20
_NOISE = 0.4
"""Share of refusals that is borne while they are held to have another cause."""


class AdaptiveLimit:
    """Calls at once that a provider takes without refusing any, learned from its refusals (AIMD's idea, faster).

    Without a limit until the first refusal. A refusal sets the *ceiling* to what the provider carries at that moment
    and the limit just below, at most once a round trip: refusals of calls that were sent before the last cut only
    take their own slot away. The limit soon grows back to the ceiling and stays; beyond it goes only what the budget
    of refusals pays for, ever faster until the next refusal, so a hidden limit that rose is found within seconds.

    A hidden limit on the *rate* is met the same way, as calls at once are rate x latency, with two differences. Its
    bucket has savings, so a probe gets too far before it is refused: a limit that is refused again right after it was
    found falls towards the one that had proved itself. And few calls at once are too coarse a measure: starts are
    also paced, so a limit of 1.3 or 0.2 calls means something.

    Refusals may have nothing to do with load at all. Cuts that bring no peace are therefore taken back: refusals are
    borne for a while, unless they become so many that it must be load, and then more patience is had the next time.
    """

    __slots__ = (
        "_before",
        "_ceiling",
        "_credit",
        "_cut_at",
        "_deaf_calls",
        "_deaf_refusals",
        "_deaf_until",
        "_due",
        "_fraction",
        "_grown_at",
        "_latency_s",
        "_mark",
        "_mark_at",
        "_patience",
        "_probed_s",
        "_proven",
        "_vain",
        "barren_cuts",
        "limit",
    )

    def __init__(self) -> None:
        self.limit = inf
        self.barren_cuts = 0
        """Cuts since a call succeeded that was sent after a cut; above 1 it is "not now" rather than "too many"."""
        self._ceiling = inf
        self._proven = inf  # the last ceiling that held until the next probe
        self._credit = 0.0  # refusals that may be risked
        self._fraction = 1.0  # of what several processes have learned together
        self._cut_at = -inf
        self._grown_at = -inf
        self._probed_s = 0.0  # time spent growing beyond the ceiling
        self._latency_s = 0.0  # of successful calls, smoothed; 0 while unknown
        self._due = -inf  # when the next start is due at an even pace
        self._vain = 0  # cuts since the last one that was for having gone too far
        self._before = 0.0  # the limit before the first of them
        self._mark = inf  # the limit some time ago
        self._mark_at = inf
        self._patience = _VAIN_CUTS
        self._deaf_until = -inf
        self._deaf_calls = self._deaf_refusals = 0

    def room(self, in_flight: int, now: float) -> int:
        """Return how many calls more may start now."""
        if self.limit == inf:
            return UNLIMITED
        free = ceil(self.limit - _EPSILON) - in_flight
        if free <= 0 or not self._latency_s:
            return max(free, 0)
        ahead_s = now + _AHEAD * self._latency_s - max(self._due, now) + _EPSILON
        return min(free, 1 + int(ahead_s * _SLACK * self.limit / self._latency_s)) if ahead_s >= 0 else 0

    def room_at(self, in_flight: int) -> float:
        """Return when there is room; ``inf`` where only the end of a call makes some."""
        return self._due - _AHEAD * self._latency_s if in_flight < self.limit else inf

    def started(self, count: int, now: float) -> None:
        if 0 < self.limit < inf:
            self._due = max(self._due, now) + count * self._latency_s / self.limit / _SLACK

    def spread(self, start_at: float) -> None:
        """Start evenly from ``start_at`` on, without running ahead; ``-inf`` takes that back."""
        self._due = start_at + _AHEAD * self._latency_s

    def set_part(self, part: float, of: float, fraction: float) -> None:
        """Go on with ``part`` calls at once where ``of`` was this process's part of what several have learned.

        What was learned since ``of`` was told stays learned, for the new part as for the old one. A part that was none,
        or had no limit, begins as one that holds.

        Args:
            fraction: of the whole that ``part`` is, 0 to 1: earlier limits are remembered as such of the whole.
        """
        moved = fraction / self._fraction if fraction and self._fraction else 1.0
        self._fraction = fraction
        if self.limit == inf or self.limit <= 0 or of <= 0:
            self.limit = self._ceiling = self._proven = part
            self._vain = 0
            self._mark = self._mark_at = inf
            return
        factor = part / of
        self.limit *= factor
        self._ceiling *= factor
        self._proven *= factor
        self._before *= moved
        self._mark *= moved

    def succeeded(self, now: float, sent_at: float, in_flight: int) -> None:
        """A call ended well; ``in_flight`` counts it still."""
        if self.limit == inf:
            return
        if self._deaf_until - _DEAF_S + 2 * self._latency_s <= now < self._deaf_until:
            self._deaf_calls += 1
        latency_s = now - sent_at
        self._latency_s += 0.05 * (latency_s - self._latency_s) if self._latency_s else latency_s
        if sent_at > self._cut_at:
            self.barren_cuts = 0
        elapsed_s = now - self._grown_at
        self._grown_at = now
        self._credit = min(self._credit + _REFUSALS_PER_SUCCESS + elapsed_s * _REFUSALS_PER_S, 1.0)
        if in_flight + 1 < self.limit:  # nobody was held up: what nobody asks for proves nothing
            return
        elapsed_s = min(elapsed_s, _MAX_STEP_S)
        if self.limit < self._ceiling:
            self.limit = min(self.limit * 2.0 ** (elapsed_s / _DOUBLE_S), self._ceiling)
        elif self._credit >= 1.0:
            self._probed_s += elapsed_s
            self.limit *= exp(2 * self._probed_s * elapsed_s / _PROBE_S**2)

    def refused(self, now: float, sent_at: float, in_flight: int, *, told_to_wait: bool = False) -> None:
        """A call was turned away, ``told_to_wait``: with a Retry-After; ``in_flight`` counts it no more."""
        if now < self._deaf_until and self._bear(now):
            return
        if sent_at <= self._cut_at:
            if in_flight + 1 >= self.limit:
                self._ceiling = self.limit = max(min(self.limit, in_flight), 1.0)
            return
        self._cut_at = self._grown_at = now
        self._credit = max(self._credit - 1.0, -1.0)
        self.barren_cuts += 1
        least = _FALL if told_to_wait else _CUT  # another wait would cost more than a limit that is too low at first
        carried = in_flight if self.limit == inf else min(self.limit, max(in_flight, least * self.limit))
        if self._sank(now):
            return
        if self._probed_s:
            self._vain = 0
            self._probed_s = 0.0
            self._proven = self._ceiling
            self._ceiling = carried
        else:
            if not self._vain:
                self._before = in_flight + 1 if self.limit == inf else self.limit
            if self.limit == inf:  # the first fall may be a deep one: what was asked for is no limit that ever held
                self._vain = -_FIRST_CUTS
            self._vain += 1
            if self._vain > self._patience and self.limit * _VAIN_FALL < self._before:
                self._take_back(now)
                return
            self._ceiling = max(min(carried, self._proven), carried * _FALL, _LEAST)
            self._proven = min(self._proven, self._ceiling)
        self.limit = max(self._ceiling * _CUT, _LEAST)

    def _sank(self, now: float) -> bool:
        """Whether the limit fell too far since some time ago for its refusals to be about load; it is then raised."""
        if self._mark_at == inf:
            self._mark_at = now + _SETTLED_S
        if now < self._mark_at or self.limit == inf:
            return False
        before, self._mark = self._mark, self.limit
        self._mark_at = now + _MARK_S
        if before == inf or self.limit * _SINK_FALL >= before:
            return False
        self._before = self._mark = before
        self._take_back(now)
        return True

    def _take_back(self, now: float) -> None:
        """Return to the limit before a series of cuts that brought no peace."""
        self._vain = 0
        self.limit = self._ceiling = self._proven = self._before
        self._deaf_until = now + _DEAF_S
        self._deaf_calls = self._deaf_refusals = 0
        self.barren_cuts = 0

    def _bear(self, now: float) -> bool:
        """Whether a refusal is one more of those that have another cause than load."""
        if now < self._deaf_until - _DEAF_S + 2 * self._latency_s:
            return True  # refusals are told sooner than successes: their share says something only after a round trip
        self._deaf_refusals += 1
        calls = self._deaf_calls + self._deaf_refusals
        if calls < _JUDGED_CALLS or self._deaf_refusals <= _NOISE * calls:
            self._patience = _VAIN_CUTS
            return True
        self._deaf_until = -inf
        self._patience = min(self._patience * 4, 1_000)
        self._mark, self._mark_at = inf, now + _SETTLED_S
        return False
