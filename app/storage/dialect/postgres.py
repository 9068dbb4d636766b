"""PostgreSQL: connecting, what a statement is there, running one ``Op``. Loaded only where it is used.

Decision, 2026-11-22: asyncpg throughout, for the queries below SQLAlchemy; ``synchronous_commit`` is on, whatever the
server's default is. Parameters carry a type, texts one name for it, integers 64 bits (``expressions``); texts compare
byte by byte (``migrating``), as SQLite's do, so that pages go on where they ended.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Insert, event
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.compiler import SQLCompiler

from app.storage.dialect import Op, Statement
from app.storage.reach import cut_after, within

CONNECT_S = 2.0
COMMAND_S = 4.0
"""What a query gets at most: a server that is frozen or cut off does not close its connections."""

_BEYOND_S = 60.0
"""The driver's own limits. Those that count know whether it was this process that was held up (``reach``)."""

_READ_CONNECTIONS = 8
_STATEMENTS_KEPT = 400
_LOCKS = 1024
"""Numbers that locks have; two names that share one only wait for each other needlessly."""

_LOCK_SPACE = 0x5357_4152_0000_0000
"""``SWAR`` in the upper half, for whoever else takes advisory locks in this database."""

MIGRATION_LOCK = _LOCK_SPACE + _LOCKS

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""All that a query may raise; what one caller's values can cause is among them."""

_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
)


NO_NUL = "a name or another short text holds the character NUL (U+0000), which cannot be stored"

_NO_TEXT = "\x01\ufdd0"
"""In place of a NUL where rows are looked for: PostgreSQL has no text with one, and nobody's has this noncharacter."""


def findable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what rows may be looked for by: instead of texts with a NUL, which are an error, ones that no row has."""
    if not any(isinstance(value, str) and "\0" in value for value in values):
        return values
    return tuple([value.replace("\0", _NO_TEXT) if isinstance(value, str) else value for value in values])


def findable_op(op: Op) -> Op:
    """The same for what changes or removes rows; what a new row is to hold stays as it is."""
    source = op.statement.source
    if isinstance(source, Insert) and source.select is None:
        return op
    return replace(op, rows=[findable(row) for row in op.rows])


def is_gone(exc: BaseException | None) -> bool:
    """Return whether the database is away, or takes nobody: what else may fail is one query's own affair."""
    while exc is not None:
        if isinstance(exc, _GONE):
            return True
        exc = exc.__cause__
    return False


_SESSION = {
    "application_name": "swarmd",
    "jit": "off",
    "synchronous_commit": "on",
    "timezone": "UTC",
    # A process that is frozen in a transaction must not keep what it has locked.
    "idle_in_transaction_session_timeout": "3000",
    "lock_timeout": "3500",
    # Nor one that the network has cut off, which nobody tells the server: what it had sent it would go on to send again
    # for a quarter of an hour, and a connection without news it would keep for two hours.
    "tcp_user_timeout": "5000",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_READING = {"idle_in_transaction_session_timeout": "60000", "enable_bitmapscan": "off"}
"""Who only reads locks nothing, and may be held up for longer than that. Pages are read in an index's order: while the
server has no statistics of a run's new rows it would collect and sort all of them by a bitmap for each page."""

JOINING = "SET LOCAL enable_nestloop = off"
"""For joins of all rows of a run. By statistics from before it came the server expects one row and goes through all of
the other table's for each: 10,000 tasks and their inputs took 4 s, until the statistics were made anew."""

BY_KEY = {"enable_seqscan": "off"}
"""Of connections that write. What they look up has an index, often in tables whose rows come and go within a second: by
what the server's statistics say of these it would read the whole table, each time."""


class Connection(Protocol):
    """What is used of the driver's connection, which comes without types."""

    async def execute(self, query: str, *arguments: Any) -> str: ...
    async def executemany(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None: ...
    async def fetch(self, query: str, *arguments: Any) -> list[Any]: ...
    async def fetchmany(self, query: str, rows: Sequence[tuple[Any, ...]]) -> list[Any]: ...
    async def fetchrow(self, query: str, *arguments: Any) -> Any: ...
    async def fetchval(self, query: str, *arguments: Any) -> Any: ...
    async def close(self, *, timeout: float) -> None: ...
    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...


async def connect(
    url: str, *, command_timeout_s: float = _BEYOND_S, settings: Mapping[str, str] | None = None
) -> Connection:
    """Connect.

    Args:
        settings: of the server for this connection, beside those that all have.

    Raises:
        one of ``FAILURES``; none of them tells the password.
    """
    try:
        async with within(CONNECT_S):
            made: Connection = await asyncpg.connect(
                url,
                timeout=_BEYOND_S,
                command_timeout=command_timeout_s,
                statement_cache_size=_STATEMENTS_KEPT,
                server_settings=_SESSION | dict(settings or {}),
            )
    except TimeoutError as exc:
        raise ConnectionError(f"the server takes no connection within {CONNECT_S:g} s") from exc
    return made


class ReadingConnection(AsyncConnection):
    """One whose every step has its time; what exceeds it loses its connection.

    Raises:
        TimeoutError: the server did not answer in time.
        sqlalchemy.exc.TimeoutError: no connection was free in time, which says nothing of the server.
    """

    async def start(self, is_ctxmanager: bool = False) -> AsyncConnection:
        try:
            async with within(COMMAND_S):
                await super().start(is_ctxmanager)
        except TimeoutError:
            raise PoolTimeout(f"no connection was free within {COMMAND_S:g} s") from None
        return self

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        with cut_after(COMMAND_S, await self._cut()):
            return await super().execute(*args, **kwargs)

    async def close(self) -> None:
        with cut_after(COMMAND_S, await self._cut()):
            await super().close()

    async def _cut(self) -> Callable[[], None]:
        if self.closed or self.invalidated:
            return lambda: None
        driver = (await self.get_raw_connection()).driver_connection
        assert driver is not None
        cut: Callable[[], None] = driver.terminate
        return cut


def reading_engine(url: str) -> AsyncEngine:
    """Return the engine for queries; each transaction sees one snapshot of the database and can write nothing."""

    async def connect_reader(**_: Any) -> Connection:
        return await connect(url, settings=_READING)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect_reader,
        pool_size=_READ_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_BEYOND_S,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )
    event.listen(engine.sync_engine.pool, "invalidate", _give_up)

    @event.listens_for(engine.sync_engine, "before_cursor_execute", retval=True)
    def _on_execute(_: Any, __: Any, sql: str, values: tuple[Any, ...], *___: Any) -> tuple[str, tuple[Any, ...]]:
        return sql, findable(values)

    return engine


def _give_up(connection: Any, *_: object) -> None:
    """Close a connection on which something failed without a farewell, to which nobody may be there to answer."""
    connection.driver_connection.terminate()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement for this database.

    Attributes:
        counted: its text with a row returned for each that is affected, for many rows at once.
        places: where the parameters are in the row that ``Statement.row`` makes; None: in the same order.
        plain: it inserts a row, or fails.
        locked: where in the row the values are that name its locks.
    """

    sql: str
    counted: str
    places: tuple[int, ...] | None
    plain: bool
    table: str
    locked: tuple[int, ...]

    def arguments(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return row if self.places is None else tuple([row[place] for place in self.places])


_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]
_compiled: dict[Statement, Compiled] = {}


def compiled(statement: Statement) -> Compiled:
    found = _compiled.get(statement)
    if found is None:
        found = _compiled[statement] = _compile(statement)
    return found


def _compile(statement: Statement) -> Compiled:
    made = statement.source.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    assert isinstance(made, SQLCompiler)
    names = tuple(made.positiontup or ())
    missing = [name for name in names if name not in statement.names]
    assert not missing, f"{missing} are in PostgreSQL's text alone: {made.string}"
    keys = [key for key, _ in statement.plan]
    table = getattr(statement.source, "table", None)
    return Compiled(
        sql=made.string,
        counted=made.string if " RETURNING " in made.string else made.string + " RETURNING 1",
        places=None if names == statement.names else tuple([statement.names.index(name) for name in names]),
        plain=isinstance(statement.source, Insert) and "ON CONFLICT" not in made.string and statement.bulk is not None,
        table="" if table is None else table.name,
        locked=tuple([keys.index(key) for key in statement.locked]),
    )


def locks_of(ops: Iterable[Op]) -> set[int]:
    """Return the locks that must be held to run ``ops``."""
    found = set()
    for op in ops:
        if op.statement.locked:
            one = compiled(op.statement)
            for row in op.rows:
                name = "\0".join([one.table, *[str(row[place]) for place in one.locked]])
                found.add(_LOCK_SPACE + zlib.crc32(name.encode("utf-8", "surrogatepass")) % _LOCKS)
    return found


async def execute(connection: Connection, op: Op) -> Any:
    """Run one ``Op`` inside the open transaction."""
    one = compiled(op.statement)
    rows = op.rows if one.places is None else [one.arguments(row) for row in op.rows]
    if op.fetch:
        many = len(rows) > 1
        return list(
            map(tuple, await (connection.fetchmany(one.sql, rows) if many else connection.fetch(one.sql, *rows[0])))
        )
    if len(rows) == 1:
        status: str = await connection.execute(one.sql, *rows[0])
        return op.check(int(status.rpartition(" ")[2]))
    if one.plain:
        await connection.executemany(one.sql, rows)
        return op.check(len(rows))
    return op.check(len(await connection.fetchmany(one.counted, rows)))


async def fetch(connection: Connection, statement: Statement, row: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return all rows of a query; they unpack as tuples do."""
    one = compiled(statement)
    with cut_after(COMMAND_S, connection.terminate):
        found: Sequence[Any] = await connection.fetch(one.sql, *findable(one.arguments(row)))
    return list(found)
