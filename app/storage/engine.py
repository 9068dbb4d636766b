"""Opens the database: lock, checks, migrations, writer, readers; closes them in reverse order and seals it."""

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
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.domain.errors import StoreInUse, StoreUnavailable
from app.storage.agents import Agents
from app.storage.artifacts import Artifacts
from app.storage.audit import Audit
from app.storage.barriers import Barriers
from app.storage.credits import Credits
from app.storage.damage import check_content, check_kind
from app.storage.dialect import reading_engine
from app.storage.events import Events
from app.storage.files import Contents, Files
from app.storage.forks import Forks
from app.storage.fresh import FreshRuns
from app.storage.graphs import Graphs
from app.storage.idempotency import IdempotencyKeys
from app.storage.keys import Keys
from app.storage.memory import Memory
from app.storage.messages import Messages
from app.storage.prices import Prices
from app.storage.reader import Reader
from app.storage.roles import Roles
from app.storage.runs import Runs
from app.storage.seal import break_seal, check_seal, seal
from app.storage.swarms import Swarms
from app.storage.tasks import Tasks
from app.storage.usage import Usage
from app.storage.webhooks import Webhooks
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
    prices: Prices
    roles: Roles
    forks: Forks
    usage: Usage
    idempotency: IdempotencyKeys
    memory: Memory
    messages: Messages
    artifacts: Artifacts
    files: Files
    contents: Contents
    credits: Credits
    audit: Audit
    webhooks: Webhooks
    graphs: Graphs


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the command line may change beside a running service."""

    keys: Keys
    credits: Credits
    audit: Audit


@asynccontextmanager
async def open_database(path: Path, *, before_commit: Callable[[], None] | None = None) -> AsyncIterator[Database]:
    """Open (and make or migrate) the SQLite database at ``path`` for this process alone.

    Args:
        before_commit: see ``Writer``.

    Raises:
        StoreUnavailable: another process holds it, its directory cannot be written, or the file is damaged or none of
            ours; it is left as it was.
    """
    lock = _lock(path)
    try:
        await asyncio.to_thread(migrate, path)
        opened = await asyncio.to_thread(path.stat)
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
                    prices=Prices(writer, reader),
                    roles=Roles(writer, reader),
                    forks=Forks(reader),
                    usage=Usage(writer, reader),
                    idempotency=IdempotencyKeys(writer, reader),
                    memory=Memory(writer, reader),
                    messages=Messages(writer, reader),
                    artifacts=Artifacts(writer, reader),
                    files=Files(writer, reader),
                    contents=Contents(writer, reader),
                    credits=Credits(writer, reader),
                    audit=Audit(writer, reader),
                    webhooks=Webhooks(writer, reader),
                    graphs=Graphs(writer, reader),
                )
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
async def open_accounts(path: Path) -> AsyncIterator[Accounts]:
    """Open the accounts alone, beside a running service: SQLite itself orders the writes of several processes."""
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
            yield Accounts(Keys(writer, reader), Credits(writer, reader), Audit(writer, reader))
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
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    engine = create_engine(f"sqlite:///{path}")
    # All of it is one transaction: left to itself the driver commits each change of the schema on its own, and a crash
    # half way would leave a database of no version at all.
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()
