"""PostgreSQL's writer: what one unit causes others do not feel, and what is said of a commit is what became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import column, insert, table, update

from app.domain.errors import InvalidRequest, StoreUnavailable
from app.storage.dialect import ConstraintViolated, Op, UnexpectedRowCount, compile_statement
from app.storage.parameters import param
from app.storage.postgres_writer import PostgresWriter
from app.storage.reach import Reach
from tests.support.postgres import PostgresServer, server

pytestmark = pytest.mark.anyio

_NOTES = table("notes", column("id"), column("body"))
INSERT = compile_statement(insert(_NOTES).values(id=param("position"), body=param("body")))
CHANGE = compile_statement(update(_NOTES).where(_NOTES.c.id == param("position")).values(body=param("body")))


@pytest.fixture
def url() -> Iterator[str]:
    with server().database() as made:
        asyncio.run(run(made, "CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT)"))
        yield made
        asyncio.run(run(made, "DROP TABLE notes"))


@pytest.fixture
async def writer(url: str) -> AsyncIterator[PostgresWriter]:
    async with PostgresWriter(url, Reach()) as opened:
        yield opened


async def run(url: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def stored(url: str) -> list[Any]:
    return await run(url, "SELECT id, body FROM notes ORDER BY id")


def put(*rows: tuple[int, str]) -> Op:
    return Op(INSERT, [INSERT.row({"position": position, "body": body}) for position, body in rows])


def change(position: int, body: str, expect: int | None = None) -> Op:
    return Op(CHANGE, [CHANGE.row({"position": position, "body": body})], expect=expect)


async def test_a_unit_that_fails_undoes_itself_alone(url: str) -> None:
    async with PostgresWriter(url, Reach(), connections=1) as writer:
        found = await asyncio.gather(
            writer.write([put((1, "a"))]),
            writer.write([put((2, "b")), change(99, "x", expect=1)]),
            writer.write([put((3, "c"), (1, "again"))]),
            writer.write([put((4, "nul \0"))]),
            writer.write([put((2**70, "large"))]),
            writer.write([put((5, "half \ud800"))]),
            writer.write([put((6, "f")), change(6, "g", expect=1)]),
            return_exceptions=True,
        )

    assert [type(one) for one in found] == [
        *(list, UnexpectedRowCount, ConstraintViolated, InvalidRequest, OverflowError, UnicodeEncodeError, list)
    ]
    assert await stored(url) == [(1, "a"), (6, "g")]


async def test_the_loser_of_a_race_for_a_key_hears_that_it_is_there(url: str, writer: PostgresWriter) -> None:
    found = await asyncio.gather(*(writer.write([put((1, str(n)))]) for n in range(20)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in found) == ["ConstraintViolated"] * 19 + ["list"]
    assert len(await stored(url)) == 1


async def test_units_that_meet_in_the_wrong_order_are_all_written(url: str, writer: PostgresWriter) -> None:
    """Each of two connections holds what the other waits for; the database ends one, and it is tried again."""
    await writer.write([put((1, ""), (2, ""))])

    await asyncio.gather(
        *(
            writer.write([change(first, f"{first} {n}", expect=1), change(3 - first, f"{first} {n}", expect=1)])
            for n in range(6)
            for first in (1, 2)
        )
    )

    assert all(body for _, body in await stored(url))


async def test_closing_writes_what_is_queued_and_refuses_what_comes_later(url: str) -> None:
    async with PostgresWriter(url, Reach()) as writer:
        queued = [asyncio.ensure_future(writer.write([put((n, ""))])) for n in range(50)]
        await asyncio.sleep(0)

    assert len(await asyncio.gather(*queued)) == 50
    with pytest.raises(StoreUnavailable, match="closed"):
        await writer.write([put((99, ""))])


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "undone"])
async def test_what_a_broken_commit_is_said_to_be_is_what_it_is(url: str, committed: bool) -> None:
    """The connection is cut in the COMMIT, behind it or before it; the server is asked and says which."""
    async with PostgresWriter(url, Reach(), connections=1) as writer:
        [lane] = writer._lanes
        real = lane._run

        async def cut(sql: str) -> None:
            if sql == "COMMIT":
                if committed:
                    await real(sql)
                assert lane._connection is not None
                lane._connection.terminate()
                raise ConnectionResetError("cut off")
            await real(sql)

        lane._run = cut  # type: ignore[method-assign]
        said: list[Any] = await asyncio.gather(writer.write([put((1, "a"))]), return_exceptions=True)

    assert isinstance(said[0], list if committed else StoreUnavailable), said
    assert await stored(url) == ([(1, "a")] if committed else [])


async def test_what_a_held_up_process_loses_of_a_transaction_it_writes_again(url: str) -> None:
    """The server ends a transaction in which nothing is said for three seconds."""
    held_up: list[float] = []

    def hold_up() -> None:
        if not held_up:
            held_up.append(3.6)
            time.sleep(held_up[0])

    reach = Reach()
    async with PostgresWriter(url, reach, connections=1, before_commit=hold_up) as writer:
        await writer.write([put((1, "a"))])
        reach.check()

    assert held_up
    assert await stored(url) == [(1, "a")]


async def test_a_frozen_server_is_told_of_in_time_and_then_at_once() -> None:
    with PostgresServer() as own:
        url = own.create_database(empty=True)
        await run(url, "CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT)")
        reach = Reach()
        async with PostgresWriter(url, reach, connections=1) as writer:
            await writer.write([put((1, "a"))])
            own.freeze()
            try:
                began = time.monotonic()
                with pytest.raises(StoreUnavailable) as refused:
                    await writer.write([put((2, "b"))])
                first_s = time.monotonic() - began
                with pytest.raises(StoreUnavailable):
                    await writer.write([put((3, "c"))])
                second_s = time.monotonic() - began - first_s
            finally:
                own.thaw()
            while True:
                try:
                    await writer.write([put((4, "d"))])
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.1)

        assert first_s < 20
        assert second_s < 2
        assert "s3cret" not in refused.value.detail
        assert await stored(url) == [(1, "a"), (4, "d")]
