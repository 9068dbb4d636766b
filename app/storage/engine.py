"""Opens the database: a SQLite file, with lock, checks and seal, or a PostgreSQL database by its URL.

In either case it is migrated first; then come readers and writer, and they are closed in reverse order.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.domain.errors import StoreInUse, StoreUnavailable
from app.storage.damage import check_content, check_kind
from app.storage.database import Accounts, Database
from app.storage.dialect.sqlite import reading_engine
from app.storage.migrating import upgrade
from app.storage.reader import Reader
from app.storage.seal import break_seal, check_seal, seal
from app.storage.sqlite_writer import SqliteWriter

_LIFE = 0.75
"""Of the time within which a node's runs are to go on elsewhere; the rest is for noticing."""


@asynccontextmanager
async def open_database(
    where: Path | str, *, lease_s: float = 10.0, before_commit: Callable[[], None] | None = None
) -> AsyncIterator[Database]:
    """Open (and make or migrate) a database: the SQLite file at a path for this process alone, or the PostgreSQL
    database of a URL beside whoever else has it open.

    Args:
        lease_s: within so long the runs of a process that is gone are claimed by others that share the database.
        before_commit: called before each commit, in the writer's thread if it has one; fault tests end the process
            there.

    Raises:
        StoreUnavailable: another process holds the file, its directory cannot be written, or it is damaged or none of
            ours, and left as it was; the server cannot be reached or refuses.
    """
    opened = (
        _open_file(where, before_commit) if isinstance(where, Path) else _open_server(where, lease_s, before_commit)
    )
    async with opened as database:
        yield database


@asynccontextmanager
async def open_accounts(where: Path | str) -> AsyncIterator[Accounts]:
    """Open the accounts alone, beside a running service: the database orders the writes of several processes."""
    async with _beside_file(where) if isinstance(where, Path) else _beside_server(where) as accounts:
        yield accounts


@asynccontextmanager
async def _open_server(url: str, lease_s: float, before_commit: Callable[[], None] | None) -> AsyncIterator[Database]:
    from app.storage.server import open_server

    async with open_server(url, before_commit=before_commit) as (writer, reader):
        yield Database.of(writer, reader, lease_s=lease_s * _LIFE)


@asynccontextmanager
async def _beside_server(url: str) -> AsyncIterator[Accounts]:
    from app.storage.server import open_server

    async with open_server(url) as (writer, reader):
        yield Accounts.of(writer, reader)


@asynccontextmanager
async def _open_file(path: Path, before_commit: Callable[[], None] | None) -> AsyncIterator[Database]:
    lock = _lock(path)
    try:
        await asyncio.to_thread(migrate, path)
        opened = await asyncio.to_thread(path.stat)
        reader = Reader(reading_engine(path))
        try:
            async with SqliteWriter(path, before_commit=before_commit) as writer:
                database = Database.of(writer, reader)
                await database.runs.release_all()
                yield database
        finally:
            await reader.dispose()
            await asyncio.to_thread(_seal_if_same, path, opened)
    finally:
        os.close(lock)


def _seal_if_same(path: Path, opened: os.stat_result) -> None:
    """Seal the database unless it was deleted or replaced meanwhile."""
    if path.exists() and os.path.samestat(path.stat(), opened):
        seal(path)


@asynccontextmanager
async def _beside_file(path: Path) -> AsyncIterator[Accounts]:
    try:
        lock = _lock(path)
    except StoreInUse:
        pass  # the service that runs has migrated the file
    else:
        try:
            await asyncio.to_thread(migrate, path)
        finally:
            os.close(lock)
    reader = Reader(reading_engine(path))
    try:
        async with SqliteWriter(path) as writer:
            yield Accounts.of(writer, reader)
    finally:
        await reader.dispose()


def _lock(path: Path) -> int:
    """Return a descriptor that holds the lock of the database until it is closed, by a crash at the latest."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise StoreUnavailable(f"the data directory {path.parent} cannot be used: {exc.strerror}") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(lock)
        raise StoreInUse(f"the data directory {path.parent} is in use by another swarmd process") from exc
    return lock


def migrate(path: Path) -> None:
    """Bring the schema to the newest version, or make a new database; refuses what is damaged or not ours loudly."""
    try:
        check_kind(path)
        if path.exists():
            if not check_seal(path):
                check_content(path)
            break_seal(path)
            _upgrade(path)
        else:
            _make(path)
    except CommandError as exc:
        raise StoreUnavailable(f"the database {path} was made by another version of swarmd: {exc}") from exc
    except (SQLAlchemyError, sqlite3.DatabaseError, OSError) as exc:
        reason = exc.orig if isinstance(exc, DBAPIError) else exc
        raise StoreUnavailable(f"the database {path} cannot be opened: {reason}") from exc


def _make(path: Path) -> None:
    """Make the database under another name: after a crash there is a whole one or none."""
    new = path.with_name(path.name + ".new")
    for leftover in (new, new.with_name(new.name + "-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))  # it will hold secrets
    _upgrade(new)
    break_seal(path)  # of a file that is gone
    new.rename(path)


def _upgrade(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    # All of it is one transaction: left to itself the driver commits each change of the schema on its own, and a crash
    # half way would leave a database of no version at all.
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            upgrade(connection)
            connection.commit()
    finally:
        engine.dispose()
