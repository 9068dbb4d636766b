"""Live streams of one swarm or of all swarms of an orchestrator: history first, then what happens, without a gap.

The event log is the truth; a stream is a place in it. After every disconnect a client resumes at its last ``seq`` or
``cursor`` and gets each later event exactly once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from app.domain.errors import InvalidRequest, NotFound
from app.domain.events import SWARM_COMPLETED, rfc3339
from app.domain.figures import snapshot_fields
from app.domain.swarm import SWARM_TERMINAL, SwarmState, SwarmStatus
from app.ports.clock import Clock
from app.ports.doorbell import Doorbell, events_of, log_of
from app.ports.events import EncodedEvent, EventStore, LogCursor, LoggedEvent
from app.ports.store import SwarmFilter, SwarmRow, SwarmStore, TaskStore
from app.services.channels import Channel, Fetch, Frame
from app.services.following import Follower
from app.services.readers import Reader, with_cursor

_SNAPSHOT_EVERY_S = 1.0
_FINAL_CACHE = 256
_SNAPSHOTS_ELSEWHERE = 20
"""Runs of an orchestrator on other nodes of which its stream has snapshots: each costs queries, every second."""

LATEST = "latest"


@dataclass(slots=True)
class _Live:
    """A run in the hands of a runner: its state, and up to which event it has been committed."""

    state: SwarmState
    committed_seq: int
    due: bool = False


class Streams:
    """Implements ``ports.feed.EventFeed`` for runners and serves readers."""

    """Args:
    elsewhere: rings when swarms on other nodes have news; None where there are no other nodes.
    """

    def __init__(
        self, swarms: SwarmStore, tasks: TaskStore, events: EventStore, clock: Clock, elsewhere: Doorbell | None = None
    ) -> None:
        self._swarms = swarms
        self._tasks = tasks
        self._events = events
        self._clock = clock
        self._of_swarm: dict[str, Channel] = {}
        self._of_agent: dict[str, Channel] = {}
        self._elsewhere = elsewhere
        self._followers: set[Follower] = set()
        self._running_elsewhere: set[str] = set()
        self._live: dict[str, _Live] = {}
        self._finals: OrderedDict[tuple[str, int], str] = OrderedDict()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make snapshots in the background until the context ends."""
        ticker = asyncio.create_task(self._tick(), name="snapshots")
        try:
            yield
        finally:
            ticker.cancel()
            ending = [follower.stop() for follower in self._followers]
            await asyncio.gather(ticker, *ending, return_exceptions=True)

    # --- for runners -------------------------------------------------------------------------------------------------

    def attach(self, state: SwarmState) -> None:
        self._live[state.swarm_id] = _Live(state, state.last_seq)

    def detach(self, state: SwarmState) -> None:
        live = self._live.get(state.swarm_id)
        if live is not None and live.state is state:
            del self._live[state.swarm_id]
            for channel in self._channels(state.spec.agent_id, state.swarm_id):
                channel.drop_snapshot(state.swarm_id)

    def publish(self, agent_id: str, swarm_id: str, position: int, events: Sequence[EncodedEvent]) -> None:
        if not events:
            return
        live = self._live.get(swarm_id)
        if live is not None:
            live.committed_seq = events[-1].seq
            if events[-1].type == SWARM_COMPLETED and any(self._channels(agent_id, swarm_id)):
                ended_at_ms = live.state.ended_at_ms or self._clock.now_ms()
                self._remember(swarm_id, events[-1].seq - 1, _live_text(live.state, events[-1].seq - 1, ended_at_ms))
        channel = self._of_swarm.get(swarm_id)
        if channel is not None:
            channel.publish([_swarm_frame(swarm_id, event) for event in events])
        channel = self._of_agent.get(agent_id)
        if channel is not None:
            logged = [LoggedEvent(LogCursor(position, event.seq), swarm_id, event) for event in events]
            channel.publish([_agent_frame(entry) for entry in logged])
        if live is not None and live.due:
            self._snapshot(live)

    def _channels(self, agent_id: str, swarm_id: str) -> Iterator[Channel]:
        for channel in (self._of_swarm.get(swarm_id), self._of_agent.get(agent_id)):
            if channel is not None:
                yield channel

    # --- snapshots ---------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_SNAPSHOT_EVERY_S)
            self.take_snapshots()

    def take_snapshots(self) -> None:
        for live in tuple(self._live.values()):
            self._snapshot(live)

    def _snapshot(self, live: _Live) -> None:
        """Make the snapshot of a watched run; one whose last step is still being written gets it after the commit."""
        state = live.state
        channels = tuple(self._channels(state.spec.agent_id, state.swarm_id))
        live.due = bool(channels) and live.committed_seq != state.last_seq
        if not channels or live.due or state.ended:
            return
        text = _live_text(state, state.last_seq, self._clock.now_ms())
        for channel in channels:
            channel.put_snapshot(state.swarm_id, text)

    def is_running(self, swarm_id: str) -> bool:
        """Return whether a runner has the swarm and has not ended it: after the end nothing but the final snapshot."""
        live = self._live.get(swarm_id)
        return swarm_id in self._running_elsewhere if live is None else not live.state.ended

    async def final(self, tenant_id: str, swarm_id: str, seq: int) -> str | None:
        """Return the last snapshot of a run's end; ``seq`` is the event before its ``swarm_completed``.

        Of an end that a retry undid, whose figures nobody kept, there is none.
        """
        if (swarm_id, seq) in self._finals:
            self._finals.move_to_end((swarm_id, seq))
            return self._finals[swarm_id, seq]
        row = await self._swarms.get(tenant_id, swarm_id)
        if row is None or row.last_seq != seq + 1:
            return None
        text = _snapshot_text(swarm_id, seq, row.ended_at_ms or self._clock.now_ms(), await self._fields(row))
        self._remember(swarm_id, seq, text)
        return text

    def _remember(self, swarm_id: str, seq: int, final: str) -> None:
        self._finals[swarm_id, seq] = final
        if len(self._finals) > _FINAL_CACHE:
            self._finals.popitem(last=False)

    async def _fields(self, row: SwarmRow) -> dict[str, Any]:
        return snapshot_fields(
            counts=row.counts,
            latencies_ms=await self._tasks.latencies_ms(row.swarm_id),
            usage=row.usage,
            cost_nano_usd=row.cost_nano_usd,
            steps=row.steps,
            elapsed_ms=(row.ended_at_ms or self._clock.now_ms()) - row.created_at_ms,
        )

    # --- for readers -------------------------------------------------------------------------------------------------

    async def of_swarm(
        self, tenant_id: str, swarm_id: str, after: str | None, pause_s: float = 0.0
    ) -> AsyncGenerator[list[str], None]:
        """Return the frames of a run from behind ``after`` to its last event, in batches as they come.

        Args:
            after: a ``seq`` in digits (one that the run has not reached yet is taken as its newest), ``latest``, or
                None for the first retained event.
            pause_s: rest between batches, so that they grow.

        Raises:
            NotFound: no such swarm.
            InvalidRequest: ``after`` is none of these.
        """
        seq = None if after == LATEST else _seq(after)
        row = await self._swarms.get(tenant_id, swarm_id)
        if row is None:
            raise NotFound("swarm", swarm_id)
        place = LogCursor(row.last_seq if seq is None else min(seq, row.last_seq))

        async def fetch(place: LogCursor, limit: int) -> Sequence[Frame]:
            events = await self._events.list(swarm_id, after=place.position, limit=limit)
            return [_swarm_frame(swarm_id, event) for event in events]

        async def over(place: LogCursor) -> bool:
            row = await self._swarms.get(tenant_id, swarm_id)
            return row is None or (row.status in SWARM_TERMINAL and place.position >= row.last_seq)

        async def snapshots(channel: Channel) -> None:
            row = await self._swarms.get(tenant_id, swarm_id)
            await self._put_elsewhere(channel, [] if row is None else [row])

        def is_here() -> bool:
            return swarm_id in self._live

        open_channel = self._opening(fetch, events_of(swarm_id), snapshots, is_here)
        return Reader(self, tenant_id, self._of_swarm, swarm_id, open_channel, place, over=over).read(pause_s)

    async def of_agent(
        self, tenant_id: str, agent_id: str, after: str | None, pause_s: float = 0.0
    ) -> AsyncGenerator[list[str], None]:
        """Return the frames of all runs of an orchestrator from behind ``after``, without an end.

        Args:
            after: a ``cursor`` of an earlier frame, ``latest``, or None for the first retained event.

        Raises:
            InvalidRequest: ``after`` is none of these.
        """
        place = None if after == LATEST else _cursor(after)
        if place != LogCursor():
            end = await self._events.end_of_agent_log(agent_id)
            place = end if place is None else min(place, end)

        async def fetch(place: LogCursor, limit: int) -> Sequence[Frame]:
            entries = await self._events.list_of_agent(agent_id, after=place, limit=limit)
            return [_agent_frame(entry) for entry in entries]

        async def snapshots(channel: Channel) -> None:
            running = SwarmFilter(agent_id=agent_id, status=SwarmStatus.RUNNING)
            page = await self._swarms.list(tenant_id, running, limit=_SNAPSHOTS_ELSEWHERE, cursor=None)
            await self._put_elsewhere(channel, page.items)

        open_channel = self._opening(fetch, log_of(agent_id), snapshots, lambda: False)
        return Reader(self, tenant_id, self._of_agent, agent_id, open_channel, place).read(pause_s)

    # --- of other nodes ----------------------------------------------------------------------------------------------

    def _opening(
        self,
        fetch: Fetch,
        topic: str,
        snapshots: Callable[[Channel], Awaitable[None]],
        is_here: Callable[[], bool],
    ) -> Callable[[], Channel]:
        def open_channel() -> Channel:
            channel = Channel(fetch)
            if self._elsewhere is not None:
                follower = Follower(channel, self._elsewhere, topic, snapshots, is_here)
                self._followers.add(follower)
                channel.closing = partial(self._unfollow, follower)
            return channel

        return open_channel

    def _unfollow(self, follower: Follower) -> None:
        follower.stop()
        self._followers.discard(follower)

    async def _put_elsewhere(self, channel: Channel, rows: Sequence[SwarmRow]) -> None:
        """Make snapshots of runs on other nodes from what they have committed."""
        for row in rows:
            swarm_id = row.swarm_id
            if row.status in SWARM_TERMINAL or swarm_id in self._live:
                self._running_elsewhere.discard(swarm_id)
                continue
            self._running_elsewhere.add(swarm_id)
            text = _snapshot_text(swarm_id, row.last_seq, self._clock.now_ms(), await self._fields(row))
            await channel.catch_up()  # a snapshot tells of nothing behind it
            channel.put_snapshot(swarm_id, text)


def _swarm_frame(swarm_id: str, event: EncodedEvent) -> Frame:
    return Frame(LogCursor(event.seq), swarm_id, event.seq, event.type, event.body)


def _agent_frame(entry: LoggedEvent) -> Frame:
    event = entry.event
    return Frame(entry.cursor, entry.swarm_id, event.seq, event.type, with_cursor(event.body, entry.cursor))


def _live_text(state: SwarmState, seq: int, now_ms: int) -> str:
    fields = snapshot_fields(
        counts=state.counts,
        latencies_ms=state.latencies_ms,
        usage=state.usage,
        cost_nano_usd=state.cost_nano_usd,
        steps=state.steps,
        elapsed_ms=now_ms - state.created_at_ms,
    )
    return _snapshot_text(state.swarm_id, seq, now_ms, fields)


def _snapshot_text(swarm_id: str, seq: int, now_ms: int, fields: dict[str, Any]) -> str:
    frame = {"type": "metrics_snapshot", "seq": seq, "ts": rfc3339(now_ms), "swarm_id": swarm_id, "task_id": None}
    return orjson.dumps(frame | fields).decode()


def _seq(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) <= 15):
        raise InvalidRequest.field("/after", f"expected a seq (digits) or {LATEST!r}, got {after[:50]!r}")
    return int(after)


def _cursor(after: str | None) -> LogCursor:
    if after is None:
        return LogCursor()
    position, dash, seq = after.partition("-")
    if not dash or not all(part.isascii() and part.isdigit() and len(part) <= 16 for part in (position, seq)):
        raise InvalidRequest.field("/after", f"expected the cursor of a frame or {LATEST!r}, got {after[:50]!r}")
    return LogCursor(int(position), int(seq))
