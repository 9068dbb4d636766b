"""What a stream reads from: the newest events in memory, shared by all its readers, and the store behind them.

A channel exists while somebody watches. Readers hold only their place in it, so a slow one costs nothing; one that has
fallen behind what the channel keeps reads on from the store.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from app.ports.events import LogCursor

PAGE = 1000
"""Frames read from the store at once."""

_KEEP = 4096
"""Events a channel keeps; trimmed at twice as many."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event ready to be sent: its place in the stream, and its JSON text."""

    at: LogCursor
    swarm_id: str
    seq: int
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest snapshot of a run, for readers that have come as far as ``at``: it tells of nothing behind that."""

    version: int
    at: LogCursor
    swarm_id: str
    text: str


Fetch = Callable[[LogCursor, int], Coroutine[Any, Any, Sequence[Frame]]]


class Channel:
    """The newest frames of one swarm or one orchestrator.

    The ``position`` of frames counts up by one: in a swarm from event to event, in an orchestrator from commit to
    commit.

    Args:
        fetch: reads frames behind a place from the store, at most so many.

    Attributes:
        closing: called when the last reader has left.
    """

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.closing: Callable[[], None] | None = None
        self.readers: set[asyncio.Event] = set()
        self._floor: LogCursor | None = None
        self._next = 0
        self._frames: list[Frame] = []
        self._places: list[LogCursor] = []
        self._snapshots: dict[str, Snapshot] = {}
        self._version = 0

    def publish(self, frames: Sequence[Frame]) -> None:
        """Append the frames of one commit.

        A commit may never be handed over (its runner fell over while it was being written). The next one then sends
        the readers back to the store, which has everything before what it has: nothing is waited for.
        """
        first, last = frames[0].at, frames[-1].at
        if self._floor is not None and first.position < self._next:
            return  # readers have got it from the store
        if self._floor is None or first.position > self._next:
            self._frames.clear()
            self._places.clear()
            self._floor = LogCursor(first.position, first.seq - 1)
        self._next = last.position + 1
        self._frames += frames
        self._places += [frame.at for frame in frames]
        if len(self._frames) > 2 * _KEEP:
            surplus = len(self._frames) - _KEEP
            self._floor = self._places[surplus - 1]
            del self._frames[:surplus]
            del self._places[:surplus]
        self._wake()

    async def catch_up(self) -> None:
        """Publish what the store has behind the newest frame: another node has committed it.

        Where that is more than a page the readers go back to the store, as new ones do.
        """
        end = self._places[-1] if self._places else self._floor
        if end is None:
            return  # its readers are at the store
        frames = await self.fetch(end, PAGE)
        if len(frames) == PAGE:
            self._floor = None
            self._frames.clear()
            self._places.clear()
            self._wake()
        elif frames:
            self.publish(frames)

    def settle(self, place: LogCursor) -> None:
        """The store has nothing behind ``place``: a channel that nothing was published in begins there."""
        if self._floor is None:
            self._floor = place
            self._next = place.position + 1

    def after(self, place: LogCursor) -> Sequence[Frame] | None:
        """Return the frames behind ``place``, None when the channel does not reach back that far."""
        if self._floor is None or place < self._floor:
            return None
        return self._frames[bisect_right(self._places, place) :]

    def put_snapshot(self, swarm_id: str, text: str) -> None:
        self._version += 1
        at = self._places[-1] if self._places else LogCursor()
        self._snapshots[swarm_id] = Snapshot(self._version, at, swarm_id, text)
        self._wake()

    def drop_snapshot(self, swarm_id: str) -> None:
        self._snapshots.pop(swarm_id, None)

    def snapshots(self, version: int, place: LogCursor) -> list[Snapshot]:
        """Return, in order, what is newer than ``version`` and tells of nothing behind ``place``: of each run one."""
        if version == self._version:
            return []
        ready = [entry for entry in self._snapshots.values() if entry.version > version and entry.at <= place]
        return sorted(ready, key=lambda entry: entry.version)

    def _wake(self) -> None:
        for reader in self.readers:
            reader.set()
