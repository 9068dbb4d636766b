"""Opens the database: lock, migrations, writer, readers; closes them in reverse order."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.domain.errors import StoreInUse, StoreUnavailable
from app.storage.agents import Agents
from app.storage.barriers import Barriers
from app.storage.dialect import reading_engine
from app.storage.events import Events
from app.storage.fresh import FreshRuns
from app.storage.keys import Keys
from app.storage.reader import Reader
from app.storage.runs import Runs
from app.storage.swarms import Swarms
from app.storage.tasks import Tasks
from app.storage.writer import Writer

_MIGRATIONS = Path(__file__).with_name("migrations")


@dataclass(frozen=True, slots=True)
class Database:
    """The store, one attribute a noun."""

    runs: Runs
    swarms: Swarms
    tasks: Tasks
    events: Events
    keys: Keys
    agents: Agents
    barriers: Barriers


@asynccontextmanager
async def open_database(path: Path, *, before_commit: Callable[[], None] | None = None) -> AsyncIterator[Database]:
    """Open (and make or migrate) the SQLite database at ``path`` for this process alone.

    Args:
        before_commit: see ``Writer``.

    Raises:
        StoreUnavailable: another process holds it, its directory cannot be written, or the file is damaged.
    """
    lock = _lock(path)
    try:
        await asyncio.to_thread(migrate, path)
        reader = Reader(reading_engine(path))
        try:
            async with Writer(path, before_commit=before_commit) as writer:
                fresh = FreshRuns()
                runs = Runs(writer, reader, fresh)
                await runs.release_all()
                yield Database(
                    runs=runs,
                    swarms=Swarms(writer, reader, fresh),
                    tasks=Tasks(reader),
                    events=Events(reader),
                    keys=Keys(writer, reader),
                    agents=Agents(writer, reader),
                    barriers=Barriers(writer, reader),
                )
        finally:
            await reader.dispose()
    finally:
        os.close(lock)


@asynccontextmanager
async def open_keys(path: Path) -> AsyncIterator[Keys]:
    """Open the keys alone, beside a running service: SQLite itself orders the writes of several processes."""
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
        async with Writer(path) as writer:
            yield Keys(writer, reader)
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
    """Bring the schema to the newest version; refuses a damaged file loudly."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            [[verdict]] = connection.exec_driver_sql("PRAGMA quick_check(1)")
            if verdict != "ok":
                raise StoreUnavailable(f"the database {path} is damaged: {verdict}")
            connection.rollback()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except CommandError as exc:
        raise StoreUnavailable(f"the database {path} was made by another version of swarmd: {exc}") from exc
    except (SQLAlchemyError, sqlite3.DatabaseError, OSError) as exc:
        reason = exc.orig if isinstance(exc, DBAPIError) else exc
        raise StoreUnavailable(f"the database {path} cannot be opened: {reason}") from exc
    finally:
        engine.dispose()
