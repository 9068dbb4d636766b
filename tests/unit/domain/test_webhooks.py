"""When a webhook is tried again, what an id is made of, and which secrets are ones."""

from __future__ import annotations

import base64

import pytest

from app.domain.webhooks import (
    MAX_ATTEMPTS,
    RetrySchedule,
    delivery_id,
    is_secret,
    make_secret,
    retry_after_s,
)

NOON_MS = 1_772_366_400_000  # Sun, 01 Mar 2026 12:00:00 GMT


def test_eight_attempts_are_spread_over_31_hours_and_a_half() -> None:
    schedule = RetrySchedule.of(8)

    delays = [schedule.delay_s(failures, 0.0) for failures in range(1, 9)]

    assert delays == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, None]
    assert sum(delay or 0 for delay in delays) == 31 * 3600 + 35 * 60 + 5


def test_one_attempt_is_never_made_again_and_ten_is_the_whole_schedule() -> None:
    assert RetrySchedule.of(1).delay_s(1, 0.0) is None
    assert RetrySchedule.of(MAX_ATTEMPTS) == RetrySchedule()
    assert RetrySchedule().delay_s(9, 0.0) == 86_400
    assert RetrySchedule().delay_s(10, 0.0) is None


def test_jitter_lengthens_a_delay_by_a_fifth_at_most_and_never_shortens_it() -> None:
    assert RetrySchedule().delay_s(2, 0.0) == 300
    assert RetrySchedule().delay_s(2, 0.5) == pytest.approx(330)
    assert RetrySchedule().delay_s(2, 0.999) == pytest.approx(360, abs=0.1)


def test_a_receiver_may_ask_for_a_longer_wait_of_a_day_at_most() -> None:
    assert RetrySchedule().delay_s(1, 0.0, retry_after_s=120) == 120
    assert RetrySchedule().delay_s(2, 0.0, retry_after_s=120) == 300
    assert RetrySchedule().delay_s(1, 0.0, retry_after_s=10.0**9) == 86_400


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("²", None),
        ("9" * 90, 999_999_999_999_999.0),
        ("9" * 5000, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_nothing(value: str | None, expected: float | None) -> None:
    assert retry_after_s(value, NOON_MS) == expected


def test_the_id_of_a_message_is_that_of_its_event_and_has_no_full_stop() -> None:
    one = delivery_id("swm_A", 7, NOON_MS)

    assert one == delivery_id("swm_A", 7, NOON_MS)
    assert len({one, delivery_id("swm_A", 8, NOON_MS), delivery_id("swm_B", 7, NOON_MS)}) == 3
    assert one.startswith("whd_")
    assert "." not in one
    assert one < delivery_id("swm_A", 7, NOON_MS + 1)


@pytest.mark.parametrize(("size", "fits"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_secret_has_24_to_64_bytes(size: int, fits: bool) -> None:
    assert is_secret("whsec_" + base64.b64encode(b"x" * size).decode()) is fits


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_not base64!" + "A" * 40, "A" * 44, "whsk_" + "A" * 44])
def test_what_is_no_secret(text: str) -> None:
    assert not is_secret(text)


def test_a_made_secret_is_one_of_256_bits() -> None:
    made = make_secret(2**300 + 5)

    assert is_secret(made)
    assert base64.b64decode(made.removeprefix("whsec_")) == (5).to_bytes(32)
