"""PostgreSQL: connecting, what a statement is there, running one ``Op``. Loaded only where it is used.

Decision, 2026-11-22: asyncpg throughout, for the queries below SQLAlchemy; ``synchronous_commit`` is on, whatever the
server's default is. Parameters carry a type, texts one name for it, integers 64 bits (``expressions``); texts compare
byte by byte (``migrating``), as SQLite's do, so that pages go on where they ended.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Insert, event
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.sql.compiler import SQLCompiler

from app.storage.dialect import Op, Statement

CONNECT_S = 2.0
COMMAND_S = 4.0
"""What a query gets at most: a server that is frozen or cut off does not close its connections."""

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


def holds_nul(exc: BaseException | None) -> bool:
    """Return whether a query failed because a text of the caller's holds a NUL: PostgreSQL has no such texts."""
    while exc is not None:
        if isinstance(exc, asyncpg.CharacterNotInRepertoireError):
            return True
        exc = exc.__cause__
    return False


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


_BY_KEY = {"enable_seqscan": "off"}
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


async def connect(url: str, *, command_timeout_s: float = COMMAND_S, by_key: bool = False) -> Connection:
    """Connect.

    Args:
        by_key: whether its statements look rows up by keys; no plan reads a table then where there is an index.

    Raises:
        one of ``FAILURES``; none of them tells the password.
    """
    made: Connection = await asyncpg.connect(
        url,
        timeout=CONNECT_S,
        command_timeout=command_timeout_s,
        statement_cache_size=_STATEMENTS_KEPT,
        server_settings=_SESSION | (_BY_KEY if by_key else {}),
    )
    return made


def reading_engine(url: str) -> AsyncEngine:
    """Return the engine for queries; each transaction sees one snapshot of the database and can write nothing."""

    async def connect_reader(**_: Any) -> Connection:
        return await connect(url)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect_reader,
        pool_size=_READ_CONNECTIONS,
        max_overflow=0,
        pool_timeout=COMMAND_S,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )
    event.listen(engine.sync_engine.pool, "invalidate", _give_up)
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
    found: Sequence[Any] = await connection.fetch(one.sql, *one.arguments(row))
    return list(found)
