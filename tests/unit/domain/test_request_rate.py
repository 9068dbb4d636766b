"""Requests a minute: a minute's worth at once, then as they are refilled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.request_rate import RequestRate


def test_a_minutes_worth_goes_at_once_and_then_one_a_share_of_the_minute() -> None:
    rate = RequestRate(6, now=100.0)

    assert [rate.take(100.0) for _ in range(6)] == [None] * 6
    assert rate.take(100.0) == pytest.approx(10.0)
    assert rate.take(104.0) == pytest.approx(6.0)
    assert rate.take(110.0) is None
    assert rate.take(110.0) == pytest.approx(10.0)


def test_what_was_refused_takes_nothing() -> None:
    rate = RequestRate(1, now=0.0)
    assert rate.take(0.0) is None

    assert all(rate.take(30.0) == pytest.approx(30.0) for _ in range(100))
    assert rate.take(60.0) is None


def test_no_more_than_a_minutes_worth_is_saved_up() -> None:
    rate = RequestRate(2, now=0.0)

    assert [rate.take(10_000.0) for _ in range(3)][:2] == [None, None]
    assert rate.take(10_000.0) == pytest.approx(30.0)


def test_a_clock_that_stands_still_or_steps_back_refills_nothing() -> None:
    rate = RequestRate(1, now=50.0)
    assert rate.take(50.0) is None

    assert rate.take(10.0) == pytest.approx(60.0)


@given(st.integers(1, 1_000), st.lists(st.floats(0, 30), max_size=200))
def test_whoever_waits_as_told_is_let_through(per_minute: int, pauses: list[float]) -> None:
    rate, now = RequestRate(per_minute, now=0.0), 0.0
    for pause in pauses:
        now += pause
        wait_s = rate.take(now)
        if wait_s is not None:
            now += wait_s
            assert rate.take(now) is None
