"""One lane = one model of one provider: everything that decides whether a call may start on it now.

Who gets the start is ``admission``'s business. A lane never waits and sets no timer: it says when to ask again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from app.domain.breaker import Breaker, BreakerState, Outage
from app.domain.limiter import UNLIMITED, AdaptiveLimit, TokenBucket
from app.domain.retry import MAX_RETRY_AFTER_S
from app.ports.admission import CallOutcome, CallReport, LaneSnapshot

_SPREAD_S = 1.0
"""A lane that was closed starts what waits over this time, not at once: many woke at the same moment."""

_LEAST_RATE = 0.001
"""A minute, of a process that has no share."""

_WINDOW_S = 30.0
"""Error rates tell of the last one to two windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """What is configured for a lane.

    Args:
        max_concurrency: calls at once of the *provider*, shared by all its lanes; from 1.
        requests_per_minute: None: not limited; from 1.
        tokens_per_minute: model tokens in and out; None: not limited; from 1.
        breaker_failures: failures in a row that open the breaker; from 1.
        breaker_recovery_s: wait before the first probes.
        breaker_probes: probes at once; from 1.
        breaker_patience_s: how long an open breaker waits for the provider before it lets calls fail by themselves.
    """

    max_concurrency: int
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    breaker_failures: int = 10
    breaker_recovery_s: float = 10.0
    breaker_probes: int = 3
    breaker_patience_s: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What those need to know of a lane who could go elsewhere.

    Args:
        trusted: calls on it may be expected to be answered.
        probes: calls that may be risked now where it is not.
        excused: whether their failures will not count against their tasks.
    """

    trusted: bool
    probes: int
    excused: bool


class Obstacle(StrEnum):
    """Why a lane lets nothing start."""

    RATE_LIMIT = "rate_limit"
    """The configured rate, or the provider's headers say that its own is used up."""
    CONCURRENCY = "concurrency"
    """As many calls run, or start, as the provider was seen to take."""
    RETRY_AFTER = "retry_after"
    """The provider asked to be left alone for a while, or the lane starts again after that."""
    BREAKER = "breaker"
    """The provider is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """That a provider asked to be left alone.

    Args:
        left_s: how much longer; 0 where it is over.
        firm: also where a call gets through meanwhile.
    """

    left_s: float
    reason: Obstacle
    firm: bool


class Lane:
    """Limits, breaker and figures of ``name`` (``provider/model``)."""

    def __init__(self, name: str, settings: LaneSettings, now: float) -> None:
        self.name = name
        self.in_flight = 0
        self.obstacle: Obstacle | None = None
        """Why the last ``room`` was 0."""
        self.clear_at = inf
        """When to ask again then; ``inf``: when a call ends."""
        self.breaker = Breaker(
            settings.breaker_failures,
            settings.breaker_recovery_s,
            settings.breaker_probes,
            settings.breaker_patience_s,
        )
        self._settings = settings
        self._limiter = AdaptiveLimit()
        rpm, tpm = settings.requests_per_minute, settings.tokens_per_minute
        self._requests = TokenBucket(rpm, now) if rpm else None
        self._tokens = TokenBucket(tpm, now) if tpm else None
        self._rated = bool(rpm or tpm)
        self.guarded = self._rated
        """Whether ``room`` has anything to look at; the common lane has no limit at all."""
        self._hold_until = -inf
        self._hold_reason = Obstacle.RETRY_AFTER
        self._hold_firm = False
        self.holds = 0
        """How often a hold began, was prolonged or ended early, by what this process saw."""
        self.fresh_holds = 0
        """How many of those were a beginning."""
        self._spread_from = -inf
        self._spread_count = 0
        self.learned_by_all: float | None = None
        """Calls at once that the provider was seen to take of all processes together; None where this is the only one,
        or none has learned anything."""
        self.calls = self.failures = self.refusals = 0
        self._window_at = now + _WINDOW_S
        self._windows = ((0, 0), (0, 0))  # calls and failures when the last window began, and the one before it
        self._throttled_s = 0.0
        self._throttled_since: float | None = None

    # --- starts ------------------------------------------------------------------------------------------------------

    def room(self, tokens: int, now: float) -> int:
        """Return how many calls of ``tokens`` expected may start now; at 0, ``obstacle`` and ``clear_at`` say why."""
        if not self.guarded:
            self.obstacle = None
            return UNLIMITED
        if now < self._hold_until:
            return self._closed(self._hold_reason, self._hold_until)
        room = UNLIMITED
        probes = self.breaker.room(now)
        if probes is not None:
            if not probes:
                return self._closed(Obstacle.BREAKER, self.retry_at(now))
            room = probes
        if now < self._spread_from + _SPREAD_S:
            width = self._settings.max_concurrency / _SPREAD_S
            spread = 1 + int((now - self._spread_from) * width + 1e-6) - self._spread_count
            if spread <= 0:
                next_at = self._spread_from + min(self._spread_count / width, _SPREAD_S)
                return self._closed(Obstacle.RETRY_AFTER, next_at)
            room = min(room, spread)
        free = self._limiter.room(self.in_flight, now)
        if not free:
            return self._closed(Obstacle.CONCURRENCY, self._limiter.room_at(self.in_flight))
        room = min(room, free)
        for bucket, cost in ((self._requests, 1), (self._tokens, tokens)):
            if bucket is not None:
                free = bucket.affordable(cost, now)
                if not free:
                    return self._closed(Obstacle.RATE_LIMIT, bucket.affordable_at(cost, now))
                room = min(room, free)
        self.obstacle = None
        if room == UNLIMITED:
            self.guarded = False
            self.throttled(now, closed=False)
        return room

    def started(self, count: int, tokens: int, now: float) -> None:
        self.in_flight += count
        if not self.guarded:
            return
        self._spread_count += count
        self._limiter.started(count, now)
        self.breaker.started(count)
        if self._requests is not None:
            self._requests.take(count, now)
        if self._tokens is not None:
            self._tokens.take(count * tokens, now)

    def set_share(self, part: float, now: float) -> None:
        """Let starts happen at this part (0-1) of the configured rates: other processes have the rest."""
        for bucket, whole in (
            (self._requests, self._settings.requests_per_minute),
            (self._tokens, self._settings.tokens_per_minute),
        ):
            if bucket is not None and whole:
                bucket.set_rate(max(whole * part, _LEAST_RATE), now)

    def closed_until(self, now: float) -> tuple[Obstacle, float] | None:
        """Return what closes the whole lane and when that is over; None where calls start, if not all at once."""
        if self.breaker.state is BreakerState.OPEN:
            return Obstacle.BREAKER, self.retry_at(now)
        return (self._hold_reason, self._hold_until) if now < self._hold_until else None

    def retry_at(self, now: float) -> float:
        """Return when an open breaker lets probes pass; ``inf`` when it is not open."""
        return max(self.breaker.retry_at, now) if self.breaker.state is BreakerState.OPEN else inf

    def standing(self, now: float) -> Standing:
        breaker = self.breaker
        excused = breaker.state is not BreakerState.CLOSED
        return Standing(trusted=breaker.trusted, probes=breaker.probes_due(now), excused=excused)

    def _closed(self, obstacle: Obstacle, clear_at: float) -> int:
        self.obstacle = obstacle
        self.clear_at = clear_at
        return 0

    # --- ends --------------------------------------------------------------------------------------------------------

    def unused(self, count: int, tokens: int) -> None:
        """Slots come back that no call used; ``tokens`` were expected of them together."""
        self.in_flight -= count
        if self.guarded:
            self.breaker.ended(inf, count)
            if self._requests is not None:
                self._requests.refund(count)
            if self._tokens is not None:
                self._tokens.refund(tokens)

    def ended(self, report: CallReport, refund: int, now: float) -> bool:
        """A call ended.

        Args:
            refund: expected tokens that were not used; below 0 what was used beyond.

        Returns:
            Whether a failure is the outage's and not the task's: the breaker was not closed before it.
        """
        was_closed = self.breaker.state is BreakerState.CLOSED
        sent_at = now if report.sent_at is None else report.sent_at
        self.calls += 1
        if now >= self._window_at:
            self._roll(now)
        outcome = report.outcome
        if outcome is CallOutcome.OK:
            self.breaker.succeeded(now, sent_at)
            if self.guarded:
                self._limiter.succeeded(now, sent_at, self.in_flight)
                if now < self._hold_until and not self._hold_firm:
                    self._end_hold()
                    self.holds += 1
        elif outcome is CallOutcome.RATE_LIMITED:
            self.refusals += 1
            self.guarded = True
            self.breaker.succeeded(now, sent_at)
            self._refused(report.retry_after_s, sent_at, now)
        elif outcome is CallOutcome.FAILED:
            self.failures += 1
            self.guarded = True
            self.breaker.failed(now, sent_at)
        else:
            self.failures += outcome is CallOutcome.ERRED
            self.breaker.ended(sent_at)
        self.in_flight -= 1
        if self._tokens is not None and refund:
            self._tokens.refund(refund)
        if not was_closed and self.breaker.state is BreakerState.CLOSED:
            self._spread(now)
        return outcome is CallOutcome.FAILED and not was_closed

    def _refused(self, retry_after_s: float | None, sent_at: float, now: float) -> None:
        limiter = self._limiter
        limiter.refused(now, sent_at, self.in_flight - 1, told_to_wait=bool(retry_after_s))
        if retry_after_s:
            # Others may get through where this one did not, so a success ends the wait; unless it is the second
            # refusal without a success of anything sent in between: then nobody gets through.
            firm = limiter.barren_cuts > 1
            if firm:
                limiter.barren_cuts = 0
            self._hold(now, retry_after_s, Obstacle.RETRY_AFTER, firm=firm)

    def note_headers(
        self, remaining_requests: int | None, remaining_tokens: int | None, reset_s: float | None, now: float
    ) -> None:
        if reset_s and (remaining_requests == 0 or remaining_tokens == 0):
            self.guarded = True
            self._hold(now, reset_s, Obstacle.RATE_LIMIT, firm=True)

    def _hold(self, now: float, wait_s: float, reason: Obstacle, *, firm: bool) -> None:
        until = now + min(wait_s, MAX_RETRY_AFTER_S)
        if now >= self._hold_until:
            self._hold_firm = False
            self.fresh_holds += 1
        self._hold_firm |= firm
        if until > self._hold_until:
            self._hold_until, self._hold_reason = until, reason
            self._spread(until)
            self.holds += 1

    def _end_hold(self) -> None:
        self._hold_until = -inf
        self._spread(-inf)

    def hold(self, now: float) -> Hold:
        """Return what others that use the lane should know."""
        return Hold(left_s=max(self._hold_until - now, 0.0), reason=self._hold_reason, firm=self._hold_firm)

    @property
    def learned(self) -> float:
        """Calls at once that the provider was seen to take of this process; ``inf`` while it refused none."""
        return self._limiter.limit

    def set_learned(self, part: float, of: float) -> None:
        """Have ``part`` calls at once of what all processes have learned (``AdaptiveLimit.set_part``)."""
        self.guarded = True
        self._limiter.set_part(part, of, part / self.learned_by_all if self.learned_by_all else 1.0)

    @property
    def alarms(self) -> int:
        """How often this process saw something that others should hear of at once."""
        return self.breaker.changes + self.fresh_holds

    def follow_hold(self, hold: Hold, now: float) -> None:
        """Go by what another process was told by the provider."""
        if hold.left_s > 0:
            self.guarded = True
            self._hold_until, self._hold_reason = now + min(hold.left_s, MAX_RETRY_AFTER_S), hold.reason
            self._hold_firm = hold.firm
            self._spread(self._hold_until)
        elif now < self._hold_until:
            self._end_hold()

    def follow_outage(self, outage: Outage, now: float) -> None:
        """Go by what another process has learned of the provider."""
        was_open = self.breaker.state is not BreakerState.CLOSED
        self.guarded = True
        self.breaker.follow(outage, now)
        if was_open and not outage.open:
            self._spread(now)

    def _spread(self, start_at: float) -> None:
        """Let nobody start in a burst at ``start_at``: at the pace that was learned, or over a fixed time."""
        if self._limiter.limit == inf:
            self._spread_from, self._spread_count = start_at, 0
        else:
            self._limiter.spread(start_at)

    # --- figures -----------------------------------------------------------------------------------------------------

    def throttled(self, now: float, closed: bool) -> None:
        """Note that calls wait for this lane (``closed``), or that none does any more."""
        if self._throttled_since is not None:
            self._throttled_s += now - self._throttled_since
        self._throttled_since = now if closed else None

    @property
    def limit(self) -> int | None:
        """Calls at once that the provider was seen to take, of all processes together; None while it refused none."""
        learned = self._limiter.limit if self.learned_by_all is None else self.learned_by_all
        return None if learned == inf else max(round(learned), 1)

    def snapshot(self, waiting: int, now: float) -> LaneSnapshot:
        if now >= self._window_at:
            self._roll(now)
        provider, _, model = self.name.partition("/")
        calls, failures = self._windows[1]
        recent = self.calls - calls
        retry_at = self.retry_at(now)
        running_s = now - self._throttled_since if self._throttled_since is not None else 0.0
        return LaneSnapshot(
            provider=provider,
            model=model,
            in_flight=self.in_flight,
            waiting=waiting,
            limit=self.limit,
            requests_per_minute=self._settings.requests_per_minute,
            tokens_per_minute=self._settings.tokens_per_minute,
            breaker=self.breaker.state,
            opened_count=self.breaker.opened_count,
            retry_in_s=None if retry_at == inf else retry_at - now,
            calls=self.calls,
            failures=self.failures,
            refusals=self.refusals,
            error_rate=(self.failures - failures) / recent if recent else 0.0,
            throttled_ms=round((self._throttled_s + running_s) * 1000),
        )

    def _roll(self, now: float) -> None:
        figures = (self.calls, self.failures)
        self._windows = (figures, self._windows[0] if now < self._window_at + _WINDOW_S else figures)
        self._window_at = now + _WINDOW_S
