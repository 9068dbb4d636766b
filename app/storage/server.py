"""Opens a PostgreSQL database: migrates it, then writer and readers. Loaded only where it is used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def open_server(
    url: str, *, before_commit: Callable[[], None] | None = None
) -> AsyncIterator[tuple[Writer, Reader]]:
    """Raises StoreUnavailable where the server cannot be reached or refuses, or the schema is not ours."""
    await _migrate(url)
    reach = Reach()
    reader = Reader(
        postgres.reading_engine(url),
        Network(reach, postgres.ReadingConnection, postgres.FAILURES, postgres.is_gone),
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
        raise StoreUnavailable(f"the database was made by another version of swarmd: {exc}") from exc
    except (SQLAlchemyError, *postgres.FAILURES) as exc:
        reason = exc.orig if isinstance(exc, DBAPIError) else exc
        raise StoreUnavailable(f"the database cannot be opened: {str(reason) or type(reason).__name__}") from exc
