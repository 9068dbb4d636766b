"""Back-off is 1, 2, 4 s … with jitter, never shorter than the provider asked for; refusals do not use up retries."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.retry import MAX_THROTTLES, RetryPolicy, TaskError, back_off_s, may_retry

POLICY = RetryPolicy()
SAMPLES = st.floats(0, 1, exclude_max=True)


def error(kind: str = "provider", *, retryable: bool = True) -> TaskError:
    return TaskError(type=kind, message="x", retryable=retryable)


@pytest.mark.parametrize(
    ("nth", "delay_s"), [(1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 60), (8, 60), (31, 60), (10_000, 60)]
)
def test_the_back_off_doubles_up_to_its_limit(nth: int, delay_s: float) -> None:
    assert back_off_s(POLICY, nth, 0.5) == delay_s


def test_a_base_delay_scales_the_whole_series() -> None:
    policy = RetryPolicy(base_delay_s=0.25)

    assert [back_off_s(policy, nth, 0.5) for nth in (1, 2, 3)] == [0.25, 0.5, 1.0]


@given(st.integers(1, 100), SAMPLES)
def test_jitter_stays_within_a_quarter_of_the_delay(nth: int, sample: float) -> None:
    plain = min(2.0 ** (nth - 1), 60.0)

    assert 0.75 * plain <= back_off_s(POLICY, nth, sample) <= 1.25 * plain


def test_jitter_uses_the_whole_band() -> None:
    assert back_off_s(POLICY, 1, 0.0) == 0.75
    assert back_off_s(POLICY, 1, 0.999999) == pytest.approx(1.25)


def test_without_jitter_the_sample_does_not_matter() -> None:
    policy = RetryPolicy(jitter=0.0)

    assert {back_off_s(policy, 3, sample) for sample in (0.0, 0.3, 0.9)} == {4.0}


@given(st.integers(1, 100), SAMPLES, st.floats(0, 100_000))
def test_a_retry_never_comes_before_the_provider_allows_it(nth: int, sample: float, retry_after_s: float) -> None:
    delay_s = back_off_s(POLICY, nth, sample, retry_after_s)

    assert delay_s >= retry_after_s
    assert delay_s >= back_off_s(POLICY, nth, sample) or math.isclose(delay_s, retry_after_s, rel_tol=0.25)
    assert delay_s <= max(1.25 * retry_after_s, 75.0)


def test_a_retry_after_shorter_than_the_back_off_does_not_shorten_it() -> None:
    assert back_off_s(POLICY, 3, 0.5, 1.0) == 4.0


def test_an_error_that_no_retry_mends_is_final() -> None:
    refused = error(retryable=False)

    assert not may_retry(POLICY, refused, max_retries=9, failures=1, throttles=0)
    assert not may_retry(POLICY, error("rate_limit", retryable=False), max_retries=9, failures=0, throttles=1)


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_a_task_fails_max_retries_plus_one_times(max_retries: int) -> None:
    allowed = [
        may_retry(POLICY, error(), max_retries=max_retries, failures=failures, throttles=0)
        for failures in range(1, max_retries + 3)
    ]

    assert allowed == [True] * max_retries + [False, False]


def test_a_timeout_is_final_where_the_policy_says_so() -> None:
    policy = RetryPolicy(retry_on_timeout=False)

    assert may_retry(POLICY, error("timeout"), max_retries=3, failures=1, throttles=0)
    assert not may_retry(policy, error("timeout"), max_retries=3, failures=1, throttles=0)
    assert may_retry(policy, error("provider"), max_retries=3, failures=1, throttles=0)


def test_refusals_have_their_own_limit_and_spare_the_retries() -> None:
    refused = error("rate_limit")

    assert may_retry(POLICY, refused, max_retries=0, failures=0, throttles=1)
    assert may_retry(POLICY, refused, max_retries=0, failures=0, throttles=MAX_THROTTLES)
    assert not may_retry(POLICY, refused, max_retries=9, failures=0, throttles=MAX_THROTTLES + 1)
