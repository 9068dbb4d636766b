"""Who may start an attempt now: slots per lane (a provider) and per group (an orchestrator), shared fairly.

Free slots go to the highest waiting priority, and within it to the claimants in turn, one slot each, so a swarm of ten
tasks is not stuck behind one of ten thousand. All of it is synchronous: a slot that an attempt frees can be granted
and used in the same turn of a runner. Costs O(1) a slot, whatever the number of waiting tasks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

UNGROUPED = ""
"""The group without a cap: swarms that no orchestrator's limit holds."""

_NO_LIMIT = 2**62

_CALL_PRIORITY = 8
"""A single call waits for somebody at the other end: high, but not before critical work."""


class Claimant:
    """A runner's account with admission: what it holds, wants and was granted.

    Args:
        group: key of the pool all swarms of one orchestrator share.
        wake: called when slots were granted outside the claimant's own call.
    """

    def __init__(self, group: str, wake: Callable[[], None]) -> None:
        self.group = group
        self.wake = wake
        self.granted: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self._tickets: dict[str, _Ticket] = {}

    def take(self) -> dict[str, int]:
        """Return the slots granted per lane since the last call; the caller gives each back when its use ends."""
        granted, self.granted = self.granted, {}
        return granted


@dataclass(slots=True, eq=False)
class _Ticket:
    claimant: Claimant
    lane: str
    want: int = 0
    priority: int = 0
    queued: bool = False


@dataclass(slots=True)
class _Pool:
    limit: int
    used: int = 0

    @property
    def free(self) -> int:
        return self.limit - self.used


@dataclass(slots=True)
class _Bucket:
    """Tickets of one lane and group, in turn order per priority."""

    queues: dict[int, deque[_Ticket]] = field(default_factory=dict)

    def push(self, ticket: _Ticket) -> None:
        ticket.queued = True
        self.queues.setdefault(ticket.priority, deque()).append(ticket)

    def remove(self, ticket: _Ticket) -> None:
        """O(tickets of its priority), which are swarms, not tasks."""
        ticket.queued = False
        queue = self.queues[ticket.priority]
        queue.remove(ticket)
        if not queue:
            del self.queues[ticket.priority]

    def head(self) -> _Ticket | None:
        """Return the next ticket that still wants a slot, without removing it."""
        while self.queues:
            priority = max(self.queues)
            queue = self.queues[priority]
            ticket = queue[0]
            if ticket.want > 0:
                return ticket
            self.remove(ticket)
        return None

    def rotate(self, ticket: _Ticket) -> None:
        self.queues[ticket.priority].rotate(-1)


class Admission:
    """Slots of the whole process.

    Args:
        lane_limit: attempts that may run at once on a lane; asked once a lane.
    """

    def __init__(self, lane_limit: Callable[[str], int]) -> None:
        self._lane_limit = lane_limit
        self._lanes: dict[str, _Pool] = {}
        self._groups: dict[str, _Pool] = {}
        self._buckets: dict[str, dict[str, _Bucket]] = {}

    def set_group_limit(self, group: str, limit: int) -> None:
        """Cap what all claimants of ``group`` hold together; running attempts above a lowered cap go on."""
        self._group(group).limit = limit
        for lane in self._buckets:
            self._serve(lane)

    def demand(self, claimant: Claimant, lane: str, want: int, priority: int) -> None:
        """State how many more slots ``claimant`` could use now; replaces its earlier demand on this lane."""
        ticket = claimant._tickets.get(lane)
        if ticket is None:
            if want <= 0:
                return
            ticket = claimant._tickets[lane] = _Ticket(claimant, lane)
        if ticket.queued and ticket.priority != priority:
            self._buckets[lane][claimant.group].remove(ticket)
        ticket.want = want
        ticket.priority = priority
        if want <= 0:
            return
        if not ticket.queued:
            self._buckets.setdefault(lane, {}).setdefault(claimant.group, _Bucket()).push(ticket)
        self._serve(lane, asking=claimant)

    def release(self, claimant: Claimant, lane: str, count: int) -> None:
        """Give back ``count`` slots; whoever waits for them is served at once."""
        if count <= 0:
            return
        self._lanes[lane].used -= count
        claimant.held[lane] -= count
        self._group(claimant.group).used -= count
        self._serve(lane)
        for other in self._buckets:
            if other != lane and claimant.group in self._buckets[other]:
                self._serve(other)

    def leave(self, claimant: Claimant) -> None:
        """Withdraw every demand and give back every slot still held."""
        for ticket in claimant._tickets.values():
            ticket.want = 0
        claimant.take()
        for lane, count in tuple(claimant.held.items()):
            self.release(claimant, lane, count)

    @asynccontextmanager
    async def slot(self, lane: str) -> AsyncIterator[None]:
        """Hold one slot of ``lane`` for a call outside any swarm (``ports.admission.Slots``)."""
        granted = asyncio.Event()
        claimant = Claimant(UNGROUPED, granted.set)
        try:
            self.demand(claimant, lane, 1, _CALL_PRIORITY)
            if not claimant.granted:
                await granted.wait()
            yield
        finally:
            self.leave(claimant)

    def _group(self, name: str) -> _Pool:
        """The pool of a group, counted from its first slot on, whether or not its limit is known by then."""
        pool = self._groups.get(name)
        if pool is None:
            pool = self._groups[name] = _Pool(_NO_LIMIT)
        return pool

    def in_use(self, lane: str) -> int:
        pool = self._lanes.get(lane)
        return pool.used if pool else 0

    def _serve(self, lane: str, asking: Claimant | None = None) -> None:
        """Grant what is free on ``lane``; everyone served is woken but ``asking``, who looks for itself."""
        buckets = self._buckets.get(lane)
        if not buckets:
            return
        pool = self._lanes.get(lane)
        if pool is None:
            pool = self._lanes[lane] = _Pool(self._lane_limit(lane))
        woken: dict[int, Claimant] = {}
        while pool.free > 0:
            best: _Ticket | None = None
            for name in tuple(buckets):
                ticket = buckets[name].head()
                if ticket is None:
                    del buckets[name]
                elif self._group(name).free > 0 and (best is None or ticket.priority > best.priority):
                    best = ticket
            if best is None:
                break
            claimant = best.claimant
            bucket = buckets[claimant.group]
            group = self._group(claimant.group)
            # A lone ticket takes all it wants at once; rivals take turns, one slot each.
            alone = len(buckets) == 1 and len(bucket.queues) == 1 and len(bucket.queues[best.priority]) == 1
            count = min(best.want, pool.free, group.free) if alone else 1
            group.used += count
            pool.used += count
            best.want -= count
            claimant.granted[lane] = claimant.granted.get(lane, 0) + count
            claimant.held[lane] = claimant.held.get(lane, 0) + count
            if claimant is not asking:
                woken[id(claimant)] = claimant
            bucket.rotate(best)
            buckets[claimant.group] = buckets.pop(claimant.group)  # groups of equal priority take turns, too
        for claimant in woken.values():
            claimant.wake()
