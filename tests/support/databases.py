"""Databases for tests: fresh ones, migrated once a test run, then copied, which is fifty times quicker; and old ones.

An old one is kept as a SQL dump for each release, ``tests/fixtures/databases/<revision>.sql``, of a service that was
killed in the middle of a run. ``python -m tests.support.databases SWARMD.DB`` prints the dump of one more.
"""

import asyncio
import functools
import os
import sqlite3
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

from app.storage.engine import migrate


def place_database(path: Path) -> Path:
    """Put an empty database of the newest version at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_template())
    return path


_databases: dict[Path, str] = {}


def database_of(data_dir: Path) -> dict[str, str]:
    """The settings of the database for a service in that directory, its own for the whole run.

    ``SWARMD_TEST_DATABASE=postgres`` runs all suites that go through here on PostgreSQL, and ``nodes`` with NATS and
    workers besides (``in_process_workers``); else it is SQLite's file.
    """
    if not on_server():
        return {}
    from tests.support.postgres import server

    if data_dir not in _databases:
        _databases[data_dir] = server().create_database()
    return {"database_url": _databases[data_dir]}


def on_server() -> bool:
    """Whether ``database_of`` gives services PostgreSQL's databases."""
    return os.environ.get("SWARMD_TEST_DATABASE") in {"postgres", "nodes"}


def database_env(data_dir: Path) -> dict[str, str]:
    """The same as variables."""
    return {f"SWARMD_{name.upper()}": value for name, value in database_of(data_dir).items()}


async def database_in(data_dir: Path) -> Path | str:
    """What ``open_accounts`` takes for that directory's database, which is made where there is none yet."""
    url = (await asyncio.to_thread(database_of, data_dir)).get("database_url")
    path = data_dir / "swarmd.db"
    if url is None and not path.exists():
        place_database(path)
    return url or path


async def kept_in(data_dir: Path) -> bytes:
    """All that the database of a service in that directory holds: its files, or the rows of all tables as text."""
    where = await database_in(data_dir)
    if isinstance(where, Path):
        return b"".join(file.read_bytes() for file in where.parent.glob(f"{where.name}*"))
    import asyncpg

    server = await asyncpg.connect(where)
    try:
        tables = await server.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await server.fetch(f'SELECT t::TEXT FROM "{name}" t') for (name,) in tables]
    finally:
        await server.close()
    return "\n".join(text for found in rows for (text,) in found).encode()


_HEAD_BYTES = 64 * 1024


def contents_in(data_dir: Path) -> list[bytes]:
    """The contents of artifacts and uploads of a service in that directory, of each the first bytes, sorted."""
    url = database_of(data_dir).get("database_url")
    if url is None:
        heads = []
        for path in (data_dir / "swarmd.blobs").rglob("*"):
            with suppress(IsADirectoryError, FileNotFoundError):  # the service may take one away meanwhile
                heads.append(path.read_bytes()[:_HEAD_BYTES])
        return sorted(heads)

    async def read() -> list[bytes]:
        import asyncpg

        server = await asyncpg.connect(url)
        try:
            found = await server.fetch("SELECT substr(octets, 1, $1) FROM content_parts WHERE part = 0", _HEAD_BYTES)
        finally:
            await server.close()
        return sorted(octets for (octets,) in found)

    with ThreadPoolExecutor(1) as beside_any_loop:
        return beside_any_loop.submit(asyncio.run, read()).result()


async def execute(data_dir: Path, sql: str) -> None:
    """Change the database of a service that does not run."""
    where = await database_in(data_dir)
    if isinstance(where, Path):
        with closing(sqlite3.connect(where)) as connection, connection:
            connection.execute(sql)
        where.with_name(f"{where.name}.seal").unlink(missing_ok=True)  # it was changed on purpose
        return
    import asyncpg

    server = await asyncpg.connect(where)
    await server.execute(sql)
    await server.close()


_DUMPS = Path(__file__).parents[1] / "fixtures" / "databases"


def place_old_database(path: Path, revision: str) -> Path:
    """Put the kept database of that version at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((_DUMPS / f"{revision}.sql").read_text(encoding="utf-8"))
    return path


def old_revisions() -> list[str]:
    return sorted(file.stem for file in _DUMPS.glob("*.sql"))


def dump_of(path: Path) -> str:
    """The database as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


@functools.cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        migrate(path)
        return path.read_bytes()


if __name__ == "__main__":
    sys.stdout.write(dump_of(Path(sys.argv[1])))
