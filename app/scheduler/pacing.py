"""The times of a run: when it begins, when it rests between batches of calls, and when it has to be over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.domain.facts import DeadlinePassed, Fact, StartDue
from app.domain.swarm import PAUSED_UNTIL_START, SwarmState

UNPACED = 2**62

_MAX_SLEEP_S = 60.0
"""The clock on the wall may be set: it is looked at again after this time at most."""

_SOON_MS = 2_000
"""A run that begins within this time stays in the hands of its runner."""


class Pacing:
    """Args:
    post: takes the facts that a time has come, or may have come.
    next_batch: called when calls may start again.
    """

    def __init__(self, post: Callable[[Fact], None], next_batch: Callable[[], None]) -> None:
        self._post = post
        self._next_batch = next_batch
        self._started = 0
        self._rest: asyncio.TimerHandle | None = None
        self._start: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._deadline_of_ms = 0

    def room(self, state: SwarmState) -> int:
        """Return how many calls may start before the next rest."""
        if not state.spec.batch_size:
            return UNPACED
        return 0 if self._rest is not None else state.spec.batch_size - self._started

    def started(self, state: SwarmState, count: int) -> None:
        if not state.spec.batch_size:
            return
        self._started += count
        if self._started >= state.spec.batch_size:
            self._started = 0
            self._rest = asyncio.get_running_loop().call_later(state.spec.batch_pause_s, self._go_on)

    def _go_on(self) -> None:
        self._rest = None
        self._next_batch()

    def watch(self, state: SwarmState, now_ms: int) -> None:
        """Set up what begins a run that waits for its time, and what ends one whose time is limited."""
        timeout_s = state.spec.timeout_s if state.start_at_ms is None else None
        if timeout_s is not None and self._deadline_of_ms != state.started_at_ms:
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline_of_ms = state.started_at_ms
            age_s = max(now_ms - state.started_at_ms, 0) / 1000
            self._deadline = self._later(timeout_s - age_s, DeadlinePassed())
        if self._start is not None:
            self._start.cancel()
            self._start = None
        if state.pause_reason == PAUSED_UNTIL_START and state.start_at_ms is not None:
            self._start = self._later(min((state.start_at_ms - now_ms) / 1000, _MAX_SLEEP_S), StartDue())

    def _later(self, delay_s: float, fact: Fact) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(max(delay_s, 0.0), self._post, fact)

    def is_early(self, state: SwarmState, now_ms: int) -> bool:
        """Return whether the run's time is so far away that nobody need hold it in memory until then."""
        return state.start_at_ms is not None and state.start_at_ms - now_ms > _SOON_MS

    def close(self) -> None:
        for handle in (self._rest, self._start, self._deadline):
            if handle is not None:
                handle.cancel()
