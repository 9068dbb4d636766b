"""One client's walk through a channel: what is behind its place, then what comes, each event exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from app.domain.events import SWARM_COMPLETED
from app.ports.events import LogCursor
from app.services.channels import PAGE, Channel, Frame


class Snapshots(Protocol):
    """What a reader asks about runs."""

    def is_running(self, swarm_id: str) -> bool: ...

    async def final(self, tenant_id: str, swarm_id: str, seq: int) -> str | None: ...


class Reader:
    """Walks from ``place`` on, through the channel that ``channels`` holds, or gets, under ``key``.

    Args:
        over: whether nothing can come behind a place any more, for a stream that ends with its run; None for one of an
            orchestrator, whose frames carry cursors.
    """

    def __init__(
        self,
        runs: Snapshots,
        tenant_id: str,
        channels: dict[str, Channel],
        key: str,
        open_channel: Callable[[], Channel],
        place: LogCursor,
        *,
        over: Callable[[LogCursor], Awaitable[bool]] | None = None,
    ) -> None:
        self._runs = runs
        self._tenant_id = tenant_id
        self._channels = channels
        self._key = key
        self._open_channel = open_channel
        self._place = place
        self._over = over
        self._version = 0

    async def read(self, pause_s: float) -> AsyncGenerator[list[str], None]:
        """Yield frames in batches of at most a page; ``pause_s`` is the rest between batches, so that they grow."""
        caught_up = False  # with the store: before that, the channel may lack what was published before it was there
        with self._channel() as (channel, news):
            while True:
                news.clear()
                frames = channel.after(self._place) if caught_up else None
                if frames is None:
                    frames = await channel.fetch(self._place, PAGE)
                    caught_up = len(frames) < PAGE
                    if caught_up:
                        channel.settle(frames[-1].at if frames else self._place)
                    if not frames and self._over is not None and await self._over(self._place):
                        return
                for start in range(0, len(frames), PAGE):
                    yield await self._texts(frames[start : start + PAGE])
                ended = frames and frames[-1].type == SWARM_COMPLETED
                if ended and self._over is not None and await self._over(self._place):
                    return  # and not one of the ends that a retry undid
                snapshots = self._snapshots(channel) if caught_up else []
                if snapshots:
                    yield snapshots
                elif not frames:
                    await news.wait()
                    if pause_s:
                        await asyncio.sleep(pause_s)

    @contextmanager
    def _channel(self) -> Iterator[tuple[Channel, asyncio.Event]]:
        """Join the channel, which lives as long as it has readers."""
        channel = self._channels.get(self._key)
        if channel is None:
            channel = self._channels[self._key] = self._open_channel()
        news = asyncio.Event()
        channel.readers.add(news)
        try:
            yield channel, news
        finally:
            channel.readers.discard(news)
            if not channel.readers and self._channels.get(self._key) is channel:
                del self._channels[self._key]
                if channel.closing is not None:
                    channel.closing()

    async def _texts(self, frames: Sequence[Frame]) -> list[str]:
        """Return the texts of ``frames``; the final snapshot of a run comes just before its ``swarm_completed``."""
        texts = []
        for frame in frames:
            if frame.type == SWARM_COMPLETED:
                final = await self._runs.final(self._tenant_id, frame.swarm_id, frame.seq - 1)
                if final is not None:
                    texts.append(self._placed(final))
            texts.append(frame.text)
            self._place = frame.at
        return texts

    def _snapshots(self, channel: Channel) -> list[str]:
        """Return the snapshots this reader has not sent yet, only the newest of each run: a slow one skips some."""
        ready = channel.snapshots(self._version, self._place)
        if ready:
            self._version = ready[-1].version
        return [self._placed(entry.text) for entry in ready if self._runs.is_running(entry.swarm_id)]

    def _placed(self, snapshot: str) -> str:
        """A snapshot is in no log: where frames carry cursors, it carries that of what was sent before it."""
        return snapshot if self._over is not None else with_cursor(snapshot, self._place)


def with_cursor(text: str, place: LogCursor) -> str:
    """Add the cursor to the text of an event that was serialised once for all readers."""
    return f'{text[:-1]},"cursor":"{place.position}-{place.seq}"}}'
