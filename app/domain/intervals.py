"""What a run did in each second, or longer interval: made of its attempts, once it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from app.domain.figures import percentile
from app.domain.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One attempt; times are Unix milliseconds, ``ended_at_ms`` None while it runs."""

    started_at_ms: int
    ended_at_ms: int | None
    completed: bool
    latency_ms: float | None
    usage: Usage
    cost_nano_usd: int | None


@dataclass(slots=True, kw_only=True)
class Interval:
    """Attributes:
    from_ms: Unix milliseconds at which it begins.
    active: attempts under way at its end.
    usage, cost_nano_usd: of the attempts that ended in it.
    latencies_ms: of those that completed in it, ascending.
    """

    from_ms: int
    started: int = 0
    completed: int = 0
    failed: int = 0
    active: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_nano_usd: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    def latency_ms(self, rank: float) -> float | None:
        """Return a percentile of the latencies."""
        return percentile(self.latencies_ms, rank)


def intervals(attempts: Iterable[Measured], *, from_ms: int, until_ms: int, interval_ms: int) -> Iterator[Interval]:
    """Yield every interval from ``from_ms`` to ``until_ms``, oldest first, those in which nothing happened included.

    What a clock that was set back puts outside counts in the first or the last of them. Holds the intervals in which
    something happened, and one number an attempt.
    """
    last = max((until_ms - 1 - from_ms) // interval_ms, 0)
    found: dict[int, Interval] = {}

    def at(moment_ms: int) -> Interval:
        place = min(max((moment_ms - from_ms) // interval_ms, 0), last)
        interval = found.get(place)
        if interval is None:
            interval = found[place] = Interval(from_ms=from_ms + place * interval_ms)
        return interval

    for attempt in attempts:
        at(attempt.started_at_ms).started += 1
        if attempt.ended_at_ms is None:
            continue
        interval = at(max(attempt.ended_at_ms, attempt.started_at_ms))
        interval.usage += attempt.usage
        interval.cost_nano_usd += attempt.cost_nano_usd or 0
        if attempt.completed:
            interval.completed += 1
            if attempt.latency_ms is not None:
                interval.latencies_ms.append(attempt.latency_ms)
        else:
            interval.failed += 1
    active = 0
    for place in range(last + 1):
        interval = found[place] if place in found else Interval(from_ms=from_ms + place * interval_ms)
        active += interval.started - interval.completed - interval.failed
        interval.active = active
        interval.latencies_ms.sort()
        yield interval
