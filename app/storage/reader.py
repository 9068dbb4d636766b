"""The query side: connections whose failures are errors of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.errors import StoreUnavailable


class Reader:
    """Args:
    engine: see ``dialect.reading_engine``.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction of its own: all its queries see one snapshot of the database.

        Raises:
            StoreUnavailable: the database could not be read, or no connection was free in time.
        """
        try:
            async with self._engine.connect() as connection:
                yield connection
        except (DBAPIError, PoolTimeout, sqlite3.Error) as exc:
            raise StoreUnavailable(f"the database could not be read: {exc}") from exc

    async def dispose(self) -> None:
        await self._engine.dispose()
