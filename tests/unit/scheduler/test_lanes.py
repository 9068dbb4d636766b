"""A lane: what may start on it now, why not, when to ask again, and the figures that it keeps."""

from __future__ import annotations

import pytest

from app.domain.breaker import BreakerState
from app.domain.limiter import UNLIMITED
from app.ports.admission import CallOutcome, CallReport
from app.scheduler.lanes import Lane, LaneSettings, Obstacle


def lane(
    *,
    rpm: int | None = None,
    tpm: int | None = None,
    failures: int = 5,
    recovery_s: float = 10.0,
    concurrency: int = 100,
) -> Lane:
    settings = LaneSettings(
        max_concurrency=concurrency,
        requests_per_minute=rpm,
        tokens_per_minute=tpm,
        breaker_failures=failures,
        breaker_recovery_s=recovery_s,
    )
    return Lane("p/m", settings, 0.0)


def end(
    on: Lane, outcome: CallOutcome, now: float, *, sent_at: float | None = None, retry_after_s: float | None = None
) -> bool:
    return on.ended(CallReport(outcome, None, retry_after_s, now if sent_at is None else sent_at), 0, now)


def test_a_lane_without_limits_lets_everything_start() -> None:
    free = lane()
    assert free.room(0, 0.0) == UNLIMITED
    free.started(500, 0, 0.0)
    assert (free.room(0, 0.0), free.obstacle, free.guarded) == (UNLIMITED, None, False)


def test_a_request_rate_spreads_the_starts_and_says_when_the_next_is_due() -> None:
    limited = lane(rpm=120)
    assert limited.room(0, 0.0) == 2
    limited.started(2, 0, 0.0)
    assert (limited.room(0, 0.0), limited.obstacle) == (0, Obstacle.RATE_LIMIT)
    assert limited.clear_at == pytest.approx(0.5, rel=0.02)
    assert limited.room(0, limited.clear_at) == 1


def test_slots_that_were_not_used_give_their_rate_back() -> None:
    limited = lane(rpm=120, tpm=60_000)
    limited.started(2, 400, 0.0)
    assert limited.room(400, 0.0) == 0
    limited.unused(2, 800)
    assert (limited.room(400, 0.0), limited.in_flight) == (2, 0)


def test_tokens_that_were_not_used_are_given_back() -> None:
    limited = lane(tpm=60_000)
    limited.started(1, 10_000, 0.0)
    limited.room(10_000, 0.0)
    assert limited.clear_at == pytest.approx(10.0, rel=0.02)

    limited.ended(CallReport(CallOutcome.OK, 1_000, None, 0.0), 9_000, 0.0)

    limited.room(10_000, 0.0)
    assert limited.clear_at == pytest.approx(1.0, rel=0.02)


def test_one_refused_call_of_many_does_not_hold_the_lane() -> None:
    busy = lane()
    busy.started(50, 0, 0.0)
    end(busy, CallOutcome.RATE_LIMITED, 1.0, sent_at=0.9, retry_after_s=60.0)
    assert (busy.room(0, 1.0), busy.obstacle, busy.clear_at) == (0, Obstacle.RETRY_AFTER, 61.0)

    for _ in range(5):
        end(busy, CallOutcome.OK, 1.2, sent_at=0.1)

    assert busy.room(0, 1.2) > 0
    assert busy.limit is not None
    assert busy.limit < 50


def test_refused_again_before_anything_that_was_sent_since_succeeded_the_lane_waits_as_it_was_told() -> None:
    busy = lane()
    busy.started(50, 0, 0.0)
    end(busy, CallOutcome.RATE_LIMITED, 1.0, sent_at=0.9, retry_after_s=60.0)
    end(busy, CallOutcome.OK, 1.1, sent_at=0.1)
    end(busy, CallOutcome.RATE_LIMITED, 1.2, sent_at=1.15, retry_after_s=30.0)

    end(busy, CallOutcome.OK, 1.3, sent_at=0.1)

    assert (busy.room(0, 31.0), busy.clear_at) == (0, 31.2)


def test_after_a_hold_starts_are_spread() -> None:
    held = lane(concurrency=100)
    held.note_headers(0, None, 20.0, 0.0)
    assert (held.room(0, 19.9), held.obstacle, held.clear_at) == (0, Obstacle.RATE_LIMIT, 20.0)

    started = []
    for tenth in range(12):
        now = 20.0 + tenth / 10
        room = min(held.room(0, now), 100)
        held.started(room, 0, now)
        started.append(room)

    assert max(started[:10]) <= 11
    assert sum(started[:10]) == pytest.approx(91, abs=2)


def test_headers_with_something_left_change_nothing() -> None:
    free = lane()
    free.note_headers(1, None, 20.0, 0.0)
    free.note_headers(0, 0, None, 0.0)
    assert free.room(0, 0.0) == UNLIMITED


def test_a_429_does_not_count_towards_opening_and_breaks_the_row_of_failures() -> None:
    alive = lane()
    alive.started(50, 0, 0.0)
    for _ in range(3):
        for _ in range(4):
            assert not end(alive, CallOutcome.FAILED, 1.0)
        end(alive, CallOutcome.RATE_LIMITED, 1.0)
    assert alive.breaker.state is BreakerState.CLOSED


def test_an_error_at_one_request_is_shown_and_opens_nothing() -> None:
    alive = lane()
    alive.started(50, 0, 0.0)
    for _ in range(40):
        assert not end(alive, CallOutcome.ERRED, 1.0)
    for _ in range(10):
        end(alive, CallOutcome.OK, 1.0)

    shown = alive.snapshot(0, 1.0)

    assert alive.breaker.state is BreakerState.CLOSED
    assert (shown.calls, shown.failures, shown.error_rate, shown.limit) == (50, 40, 0.8, None)


def test_the_failures_that_open_the_breaker_count_and_those_after_do_not() -> None:
    down = lane()
    down.started(10, 0, 0.0)
    assert [end(down, CallOutcome.FAILED, 1.0, sent_at=0.5) for _ in range(8)] == [False] * 5 + [True] * 3
    assert (down.room(0, 2.0), down.obstacle, down.clear_at) == (0, Obstacle.BREAKER, 11.0)

    assert down.room(0, 11.0) == 3
    down.started(3, 0, 11.0)
    assert (down.room(0, 11.0), down.clear_at) == (0, float("inf"))
    assert end(down, CallOutcome.FAILED, 11.1)
    assert not end(down, CallOutcome.NEUTRAL, 11.2)


def test_a_lane_that_comes_back_starts_what_waits_over_a_second() -> None:
    down = lane(concurrency=100)
    down.started(5, 0, 0.0)
    for _ in range(5):
        end(down, CallOutcome.FAILED, 1.0)
    down.room(0, 11.0)
    down.started(3, 0, 11.0)
    for _ in range(3):
        end(down, CallOutcome.OK, 11.5)

    assert down.room(0, 11.5) == 1
    down.started(1, 0, 11.5)
    assert (down.room(0, 11.5), down.obstacle) == (0, Obstacle.RETRY_AFTER)
    assert down.clear_at == pytest.approx(11.51)
    assert down.room(0, 12.6) == UNLIMITED


def test_a_snapshot_tells_limits_state_and_the_last_minute() -> None:
    seen = Lane(
        "moonshot/kimi/k2",
        LaneSettings(max_concurrency=9, requests_per_minute=6_000, tokens_per_minute=10**6, breaker_failures=9),
        0.0,
    )
    seen.started(9, 0, 0.0)
    for outcome in (CallOutcome.FAILED, CallOutcome.FAILED, CallOutcome.OK, CallOutcome.RATE_LIMITED):
        end(seen, outcome, 1.0, sent_at=0.5)
    seen.throttled(2.0, closed=True)

    now = seen.snapshot(7, 5.0)

    assert (now.provider, now.model, now.in_flight, now.waiting) == ("moonshot", "kimi/k2", 5, 7)
    assert (now.requests_per_minute, now.tokens_per_minute) == (6_000, 10**6)
    assert (now.calls, now.failures, now.refusals, now.error_rate) == (4, 2, 1, 0.5)
    assert (now.breaker, now.opened_count, now.retry_in_s, now.limit) == (BreakerState.CLOSED, 0, None, 5)
    assert now.throttled_ms == 3000
    for minute in (40.0, 75.0, 110.0):
        seen.started(1, 0, minute)
        end(seen, CallOutcome.OK, minute)
    later = seen.snapshot(0, 115.0)
    assert (later.failures, later.error_rate) == (2, 0.0)
