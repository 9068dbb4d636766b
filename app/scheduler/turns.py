"""Whose turn it is on a lane: tenants by least tokens served, then priority, then swarms by least tokens.

Start-time fair queueing (Goyal, Vin, Cheng 1996): everybody has a tag, the tokens served so far; the lowest goes next;
who comes back from idling starts at the tag that was served last, so idling saves up nothing. O(log n) a turn, n being
the waiting swarms or tenants, never tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from typing import Generic, TypeVar

UNKNOWN_TOKENS = 1_000
"""What a call counts for where nothing is known of its tokens, nor of other calls of its lane."""

_SMOOTHING = 0.05

_serial = count()
"""Equal tags go in the order of their last turn."""


@dataclass(slots=True, eq=False)
class Turn:
    """A place in a queue.

    Args:
        tag: tokens served.
        owed: correction of ``tag`` that is due at the next turn; while queued, the tag must not change.
    """

    tag: float = 0.0
    owed: float = 0.0
    queued: bool = False


Place = TypeVar("Place", bound=Turn)


class FairQueue(Generic[Place]):
    """Those who wait, by tag."""

    __slots__ = ("_served", "heap")

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Place]] = []
        self._served = 0.0

    def push(self, place: Place) -> None:
        place.queued = True
        self.settle(place)
        heappush(self.heap, (place.tag, next(_serial), place))

    def settle(self, place: Place) -> None:
        """Bring the tag of somebody who was not queued up to date."""
        start = self._served
        if self.heap:
            head = self.heap[0][2]
            start = min(start, head.tag + head.owed)
        place.tag = max(place.tag + place.owed, start)
        place.owed = 0.0

    def served(self, place: Place, cost: float) -> None:
        """Charge whoever has the turn, queued or not.

        What was given back to it counts for those who come later, too: else they would wait until it has caught up with
        a tag that it never used up.
        """
        self._served = place.tag + min(place.owed, 0.0)
        place.tag += cost + place.owed
        place.owed = 0.0

    def head_served(self, place: Place, cost: float) -> None:
        """Charge the head and put it where its new tag belongs."""
        self.served(place, cost)
        heapreplace(self.heap, (place.tag, next(_serial), place))

    def pop(self) -> None:
        heappop(self.heap)[2].queued = False

    def remove(self, place: Place) -> None:
        """O(places)."""
        place.queued = False
        self.heap = [entry for entry in self.heap if entry[2] is not place]
        heapify(self.heap)


@dataclass(slots=True, eq=False)
class Request(Turn):
    """What one claimant wants and holds of one lane.

    Args:
        tokens: expected of one call; 0 where not known.
        charged: tokens expected of all ``held`` slots together.
        counted: what they count for in the queue, where those not known count as much as others' calls.
    """

    tenant: str = ""
    want: int = 0
    priority: int = 0
    tokens: int = 0
    held: int = 0
    charged: int = 0
    counted: int = 0
    notice_at: float = 0.0


T = TypeVar("T", bound=Request)


@dataclass(slots=True, eq=False)
class _Tenant(Turn, Generic[T]):
    queues: dict[int, FairQueue[T]] = field(default_factory=dict)
    """By priority; kept when empty, as they know what was served."""


class Turns(Generic[T]):
    """The tickets of one lane."""

    __slots__ = ("_tenants", "_usual", "_waiting")

    def __init__(self) -> None:
        self._tenants: dict[str, _Tenant[T]] = {}
        self._waiting: FairQueue[_Tenant[T]] = FairQueue()
        self._usual: float | None = None

    def push(self, ticket: T) -> None:
        tenant = self._tenant(ticket)
        self._queue(tenant, ticket).push(ticket)
        if not tenant.queued:
            self._waiting.push(tenant)

    def remove(self, ticket: T) -> None:
        """Take a queued ticket out; O(tickets of its tenant and priority)."""
        self._queue(self._tenant(ticket), ticket).remove(ticket)

    def drop_head(self, ticket: T) -> None:
        """Take out the ticket whose turn it is."""
        self._tenants[ticket.tenant].queues[ticket.priority].pop()

    def head(self) -> T | None:
        """Return whose turn it is. Tickets that want nothing any more leave the queue here."""
        waiting = self._waiting
        while waiting.heap:
            tenant = waiting.heap[0][2]
            for priority in sorted(tenant.queues, reverse=True) if len(tenant.queues) > 1 else tenant.queues:
                queue = tenant.queues[priority]
                while queue.heap:
                    ticket = queue.heap[0][2]
                    if ticket.want > 0:
                        return ticket
                    queue.pop()
            waiting.pop()
        return None

    def alone(self, ticket: T) -> bool:
        """Whether nobody else waits in a tenant or priority of its own, given that ``ticket`` is the head."""
        if len(self._waiting.heap) > 1:
            return False
        queues = self._tenants[ticket.tenant].queues
        if len(queues) == 1:
            return len(queues[ticket.priority].heap) == 1
        return sum(len(queue.heap) for queue in queues.values()) == 1

    def served(self, ticket: T, count: int) -> None:
        """The head was given ``count`` slots; it loses its turn."""
        tenant = self._tenants[ticket.tenant]
        cost = self._count(ticket, count)
        tenant.queues[ticket.priority].head_served(ticket, cost)
        self._waiting.head_served(tenant, cost)

    def served_alone(self, ticket: T, count: int) -> None:
        """A ticket was given ``count`` slots without queueing, as nobody waited."""
        tenant = self._tenant(ticket)
        queue = self._queue(tenant, ticket)
        cost = self._count(ticket, count)
        queue.settle(ticket)
        queue.served(ticket, cost)
        self._waiting.settle(tenant)
        self._waiting.served(tenant, cost)

    def ended(self, ticket: T, count: int, tokens: int | None) -> None:
        """Of the slots that ``ticket`` still holds ``count`` come back: correct what they counted for.

        Args:
            tokens: used; None where nobody knows.
        """
        counted = ticket.counted * count // ticket.held
        ticket.counted -= counted
        if tokens is None:
            return
        ticket.owed += tokens - counted
        self._tenant(ticket).owed += tokens - counted
        if tokens:
            self._usual = tokens if self._usual is None else self._usual + _SMOOTHING * (tokens - self._usual)

    def _count(self, ticket: T, count: int) -> int:
        cost = count * (ticket.tokens or round(self._usual or UNKNOWN_TOKENS))
        ticket.counted += cost
        return cost

    def _tenant(self, ticket: T) -> _Tenant[T]:
        tenant = self._tenants.get(ticket.tenant)
        if tenant is None:
            tenant = self._tenants[ticket.tenant] = _Tenant()
        return tenant

    @staticmethod
    def _queue(tenant: _Tenant[T], ticket: T) -> FairQueue[T]:
        queue = tenant.queues.get(ticket.priority)
        if queue is None:
            queue = tenant.queues[ticket.priority] = FairQueue()
        return queue
