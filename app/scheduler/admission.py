"""Who may start a call now: the one limiter of the process, shared fairly.

A slot needs room in the provider (``max_concurrency``), in the lane (``lanes``: rates, learned limit, breaker) and in
the groups (the limits of an orchestrator and of an API key); whose turn it is says ``turns``. All of it is synchronous:
a slot that a call frees can be granted and used in the same turn of a runner, and whatever frees room by the passing of
time has a timer, one a lane at most. Costs O(log n) a slot, n being the waiting swarms, never tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf

from app.ports.admission import CallOutcome, CallReport, LaneClosed, LaneSnapshot, Slot
from app.ports.clock import Clock
from app.scheduler.accounts import NOTICE_S, Claimant, Group, LaneNotice, Provider, Queue, Ticket, TimerLike
from app.scheduler.lanes import Lane, LaneSettings, Obstacle, Standing

__all__ = ["UNGROUPED", "Admission", "Claimant", "LaneNotice"]

UNGROUPED = ""
"""The group without a cap: swarms that no orchestrator's limit holds."""

_UNCHARGED = frozenset({CallOutcome.UNUSED, CallOutcome.RATE_LIMITED})
"""Calls that used no tokens."""

_TIMER_SLACK_S = 0.0005
"""Timers fire a little late rather than a little early, when nothing is free yet."""


class Admission:
    """Slots of the whole process.

    Args:
        settings: what is configured for a lane; asked once a lane. ``max_concurrency`` counts for the provider, whose
            name is the text before the lane's first "/".
        call_later: as ``asyncio.AbstractEventLoop.call_later``.
    """

    def __init__(
        self,
        settings: Callable[[str], LaneSettings],
        clock: Clock,
        call_later: Callable[[float, Callable[[], None]], TimerLike],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._call_later = call_later
        self._queues: dict[str, Queue] = {}
        self._providers: dict[str, Provider] = {}
        self._groups: dict[str, Group] = {}

    def set_group_limit(self, group: str, limit: int) -> None:
        """Cap what all claimants of ``group`` hold together; running attempts above a lowered cap go on."""
        pool = self._group(group)
        pool.limit = limit
        if pool.parked:
            self._unpark(pool, limit)

    def demand(self, claimant: Claimant, lane: str, want: int, priority: int, tokens: int = 0) -> None:
        """State how many more slots ``claimant`` could use now; replaces its earlier demand on this lane.

        Args:
            tokens: expected of one call, in and out; 0 where nothing is known.
        """
        ticket = claimant.tickets.get(lane)
        if ticket is None:
            if want <= 0:
                return
            ticket = self._ticket(claimant, lane, priority)
        queue, was_queued = ticket.queue, ticket.queued
        if ticket.priority != priority:
            if ticket.queued:
                queue.turns.remove(ticket)
            ticket.priority = priority
            if ticket.parked_in is not None:
                ticket.parked_in.park(ticket)
        ticket.want = want
        ticket.tokens = tokens
        if want <= 0 and was_queued:
            ticket.pass_on()
        if want <= 0 or ticket.parked_in is not None:
            return
        provider, now = queue.provider, self._clock.monotonic()
        if not provider.waiting:
            room = min(want, self._room(ticket, now))
            if room > 0:
                queue.turns.served_alone(ticket, room)
                self._give(ticket, room, now)
            if room == want:
                return
        if not ticket.queued:
            queue.turns.push(ticket)
            provider.waiting[queue] = None
        if provider.used < provider.limit:
            self._serve(provider, now, asking=ticket)

    def release(self, claimant: Claimant, lane: str, report: CallReport | None = None, count: int = 1) -> bool:
        """Give back slots; whoever waits for them is served at once.

        Args:
            report: how the call on this slot ended; None: ``count`` slots were never used.

        Returns:
            Whether the call failed because of an outage that was known before, so that the failure is not the task's.
        """
        if count <= 0:
            return False
        ticket = claimant.tickets[lane]
        queue = ticket.queue
        expected = ticket.charged * count // ticket.held
        used = 0 if report is None or report.outcome in _UNCHARGED else report.tokens
        queue.turns.ended(ticket, count, used)
        queue.provider.used -= count
        for group in ticket.groups:
            group.used -= count
        ticket.held -= count
        ticket.charged -= expected
        excused, now = False, self._clock.monotonic()
        if report is None or report.outcome is CallOutcome.UNUSED:
            queue.lane.unused(count, expected)
        else:
            excused = queue.lane.ended(report, 0 if used is None else expected - used, now)
            if queue.lane.breaker.state is not queue.state:
                queue.announce(now)
        for group in ticket.groups:
            if group.parked:
                self._unpark(group, count)
        if queue.provider.waiting:
            self._serve(queue.provider, now)
        return excused

    def take_spare(self, claimant: Claimant, lane: str) -> bool:
        """Take one more slot of a lane that ``claimant`` uses, if nobody waits for it."""
        ticket = claimant.tickets.get(lane)
        now = self._clock.monotonic()
        if ticket is None or ticket.queue.provider.waiting or self._room(ticket, now) < 1:
            return False
        self._take(ticket, now)
        return True

    def take_over(self, claimant: Claimant, lane: str) -> None:
        """Count a call that is under way already, whatever room there is for it; it is given back like any other."""
        self._take(claimant.tickets.get(lane) or self._ticket(claimant, lane, 0), self._clock.monotonic())

    def leave(self, claimant: Claimant) -> None:
        """Withdraw every demand and give back every slot still held."""
        granted = claimant.take()
        for lane, ticket in tuple(claimant.tickets.items()):
            ticket.want = 0
            if ticket.queued:
                ticket.pass_on()
            self.release(claimant, lane, count=granted.get(lane, 0))
            while ticket.held:
                self.release(claimant, lane, CallReport(CallOutcome.NEUTRAL))
            if ticket.queued:
                ticket.queue.turns.remove(ticket)
            ticket.parked_in = None
            del ticket.queue.tickets[ticket]
        claimant.tickets.clear()

    @asynccontextmanager
    async def slot(
        self,
        lane: str,
        *,
        tenant: str = "default",
        key_id: str | None = None,
        priority: int = 8,
        tokens: int = 0,
        max_wait_s: float | None = None,
    ) -> AsyncIterator[Slot]:
        """Hold one slot of ``lane`` for a call outside any swarm (``ports.admission.Slots``).

        The default priority is high, as somebody waits at the other end, but not before critical work.
        """
        news = asyncio.Event()
        claimant = Claimant(UNGROUPED, news.set, tenant=tenant, key_id=key_id)
        patience_at = inf if max_wait_s is None else self._clock.monotonic() + max_wait_s
        slot = Slot()
        try:
            self.demand(claimant, lane, 1, priority, tokens)
            while not claimant.take():
                now = self._clock.monotonic()
                closed = self._queues[lane].lane.closed_until(now)
                if closed is not None and patience_at < closed[1]:
                    raise LaneClosed(closed[1] - now, down=closed[0] is Obstacle.BREAKER)
                await news.wait()
                news.clear()
            sent_at = self._clock.monotonic()
            outcome = CallOutcome.NEUTRAL
            try:
                yield slot
                outcome = CallOutcome.OK
            finally:
                report = slot.report or CallReport(outcome)
                self.release(claimant, lane, report if report.sent_at is not None else replace(report, sent_at=sent_at))
        finally:
            self.leave(claimant)

    def note_headers(
        self, lane: str, remaining_requests: int | None, remaining_tokens: int | None, reset_s: float | None
    ) -> None:
        """Take note of a response's x-ratelimit-* headers: where nothing remains, nothing starts until the reset."""
        queue = self._queues.get(lane)
        if queue is not None:
            queue.lane.note_headers(remaining_requests, remaining_tokens, reset_s, self._clock.monotonic())

    def standing(self, lane: str) -> Standing:
        """Return whether a lane is to be trusted; where others wait for it already, no probes are missing."""
        queue = self._queues.get(lane)
        if queue is None:
            return Standing(trusted=True, probes=0, excused=False)
        standing = queue.lane.standing(self._clock.monotonic())
        return replace(standing, probes=0) if queue.turns.head() is not None else standing

    def untrusted(self) -> frozenset[str]:
        """Return the lanes whose calls are not to be expected to be answered."""
        return frozenset(name for name, queue in self._queues.items() if not queue.lane.breaker.trusted)

    def in_use(self, lane: str) -> int:
        queue = self._queues.get(lane)
        return queue.lane.in_flight if queue else 0

    def snapshot(self) -> list[LaneSnapshot]:
        """Return how every lane stands that was used since the start."""
        now = self._clock.monotonic()
        return [
            queue.lane.snapshot(sum(ticket.want for ticket in queue.tickets), now) for queue in self._queues.values()
        ]

    # --- accounts ----------------------------------------------------------------------------------------------------

    def _group(self, name: str) -> Group:
        """The pool of a group, counted from its first slot on, whether or not its limit is known by then."""
        pool = self._groups.get(name)
        if pool is None:
            pool = self._groups[name] = Group()
        return pool

    def _queue(self, lane: str) -> Queue:
        queue = self._queues.get(lane)
        if queue is None:
            settings = self._settings(lane)
            name = lane.partition("/")[0]
            provider = self._providers.get(name)
            if provider is None:
                provider = self._providers[name] = self._provider(name, settings)
            queue = self._queues[lane] = Queue(Lane(lane, settings, self._clock.monotonic()), provider)
        return queue

    def _provider(self, name: str, settings: LaneSettings) -> Provider:
        return Provider(settings.max_concurrency)

    def _ticket(self, claimant: Claimant, lane: str, priority: int) -> Ticket:
        ticket = claimant.tickets[lane] = Ticket(
            tenant=claimant.tenant,
            priority=priority,
            claimant=claimant,
            queue=self._queue(lane),
            groups=tuple(map(self._group, claimant.groups)),
        )
        ticket.queue.tickets[ticket] = None
        return ticket

    # --- granting ----------------------------------------------------------------------------------------------------

    def _room(self, ticket: Ticket, now: float) -> int:
        provider = ticket.queue.provider
        free = ticket.room(provider.limit - provider.used)
        return min(free, ticket.queue.lane.room(ticket.tokens, now)) if free > 0 else 0

    def _give(self, ticket: Ticket, count: int, now: float) -> None:
        queue, claimant = ticket.queue, ticket.claimant
        queue.provider.used += count
        for group in ticket.groups:
            group.used += count
        queue.lane.started(count, ticket.tokens, now)
        ticket.want -= count
        ticket.held += count
        ticket.charged += count * ticket.tokens
        claimant.granted[queue.lane.name] = claimant.granted.get(queue.lane.name, 0) + count

    def _take(self, ticket: Ticket, now: float) -> None:
        """Give a slot that is used at once, not granted for later."""
        ticket.want += 1
        self._give(ticket, 1, now)
        ticket.claimant.granted[ticket.queue.lane.name] -= 1

    def _unpark(self, group: Group, freed: int) -> None:
        """Serve those who were held up by the group alone, of which so many slots became free."""
        queues = tuple(group.parked)
        for queue in queues:
            group.unpark(queue, freed)
        for provider in {queue.provider: None for queue in queues}:
            self._serve(provider, self._clock.monotonic())

    def _serve(self, provider: Provider, now: float, asking: Ticket | None = None) -> None:
        """Grant what is free; everyone served is woken but ``asking``, who looks for itself."""
        waiting = provider.waiting
        woken: dict[Claimant, None] = {}
        again = True
        while again and provider.used < provider.limit:
            again = False
            for queue in tuple(waiting):
                if self._grant(queue, now, woken, one=len(waiting) > 1) and len(waiting) > 1:
                    waiting[queue] = waiting.pop(queue)  # lanes of one provider take turns
                    again = True
        for queue in tuple(waiting):
            if queue.lane.guarded or provider.used < provider.limit:
                self._settle(queue, now, asking)
        if asking is not None:
            woken.pop(asking.claimant, None)
        for claimant in woken:
            claimant.wake()

    def _grant(self, queue: Queue, now: float, woken: dict[Claimant, None], *, one: bool) -> bool:
        """Grant slots of one lane, or only ``one``; return whether there was any."""
        granted = False
        provider, order, lane = queue.provider, queue.turns, queue.lane
        lane.obstacle = None  # it may date from before the provider was full
        while (free := provider.limit - provider.used) > 0:
            ticket = order.head()
            if ticket is None:
                break
            full = ticket.full()
            if full is not None:
                order.drop_head(ticket)
                full.park(ticket)
                ticket.pass_on()
                continue
            if lane.guarded:
                free = min(free, lane.room(ticket.tokens, now))
                if free <= 0:
                    break
            # A lone ticket takes all it wants at once; rivals take turns, one slot each.
            count = 1
            if free > 1 and not one and order.alone(ticket):
                count = min(ticket.want, ticket.room(free))
            order.served(ticket, count)
            self._give(ticket, count, now)
            woken[ticket.claimant] = None
            granted = True
            if one:
                break
        return granted

    def _settle(self, queue: Queue, now: float, asking: Ticket | None) -> None:
        """Tell how a lane stands after it was served, and set its timer if somebody waits for it still."""
        lane = queue.lane
        if lane.breaker.state is not queue.state:
            queue.announce(now)
        if queue.turns.head() is None:
            del queue.provider.waiting[queue]
            lane.throttled(now, closed=False)
            return
        closed = lane.obstacle is not None and queue.provider.used < queue.provider.limit
        lane.throttled(now, closed)
        if not closed:
            return
        if lane.clear_at < queue.timer_at:
            if queue.timer is not None:
                queue.timer.cancel()
            queue.timer_at = lane.clear_at
            queue.timer = self._call_later(max(lane.clear_at - now, 0.0) + _TIMER_SLACK_S, lambda: self._due(queue))
        if now >= queue.notice_at:
            queue.notice_at = now + NOTICE_S
            for ticket in queue.tickets:
                if ticket.queued and ticket.want > 0:
                    ticket.throttle(now)
        elif asking is not None and asking.queue is queue:
            asking.throttle(now)

    def _due(self, queue: Queue) -> None:
        queue.timer = None
        queue.timer_at = inf
        self._serve(queue.provider, self._clock.monotonic())
