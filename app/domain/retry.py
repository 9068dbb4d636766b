"""Whether and when a failed attempt is made again. Randomness and time are arguments."""

from __future__ import annotations

from dataclasses import dataclass

MAX_THROTTLES = 30
"""How often one task may be turned away with 429 before it fails; refusals do not use up ``max_retries``."""


MAX_RETRY_AFTER_S = 3600.0
"""A provider that asks for more is asked again after an hour."""

MAX_DELAY_MS = int(MAX_RETRY_AFTER_S * 2 * 1000)
"""No back-off is longer, jitter included (at most twice the delay)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with jitter: ``base_delay_s`` x 1, 2, 4 … +- ``jitter``, at most ``max_delay_s``.

    ``hedge_percentile`` (50-100): an attempt slower than so many per cent of the run's gets a second call.
    """

    max_retries: int = 3
    base_delay_s: float = 1.0
    jitter: float = 0.25
    max_delay_s: float = 60.0
    retry_on_timeout: bool = True
    hedge_percentile: float | None = None

    @property
    def least_wait_s(self) -> float:
        """Seconds that all its delays take at the least."""
        delays = (min(self.base_delay_s * 2.0**nth, self.max_delay_s) for nth in range(min(self.max_retries, 31)))
        rest = max(self.max_retries - 31, 0) * min(self.base_delay_s * 2.0**30, self.max_delay_s)
        return (sum(delays) + rest) * (1.0 - self.jitter)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskError:
    """Why an attempt or a task failed; ``type`` is a stable machine name."""

    type: str
    message: str
    retryable: bool = False


def back_off_s(policy: RetryPolicy, nth: int, sample: float, retry_after_s: float | None = None) -> float:
    """Return the seconds to wait before retry number ``nth`` (1 = the first).

    Args:
        sample: a uniform sample in [0, 1): where in the jitter band the delay lies.
        retry_after_s: what the provider asked for; the delay is never shorter, and jitter only lengthens it.
    """
    delay = min(policy.base_delay_s * 2.0 ** min(nth - 1, 30), policy.max_delay_s)
    delay *= 1.0 + policy.jitter * (2.0 * sample - 1.0)
    if retry_after_s is not None and retry_after_s > delay:
        delay = retry_after_s * (1.0 + policy.jitter * sample)
    return delay


def may_retry(policy: RetryPolicy, error: TaskError, *, max_retries: int, failures: int, throttles: int) -> bool:
    """Return whether a task with this history gets another attempt; both counts include the failure at hand."""
    if not error.retryable:
        return False
    if error.type == "rate_limit":
        return throttles <= MAX_THROTTLES
    if error.type == "timeout" and not policy.retry_on_timeout:
        return False
    return failures <= max_retries
