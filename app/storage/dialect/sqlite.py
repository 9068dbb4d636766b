"""SQLite: connecting, pragmas, running one ``Op``.

Decision, 2026-11-21: ``journal_mode=WAL`` with ``synchronous=FULL``: a commit is on disk before a client hears of it;
with group commit that costs 5 % of throughput (39,700 against 41,800 tasks/s).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, compress, count
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.storage.dialect import Op

_BUSY_TIMEOUT_MS = 5_000
_CACHE_KIB = 2_048
"""A larger page cache fills up over the first runs, which looks like a leak (6 % at 8 MiB), and buys nothing here."""

_READ_CONNECTIONS = 4

_ROWS_A_STATEMENT = 24
"""Rows of a bulk insert: beyond, binding costs as much as is saved, and each length is a statement to be cached."""


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
    return op.check(affected)


def _insert_many(connection: sqlite3.Connection, bulk: tuple[str, str], rows: Sequence[tuple[Any, ...]]) -> int:
    """Insert several rows a statement: ``executemany`` gives the interpreter up and takes it again for each row.

    What many rows all have in common, as most columns of a run's new tasks, is bound once a statement: binding is most
    of what an insert costs. Of few rows it would be another statement to be cached each time.
    """
    common: list[Any] = []
    varies = (True,) * len(rows[0])
    if len(rows) > _ROWS_A_STATEMENT:
        columns = list(zip(*rows, strict=True))
        varies = tuple([column.count(column[0]) < len(rows) for column in columns])
        common = [column[0] for column, varied in zip(columns, varies, strict=True) if not varied]
        rows = list(zip(*compress(columns, varies), strict=True)) or [()] * len(rows)
    affected = 0
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        part = rows[start : start + _ROWS_A_STATEMENT]
        text = _insert_text(*bulk, varies, len(part))
        affected += connection.execute(text, [*common, *chain.from_iterable(part)]).rowcount
    return affected


@lru_cache(maxsize=256)
def _insert_text(head: str, group: str, varies: tuple[bool, ...], rows: int) -> str:
    """Return an insert of so many ``rows`` with numbered parameters: those in common, then the others row by row.

    Args:
        head, group: as in ``Statement.bulk``.
        varies: for each parameter of ``group`` whether its value differs between the rows.
    """
    common = count(1)
    places = [None if varied else next(common) for varied in varies]
    own = count(next(common))
    before, *behind = group.split("?")
    groups = [
        before + "".join(f"?{place or next(own)}{text}" for place, text in zip(places, behind, strict=True))
        for _ in range(rows)
    ]
    return head + ", ".join(groups)


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
        # One trip to the connection's thread, where a cursor of SQLAlchemy's makes three.
        connection.connection.dbapi_connection.run_async(lambda driver: driver.execute_fetchall("BEGIN"))

    return engine
