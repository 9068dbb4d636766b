"""The writer of a PostgreSQL database: a few connections, each with one transaction at a time for all that waits.

A unit that must exclude others (``dialect.Statement.locked``) goes to the connection that its first lock names, where
it waits for its like in a queue instead of in the database; units without one go where least is waiting. A transaction
takes all locks of its units at its beginning and in order, so that none waits for another in a circle.

A caller's unit may fail by its own values, which ends the transaction of all. That is rare, so the units are tried
without savepoints first, and each behind one of its own only when something failed. Where two processes insert the same
key at once the later one fails and, tried again, sees the row: that is how a race ends as it would with one writer.

When the connection breaks in the commit itself the server is asked afterwards what became of the transaction; only if
it cannot be asked in time is it unknown, and the error says so.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import asyncpg

from app.domain.errors import InvalidRequest, StoreUnavailable
from app.storage.dialect import ConstraintViolated, Op, UnexpectedRowCount
from app.storage.dialect.postgres import (
    BY_KEY,
    COMMAND_S,
    FAILURES,
    NO_NUL,
    Connection,
    connect,
    execute,
    findable_op,
    is_gone,
    locks_of,
)
from app.storage.reach import Reach, within

CONNECTIONS = 4
_MAX_UNITS = 512
"""Units in one transaction; a bound on how long the first of them waits for the rest."""

_ANSWER_S = 4.5
"""Within so long a unit is written or refused."""

_ASK_EVERY_S = 0.05
_TRIES = 3

_UNIT_ERRORS = (
    UnexpectedRowCount,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    OverflowError,
    UnicodeError,
)
"""What one caller's values can cause; anything else is the database's and fails the whole transaction."""

_COLLISIONS = (asyncpg.UniqueViolationError, asyncpg.exceptions.TransactionRollbackError)
"""What another transaction may have caused: tried again, the unit sees what that one wrote."""

_APART = (*_UNIT_ERRORS, asyncpg.exceptions.TransactionRollbackError)

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_LOCK = "SELECT pg_current_xact_id()::TEXT, (SELECT count(pg_advisory_xact_lock(key)) FROM unnest($1::BIGINT[]) AS key)"
_FATE = "SELECT pg_xact_status($1::TEXT::XID8)"

Result = list[Any] | Exception


class _Unit:
    __slots__ = ("future", "locks", "ops")

    def __init__(self, ops: Sequence[Op], locks: set[int], future: asyncio.Future[list[Any]]) -> None:
        self.ops, self.locks, self.future = ops, locks, future


class _InDoubt(Exception):
    """The connection broke while transaction ``xid`` was being committed; ``results`` hold if it was."""

    def __init__(self, xid: str, results: list[Result]) -> None:
        super().__init__(xid)
        self.xid, self.results = xid, results


class PostgresWriter:
    """Args:
    url: of the database; never part of an error.
    before_commit: called before each commit; fault tests end the process there.
    """

    def __init__(
        self, url: str, reach: Reach, *, connections: int = CONNECTIONS, before_commit: Callable[[], None] | None = None
    ) -> None:
        self._reach = reach
        self._lanes = [_Lane(url, reach, before_commit) for _ in range(connections)]
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    async def __aenter__(self) -> PostgresWriter:
        self._tasks = [asyncio.create_task(lane.run(), name="store-writer") for lane in self._lanes]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is queued, then stop."""
        self._closed = True
        for lane in self._lanes:
            lane.close()
        await asyncio.gather(*self._tasks)

    async def write(self, ops: Sequence[Op]) -> list[Any]:
        """See ``writer.Writer``."""
        if self._closed or not self._tasks:
            raise StoreUnavailable("the store is closed")
        self._reach.check()
        locks = locks_of(ops)
        lane = self._lanes[min(locks) % len(self._lanes)] if locks else min(self._lanes, key=len)
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        lane.put(_Unit(ops, locks, future))
        return await future


class _Lane:
    """One connection, and what waits for it."""

    def __init__(self, url: str, reach: Reach, before_commit: Callable[[], None] | None) -> None:
        self._url = url
        self._reach = reach
        self._before_commit = before_commit
        self._queue: deque[_Unit] = deque()
        self._news = asyncio.Event()
        self._closing = False
        self._connection: Connection | None = None
        self._began = 0.0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, unit: _Unit) -> None:
        self._queue.append(unit)
        self._news.set()

    def close(self) -> None:
        self._closing = True
        self._news.set()

    async def run(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    break
                self._news.clear()
                await self._news.wait()
                continue
            units = [self._queue.popleft() for _ in range(min(len(self._queue), _MAX_UNITS))]
            try:
                results = await self._transact(units)
            except Exception as exc:  # whatever went wrong, every caller must hear of it and the lane must live on
                self._drop()
                error = self._failed(exc)
                if is_gone(exc):  # whoever waits behind has waited as long as these
                    units += self._queue
                    self._queue.clear()
                results = [error] * len(units)
            for unit, result in zip(units, results, strict=True):
                if unit.future.done():  # the caller was cancelled meanwhile
                    continue
                if isinstance(result, Exception):
                    unit.future.set_exception(result)
                else:
                    unit.future.set_result(result)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                await connection.close(timeout=COMMAND_S)
            except FAILURES:
                connection.terminate()

    def _drop(self) -> None:
        """Give the connection up at once; the server undoes what was not committed."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _failed(self, exc: Exception) -> StoreUnavailable:
        if isinstance(exc, StoreUnavailable):
            return exc
        reason = f"no answer within {COMMAND_S:g} s" if isinstance(exc, TimeoutError) else str(exc)
        error = StoreUnavailable(f"the database could not be written: {reason or type(exc).__name__}")
        error.__cause__ = exc
        if is_gone(exc):
            self._reach.failed(error.detail, self._began)
        return error

    async def _transact(self, units: Sequence[_Unit]) -> list[Result]:
        self._began = time.monotonic()
        try:
            for _ in range(_TRIES):
                try:
                    results = await self._try(units)
                except FAILURES as exc:
                    if not _was_held_up(exc):
                        raise
                    self._drop()
                    continue
                if results is not None:
                    return results
            raise StoreUnavailable("the database could not be written: others write the same, try again")
        except _InDoubt as doubt:
            self._drop()
            if await self._was_committed(doubt.xid, self._began + _ANSWER_S):
                return doubt.results
            raise StoreUnavailable("the database could not be written: the connection broke") from doubt.__cause__

    async def _try(self, units: Sequence[_Unit]) -> list[Result] | None:
        """Return None where others were in the way."""
        try:
            return await self._together(units)
        except _APART as exc:
            if len(units) == 1 and isinstance(exc, UnexpectedRowCount):
                await self._run("ROLLBACK")
                return [_said(exc)]
        await self._run("ROLLBACK")
        try:
            return await self._each(units)
        except asyncpg.exceptions.TransactionRollbackError:
            await self._run("ROLLBACK")
            return None

    async def _begin(self, units: Sequence[_Unit]) -> str:
        """Return the number of the transaction."""
        locks = sorted(set().union(*[unit.locks for unit in units]))
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, settings=BY_KEY)
            self._reach.worked()
        await self._run(_BEGIN)
        row = await self._connection.fetchrow(_LOCK, locks)
        assert row is not None
        return str(row[0])

    async def _run(self, sql: str) -> None:
        assert self._connection is not None
        await self._connection.execute(sql)

    async def _together(self, units: Sequence[_Unit]) -> list[Result]:
        async with within(COMMAND_S):
            xid = await self._begin(units)
            assert self._connection is not None
            results: list[Result] = [[await execute(self._connection, op) for op in unit.ops] for unit in units]
            if self._before_commit is not None:
                self._before_commit()
        return await self._commit(xid, results)

    async def _each(self, units: Sequence[_Unit]) -> list[Result]:
        async with within(COMMAND_S):
            xid = await self._begin(units)
            results = [await self._apart(unit) for unit in units]
            if self._before_commit is not None:
                self._before_commit()
        return await self._commit(xid, results)

    async def _apart(self, unit: _Unit) -> Result:
        assert self._connection is not None
        ops = unit.ops
        for is_last in (False, True):
            await self._run("SAVEPOINT unit")
            try:
                results = [await execute(self._connection, op) for op in ops]
            except _UNIT_ERRORS as exc:
                await self._run("ROLLBACK TO unit")
                again = (asyncpg.UniqueViolationError, asyncpg.CharacterNotInRepertoireError)
                if is_last or not isinstance(exc, again):
                    return _said(exc)
                if isinstance(exc, asyncpg.CharacterNotInRepertoireError):
                    ops = [findable_op(op) for op in ops]
                continue
            await self._run("RELEASE unit")
            return results
        raise AssertionError("the second try returns")

    async def _commit(self, xid: str, results: list[Result]) -> list[Result]:
        try:
            async with within(COMMAND_S):
                await self._run("COMMIT")
        except FAILURES as exc:
            if isinstance(exc, _APART) or _was_held_up(exc):
                raise  # the server refused it, or was not asked
            self._failed(exc)
            raise _InDoubt(xid, results) from exc
        return results

    async def _was_committed(self, xid: str, give_up_at: float) -> bool:
        """Ask what became of a transaction until it is known.

        Raises:
            StoreUnavailable: it could not be learned in time.
        """
        while time.monotonic() < give_up_at:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + give_up_at - time.monotonic()):
                    connection = await connect(self._url)
                    try:
                        fate = await connection.fetchval(_FATE, xid)
                    finally:
                        connection.terminate()
            except FAILURES:
                fate = None
            if fate in {"committed", "aborted"}:
                return bool(fate == "committed")
            await asyncio.sleep(_ASK_EVERY_S)
        raise StoreUnavailable(
            "the database could not be reached while it committed: whether this was written is not known yet"
        )


def _was_held_up(exc: BaseException | None) -> bool:
    """Return whether the server has ended the transaction because this process was held up in the middle of it; what
    the driver says of that depends on what it looks at first. Nothing of the transaction was written."""
    while exc is not None:
        if isinstance(exc, asyncpg.InternalClientError | asyncpg.exceptions.IdleInTransactionSessionTimeoutError):
            return True
        exc = exc.__cause__
    return False


def _said(exc: Exception) -> Exception:
    """What the writer's callers know, or what the driver wraps: values that are no 64 bits or no UTF-8."""
    if isinstance(exc.__cause__, OverflowError | UnicodeError):
        return exc.__cause__
    if isinstance(exc, asyncpg.CharacterNotInRepertoireError):
        return InvalidRequest(NO_NUL)
    if not isinstance(exc, asyncpg.IntegrityConstraintViolationError):
        return exc
    error = ConstraintViolated(str(exc))
    error.__cause__ = exc
    return error
