"""The books of admission: who wants, holds and was granted what. What is done with them is in ``admission``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

from app.domain.breaker import BreakerState
from app.domain.limiter import UNLIMITED
from app.scheduler.lanes import Lane
from app.scheduler.turns import Request, Turns


class TimerLike(Protocol):
    def cancel(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LaneNotice:
    """News of a lane for a claimant that wants or holds slots of it, ready to become an event.

    Args:
        kind: ``breaker_changed`` with {lane, state, retry_in_ms}, or ``swarm_throttled`` with {lane, limit, wait_ms,
            reason}; ``limit`` (calls at once) and both times are None where there is none.
    """

    kind: str
    data: dict[str, Any]


class Claimant:
    """A runner's account with admission: what it wants, holds and was granted.

    Args:
        group: key of the pool all swarms of one orchestrator share.
        wake: called when slots were granted outside the claimant's own call, and when there is a notice. It only notes
            that there is news: it must not call admission.
    """

    def __init__(self, group: str, wake: Callable[[], None], *, tenant: str = "default") -> None:
        self.group = group
        self.wake = wake
        self.tenant = tenant
        self.granted: dict[str, int] = {}
        self._notices: list[LaneNotice] = []
        self.tickets: dict[str, Ticket] = {}

    def take(self) -> dict[str, int]:
        """Return the slots granted per lane since the last call; the caller gives each back when its use ends."""
        granted = self.granted
        if granted:
            self.granted = {}
        return granted

    def take_notices(self) -> list[LaneNotice]:
        """Return what was noticed since the last call."""
        notices, self._notices = self._notices, []
        return notices

    def notice(self, kind: str, data: dict[str, Any]) -> None:
        self._notices.append(LaneNotice(kind, data))
        self.wake()


@dataclass(slots=True, eq=False)
class Group:
    limit: int = UNLIMITED
    used: int = 0
    parked: list[Ticket] = field(default_factory=list)
    """Tickets that had their turn while the group was full."""


@dataclass(slots=True, eq=False)
class Provider:
    limit: int
    used: int = 0
    waiting: dict[Queue, None] = field(default_factory=dict)
    """Lanes for which somebody waits, in the order of their turns."""


@dataclass(slots=True, eq=False)
class Queue:
    """A lane and those who have to do with it."""

    lane: Lane
    provider: Provider
    turns: Turns[Ticket] = field(default_factory=Turns)
    tickets: dict[Ticket, None] = field(default_factory=dict)
    state: BreakerState = BreakerState.CLOSED
    """As last announced."""
    notice_at: float = -inf
    timer: TimerLike | None = None
    timer_at: float = inf


@dataclass(slots=True, eq=False, kw_only=True)
class Ticket(Request):
    claimant: Claimant
    queue: Queue
    group: Group
