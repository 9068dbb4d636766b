"""Token buckets keep to their minute; the adaptive limit finds a hidden limit, wherever and whatever it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.limiter import AdaptiveLimit, TokenBucket
from tests.support.hidden_limits import Hidden, HiddenConcurrency, HiddenRate
from tests.support.virtual_time import VirtualTime

# --- the bucket ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.lists(st.floats(0.0, 3.0), max_size=200))
def test_no_minute_holds_more_starts_than_configured(per_minute: int, pauses: list[float]) -> None:
    bucket, now, starts = TokenBucket(per_minute, 0.0), 0.0, []
    for pause in pauses:
        now += pause
        count = bucket.affordable(1, now)
        bucket.take(count, now)
        starts += [now] * count
    first = 0
    for last, at in enumerate(starts):
        while at - starts[first] >= 60.0 - 1e-6:
            first += 1
        assert last - first + 1 <= per_minute


@pytest.mark.parametrize("per_minute", [1, 2, 7, 60, 90, 600, 10_000])
def test_a_bucket_gives_what_is_configured(per_minute: int) -> None:
    bucket, now, starts = TokenBucket(per_minute, 0.0), 0.0, 0
    while now <= 600.0:
        count = bucket.affordable(1, now)
        bucket.take(count, now)
        starts += count
        now = bucket.affordable_at(1, now) + 1e-6
    assert starts >= 0.95 * 10 * per_minute


def test_a_call_larger_than_the_burst_goes_when_the_bucket_is_full_and_delays_the_next() -> None:
    bucket = TokenBucket(6_000, 0.0)
    assert bucket.affordable(1_000, 0.0) == 1
    bucket.take(1_000, 0.0)
    assert bucket.affordable(1, 0.0) == 0
    assert bucket.affordable_at(1_000, 0.0) == pytest.approx(10.0, rel=0.02)


def test_what_was_not_used_is_given_back_and_what_was_used_beyond_is_charged() -> None:
    bucket = TokenBucket(6_000, 0.0)
    bucket.take(1_000, 0.0)
    bucket.refund(900)
    assert bucket.affordable_at(100, 0.0) == pytest.approx(1.0, rel=0.02)

    bucket.refund(-100)

    assert bucket.affordable_at(100, 0.0) == pytest.approx(2.0, rel=0.02)


# --- hidden limits ---------------------------------------------------------------------------------------------------


@dataclass
class Noise:
    """Refuses a share of the calls at random, whatever the load."""

    limit: float
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def set(self, limit: float, now: float) -> None:
        self.limit = limit

    def takes(self, now: float) -> bool:
        return self.random.random() >= self.limit

    def ends(self) -> None:
        """Noise does not care."""


class Load:
    """200 tasks at a time want to call all the time; calls take 200 ms +- 50 %, a refusal 4 ms."""

    def __init__(self, hidden: Hidden, seed: int, *, asked: int = 200, latency_s: float = 0.2) -> None:
        self.time = VirtualTime()
        self.limit = AdaptiveLimit()
        self.ended: list[float] = []
        self.refused: list[float] = []
        self._hidden = hidden
        self._random = random.Random(seed)
        self._asked = asked
        self._latency_s = latency_s
        self._in_flight = 0
        self._asks_at = inf
        self._pump()

    def change(self, at: float, limit: float) -> None:
        self.time.call_later(at, lambda: self._hidden.set(limit, self.time.now))

    def _pump(self) -> None:
        now = self.time.now
        while self._in_flight < self._asked and self.limit.room(self._in_flight, now):
            self._in_flight += 1
            self.limit.started(1, now)
            self.time.call_later(0.002, self._arrival(now))
        at = self.limit.room_at(self._in_flight)
        if now < at < inf and (self._asks_at <= now or at < self._asks_at):
            self._asks_at = at
            self.time.call_later(at - now + 1e-6, self._pump)

    def _arrival(self, sent_at: float) -> Callable[[], None]:
        def arrive() -> None:
            if self._hidden.takes(self.time.now):
                self.time.call_later(self._latency_s * self._random.uniform(0.5, 1.5), end)
            else:
                self.time.call_later(0.002, refuse)

        def end() -> None:
            self._hidden.ends()
            self.limit.succeeded(self.time.now, sent_at, self._in_flight)
            self._in_flight -= 1
            self.ended.append(self.time.now)
            self._pump()

        def refuse() -> None:
            self._in_flight -= 1
            self.limit.refused(self.time.now, sent_at, self._in_flight)
            self.refused.append(self.time.now)
            self._pump()

        return arrive

    def calls(self, times: Sequence[float], start: float, end: float) -> int:
        return sum(start < at <= end for at in times)


WARM_S, PHASE_S = 2.0, 30.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("kind", "limit", "per_s"),
    [(HiddenConcurrency, 40, 5.0), (HiddenConcurrency, 100, 5.0), (HiddenRate, 100, 1.0)],
    ids=["40 at once", "100 at once", "100 a second"],
)
def test_a_hidden_limit_is_used_and_hardly_ever_hit_while_it_halves_and_then_triples(
    kind: Callable[[float], Hidden], limit: float, per_s: float, seed: int
) -> None:
    """Fault matrix, row 23: goodput >= 95 % of the limit, 429s < 2 % of the calls after the warm-up."""
    load = Load(kind(limit), seed)
    load.change(PHASE_S, limit / 2)
    load.change(2 * PHASE_S, limit * 1.5)
    load.time.run(3 * PHASE_S)

    possible = per_s * limit * ((PHASE_S - WARM_S) + PHASE_S / 2 + PHASE_S * 1.5)
    ended, refused = (load.calls(times, WARM_S, 3 * PHASE_S) for times in (load.ended, load.refused))
    goodput, share = ended / possible, refused / (ended + refused)
    assert (goodput >= 0.95, share < 0.02) == (True, True), f"goodput {goodput:.3f}, 429s {share:.2%}"


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1, 0.2, 0.3])
def test_refusals_that_have_nothing_to_do_with_load_do_not_strangle_the_lane(share: float) -> None:
    """Fault matrix, row 7: a fifth of the calls is refused, at random."""
    load = Load(Noise(share), 1, asked=100, latency_s=0.03)
    load.time.run(60.0)

    possible = 30.0 * 100 / 0.034  # every slot in use
    assert load.calls(load.ended, 30.0, 60.0) > 0.4 * possible


def test_a_limit_that_falls_to_a_tenth_is_taken_for_noise_once_at_most() -> None:
    load = Load(HiddenConcurrency(100), 3)
    load.change(10.0, 10)
    load.time.run(90.0)

    assert load.calls(load.ended, 15.0, 90.0) >= 0.9 * 75 * 50
    ended, refused = (load.calls(times, 45.0, 90.0) for times in (load.ended, load.refused))
    assert refused < 0.03 * (ended + refused)


def test_the_first_burst_costs_one_refusal_a_call_too_many_and_no_second_round() -> None:
    load = Load(HiddenConcurrency(40), 1)
    load.time.run(1.0)
    assert len(load.refused) <= 160 + 4


def test_long_calls_find_the_limit_too() -> None:
    """20 s calls: nothing may depend on many of them ending."""
    load = Load(HiddenConcurrency(40), 1, latency_s=20.0)
    load.time.run(600.0)
    ended, refused = load.calls(load.ended, 60.0, 600.0), load.calls(load.refused, 60.0, 600.0)
    assert ended >= 0.95 * 540 * 2
    assert refused <= 0.04 * ended  # a probe a minute, beside 120 calls


def test_a_rate_below_one_call_at_once_is_met_by_waiting() -> None:
    """20 calls a minute of 4 s each would be 1.3 at once."""
    load = Load(HiddenRate(20 / 60), 1, latency_s=4.0)
    load.time.run(3600.0)
    ended, refused = load.calls(load.ended, 600.0, 3600.0), load.calls(load.refused, 600.0, 3600.0)
    assert ended >= 0.8 * 1000
    assert refused <= 0.15 * ended


def test_there_is_no_limit_before_the_first_refusal() -> None:
    limit = AdaptiveLimit()
    for at in range(1000):
        limit.started(100, float(at))
        limit.succeeded(at + 0.5, float(at), 100_000)
    assert limit.limit == inf


def test_refusals_of_one_round_trip_cut_once() -> None:
    limit = AdaptiveLimit()
    limit.refused(1.0, 0.9, 100)
    cut = limit.limit
    assert 90 <= cut < 100

    limit.refused(1.001, 0.9, 80)  # 19 others ended meanwhile
    assert limit.limit == cut
    limit.refused(1.2, 1.1, 95)
    assert limit.limit < cut


def test_what_nobody_asks_for_does_not_grow() -> None:
    limit = AdaptiveLimit()
    limit.refused(1.0, 0.9, 100)
    cut = limit.limit
    for step in range(1000):
        limit.succeeded(2.0 + step, 1.5 + step, 10)
    assert limit.limit == cut
