"""Readers under every interleaving of commits, publications, reads, cuts and resumptions: each event once, in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ports.events import LogCursor
from app.services import channels, readers
from app.services.channels import Channel, Frame
from app.services.readers import Reader

SWARMS = ("a", "b", "c")


@dataclass(slots=True)
class World:
    """A log as a store keeps it, and the runs as their runners hold them.

    Attributes:
        log: every committed frame.
        unpublished: commits that are durable, but that no reader was told of.
        lost: there was one of which none will ever be told.
        untold: runs whose newest commit that was handed over, or lost, was lost.
    """

    log: list[Frame] = field(default_factory=list)
    unpublished: list[list[Frame]] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    channels: dict[str, Channel] = field(default_factory=dict)
    position: int = 0
    lost: bool = False
    untold: set[str] = field(default_factory=set)

    # What readers ask.

    def is_running(self, swarm_id: str) -> bool:
        return swarm_id not in self.ended

    async def final(self, _: str, swarm_id: str, seq: int) -> str | None:
        await asyncio.sleep(0)
        return snapshot(swarm_id, seq, final=True)

    async def fetch(self, place: LogCursor, limit: int) -> Sequence[Frame]:
        """The query takes a while, and sees what was durable at some moment of it."""
        await asyncio.sleep(0)
        found = [frame for frame in self.log if frame.at > place][:limit]
        await asyncio.sleep(0)
        return found

    async def over(self, place: LogCursor) -> bool:
        await asyncio.sleep(0)
        return bool(self.log) and self.log[-1].type == "swarm_completed" and place >= self.log[-1].at

    # What happens.

    def commit(self, swarm_id: str, count: int, *, end: bool = False) -> None:
        if swarm_id in self.ended:
            return
        self.position += 1
        frames: list[Frame] = []
        for _ in range(count):
            seq = self.last[swarm_id] = self.last.get(swarm_id, 0) + 1
            kind = "swarm_completed" if end and len(frames) == count - 1 else "event"
            frames.append(self.frame(swarm_id, seq, kind))
        if end:
            self.ended.add(swarm_id)
        self.log += frames
        self.unpublished.append(frames)

    def frame(self, swarm_id: str, seq: int, kind: str) -> Frame:
        at = LogCursor(self.position, seq)
        body = {"type": kind, "swarm_id": swarm_id, "seq": seq, "cursor": f"{at.position}-{at.seq}"}
        return Frame(at, swarm_id, seq, kind, json.dumps(body))

    def publish(self, which: int = 0) -> None:
        if self.unpublished:
            frames = self.unpublished.pop(which % len(self.unpublished))
            self.untold.discard(frames[0].swarm_id)
            for channel in self.channels.values():
                channel.publish(frames)

    def lose(self, which: int) -> None:
        if self.unpublished:
            frames = self.unpublished.pop(which % len(self.unpublished))
            self.untold.add(frames[0].swarm_id)
            self.lost = True

    def snapshot(self, swarm_id: str) -> None:
        """As ``Streams`` makes them: of a run that goes on and whose commits have all been handed over."""
        waiting = swarm_id in self.untold or any(frames[0].swarm_id == swarm_id for frames in self.unpublished)
        if swarm_id in self.last and self.is_running(swarm_id) and not waiting:
            for channel in self.channels.values():
                channel.put_snapshot(swarm_id, snapshot(swarm_id, self.last[swarm_id]))

    def reader(self, place: LogCursor, *, ends: bool = False) -> Reader:
        over = self.over if ends else None
        return Reader(self, "tenant", self.channels, "key", lambda: Channel(self.fetch), place, over=over)


class SwarmWorld(World):
    """The log of one run: every event has a position of its own, which is its ``seq``."""

    def frame(self, swarm_id: str, seq: int, kind: str) -> Frame:
        body = {"type": kind, "swarm_id": swarm_id, "seq": seq}
        return Frame(LogCursor(seq), swarm_id, seq, kind, json.dumps(body))


def snapshot(swarm_id: str, seq: int, **fields: Any) -> str:
    return json.dumps({"type": "metrics_snapshot", "swarm_id": swarm_id, "seq": seq} | fields)


class Client:
    """Reads, and goes on behind the last frame it has got after each cut; checks every frame as it comes."""

    def __init__(self, world: World, *, ends: bool = False) -> None:
        self._world = world
        self._ends = ends
        self._task: asyncio.Task[None] | None = None
        self.place = LogCursor()
        self.last: dict[str, int] = {}
        self.got = 0
        self.closed = False
        self.snapshots: list[dict[str, Any]] = []

    def connect(self) -> None:
        if self._task is None and not self.closed:
            frames = self._world.reader(self.place, ends=self._ends).read(0.0)
            self._task = asyncio.create_task(self._read(frames))

    async def cut(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _read(self, frames: AsyncGenerator[list[str], None]) -> None:
        async with aclosing(frames):
            async for texts in frames:
                for text in texts:
                    self._take(json.loads(text))
                    await asyncio.sleep(0)  # a send, at which the client may be cut
        self.closed = True

    def _take(self, frame: dict[str, Any]) -> None:
        swarm_id, seq = frame["swarm_id"], frame["seq"]
        ended = self.last.get(f"{swarm_id} ended")
        assert not ended, f"after the end: {frame}"
        if frame["type"] == "metrics_snapshot":
            assert seq <= self.last.get(swarm_id, 0), f"ahead of {self.last}: {frame}"
            self.snapshots.append(frame)
        else:
            assert seq == self.last.get(swarm_id, 0) + 1, f"after {self.last}: {frame}"
            self.last[swarm_id] = seq
            self.got += 1
            if frame["type"] == "swarm_completed":
                self.last[f"{swarm_id} ended"] = 1
                assert self.snapshots[-1] == json.loads(snapshot(swarm_id, seq - 1, final=True)) | (
                    {"cursor": self.snapshots[-1]["cursor"]} if "cursor" in frame else {}
                )
        if "cursor" in frame:
            self.place = LogCursor(*map(int, frame["cursor"].split("-")))
        else:
            self.place = max(self.place, LogCursor(seq))

    def check(self) -> None:
        """What went wrong in the reading."""
        if self._task is not None and self._task.done():
            self._task.result()


async def settle() -> None:
    """Let everything happen that can happen without news."""
    for _ in range(60):
        await asyncio.sleep(0)


number = st.integers(0, 2)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), number, st.integers(1, 4)),
        st.tuples(st.just("commit"), number, st.integers(1, 4)),
        st.tuples(st.just("end"), number, st.integers(1, 3)),
        st.tuples(st.just("publish"), st.just(0), st.just(0)),
        st.tuples(st.just("publish"), st.just(0), st.just(0)),
        st.tuples(st.just("publish out of order"), number, st.just(0)),
        st.tuples(st.just("lose"), number, st.just(0)),
        st.tuples(st.just("snapshot"), number, st.just(0)),
        st.tuples(st.just("snapshot"), number, st.just(0)),
        st.tuples(st.just("connect"), number, st.just(0)),
        st.tuples(st.just("cut"), number, st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 5), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 5), st.just(0)),
    ),
    max_size=60,
)


async def play(world: World, clients: list[Client], story: list[tuple[str, int, int]], history: int) -> None:
    for turn in range(history):
        world.commit(SWARMS[turn % 2 if type(world) is World else 0], 3)
        world.publish()
    for what, which, count in story:
        match what:
            case "commit":
                world.commit(SWARMS[which], count)
            case "end":
                world.commit(SWARMS[which], count, end=True)
            case "publish":
                world.publish()
            case "publish out of order":
                world.publish(which)
            case "lose":
                world.lose(which)
            case "snapshot":
                world.snapshot(SWARMS[which])
            case "connect":
                clients[which].connect()
            case "cut":
                await clients[which].cut()
            case _:
                for _ in range(which):
                    await asyncio.sleep(0)
        for client in clients:
            client.check()


@given(story=steps, history=st.integers(0, 6), keep=st.integers(1, 6), page=st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_every_event_comes_once_and_in_order(
    story: list[tuple[str, int, int]], history: int, keep: int, page: int
) -> None:
    async def go() -> None:
        world = World()
        clients = [Client(world) for _ in SWARMS]
        await play(world, clients, story, history)
        for client in clients:
            client.connect()
        await settle()
        while world.unpublished:
            world.publish()
        for _ in range(len(world.log)):
            await settle()
        for client in clients:
            client.check()
            assert world.lost or client.got == len(world.log)
        world.commit("the last", 1)  # after a commit that was never handed over, the next one tells of it
        world.publish()
        for _ in range(len(world.log)):
            await settle()
        for client in clients:
            client.check()
            assert client.got == len(world.log)
            await client.cut()
        assert world.channels == {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "_KEEP", keep)
        patch.setattr(readers, "PAGE", page)
        asyncio.run(go())


@given(story=steps, history=st.integers(0, 6), keep=st.integers(1, 6), page=st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_a_run_s_stream_ends_after_its_last_event(
    story: list[tuple[str, int, int]], history: int, keep: int, page: int
) -> None:
    async def go() -> None:
        world = SwarmWorld()
        clients = [Client(world, ends=True) for _ in SWARMS]
        alone = [(what, which if what in {"connect", "cut", "pass"} else 0, count) for what, which, count in story]
        await play(world, clients, alone, history)
        while world.unpublished:
            world.publish()
        world.commit("a", 1, end=True)
        while world.unpublished:
            world.publish()
        for client in clients:
            client.connect()
        for _ in range(len(world.log)):
            await settle()
        for client in clients:
            client.check()
            assert client.got == len(world.log)
            assert client.closed
        assert world.channels == {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "_KEEP", keep)
        patch.setattr(readers, "PAGE", page)
        asyncio.run(go())


@pytest.mark.parametrize("moment", range(25))
def test_no_news_is_missed_at_whatever_moment_it_comes(moment: int) -> None:
    async def go() -> None:
        world = World()
        world.commit("a", 1)
        client = Client(world)
        client.connect()
        for _ in range(moment):
            await asyncio.sleep(0)
        world.commit("a", 1)
        world.publish()
        world.publish()
        for _ in range(moment):
            await asyncio.sleep(0)
        world.commit("a", 1)
        world.publish()
        await settle()
        assert client.got == 3
        await client.cut()

    asyncio.run(go())


def test_a_watched_run_that_is_deleted_ends_its_stream() -> None:
    """Its events are gone, its readers may be anywhere: nothing will come, and nobody may wait for it."""

    async def go() -> None:
        world = SwarmWorld()
        for _ in range(4):
            world.commit("a", 2)
            world.publish()
        world.commit("a", 1, end=True)
        client = Client(world, ends=True)
        client.connect()
        for _ in range(4):
            await asyncio.sleep(0)
        world.log.clear()
        await settle()
        assert client.closed or client.got == 9
        assert world.channels == {}

    async def gone(_: LogCursor) -> bool:
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "PAGE", 2)
        patch.setattr(World, "over", lambda _, place: gone(place))
        asyncio.run(go())


def test_a_reader_that_is_given_up_before_it_began_leaves_nothing() -> None:
    async def go() -> None:
        world = World()
        frames = world.reader(LogCursor()).read(0.0)
        await frames.aclose()
        task = asyncio.create_task(anext(world.reader(LogCursor()).read(0.0)))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert world.channels == {}

    asyncio.run(go())
