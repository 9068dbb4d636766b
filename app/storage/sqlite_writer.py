"""Group commit: one thread writes for everybody, and everything that waits shares one transaction and one fsync.

A caller's unit of work is a list of ``Op``; it is applied whole or not at all, whatever happens to its neighbours in
the same transaction. The future resolves after the commit is on disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from app.domain.errors import StoreUnavailable
from app.storage.dialect import ConstraintViolated, Op, UnexpectedRowCount
from app.storage.dialect.sqlite import connect_writer, execute
from app.storage.place import Place

_MAX_UNITS = 512
"""Units in one transaction; a bound on how long the first of them waits for the rest."""

_UNIT_ERRORS = (
    UnexpectedRowCount,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,
)
"""What one caller's values can cause; anything else is the database's and fails the whole transaction."""

Unit = tuple[Sequence[Op], "asyncio.Future[list[Any]]"]
Outcome = tuple["asyncio.Future[list[Any]]", list[Any] | None, Exception | None]


class SqliteWriter:
    """The one writer of a SQLite file. The queue is bounded by its callers: each waits for its own unit.

    Args:
        before_commit: called in the writer's thread before each commit; fault tests end the process there.
    """

    def __init__(self, path: Path, *, before_commit: Callable[[], None] | None = None) -> None:
        self._path = path
        self._before_commit = before_commit
        self._queue: SimpleQueue[Unit | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: sqlite3.Connection | None = None
        self._place: Place | None = None
        self._closed = False

    async def __aenter__(self) -> SqliteWriter:
        self._loop = asyncio.get_running_loop()
        self._connection = connect_writer(self._path)
        self._place = Place(self._path)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is queued, then stop; what comes from now on would stand behind the end and is refused."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def write(self, ops: Sequence[Op]) -> list[Any]:
        """See ``writer.Writer``."""
        loop = self._loop
        if loop is None or self._closed or not self._thread.is_alive():
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[list[Any]] = loop.create_future()
        self._queue.put((ops, future))
        return await future

    def _run(self) -> None:
        assert self._connection is not None
        assert self._loop is not None
        closing = False
        while not closing:
            unit = self._queue.get()
            if unit is None:
                break
            units = [unit]
            try:
                while len(units) < _MAX_UNITS:
                    unit = self._queue.get_nowait()
                    if unit is None:
                        closing = True
                        break
                    units.append(unit)
            except Empty:
                closing = False
            outcomes = self._transact(self._connection, units)
            self._loop.call_soon_threadsafe(_resolve, outcomes)
        self._connection.close()

    def _transact(self, connection: sqlite3.Connection, units: Sequence[Unit]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            if self._place is not None:
                self._place.check()
            connection.execute("BEGIN IMMEDIATE")
            for ops, future in units:
                connection.execute("SAVEPOINT unit")
                try:
                    outcomes.append((future, [execute(connection, op) for op in ops], None))
                except _UNIT_ERRORS as exc:
                    connection.execute("ROLLBACK TO unit")
                    outcomes.append((future, None, _said(exc)))
                connection.execute("RELEASE unit")
            if self._before_commit is not None:
                self._before_commit()
            connection.execute("COMMIT")
        except Exception as exc:  # whatever went wrong, every caller must hear of it and the thread must live on
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            error = StoreUnavailable(f"the database could not be written: {exc}")
            error.__cause__ = exc
            return [(future, None, error) for _, future in units]
        return outcomes


def _said(exc: Exception) -> Exception:
    if not isinstance(exc, sqlite3.IntegrityError):
        return exc
    error = ConstraintViolated(str(exc))
    error.__cause__ = exc
    return error


def _resolve(outcomes: Sequence[Outcome]) -> None:
    """Runs in the loop: one wake-up for the whole transaction."""
    for future, results, error in outcomes:
        if future.done():  # the caller was cancelled meanwhile
            continue
        if error is not None:
            future.set_exception(error)
        elif results is not None:
            future.set_result(results)
