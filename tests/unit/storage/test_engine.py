"""Opening the database: the schema, the lock, damage that is refused, and what a restart finds."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from app.domain.errors import StoreUnavailable
from app.storage import tables
from app.storage.engine import migrate, open_database
from app.storage.sqlite_writer import SqliteWriter
from tests.support.databases import place_database
from tests.support.runs import completed, grant, new_swarm, turn

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "x.db"


def made(path: Path) -> Path:
    return place_database(path)


def test_a_new_database_is_its_owners_alone(path: Path) -> None:
    path.parent.mkdir()
    migrate(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "it holds secrets that sign webhooks"


# --- the schema ------------------------------------------------------------------------------------------------------


def test_the_migrations_build_the_schema_of_the_tables(path: Path) -> None:
    assert tables.SWARMS is not None
    engine = create_engine(f"sqlite:///{made(path)}")
    with engine.connect() as connection:
        options = {"compare_type": False, "compare_server_default": True}  # types: the next test
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, SQLModel.metadata)
    engine.dispose()

    assert differences == []


def test_the_migrated_tables_are_those_that_create_all_makes(path: Path, tmp_path: Path) -> None:
    """Also what Alembic does not compare: primary keys, WITHOUT ROWID, the order of columns."""
    engine = create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    SQLModel.metadata.create_all(engine)
    engine.dispose()

    def columns(file: Path) -> dict[str, list[tuple[object, ...]]]:
        connection = sqlite3.connect(file)
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        # Text and VARCHAR are one type to SQLite; a boolean's CHECK is not made either way.
        found = {
            name: sorted(
                (column, kind.replace("VARCHAR", "TEXT"), not_null, default, key)
                for _, column, kind, not_null, default, key in connection.execute(f"PRAGMA table_info({name})")
            )
            for name in names
            if name != "alembic_version"
        }
        without_rowid = {
            name
            for (name, sql) in connection.execute("SELECT name, sql FROM sqlite_master")
            if "WITHOUT ROWID" in str(sql)
        }
        connection.close()
        return found | {"without rowid": [tuple(sorted(without_rowid))]}

    assert columns(made(path)) == columns(tmp_path / "fresh.db")


def test_migrating_twice_changes_nothing(path: Path) -> None:
    made(path)
    before = path.read_bytes()

    migrate(path)

    assert path.read_bytes() == before


# --- one process at a time -------------------------------------------------------------------------------------------


async def test_a_database_in_use_is_refused(path: Path) -> None:
    async with open_database(path):
        with pytest.raises(StoreUnavailable, match="in use"):
            async with open_database(path):
                raise AssertionError("opened twice")

    async with open_database(path) as database:
        await database.swarms.probe(1)


async def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailable, match="cannot be used"):
        async with open_database(tmp_path / "file" / "x.db"):
            raise AssertionError("opened")


# --- damage ----------------------------------------------------------------------------------------------------------


async def refused(path: Path) -> None:
    """The file is refused with an error of ours that names it, and is left as it was."""
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match=path.name):
        async with open_database(path):
            raise AssertionError("opened")
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This is not a database." * 1000)

    await refused(path)


async def test_a_truncated_file_is_refused(path: Path) -> None:
    size = made(path).stat().st_size
    with path.open("r+b") as file:
        file.truncate(size // 2)

    await refused(path)


@pytest.mark.parametrize("offset", [0, 20, 100, 107])
async def test_a_damaged_header_is_refused(path: Path, offset: int) -> None:
    content = bytearray(made(path).read_bytes())
    content[offset : offset + 8] = bytes(255 - byte for byte in content[offset : offset + 8])
    path.write_bytes(content)

    await refused(path)


async def test_a_damaged_page_is_refused(path: Path) -> None:
    async with open_database(path) as database:
        for number in range(1, 40):
            await database.swarms.create(new_swarm({"a": []}, number=number, system_prompt="x" * 3000))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)

    await refused(path)


async def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    connection = sqlite3.connect(made(path))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()

    await refused(path)


# --- a restart -------------------------------------------------------------------------------------------------------


async def test_what_was_committed_is_there_after_a_restart(path: Path) -> None:
    async with open_database(path) as database:
        await database.swarms.create(new_swarm({"a": [], "b": ["a"]}))
        [lease] = await database.runs.claim("first", limit=5)
        state = await database.runs.load(lease)
        await database.runs.commit(lease, turn(state, grant(1)))
        await database.runs.commit(lease, turn(state, completed(state, 0, '"kept"')))

    async with open_database(path) as database:
        [again] = await database.runs.claim("second", limit=5)
        loaded = await database.runs.load(again)

        assert again.token > lease.token
        assert [task.status for task in loaded.tasks] == ["completed", "queued"]
        assert await database.runs.outputs(state.swarm_id, [0, 1]) == {0: '"kept"'}
        assert len(await database.events.list(state.swarm_id, after=0, limit=100)) == state.last_seq


async def test_commits_are_fsynced_into_a_write_ahead_log(path: Path) -> None:
    async with open_database(path) as database:
        writer = database.runs._writer
        assert isinstance(writer, SqliteWriter)
        connection = writer._connection
        assert connection is not None
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
