"""Webhooks: which events of a run may be sent, under which id, and when a delivery is tried again.

Messages, signatures and the schedule are those of Standard Webhooks 1.0 (github.com/standard-webhooks, 2026-11-21).
Time and randomness are arguments.
"""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from hashlib import sha256

from app.domain.events import AGGREGATE_COMPLETED, CHECKPOINT, SWARM_COMPLETED, SWARM_PAUSED
from app.domain.ids import DELIVERY_PREFIX, make_id

EVENTS = (SWARM_COMPLETED, SWARM_PAUSED, AGGREGATE_COMPLETED, CHECKPOINT)
"""Those that a webhook may be sent; a run has few of each."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix
SECRET_BYTES = 32
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64

RETRY_DELAYS_S = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Between one attempt and the next: the example schedule of Standard Webhooks, 75 hours in all."""

MAX_ATTEMPTS = len(RETRY_DELAYS_S) + 1
MAX_RETRY_AFTER_S = 86_400.0
"""A receiver that asks for more is asked again after a day."""

_MAX_DIGITS = 15


class DeliveryStatus(StrEnum):
    PENDING = "pending"  # waits for its next attempt, or is under way
    DELIVERED = "delivered"  # the receiver answered 2xx
    DEAD = "dead"  # given up: out of attempts, or the receiver answered 410


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """Seconds between attempts, each lengthened by up to ``jitter`` of itself, never shortened."""

    delays_s: tuple[float, ...] = RETRY_DELAYS_S
    jitter: float = 0.2

    @classmethod
    def of(cls, attempts: int) -> RetrySchedule:
        """Return the schedule of so many attempts, 1 to ``MAX_ATTEMPTS``."""
        return cls(delays_s=RETRY_DELAYS_S[: attempts - 1])

    def delay_s(self, failures: int, sample: float, retry_after_s: float | None = None) -> float | None:
        """Return the seconds to wait after failure number ``failures`` (1 = the first); None where that was the last.

        Args:
            sample: a uniform sample in [0, 1): where in the jitter band the delay lies.
            retry_after_s: what the receiver asked for; the delay is never shorter.
        """
        if failures > len(self.delays_s):
            return None
        delay_s = self.delays_s[failures - 1]
        if retry_after_s is not None:
            delay_s = max(delay_s, min(retry_after_s, MAX_RETRY_AFTER_S))
        return delay_s * (1.0 + self.jitter * sample)


def delivery_id(swarm_id: str, seq: int, at_ms: int) -> str:
    """Return the id of the message about one event, the same however often it is made, and never with a ``.``."""
    digest = sha256(f"{swarm_id}.{seq}".encode()).digest()
    return make_id(DELIVERY_PREFIX, at_ms, int.from_bytes(digest[:10]))


def make_secret(random_bits: int) -> str:
    """Return a signing secret of the low 256 bits of ``random_bits``."""
    raw = (random_bits & (2 ** (8 * SECRET_BYTES) - 1)).to_bytes(SECRET_BYTES)
    return SECRET_PREFIX + base64.b64encode(raw).decode()


def is_secret(text: str) -> bool:
    """Whether ``text`` is ``whsec_`` and the base64 of 24 to 64 bytes."""
    if not text.startswith(SECRET_PREFIX):
        return False
    try:
        raw = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return MIN_SECRET_BYTES <= len(raw) <= MAX_SECRET_BYTES


def retry_after_s(value: str | None, now_ms: int) -> float | None:
    """Return the wait that a ``Retry-After`` asks for (RFC 9110, 10.2.3: seconds or a date); None for nonsense."""
    if value is None or len(value) > 100:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:_MAX_DIGITS])
    try:
        when = parsedate_to_datetime(text)
        at_s = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    wait_s = at_s - now_ms / 1000
    return max(wait_s, 0.0) if math.isfinite(wait_s) else None
