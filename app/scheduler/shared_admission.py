"""Slots of a process that is one of several: what holds for all of them together it has a share of.

Still synchronous: shares come from ``sharing``, in the background.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from app.domain.limiter import UNLIMITED
from app.ports.admission import CallReport
from app.ports.clock import Clock
from app.ports.learned import Learned
from app.scheduler.accounts import Claimant, Provider, Queue, Ticket, TimerLike
from app.scheduler.admission import Admission
from app.scheduler.lanes import Lane, LaneSettings, Standing

_PROVIDER, _GROUP, _PROBES, _LEARNED = "provider/", "group/", "probes/", "learned/"

_MILLI = 1000
"""Parts of a learned limit are thousandths of a call."""

_AMPLE = 1.25
"""Of a learned limit a node asks for more than it needs: one that it just reached it would take for too low."""

_INTEREST_S = 5.0
"""So long after it was asked whether a lane may be trusted again somebody here would make its probes."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much of a pool is used here: ``limit`` is that of all nodes together."""

    pool: str
    limit: int
    used: int
    waiting: int


class SharedAdmission(Admission):
    """Args:
    shared: names of the providers whose limits hold for all nodes together.
    """

    def __init__(
        self,
        settings: Callable[[str], LaneSettings],
        clock: Clock,
        call_later: Callable[[float, Callable[[], None]], TimerLike],
        shared: Container[str],
    ) -> None:
        super().__init__(settings, clock, call_later)
        self._shared = shared
        self._limits: dict[str, int] = {}
        self._group_limits: dict[str, int] = {}
        self._asked_at: dict[str, float] = {}
        self._told: dict[str, float] = {}
        """Of lanes with a learned limit: how much of it was this node's when it last told of it."""
        self.wanting: Callable[[], None] = lambda: None
        """Called when something is wanted of which there is no share yet, or is known here that others should know."""

    def set_group_limit(self, group: str, limit: int) -> None:
        pool = self._group(group)
        if limit >= UNLIMITED:
            self._group_limits.pop(group, None)
            super().set_group_limit(group, UNLIMITED)
            return
        share = pool.limit if group in self._group_limits else 0
        changed = self._group_limits.get(group) != limit
        self._group_limits[group] = limit
        super().set_group_limit(group, min(share, limit))
        if changed and (pool.used or pool.parked):
            self.wanting()

    def release(self, claimant: Claimant, lane: str, report: CallReport | None = None, count: int = 1) -> bool:
        ticket = claimant.tickets.get(lane)
        alarms = 0 if ticket is None else ticket.queue.lane.alarms
        excused = super().release(claimant, lane, report, count)
        if ticket is not None and ticket.queue.lane.alarms != alarms:
            self.wanting()
        return excused

    def note_headers(
        self, lane: str, remaining_requests: int | None, remaining_tokens: int | None, reset_s: float | None
    ) -> None:
        queue = self._queues.get(lane)
        alarms = 0 if queue is None else queue.lane.alarms
        super().note_headers(lane, remaining_requests, remaining_tokens, reset_s)
        if queue is not None and queue.lane.alarms != alarms:
            self.wanting()

    def standing(self, lane: str) -> Standing:
        self._asked_at[lane] = self._clock.monotonic()
        return super().standing(lane)

    def shared_lanes(self) -> Sequence[Lane]:
        """Return the lanes that were used here and that other nodes have to do with."""
        return [queue.lane for lane, queue in self._queues.items() if lane.partition("/")[0] in self._limits]

    def shared_lane(self, name: str, *, make: bool) -> Lane | None:
        """Return a lane by its name; one that was not used here only if ``make``, and its provider is configured."""
        if name.partition("/")[0] not in self._shared or not (make or name in self._queues):
            return None
        return self._queue(name).lane

    def changed(self, lane: Lane) -> None:
        """Let what another node has learned of a lane hold for those who use it here."""
        queue, now = self._queues[lane.name], self._clock.monotonic()
        if lane.breaker.state is not queue.state:
            queue.announce(now)
        if queue.provider.waiting:
            self._serve(queue.provider, now)

    def learned(self) -> Mapping[str, Learned]:
        """Return what this node has learned of lanes, to be told to all."""
        return {
            lane.name: Learned(lane.learned, lane.learned - self._told.get(lane.name, 0.0))
            for lane in self.shared_lanes()
            if lane.learned < inf
        }

    def told(self, learned: Mapping[str, Learned], totals: Mapping[str, float]) -> Mapping[str, Learned]:
        """Note that ``learned`` is known to all, and what it comes to with what others have learned.

        Returns:
            What this node's calls under way add to the limits that others have learned and it has not.
        """
        self._told.update({name: one.limit for name, one in learned.items()})
        joined = {}
        for name, total in totals.items():
            lane = self.shared_lane(name, make=True)
            if lane is not None:
                lane.learned_by_all = total
                if lane.learned == inf:
                    self._told[name] = float(lane.in_flight)
                    lane.set_learned(lane.in_flight, 0.0)
                    joined[name] = Learned(total, lane.in_flight)
        return joined

    def loads(self) -> Sequence[Load]:
        """Return how much is used of each pool that somebody here has to do with."""
        waiting = Counter(dict.fromkeys(self._limits, 0))
        groups = Counter[str]()
        for lane, queue in self._queues.items():
            for ticket in queue.tickets:
                room = want = max(ticket.want, 0)
                for name in ticket.claimant.groups:
                    whole = self._group_limits.get(name)
                    if whole is not None:
                        groups[name] += want
                        room = min(room, max(whole - self._groups[name].used, 0))
                waiting[lane.partition("/")[0]] += room
        return [
            *self._lane_loads(),
            *(
                Load(_PROVIDER + name, limit, self._providers[name].used, waiting[name])
                for name, limit in self._limits.items()
            ),
            *(Load(_GROUP + name, self._group_limits[name], self._groups[name].used, groups[name]) for name in groups),
        ]

    def _lane_loads(self) -> Iterator[Load]:
        now = self._clock.monotonic()
        for lane in self.shared_lanes():
            waiting = sum(max(ticket.want, 0) for ticket in self._queues[lane.name].tickets)
            if lane.learned_by_all is not None:
                wanted = (lane.in_flight + waiting) * _AMPLE
                used = lane.in_flight * _MILLI
                limit = round(lane.learned_by_all * _MILLI)
                yield Load(_LEARNED + lane.name, limit, used, max(round(wanted * _MILLI) - used, 0))
            if not lane.breaker.trusted:
                most = self._settings(lane.name).breaker_probes
                if now < self._asked_at.get(lane.name, -inf) + _INTEREST_S:
                    waiting += most
                yield Load(_PROBES + lane.name, most, lane.breaker.probing, waiting)

    def set_share(self, pool: str, share: int) -> None:
        """Let this node use so much of a pool from now on; calls under way beyond it go on."""
        if pool.startswith(_PROVIDER):
            self._set_provider(pool.removeprefix(_PROVIDER), share)
        elif pool.startswith(_LEARNED):
            self._set_learned(self._queues[pool.removeprefix(_LEARNED)], share / _MILLI)
        elif pool.startswith(_PROBES):
            queue = self._queues[pool.removeprefix(_PROBES)]
            queue.lane.breaker.at_once = share
            if share and queue.provider.waiting:
                self._serve(queue.provider, self._clock.monotonic())
        elif (group := pool.removeprefix(_GROUP)) in self._group_limits:
            super().set_group_limit(group, share)

    def _set_learned(self, queue: Queue, part: float) -> None:
        lane = queue.lane
        before = lane.learned
        lane.set_learned(part, self._told.get(lane.name, 0.0))
        self._told[lane.name] = part
        if lane.learned > before and queue.provider.waiting:
            self._serve(queue.provider, self._clock.monotonic())

    def _set_provider(self, name: str, slots: int) -> None:
        provider, now = self._providers[name], self._clock.monotonic()
        if provider.limit == slots:
            return
        provider.limit = slots
        for lane, queue in self._queues.items():
            if lane.partition("/")[0] == name:
                queue.lane.set_share(slots / self._limits[name], now)
        if provider.waiting:
            self._serve(provider, now)

    def _provider(self, name: str, settings: LaneSettings) -> Provider:
        if name not in self._shared:
            return super()._provider(name, settings)
        self._limits[name] = settings.max_concurrency
        self.wanting()
        return Provider(0)

    def _queue(self, lane: str) -> Queue:
        known = lane in self._queues
        queue = super()._queue(lane)
        name = lane.partition("/")[0]
        if not known and name in self._limits:
            queue.lane.breaker.at_once = 0
            queue.lane.set_share(queue.provider.limit / self._limits[name], self._clock.monotonic())
        return queue

    def _ticket(self, claimant: Claimant, lane: str, priority: int) -> Ticket:
        ticket = super()._ticket(claimant, lane, priority)
        groups = (self._groups[name] for name in claimant.groups if name in self._group_limits)
        if ticket.queue.lane.learned < 1 or any(group.limit <= 0 for group in groups):
            self.wanting()
        return ticket
