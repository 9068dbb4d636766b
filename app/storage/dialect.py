"""Every difference between the databases, in one file: connecting, compiling, error classes.

SQLite is the embedded default. Decision, 2026-11-21: ``journal_mode=WAL`` with ``synchronous=FULL``: a commit is on
disk before a client hears of it; with group commit that costs 5 % of throughput (39,700 against 41,800 tasks/s).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import ClauseElement, ColumnElement, Table, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.compiler import SQLCompiler

_BUSY_TIMEOUT_MS = 5_000
_CACHE_KIB = 2_048
"""A larger page cache fills up over the first runs, which looks like a leak (6 % at 8 MiB), and buys nothing here."""

_READ_CONNECTIONS = 4

_ROWS_A_STATEMENT = 24
"""Rows of a bulk insert: beyond, binding costs as much as is saved, and each length is a statement to be cached."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled statement.

    Attributes:
        plan: what the driver wants, in order: the key of a value, or None and a constant of the statement.
        bulk: for a plain insert, its text up to and with ``VALUES``, and the group of one row.
    """

    sql: str
    plan: tuple[tuple[str | None, Any], ...]
    bulk: tuple[str, str] | None = None

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Order ``values`` for the driver."""
        return tuple([constant if key is None else values[key] for key, constant in self.plan])

    @property
    def keys(self) -> tuple[str, ...]:
        """The values a row must have."""
        return tuple([key for key, _ in self.plan if key is not None])


PARAM_PREFIX = "p_"
"""Marks a parameter of ours; SQLAlchemy names those that it makes of constants itself."""


def compile_sqlite(statement: ClauseElement) -> Statement:
    """Compile once, at import. The keys of a row are the columns of an insert, else the names given to ``param``."""
    compiled = statement.compile(
        dialect=sqlite.dialect(paramstyle="qmark"), compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(compiled, SQLCompiler)
    plan: list[tuple[str | None, Any]] = []
    for name in compiled.positiontup or ():
        constant = compiled.params[name]
        if name.startswith(PARAM_PREFIX):
            plan.append((name.removeprefix(PARAM_PREFIX), None))
        elif compiled.isinsert and constant is None:
            plan.append((name, None))
        else:
            plan.append((None, constant))
    head, values, group = compiled.string.partition(" VALUES ")
    plain = compiled.isinsert and values and group.endswith(")") and " " not in group.replace(", ", "")
    return Statement(compiled.string, tuple(plan), (head + values, group) if plain else None)


def upsert(
    table: Table, changing: Sequence[str], *, key: Sequence[str] = (), where: ColumnElement[bool] | None = None
) -> ClauseElement:
    """Return an insert of a whole row that, where its ``key`` exists, overwrites the columns ``changing``.

    Args:
        key: columns of a unique index; the primary key where none are named.
        where: condition on the row that exists; where it does not hold, nothing is written and no row is affected.
    """
    statement = sqlite.insert(table)
    return statement.on_conflict_do_update(
        index_elements=[table.c[name] for name in key] or list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in changing},
        where=where,
    )


def accumulate(table: Table, adding: Sequence[str]) -> ClauseElement:
    """Return an insert of a whole row that, where its primary key exists, adds the columns ``adding`` to it."""
    statement = sqlite.insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: table.c[name] + statement.excluded[name] for name in adding},
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
    if op.statement.bulk is not None and len(op.rows) > 1:
        affected = _insert_many(connection, op.statement.bulk, op.rows)
    elif len(op.rows) == 1:
        affected = connection.execute(sql, op.rows[0]).rowcount
    else:
        affected = connection.executemany(sql, op.rows).rowcount
    if op.expect is not None and affected != op.expect:
        raise UnexpectedRowCount(f"{affected} rows instead of {op.expect}: {sql}")
    return affected


def _insert_many(connection: sqlite3.Connection, bulk: tuple[str, str], rows: Sequence[tuple[Any, ...]]) -> int:
    """Insert several rows a statement: ``executemany`` gives the interpreter up and takes it again for each row."""
    head, group = bulk
    affected = 0
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        part = rows[start : start + _ROWS_A_STATEMENT]
        text = head + ", ".join([group] * len(part))
        affected += connection.execute(text, list(chain.from_iterable(part))).rowcount
    return affected


async def fetch_rows(
    connection: AsyncConnection, statement: Statement, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return all rows of a query as the driver gives them: for thousands, a third of what SQLAlchemy's rows cost."""
    if not connection.in_transaction():
        await connection.begin()
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, aiosqlite.Connection)
    return list(await driver.execute_fetchall(statement.sql, statement.row(values)))  # type: ignore[arg-type]


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes; transactions are begun by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    _set_pragmas(connection)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("BEGIN IMMEDIATE")  # the log is made by the first transaction
    connection.execute("ROLLBACK")
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
