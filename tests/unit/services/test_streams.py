"""Streams over the real store: places, snapshots made from memory, and what is kept while thousands of runs pass."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import InvalidRequest, NotFound
from app.domain.facts import CancelRequested, Fact
from app.domain.swarm import SwarmState
from app.ports.runs import Commit, Lease
from app.ports.store import SwarmRow, SwarmStore
from app.services.streams import Streams
from app.storage.database import Database
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.runs import AGENT, T0_MS, completed, grant, new_swarm, turn

pytestmark = pytest.mark.anyio


class StoppedClock:
    def now_ms(self) -> int:
        return T0_MS + 5000

    def monotonic(self) -> float:
        return 0.0


class Counting:
    """The store of swarms, with its reads counted."""

    def __init__(self, swarms: SwarmStore) -> None:
        self._swarms = swarms
        self.reads = 0

    async def get(self, tenant_id: str, swarm_id: str) -> SwarmRow | None:
        self.reads += 1
        return await self._swarms.get(tenant_id, swarm_id)


@dataclass(slots=True)
class Stage:
    database: Database
    streams: Streams
    swarms: Counting

    async def start(self, count: int = 2, *, number: int = 1) -> Run:
        swarm = new_swarm({f"t{n}": [] for n in range(count)}, number=number)
        position = await self.database.swarms.create(swarm)
        self.streams.publish(AGENT, swarm.state.swarm_id, position, swarm.events)
        [lease] = await self.database.runs.claim("owner", limit=1)
        state = await self.database.runs.load(lease)
        self.streams.attach(state)
        return Run(self, lease, state)

    def watch(self, swarm_id: str, after: str | None = None) -> Watching:
        return Watching(self.streams.of_swarm("default", swarm_id, after))

    def watch_agent(self, after: str | None = None) -> Watching:
        return Watching(self.streams.of_agent("default", AGENT, after))


@dataclass(slots=True)
class Run:
    stage: Stage
    lease: Lease
    state: SwarmState

    async def step(self, *facts: Fact, publish: bool = True) -> tuple[int, Commit]:
        commit = turn(self.state, *facts)
        position = await self.stage.database.runs.commit(self.lease, commit)
        if publish:
            self.publish(position, commit)
        return position, commit

    def publish(self, position: int, commit: Commit) -> None:
        self.stage.streams.publish(AGENT, self.state.swarm_id, position, commit.events)

    async def finish(self) -> None:
        await self.step(grant(len(self.state.tasks)))
        await self.step(*(completed(self.state, index) for index in range(len(self.state.tasks))))
        self.stage.streams.detach(self.state)


class Watching:
    """A stream that is read in the background."""

    def __init__(self, frames: Any) -> None:
        self._opening = frames
        self.frames: list[dict[str, Any]] = []
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Watching:
        frames = await self._opening
        self._task = asyncio.create_task(self._read(frames))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, frames: AsyncGenerator[list[str], None]) -> None:
        async with aclosing(frames):
            async for texts in frames:
                self.frames += map(json.loads, texts)

    async def until(self, kind: str, count: int = 1) -> None:
        async with asyncio.timeout(20):
            while len(self.of_type(kind)) < count and not self._task.done():
                await asyncio.sleep(0.001)
        assert len(self.of_type(kind)) == count

    async def end(self) -> None:
        async with asyncio.timeout(20):
            await self._task

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stage]:
    async with open_database(place_database(folder / "swarmd.db")) as database:
        swarms = Counting(database.swarms)
        streams = Streams(swarms, database.tasks, database.events, StoppedClock())  # type: ignore[arg-type]
        yield Stage(database, streams, swarms)


async def test_the_final_snapshot_from_memory_is_that_of_the_store(tmp_path: Path) -> None:
    async with opened(tmp_path) as stage:
        run = await stage.start(3)
        async with stage.watch(run.state.swarm_id) as watching:
            await watching.until("task_queued", 3)
            await run.finish()
            await watching.end()
        [live] = watching.of_type("metrics_snapshot")

        stored = Streams(stage.database.swarms, stage.database.tasks, stage.database.events, StoppedClock())
        again = Watching(stored.of_swarm("default", run.state.swarm_id, None))
        async with again:
            await again.end()
        assert again.of_type("metrics_snapshot") == [live]
        assert live["seq"] == again.frames[-1]["seq"] - 1
        assert live["counts"]["completed"] == 3


async def test_the_end_of_a_run_costs_no_query_for_each_watcher(tmp_path: Path) -> None:
    async with opened(tmp_path) as stage:
        run = await stage.start()
        watchers = [stage.watch_agent() for _ in range(50)]
        for watcher in watchers:
            await watcher.__aenter__()
            await watcher.until("task_queued", 2)
        before = stage.swarms.reads
        await run.finish()
        for watcher in watchers:
            await watcher.until("metrics_snapshot", 1)
            await watcher.until("swarm_completed", 1)
            await watcher.__aexit__()
        assert stage.swarms.reads == before


async def test_no_snapshot_tells_of_what_was_not_sent(tmp_path: Path) -> None:
    """While a commit is being written the snapshot waits for it, and after the end none but the final one comes."""
    async with opened(tmp_path) as stage:
        run = await stage.start()
        async with stage.watch(run.state.swarm_id) as watching:
            await watching.until("task_queued", 2)
            position, commit = await run.step(grant(2), publish=False)
            stage.streams.take_snapshots()
            await asyncio.sleep(0)
            assert watching.of_type("metrics_snapshot") == []
            run.publish(position, commit)
            await watching.until("metrics_snapshot")
            assert watching.frames[-1]["seq"] == watching.frames[-2]["seq"] == commit.events[-1].seq
            assert watching.frames[-1]["counts"]["running"] == 2

            stage.streams.take_snapshots()
            position, commit = await run.step(CancelRequested(), publish=False)
            stage.streams.take_snapshots()
            run.publish(position, commit)
            stage.streams.detach(run.state)
            await watching.end()
        assert [frame["type"] for frame in watching.frames[-2:]] == ["metrics_snapshot", "swarm_completed"]
        assert len(watching.of_type("metrics_snapshot")) in {2, 3}


async def test_an_end_read_from_the_store_before_it_was_handed_over_is_the_end(tmp_path: Path) -> None:
    """A watcher of the orchestrator finds it in the log while a snapshot of the second before still lies there."""
    async with opened(tmp_path) as stage:
        run = await stage.start()
        async with stage.watch_agent() as early:
            await early.until("task_queued", 2)
            stage.streams.take_snapshots()
            await early.until("metrics_snapshot")
            position, commit = await run.step(CancelRequested(), publish=False)
            async with stage.watch_agent() as late:
                await late.until("swarm_completed")
                run.publish(position, commit)
                stage.streams.detach(run.state)
                await early.until("swarm_completed")
                for watching in (early, late):
                    assert watching.frames[-1]["type"] == "swarm_completed"
                assert len(late.of_type("metrics_snapshot")) == 1


async def test_thousands_of_runs_pass_and_nothing_of_them_is_kept(tmp_path: Path) -> None:
    """Each spawn is a run of its own: a monitor that watches its orchestrator for days sees a million of them."""
    async with opened(tmp_path) as stage:
        streams = stage.streams
        async with stage.watch_agent("latest") as watching:
            await asyncio.sleep(0.05)

            async def pass_by(first: int, last: int) -> None:
                for number in range(first, last):
                    swarm = new_swarm({"t": []}, number=number)
                    state = swarm.state
                    streams.publish(AGENT, state.swarm_id, 4 * number + 1, swarm.events)
                    streams.attach(state)
                    streams.take_snapshots()
                    for place in (2, 3):
                        commit = turn(state, grant(1) if place == 2 else completed(state, 0))
                        streams.publish(AGENT, state.swarm_id, 4 * number + place, commit.events)
                    streams.publish(AGENT, "swm_other", 4 * number + 4, swarm.events[:1])
                    streams.detach(state)
                    if number % 100 == 99:
                        await watching.until("swarm_completed", 100)
                        watching.frames.clear()

            await pass_by(0, 3000)
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                await pass_by(3000, 5000)
                grown = tracemalloc.get_traced_memory()[0] - before
            finally:
                tracemalloc.stop()
        assert len(streams._finals) <= 256
        assert streams._live == {}
        # What is kept is the newest frames of the channel (all of them new since), and 256 final snapshots.
        assert grown < 12_000_000
        assert streams._of_agent == {}


async def test_wrong_places_are_refused_before_the_stream_begins(tmp_path: Path) -> None:
    async with opened(tmp_path) as stage:
        run = await stage.start()
        for after in ("x", "-1", "1-1", "", "9" * 16):
            with pytest.raises(InvalidRequest):
                await stage.streams.of_swarm("default", run.state.swarm_id, after)
        for after in ("x", "1", "1-", "-", f"1-{'9' * 17}"):
            with pytest.raises(InvalidRequest):
                await stage.streams.of_agent("default", AGENT, after)
        for tenant, swarm_id in (("default", "swm_nothing"), ("other", run.state.swarm_id)):
            with pytest.raises(NotFound):
                await stage.streams.of_swarm(tenant, swarm_id, None)
