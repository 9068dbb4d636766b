"""Every difference between the databases, in one file: connecting, compiling, error classes.

SQLite is the embedded default. Decision, 2026-11-21: ``journal_mode=WAL`` with ``synchronous=FULL``: a commit is on
disk before a client hears of it; with group commit that costs 5 % of throughput (39,700 against 41,800 tasks/s).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ClauseElement, Table, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.sql.compiler import SQLCompiler

_BUSY_TIMEOUT_MS = 5_000
_CACHE_KIB = 8_192
"""A larger page cache looks like a leak in a service that runs for weeks, and buys nothing measurable here."""

_READ_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled statement: its text, and the parameter names in the order the driver wants them."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Order ``values`` for the driver; parameters fixed in the statement fill in by themselves."""
        constants = self.constants
        return tuple([values[name] if name in values else constants[name] for name in self.names])

    def prefixed(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Like ``row``, for statements whose parameters are the names of ``values`` behind ``p_``."""
        return self.row({f"p_{name}": value for name, value in values.items()})


def compile_sqlite(statement: ClauseElement) -> Statement:
    """Compile once, at import; parameters are the statement's ``bindparam`` names."""
    compiled = statement.compile(
        dialect=sqlite.dialect(paramstyle="qmark"), compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(compiled, SQLCompiler)
    constants = {
        name: value
        for name, value in compiled.params.items()
        if value is not None or not (compiled.isinsert or name.startswith("p_"))
    }
    return Statement(compiled.string, tuple(compiled.positiontup or ()), constants)


def upsert(table: Table, changing: Sequence[str], *, key: Sequence[str] = ()) -> ClauseElement:
    """Return an insert of a whole row that, where its ``key`` exists, overwrites the columns ``changing``.

    Args:
        key: columns of a unique index; the primary key where none are named.
    """
    statement = sqlite.insert(table)
    return statement.on_conflict_do_update(
        index_elements=[table.c[name] for name in key] or list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in changing},
    )


@dataclass(frozen=True, slots=True)
class Op:
    """One statement over many rows.

    Attributes:
        expect: rows that must be affected in total; another number undoes the caller's whole unit of work.
        fetch: return the rows that the statement yields (``RETURNING``) instead of the number affected.
    """

    statement: Statement
    rows: Sequence[tuple[Any, ...]]
    expect: int | None = None
    fetch: bool = False


class UnexpectedRowCount(Exception):
    """An ``Op.expect`` was not met: a fence held."""


def execute(connection: sqlite3.Connection, op: Op) -> Any:
    """Run one ``Op`` inside the open transaction."""
    sql = op.statement.sql
    if op.fetch:
        return [row for params in op.rows for row in connection.execute(sql, params).fetchall()]
    if len(op.rows) == 1:
        affected = connection.execute(sql, op.rows[0]).rowcount
    else:
        affected = connection.executemany(sql, op.rows).rowcount
    if op.expect is not None and affected != op.expect:
        raise UnexpectedRowCount(f"{affected} rows instead of {op.expect}: {sql}")
    return affected


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes; transactions are begun by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    _set_pragmas(connection)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _set_pragmas(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    cursor.execute("PRAGMA mmap_size=0")
    cursor.close()


def reading_engine(path: Path) -> AsyncEngine:
    """Return the engine for queries; each transaction sees one snapshot of the database."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}", pool_size=_READ_CONNECTIONS, max_overflow=0, pool_timeout=30
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin or commit behind our back
        _set_pragmas(connection)
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
