"""Live streams of one swarm or of all swarms of an orchestrator: history first, then what happens, without a gap.

The event log is the truth; a stream is a place in it. After every disconnect a client resumes at its last ``seq`` or
``cursor`` and gets each later event exactly once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from app.domain.errors import InvalidRequest, NotFound
from app.domain.events import SWARM_COMPLETED, rfc3339
from app.domain.figures import snapshot_fields
from app.domain.swarm import SWARM_TERMINAL, SwarmState
from app.ports.clock import Clock
from app.ports.store import EncodedEvent, EventStore, LogCursor, LoggedEvent, SwarmRow, SwarmStore, TaskStore
from app.services.channels import Channel, Frame

_log = structlog.get_logger(__name__)

_PAGE = 1000
_SNAPSHOT_EVERY_S = 1.0
_FINAL_CACHE = 256
LATEST = "latest"


@dataclass(slots=True)
class _Live:
    """A run in the hands of a runner: its state, and up to which event it has been committed."""

    state: SwarmState
    committed_seq: int
    due: bool = False


class Streams:
    """Implements ``ports.feed.EventFeed`` for runners and serves readers."""

    def __init__(self, swarms: SwarmStore, tasks: TaskStore, events: EventStore, clock: Clock) -> None:
        self._swarms = swarms
        self._tasks = tasks
        self._events = events
        self._clock = clock
        self._of_swarm: dict[str, Channel] = {}
        self._of_agent: dict[str, Channel] = {}
        self._live: dict[str, _Live] = {}
        self._finals: OrderedDict[str, str] = OrderedDict()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make snapshots in the background until the context ends."""
        ticker = asyncio.create_task(self._tick(), name="snapshots")
        try:
            yield
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)

    # --- for runners -------------------------------------------------------------------------------------------------

    def attach(self, state: SwarmState) -> None:
        self._live[state.swarm_id] = _Live(state, state.last_seq)

    def detach(self, state: SwarmState) -> None:
        live = self._live.get(state.swarm_id)
        if live is not None and live.state is state:
            del self._live[state.swarm_id]

    def publish(self, agent_id: str, swarm_id: str, position: int, events: Sequence[EncodedEvent]) -> None:
        if not events:
            return
        channel = self._of_swarm.get(swarm_id)
        if channel is not None:
            frames = [_swarm_frame(swarm_id, event) for event in events]
            channel.publish(0, frames)
        channel = self._of_agent.get(agent_id)
        if channel is not None:
            logged = [LoggedEvent(LogCursor(position, event.seq), swarm_id, event) for event in events]
            channel.publish(position, [_agent_frame(entry) for entry in logged])
        live = self._live.get(swarm_id)
        if live is not None:
            live.committed_seq = events[-1].seq
            if live.due:
                self._snapshot(live)

    # --- snapshots ---------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_SNAPSHOT_EVERY_S)
            for live in tuple(self._live.values()):
                self._snapshot(live)

    def _snapshot(self, live: _Live) -> None:
        """Make the snapshot of a watched run; one whose last step is still being written gets it after the commit."""
        state = live.state
        channels = [
            channel
            for channel in (self._of_swarm.get(state.swarm_id), self._of_agent.get(state.spec.agent_id))
            if channel is not None
        ]
        live.due = bool(channels) and live.committed_seq != state.last_seq
        if not channels or live.due or state.ended:
            return
        now_ms = self._clock.now_ms()
        fields = snapshot_fields(
            counts=state.counts,
            latencies_ms=state.latencies_ms,
            usage=state.usage,
            cost_nano_usd=state.cost_nano_usd,
            steps=state.steps,
            elapsed_ms=now_ms - state.created_at_ms,
        )
        text = _snapshot_text(state.swarm_id, state.last_seq, now_ms, fields)
        for channel in channels:
            channel.put_snapshot(state.swarm_id, text)

    async def _final(self, swarm_id: str, seq: int, tenant_id: str) -> str | None:
        """Return the last snapshot of an ended run; ``seq`` is the event before ``swarm_completed``."""
        if swarm_id in self._finals:
            self._finals.move_to_end(swarm_id)
            return self._finals[swarm_id]
        row = await self._swarms.get(tenant_id, swarm_id)
        if row is None:
            return None
        text = _snapshot_text(swarm_id, seq, row.ended_at_ms or self._clock.now_ms(), await self._fields(row))
        self._finals[swarm_id] = text
        if len(self._finals) > _FINAL_CACHE:
            self._finals.popitem(last=False)
        return text

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
            after: a ``seq`` in digits, ``latest``, or None for the first retained event.
            pause_s: rest between batches, so that they grow.

        Raises:
            NotFound: no such swarm.
            InvalidRequest: ``after`` is none of these.
        """
        row = await self._swarms.get(tenant_id, swarm_id)
        if row is None:
            raise NotFound("swarm", swarm_id)
        place = LogCursor(0, row.last_seq if after == LATEST else _seq(after))

        async def fetch(place: LogCursor, limit: int) -> Sequence[Frame]:
            events = await self._events.list(swarm_id, after=place.seq, limit=limit)
            return [_swarm_frame(swarm_id, event) for event in events]

        over = row.status in SWARM_TERMINAL and place.seq >= row.last_seq
        reader = _Reader(self, tenant_id, self._of_swarm, swarm_id, fetch, place, ends=True)
        return _nothing() if over else reader.read(pause_s)

    async def of_agent(
        self, tenant_id: str, agent_id: str, after: str | None, pause_s: float = 0.0
    ) -> AsyncGenerator[list[str], None]:
        """Return the frames of all runs of an orchestrator from behind ``after``, without an end.

        Args:
            after: a ``cursor`` of an earlier frame, ``latest``, or None for the first retained event.

        Raises:
            InvalidRequest: ``after`` is none of these.
        """

        async def fetch(place: LogCursor, limit: int) -> Sequence[Frame]:
            entries = await self._events.list_of_agent(agent_id, after=place, limit=limit)
            return [_agent_frame(entry) for entry in entries]

        place = await self._events.end_of_agent_log(agent_id) if after == LATEST else _cursor(after)
        return _Reader(self, tenant_id, self._of_agent, agent_id, fetch, place, ends=False).read(pause_s)


class _Reader:
    """One client's walk through a channel."""

    def __init__(
        self,
        streams: Streams,
        tenant_id: str,
        channels: dict[str, Channel],
        key: str,
        fetch: Any,
        place: LogCursor,
        *,
        ends: bool,
    ) -> None:
        self._streams = streams
        self._tenant_id = tenant_id
        self._channels = channels
        self._key = key
        self._fetch = fetch
        self._place = place
        self._ends = ends
        self._ended: set[str] = set()
        self._seen: dict[str, int] = {}

    async def read(self, pause_s: float) -> AsyncGenerator[list[str], None]:
        with self._channel() as (channel, news):
            while True:
                news.clear()
                frames = channel.after(self._place)
                if frames is None:
                    frames = await channel.fetch(self._place, _PAGE)
                if not frames:
                    snapshots = self._snapshots(channel)
                    if snapshots:
                        yield snapshots
                    else:
                        await news.wait()
                        if pause_s:
                            await asyncio.sleep(pause_s)
                    continue
                for start in range(0, len(frames), _PAGE):
                    batch = frames[start : start + _PAGE]
                    self._place = batch[-1].at
                    yield await self._texts(batch)
                if self._ends and self._ended:
                    return

    @contextmanager
    def _channel(self) -> Iterator[tuple[Channel, asyncio.Event]]:
        """Join the channel, which lives as long as it has readers."""
        channel = self._channels.get(self._key)
        if channel is None:
            channel = self._channels[self._key] = Channel(self._fetch)
        news = asyncio.Event()
        channel.readers.add(news)
        try:
            yield channel, news
        finally:
            channel.readers.discard(news)
            if not channel.readers and self._channels.get(self._key) is channel:
                del self._channels[self._key]

    async def _texts(self, frames: Sequence[Frame]) -> list[str]:
        """Return the texts of ``frames``; the final snapshot of a run comes just before its ``swarm_completed``."""
        texts = []
        for frame in frames:
            if frame.type == SWARM_COMPLETED:
                self._ended.add(frame.swarm_id)
                final = await self._streams._final(frame.swarm_id, frame.at.seq - 1, self._tenant_id)
                if final is not None:
                    texts.append(final)
            texts.append(frame.text)
        return texts

    def _snapshots(self, channel: Channel) -> list[str]:
        """Return the snapshots this reader has not sent yet, only the newest of each run: a slow one skips some."""
        texts = []
        for swarm_id, (version, text) in channel.snapshots.items():
            if version > self._seen.get(swarm_id, 0) and swarm_id not in self._ended:
                self._seen[swarm_id] = version
                texts.append(text)
        return texts


async def _nothing() -> AsyncGenerator[list[str], None]:
    return
    yield


def _swarm_frame(swarm_id: str, event: EncodedEvent) -> Frame:
    return Frame(LogCursor(0, event.seq), swarm_id, event.type, event.body)


def _agent_frame(entry: LoggedEvent) -> Frame:
    """Add the cursor to the text that was serialised once."""
    place = entry.cursor
    text = f'{entry.event.body[:-1]},"cursor":"{place.position}-{place.seq}"}}'
    return Frame(place, entry.swarm_id, entry.event.type, text)


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
    if not dash or len(after) > 40 or not all(part.isascii() and part.isdigit() for part in (position, seq)):
        raise InvalidRequest.field("/after", f"expected the cursor of a frame or {LATEST!r}, got {after[:50]!r}")
    return LogCursor(int(position), int(seq))
