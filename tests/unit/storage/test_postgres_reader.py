"""PostgreSQL's readers: what a read waits for, and what is said of a database that does not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import uvloop
from sqlalchemy import text

from app.domain.errors import StoreUnavailable
from app.storage.dialect import postgres
from app.storage.engine import open_database
from app.storage.reach import Reach
from app.storage.reader import Network, Reader
from tests.support.postgres import PostgresServer, server
from tests.support.runs import new_swarm

_CONNECTIONS = 8


@pytest.fixture
def url() -> Iterator[str]:
    with server().database() as made:
        yield made


@asynccontextmanager
async def reading(url: str, reach: Reach) -> AsyncIterator[Reader]:
    network = Network(reach, postgres.ReadingConnection, postgres.FAILURES, postgres.is_gone, postgres.JOINING)
    reader = Reader(postgres.reading_engine(url), network)
    try:
        yield reader
    finally:
        await reader.dispose()


async def read(reader: Reader, sql: str = "SELECT 1") -> object:
    async with reader.connect() as connection:
        return (await connection.execute(text(sql))).scalar_one()


def on_uvloop(go: Callable[[], Awaitable[None]]) -> None:
    """As the service runs: this loop looks at its timers before its sockets, the other one behind them."""

    async def run() -> None:
        await go()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


@pytest.mark.parametrize("again", [True, False], ids=["a connection that is there", "a new connection"])
def test_a_held_up_process_does_not_take_the_database_for_gone(
    url: str, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """The answer comes in time and lies there unread, since the loop has other things to do until the limit is over."""

    async def go() -> None:
        reach = Reach()
        async with reading(url, reach) as reader:
            if again:
                await read(reader)
            monkeypatch.setattr(postgres, "COMMAND_S", 2.0)
            waiting = asyncio.create_task(read(reader, "SELECT 7 FROM pg_sleep(0.2)"))
            await asyncio.sleep(0.1 if again else 0)
            await asyncio.sleep(0)
            time.sleep(3.5)
            assert await waiting == 7
            reach.check()

    on_uvloop(go)


def test_a_frozen_server_is_told_of_in_time_and_then_at_once() -> None:
    async def go() -> None:
        async with reading(own.create_database(), Reach()) as reader:
            await read(reader)
            own.freeze()
            try:
                began = time.monotonic()
                with pytest.raises(StoreUnavailable, match="no answer") as refused:
                    await read(reader)
                first_s = time.monotonic() - began
                with pytest.raises(StoreUnavailable):
                    await read(reader)
                second_s = time.monotonic() - began - first_s
                await asyncio.sleep(0.6)
                with pytest.raises(StoreUnavailable, match="takes no connection within 2 s"):
                    await read(reader)
            finally:
                own.thaw()
            while True:
                try:
                    assert await read(reader) == 1
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.1)
        assert 3.9 < first_s < 5
        assert second_s < 0.2
        assert "s3cret" not in refused.value.detail

    with PostgresServer() as own:
        on_uvloop(go)


def test_who_finds_no_free_connection_says_so_and_does_not_take_the_database_for_gone(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        reach, enough = Reach(), asyncio.Event()

        async def hold(reader: Reader, held: asyncio.Semaphore) -> None:
            async with reader.connect() as connection:
                await connection.execute(text("SELECT 1"))
                held.release()
                await enough.wait()

        async with reading(url, reach) as reader, asyncio.TaskGroup() as group:
            held = asyncio.Semaphore(0)
            for _ in range(_CONNECTIONS):
                group.create_task(hold(reader, held))
            for _ in range(_CONNECTIONS):
                await held.acquire()
            with monkeypatch.context() as shorter:
                shorter.setattr(postgres, "COMMAND_S", 0.3)
                with pytest.raises(StoreUnavailable, match="no connection was free"):
                    await read(reader)
            reach.check()
            enough.set()
            assert await read(reader) == 1

    on_uvloop(go)


def test_reads_that_are_given_up_leave_their_connections_to_others(url: str) -> None:
    async def go() -> None:
        async with reading(url, Reach()) as reader:
            for _ in range(2):
                given_up = [asyncio.create_task(read(reader, "SELECT pg_sleep(60)")) for _ in range(_CONNECTIONS)]
                await asyncio.sleep(0.3)
                for one in given_up:
                    one.cancel()
                await asyncio.gather(*given_up, return_exceptions=True)
            found = await asyncio.gather(*(read(reader) for _ in range(3 * _CONNECTIONS)))
            assert found == [1] * 3 * _CONNECTIONS

    on_uvloop(go)


@pytest.mark.anyio
async def test_a_run_that_came_after_the_statistics_is_read_and_taken_up_in_time(url: str) -> None:
    """Statistics of a table that was just emptied let the server expect one row where there are thousands."""
    tasks: dict[str, list[str]] = {f"t{number}": [] for number in range(10_000)}
    async with open_database(url) as store:
        await store.swarms.create(new_swarm(tasks, number=1))
    administrator = await postgres.connect(url, command_timeout_s=60)
    for sql in ("DELETE FROM tasks", "DELETE FROM task_inputs", "DELETE FROM swarms", "ANALYZE"):
        await administrator.execute(sql)
    await administrator.close(timeout=10)
    new = new_swarm(tasks, number=2)
    async with open_database(url) as store:
        await store.swarms.create(new)
        timings = await store.tasks.timings(new.state.swarm_id)
    async with open_database(url) as store:  # another one, which does not have it in memory
        [lease] = await store.runs.claim("me", limit=1)
        state = await store.runs.load(lease)

    assert (len(timings), len(state.tasks)) == (10_000, 10_000)
    assert all(task.payload for task in state.tasks)
