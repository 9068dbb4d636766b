"""The books of admission: who wants, holds and was granted what. What is done with them is in ``admission``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any, Protocol

from app.domain.breaker import BreakerState
from app.domain.limiter import UNLIMITED
from app.scheduler.lanes import Lane
from app.scheduler.turns import Request, Turns

NOTICE_S = 1.0
"""A claimant hears once in this time that a lane throttles it."""


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
        group: name of the pool all swarms of one orchestrator share; empty where no limit holds them.
        key_id: names the pool of all work that one API key started; None where there is no key.
        wake: called when slots were granted outside the claimant's own call, and when there is a notice. It only notes
            that there is news: it must not call admission.
    """

    def __init__(
        self, group: str, wake: Callable[[], None], *, tenant: str = "default", key_id: str | None = None
    ) -> None:
        self.group = group
        self.groups = tuple(name for name in (group, key_id) if name)
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


_serial = count()


@dataclass(slots=True, eq=False)
class Group:
    """A pool that claimants share.

    A ticket that has its turn while the group is full is parked, out of the way of others. For each slot that becomes
    free in the group, one of them for each lane goes back into the queue: so many could use the slot, and no more are
    looked at. Whoever goes without having used its chance passes it on (``Ticket.pass_on``). So no room of the group is
    left unused while a parked ticket could use it, at O(log n) a slot and lane.
    """

    limit: int = UNLIMITED
    used: int = 0
    parked: dict[Queue, list[tuple[int, float, int, Ticket]]] = field(default_factory=dict)
    """By lane a heap, in the order of turns: priority, least tokens, longest wait. What has left it is still in it."""

    def park(self, ticket: Ticket) -> None:
        ticket.parked_in, ticket.place = self, next(_serial)
        entry = (-ticket.priority, ticket.tag + ticket.owed, ticket.place, ticket)
        heappush(self.parked.setdefault(ticket.queue, []), entry)

    def unpark(self, queue: Queue, most: int) -> None:
        """Let at most ``most`` tickets wait for their turn on ``queue`` again, and no more than there is room for."""
        heap = self.parked.get(queue)
        if heap is None:
            return
        left = min(most, self.limit - self.used)
        while heap and left > 0:
            _, _, place, ticket = heappop(heap)
            if ticket.parked_in is not self or ticket.place != place:
                continue
            ticket.parked_in = None
            if ticket.want > 0:
                queue.turns.push(ticket)
                queue.provider.waiting[queue] = None
                left -= 1
        if not heap:
            del self.parked[queue]


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

    def announce(self, now: float) -> None:
        """Tell everybody concerned that the breaker changed."""
        lane = self.lane
        self.state = lane.breaker.state
        retry_at = lane.retry_at(now)
        retry_in_ms = None if retry_at == inf else round((retry_at - now) * 1000)
        for ticket in tuple(self.tickets):
            if ticket.held or ticket.want > 0:
                ticket.claimant.notice(
                    "breaker_changed", {"lane": lane.name, "state": self.state.value, "retry_in_ms": retry_in_ms}
                )


@dataclass(slots=True, eq=False, kw_only=True)
class Ticket(Request):
    claimant: Claimant
    queue: Queue
    groups: tuple[Group, ...]
    parked_in: Group | None = None
    place: int = 0
    """Of its entry among the parked: those with another one are of the past."""

    def full(self) -> Group | None:
        """Return a group that has no room for one more slot."""
        for group in self.groups:
            if group.used >= group.limit:
                return group
        return None

    def room(self, most: int) -> int:
        """Return how many of ``most`` slots its groups have room for."""
        for group in self.groups:
            most = min(most, group.limit - group.used)
        return most

    def pass_on(self) -> None:
        """Give the turn that it does not use to another ticket of each of its groups."""
        for group in self.groups:
            if group.parked:
                group.unpark(self.queue, 1)

    def throttle(self, now: float) -> None:
        """Tell the claimant that the lane lets nothing start, once in a while."""
        if now < self.notice_at:
            return
        self.notice_at = now + NOTICE_S
        lane = self.queue.lane
        assert lane.obstacle is not None
        wait_ms = None if lane.clear_at == inf else round(max(lane.clear_at - now, 0.0) * 1000)
        self.claimant.notice(
            "swarm_throttled",
            {"lane": lane.name, "limit": lane.limit, "wait_ms": wait_ms, "reason": lane.obstacle.value},
        )
