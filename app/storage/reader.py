"""The query side: connections whose failures are errors of ours."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.errors import StoreUnavailable
from app.storage.reach import Reach


@dataclass(frozen=True, slots=True)
class Network:
    """Attributes:
    connection: of the engine, with a limit on how long each of its steps may take.
    failures: what the driver raises by itself.
    is_gone: whether a failure means that the database is away.
    joining: a statement that readies a transaction for joins of all rows of a run.
    """

    reach: Reach
    connection: Callable[[AsyncEngine], AsyncConnection]
    failures: tuple[type[Exception], ...]
    is_gone: Callable[[BaseException], bool]
    joining: str


class Reader:
    """Args:
    engine: see ``dialect.sqlite.reading_engine``, ``dialect.postgres.reading_engine``.
    network: of a database that is not a file.
    """

    def __init__(self, engine: AsyncEngine, network: Network | None = None) -> None:
        self._engine = engine
        self._network = network
        of_driver: tuple[type[Exception], ...] = (sqlite3.Error,) if network is None else network.failures
        self._failures: tuple[type[Exception], ...] = (DBAPIError, PoolTimeout, *of_driver)

    @asynccontextmanager
    async def connect(self, *, joining: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction of its own: all its queries see one snapshot of the database.

        Args:
            joining: they join all rows of a run.

        Raises:
            StoreUnavailable: the database could not be read, or no connection was free in time.
        """
        make = AsyncConnection if self._network is None else self._network.connection
        if self._network is not None:
            self._network.reach.check()
        began = time.monotonic()
        try:
            async with make(self._engine) as connection:
                try:
                    if joining and self._network is not None:
                        await connection.execute(text(self._network.joining))
                    yield connection
                except asyncio.CancelledError as exc:
                    # The frames that it has left behind hold one another, and one of them the query's cursor. Until a
                    # collection SQLite would keep that open, its snapshot too, also once the connection is closed.
                    traceback.clear_frames(exc.__traceback__)
                    raise
                except self._failures:
                    if self._network is not None and not connection.closed and not connection.invalidated:
                        await connection.invalidate()
                    raise
        except self._failures as exc:
            reason = exc.orig if isinstance(exc, DBAPIError) else exc
            said = "no answer in time" if isinstance(reason, TimeoutError) else str(reason) or type(reason).__name__
            detail = f"the database could not be read: {said}"
            if self._network is not None and self._network.is_gone(exc):
                self._network.reach.failed(detail, began)
            raise StoreUnavailable(detail) from exc

    async def dispose(self) -> None:
        await self._engine.dispose()
