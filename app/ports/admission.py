"""Slots for calls: what a call reports when it gives its slot back, and a slot for a single call outside any swarm."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.domain.breaker import BreakerState
from app.domain.values import value


class CallOutcome(StrEnum):
    """What the end of a call says about the provider."""

    OK = "ok"
    """It answered. A 4xx other than 429 belongs here too: the request was wrong, the provider is alive."""
    RATE_LIMITED = "rate_limited"
    """It turned the call away with 429: slow down."""
    FAILED = "failed"
    """It did not answer: 502 to 504, connection lost, timeout. Enough of these in a row open the breaker."""
    ERRED = "erred"
    """It failed at this request, with 500 or a mangled answer, which says nothing of others."""
    UNUSED = "unused"
    """The slot was never used, no call was sent."""
    NEUTRAL = "neutral"
    """Nothing: the call was cancelled, or its answer was not what the task asked for."""


@value()
class CallReport:
    """How the use of a slot ended.

    Args:
        tokens: model tokens that were really used, in and out; None where that is not known: then the expected number
            stays charged, or none for calls that were turned away.
        retry_after_s: what a 429 asked for.
        sent_at: monotonic seconds at which the call was sent. Without it the call counts as sent after everything that
            is known of the lane, so each refusal of a burst would count as news.
    """

    outcome: CallOutcome = CallOutcome.OK
    tokens: int | None = None
    retry_after_s: float | None = None
    sent_at: float | None = None


class LaneClosed(Exception):
    """No call starts on the lane for longer than the caller would wait.

    Args:
        retry_after_s: when the lane is open again, or the first probe is let through.
        down: the provider is down; else it, or a configured rate, asks to wait.
    """

    def __init__(self, retry_after_s: float, *, down: bool) -> None:
        why = "the provider is down" if down else "the provider's rate limit is reached"
        super().__init__(f"{why}; asked again in {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s
        self.down = down


@dataclass(slots=True)
class Slot:
    """A slot that is held; its holder may set ``report`` (default: OK, or NEUTRAL when the context ends by raising)."""

    report: CallReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSnapshot:
    """How a lane stands; ``error_rate`` (0-1) is that of about the last minute, the counts are since the start.

    ``limit`` and ``breaker`` are of all processes that share a database, the rest of this one.
    """

    provider: str
    model: str
    in_flight: int
    waiting: int
    limit: int | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    breaker: BreakerState
    opened_count: int
    retry_in_s: float | None
    calls: int
    failures: int
    refusals: int
    error_rate: float
    throttled_ms: int


class Lanes(Protocol):
    def snapshot(self) -> Sequence[LaneSnapshot]:
        """Return how every lane stands that was used since the start."""
        ...


class Slots(Protocol):
    def slot(
        self,
        lane: str,
        *,
        tenant: str = "default",
        key_id: str | None = None,
        priority: int = 8,
        tokens: int = 0,
        max_wait_s: float | None = None,
    ) -> AbstractAsyncContextManager[Slot]:
        """Hold one slot of ``lane`` while the context lasts; waits in turn with the swarms until one is free.

        Args:
            key_id: API key that the call is made with: its ``max_parallel_agents`` holds, too.
            tokens: expected model tokens of the call, in and out.
            max_wait_s: how long a closed lane may keep the caller waiting; None: as long as it takes.

        Raises:
            LaneClosed: the lane stays closed longer than ``max_wait_s``.
        """
        ...
