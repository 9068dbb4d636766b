"""Every difference between the databases, in one package: connecting, compiling, error classes.

Here is what the nouns use and what is the same for both; ``sqlite`` and ``postgres`` hold the rest. SQLite is the
embedded default; PostgreSQL is there for several nodes on one database, and its driver is loaded only for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiosqlite
from sqlalchemy import ClauseElement, ColumnElement, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

PARAM_PREFIX = "p_"
"""Marks a parameter of ours; SQLAlchemy names those that it makes of constants itself."""


@dataclass(frozen=True, slots=True)
class Variants:
    """One statement as each database says it."""

    sqlite: ClauseElement
    postgres: ClauseElement


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A compiled statement: SQLite's text, and what PostgreSQL's is made of at its first use (``postgres.compiled``).

    Attributes:
        plan: what the driver wants, in order: the key of a value, or None and a constant of the statement.
        names: what SQLAlchemy calls these parameters.
        source: what was compiled.
        bulk: for a plain insert, its text up to and with ``VALUES``, and the group of one row.
        locked: keys whose values name what nobody else may write meanwhile, see ``compile_statement``.
    """

    sql: str
    plan: tuple[tuple[str | None, Any], ...]
    names: tuple[str, ...]
    source: ClauseElement
    bulk: tuple[str, str] | None = None
    locked: tuple[str, ...] = ()

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Order ``values`` for the driver."""
        return tuple([constant if key is None else values[key] for key, constant in self.plan])

    @property
    def keys(self) -> tuple[str, ...]:
        """The values a row must have."""
        return tuple([key for key, _ in self.plan if key is not None])


def compile_statement(statement: ClauseElement | Variants, *, locked: Sequence[str] = ()) -> Statement:
    """Compile once, at import. The keys of a row are the columns of an insert, else the names given to ``param``.

    Args:
        locked: keys of a row. SQLite has one writer. PostgreSQL has several, and what builds on rows that it reads (the
            next number, whether there is one yet, a sum) holds a lock on the statement's table and these values until
            its transaction ends; statements on the same table and values exclude each other.
    """
    variants = statement if isinstance(statement, Variants) else Variants(statement, statement)
    compiled = variants.sqlite.compile(
        dialect=sqlite_dialect.dialect(paramstyle="qmark"), compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(compiled, SQLCompiler)
    names = tuple(compiled.positiontup or ())
    plan: list[tuple[str | None, Any]] = []
    for name in names:
        constant = compiled.params[name]
        if name.startswith(PARAM_PREFIX):
            plan.append((name.removeprefix(PARAM_PREFIX), None))
        elif compiled.isinsert and constant is None:
            plan.append((name, None))
        else:
            plan.append((None, constant))
    head, values, group = compiled.string.partition(" VALUES ")
    plain = compiled.isinsert and values and group.endswith(")") and " " not in group.replace(", ", "")
    made = Statement(
        compiled.string,
        tuple(plan),
        names,
        variants.postgres,
        (head + values, group) if plain else None,
        tuple(locked),
    )
    assert set(locked) <= set(made.keys), f"{locked} are no keys of: {made.sql}"
    return made


def upsert(
    table: Table, changing: Sequence[str], *, key: Sequence[str] = (), where: ColumnElement[bool] | None = None
) -> Variants:
    """Return an insert of a whole row that, where its ``key`` exists, overwrites the columns ``changing``.

    Args:
        key: columns of a unique index; the primary key where none are named.
        where: condition on the row that exists; where it does not hold, nothing is written and no row is affected.
    """

    def build(statement: sqlite_dialect.Insert | postgresql.Insert) -> ClauseElement:
        return statement.on_conflict_do_update(
            index_elements=[table.c[name] for name in key] or list(table.primary_key.columns),
            set_={name: statement.excluded[name] for name in changing},
            where=where,
        )

    return Variants(build(sqlite_dialect.insert(table)), build(postgresql.insert(table)))


def accumulate(table: Table, adding: Sequence[str]) -> Variants:
    """Return an insert of a whole row that, where its primary key exists, adds the columns ``adding`` to it."""

    def build(statement: sqlite_dialect.Insert | postgresql.Insert) -> ClauseElement:
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={name: table.c[name] + statement.excluded[name] for name in adding},
        )

    return Variants(build(sqlite_dialect.insert(table)), build(postgresql.insert(table)))


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

    def check(self, affected: int) -> int:
        """Raises UnexpectedRowCount where ``affected`` is not what is expected."""
        if self.expect is not None and affected != self.expect:
            raise UnexpectedRowCount(f"{affected} rows instead of {self.expect}: {self.statement.sql}")
        return affected


class UnexpectedRowCount(Exception):
    """An ``Op.expect`` was not met: a fence held."""


class ConstraintViolated(Exception):
    """A row of that key is there already."""


async def fetch_rows(
    connection: AsyncConnection, statement: Statement, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return all rows of a query as the driver gives them: for thousands, a third of what SQLAlchemy's rows cost.

    It begins no transaction. To see the snapshot of other queries it is asked behind one of ``connection.execute``.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    if isinstance(driver, aiosqlite.Connection):
        return list(await driver.execute_fetchall(statement.sql, statement.row(values)))  # type: ignore[arg-type]
    from app.storage.dialect import postgres

    assert driver is not None
    return await postgres.fetch(driver, statement, statement.row(values))
