"""The writer: whole units or none, one transaction for all that waits, and life after errors."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import column, insert, table, update

from app.domain.errors import StoreUnavailable
from app.storage.dialect import Op, UnexpectedRowCount, compile_statement
from app.storage.engine import open_database
from app.storage.parameters import param
from app.storage.sqlite_writer import SqliteWriter
from tests.support.databases import place_database
from tests.support.runs import completed, grant, new_swarm, turn

pytestmark = pytest.mark.anyio

_NOTES = table("notes", column("id"), column("text"))
INSERT = compile_statement(insert(_NOTES))
RENAME = compile_statement(update(_NOTES).where(_NOTES.c.id == param("id")).values(text=param("text")))


def add(number: int, text: str = "x") -> Op:
    return Op(INSERT, [(number, text)])


def rename(number: int, text: str) -> Op:
    return Op(RENAME, [RENAME.row({"id": number, "text": text})], expect=1)


class Hook:
    """Counts commits; ``before`` runs in the writer's thread before each."""

    def __init__(self) -> None:
        self.commits = 0
        self.before: Callable[[], None] | None = None

    def __call__(self) -> None:
        self.commits += 1
        if self.before is not None:
            self.before()


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
async def writer(tmp_path: Path, hook: Hook) -> AsyncIterator[SqliteWriter]:
    async with SqliteWriter(notes(tmp_path), before_commit=hook) as writer:
        yield writer


def notes(folder: Path) -> Path:
    connection = sqlite3.connect(folder / "x.db")
    connection.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    connection.close()
    return folder / "x.db"


def stored(folder: Path) -> list[tuple[int, str]]:
    connection = sqlite3.connect(folder / "x.db")
    rows = connection.execute("SELECT id, text FROM notes ORDER BY id").fetchall()
    connection.close()
    return rows


async def test_what_waits_shares_one_transaction(writer: SqliteWriter, hook: Hook, tmp_path: Path) -> None:
    await asyncio.gather(*(writer.write([add(number)]) for number in range(500)))

    assert len(stored(tmp_path)) == 500
    assert hook.commits < 50


async def test_a_unit_that_fails_undoes_itself_alone(writer: SqliteWriter, tmp_path: Path) -> None:
    results = await asyncio.gather(
        writer.write([add(1), add(2)]),
        writer.write([add(3), add(1)]),
        writer.write([add(4), rename(99, "nobody")]),
        writer.write([add(5), rename(1, "later units see earlier ones")]),
        writer.write([add(6, "\ud800")]),
        writer.write([add(2**80)]),
        writer.write([add(7)]),
        return_exceptions=True,
    )

    assert [type(result).__name__ for result in results] == [
        "list",
        "ConstraintViolated",
        "UnexpectedRowCount",
        "list",
        "UnicodeEncodeError",
        "OverflowError",
        "list",
    ]
    assert stored(tmp_path) == [(1, "later units see earlier ones"), (2, "x"), (5, "x"), (7, "x")]


async def test_results_are_rows_affected_or_rows_asked_for(writer: SqliteWriter) -> None:
    returning = compile_statement(insert(_NOTES).returning(_NOTES.c.id, _NOTES.c.text))

    assert await writer.write([add(1), Op(INSERT, [(2, "b"), (3, "c")])]) == [1, 2]
    assert await writer.write([Op(returning, [(4, "d")], fetch=True), rename(4, "e")]) == [[(4, "d")], 1]
    with pytest.raises(UnexpectedRowCount):
        await writer.write([rename(9, "nobody")])


@pytest.mark.parametrize(
    "rows",
    [
        [(number, "alike") for number in range(100)],
        [(7, f"text {number:02}") for number in range(97)],
        [(7, None)] * 50,
        [(number, None if number % 3 else "x") for number in range(25)],
    ],
    ids=["the second value is the same", "the first one is", "both are", "none is"],
)
async def test_many_rows_are_stored_as_they_are_whatever_they_have_in_common(
    writer: SqliteWriter, tmp_path: Path, rows: list[tuple[int, str | None]]
) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE pairs (a INTEGER, b TEXT)")
        statement = compile_statement(insert(table("pairs", column("a"), column("b"))))

        assert await writer.write([Op(statement, rows)]) == [len(rows)]
        assert connection.execute("SELECT a, b FROM pairs ORDER BY a, b").fetchall() == rows


async def test_a_commit_that_fails_is_everybodys_and_the_writer_lives_on(
    writer: SqliteWriter, hook: Hook, tmp_path: Path
) -> None:
    def fail() -> None:
        raise OSError("no")

    hook.before = fail
    results = await asyncio.gather(*(writer.write([add(number)]) for number in range(5)), return_exceptions=True)
    hook.before = None
    await writer.write([add(99)])

    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert stored(tmp_path) == [(99, "x")]


async def test_a_caller_that_is_cancelled_takes_nobody_with_it(writer: SqliteWriter, tmp_path: Path) -> None:
    writes = [asyncio.ensure_future(writer.write([add(number)])) for number in range(3)]
    await asyncio.sleep(0)
    writes[1].cancel()

    results = await asyncio.gather(*writes, return_exceptions=True)

    assert [isinstance(result, asyncio.CancelledError) for result in results] == [False, True, False]
    assert {0, 2} <= {number for number, _ in stored(tmp_path)}


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    async with SqliteWriter(notes(tmp_path)) as writer:
        writes = [asyncio.ensure_future(writer.write([add(number)])) for number in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*writes)

    assert len(stored(tmp_path)) == 50


async def test_a_closed_writer_says_so_and_never_hangs(tmp_path: Path) -> None:
    async with SqliteWriter(notes(tmp_path)) as writer:
        pass

    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(writer.write([add(1)]), 5)


async def test_a_write_behind_the_close_is_refused_and_never_hangs(tmp_path: Path, hook: Hook) -> None:
    committing, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        committing.set()
        go_on.wait(10)

    hook.before = hold
    writer = SqliteWriter(notes(tmp_path), before_commit=hook)
    await writer.__aenter__()
    first = asyncio.ensure_future(writer.write([add(1)]))
    await asyncio.to_thread(committing.wait, 10)
    closing = asyncio.ensure_future(writer.__aexit__(None, None, None))
    await asyncio.sleep(0)
    late = asyncio.ensure_future(writer.write([add(2)]))
    await asyncio.sleep(0)
    go_on.set()

    async with asyncio.timeout(30):
        await closing
        with pytest.raises(StoreUnavailable):
            await late
        assert await first == [1]
    assert stored(tmp_path) == [(1, "x")]


async def test_a_full_disk_refuses_writes_loses_nothing_and_ends(tmp_path: Path) -> None:
    """SQLite's page limit stands in for the disk's end: the same error, at the same place."""
    async with open_database(place_database(tmp_path / "x.db")) as database:
        await database.swarms.create(new_swarm({"a": [], "b": []}))
        [lease] = await database.runs.claim("me", limit=1)
        state = await database.runs.load(lease)
        await database.runs.commit(lease, turn(state, grant(2)))
        writer = database.runs._writer
        assert isinstance(writer, SqliteWriter)
        connection = writer._connection
        assert connection is not None
        [[pages]] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
        commit = turn(state, completed(state, 0, '"' + "x" * 100_000 + '"'))

        with pytest.raises(StoreUnavailable):
            await database.runs.commit(lease, commit)
        with pytest.raises(StoreUnavailable):
            await database.swarms.create(new_swarm({"a": []}, number=2, system_prompt="x" * 100_000))
        found = await database.swarms.snapshot("default", state.swarm_id)
        assert found is not None
        assert [task.status for task in found[1]] == ["running", "running"]

        connection.execute("PRAGMA max_page_count=1000000").fetchall()
        await database.runs.commit(lease, commit)
        after = await database.swarms.snapshot("default", state.swarm_id)
        assert after is not None
        assert [task.status for task in after[1]] == ["completed", "running"]
        assert await database.swarms.get("default", new_swarm({"a": []}, number=2).state.swarm_id) is None
