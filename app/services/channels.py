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

import structlog

from app.ports.store import LogCursor

_log = structlog.get_logger(__name__)

_KEEP = 4096
"""Events a channel keeps; trimmed at twice as many."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event ready to be sent: its place in the stream, and its JSON text."""

    at: LogCursor
    swarm_id: str
    type: str
    text: str


Fetch = Callable[[LogCursor, int], Coroutine[Any, Any, Sequence[Frame]]]


class Channel:
    """The newest frames of one swarm or one orchestrator.

    Args:
        fetch: reads frames behind a place from the store, at most so many.
    """

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.readers: set[asyncio.Event] = set()
        self.snapshots: dict[str, tuple[int, str]] = {}
        self._floor: LogCursor | None = None
        self._frames: list[Frame] = []
        self._places: list[LogCursor] = []
        self._early: dict[int, list[Frame]] = {}

    def publish(self, position: int, frames: list[Frame]) -> None:
        """Append the frames of the commit at ``position``; positions count up by one, but may come out of order."""
        expected = self._places[-1].position + 1 if self._places else position
        if position > expected:
            self._early[position] = frames
            return
        while frames:
            self._append(position, frames)
            position += 1
            frames = self._early.pop(position, [])
        for reader in self.readers:
            reader.set()

    def _append(self, position: int, frames: list[Frame]) -> None:
        if self._floor is None:
            first = frames[0].at
            self._floor = LogCursor(first.position, first.seq - 1)
        self._frames += frames
        self._places += [frame.at for frame in frames]
        if len(self._frames) > 2 * _KEEP:
            surplus = len(self._frames) - _KEEP
            self._floor = self._places[surplus - 1]
            del self._frames[:surplus]
            del self._places[:surplus]

    def after(self, place: LogCursor) -> Sequence[Frame] | None:
        """Return the frames behind ``place``, None when the channel does not reach back that far."""
        if self._floor is None or place < self._floor:
            return None
        return self._frames[bisect_right(self._places, place) :]

    def put_snapshot(self, swarm_id: str, text: str) -> None:
        version, _ = self.snapshots.get(swarm_id, (0, ""))
        self.snapshots[swarm_id] = (version + 1, text)
        for reader in self.readers:
            reader.set()
