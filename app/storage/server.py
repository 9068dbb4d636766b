"""Opens a PostgreSQL database: migrates it, then writer and readers. Loaded only where it is used."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.domain.errors import StoreUnavailable
from app.storage.migrating import upgrade_server
from app.storage.reach import Reach
from app.storage.reader import Network, Reader
from app.storage.writer import Writer

try:
    from app.storage.dialect import postgres
    from app.storage.postgres_writer import PostgresWriter
except ModuleNotFoundError as exc:
    raise StoreUnavailable("PostgreSQL needs a driver; install it with: pip install 'swarmd[postgres]'") from exc

_MIGRATION_S = 600.0


def _place(url: str) -> str:
    """Return where the database is, without what proves who asks."""
    parts = urlsplit(url)
    return f"{parts.path.strip('/') or 'of the user'} at {parts.netloc.rpartition('@')[2] or 'the usual place'}"


def _reason(exc: Exception) -> str:
    reason = (exc.orig or exc) if isinstance(exc, DBAPIError) else exc
    if isinstance(reason, FileNotFoundError | PermissionError):
        return f"the socket, certificate or key that its URL names cannot be had: {reason.strerror}"
    if isinstance(reason, ssl.SSLError):
        return f"TLS: {reason}"
    if isinstance(reason, postgres.FAILURES):
        return " ".join(str(reason).split()) or type(reason).__name__
    if isinstance(reason, ValueError):  # it may quote the URL
        return "its URL is none that PostgreSQL understands"
    return str(reason) or type(reason).__name__


@asynccontextmanager
async def open_server(
    url: str, *, before_commit: Callable[[], None] | None = None
) -> AsyncIterator[tuple[Writer, Reader]]:
    """Raises StoreUnavailable where the server cannot be reached or refuses, or the schema is not ours."""
    await _migrate(url)
    reach = Reach()
    reader = Reader(
        postgres.reading_engine(url),
        Network(reach, postgres.ReadingConnection, postgres.FAILURES, postgres.is_gone, postgres.JOINING),
    )
    try:
        async with PostgresWriter(url, reach, before_commit=before_commit) as writer:
            yield writer, reader
    finally:
        await reader.dispose()


async def _migrate(url: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda **_: postgres.connect(url, command_timeout_s=_MIGRATION_S),
        poolclass=NullPool,
    )
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade_server, postgres.MIGRATION_LOCK)
    except CommandError as exc:
        raise StoreUnavailable(f"the database {_place(url)} was made by another version of swarmd: {exc}") from exc
    except (SQLAlchemyError, ValueError, *postgres.FAILURES) as exc:
        raise StoreUnavailable(f"the database {_place(url)} cannot be opened: {_reason(exc)}") from exc
