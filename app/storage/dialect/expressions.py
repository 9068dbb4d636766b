"""Expressions that the databases write in different ways."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, LargeBinary, String, cast, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean


def total(value: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the sum of integers as an integer: PostgreSQL's of 64-bit ones is a decimal."""
    return cast(func.sum(value), BigInteger)


class octets(FunctionElement[int]):  # noqa: N801 - a function of SQL
    """The bytes of a text as UTF-8."""

    inherit_cache = True
    type = BigInteger()


@compiles(octets, "sqlite")
def _octets_sqlite(element: octets, compiler: SQLCompiler, **kw: Any) -> str:
    [text] = element.clauses
    return compiler.process(func.length(cast(text, LargeBinary)), **kw)


@compiles(octets, "postgresql")
def _octets_postgres(element: octets, compiler: SQLCompiler, **kw: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **kw)})"


class begins_with(FunctionElement[bool]):  # noqa: N801
    """Whether a text begins with another, in which no character is special and case counts."""

    inherit_cache = True
    type = Boolean()


@compiles(begins_with, "sqlite")
def _begins_with_sqlite(element: begins_with, compiler: SQLCompiler, **kw: Any) -> str:
    text, prefix = element.clauses
    return compiler.process(func.substr(text, literal_column("1"), func.length(prefix)) == prefix, **kw)


@compiles(begins_with, "postgresql")
def _begins_with_postgres(element: begins_with, compiler: SQLCompiler, **kw: Any) -> str:
    return f"starts_with({compiler.process(element.clauses, **kw)})"


class least(FunctionElement[int]):  # noqa: N801
    """The smallest of several integers."""

    inherit_cache = True
    type = BigInteger()


class greatest(FunctionElement[int]):  # noqa: N801
    """The largest of several integers."""

    inherit_cache = True
    type = BigInteger()


@compiles(least, "sqlite")
def _least_sqlite(element: least, compiler: SQLCompiler, **kw: Any) -> str:
    return f"min({compiler.process(element.clauses, **kw)})"


@compiles(greatest, "sqlite")
def _greatest_sqlite(element: greatest, compiler: SQLCompiler, **kw: Any) -> str:
    return f"max({compiler.process(element.clauses, **kw)})"


@compiles(least, "postgresql")
def _least_postgres(element: least, compiler: SQLCompiler, **kw: Any) -> str:
    return f"least({compiler.process(element.clauses, **kw)})"


@compiles(greatest, "postgresql")
def _greatest_postgres(element: greatest, compiler: SQLCompiler, **kw: Any) -> str:
    return f"greatest({compiler.process(element.clauses, **kw)})"


class clock_ms(FunctionElement[int]):  # noqa: N801
    """The clock of the database, in Unix milliseconds."""

    inherit_cache = True
    type = BigInteger()


@compiles(clock_ms, "sqlite")
def _clock_ms_sqlite(element: clock_ms, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(clock_ms, "postgresql")
def _clock_ms_postgres(element: clock_ms, compiler: SQLCompiler, **kw: Any) -> str:
    return "(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT"


@compiles(String, "postgresql")
def _string_postgres(element: String, compiler: SQLCompiler, **kw: Any) -> str:
    """One name for all texts: a parameter that is used as both TEXT and VARCHAR is an error."""
    return "TEXT"


@compiles(Integer, "postgresql")
def _integer_postgres(element: Integer, compiler: SQLCompiler, **kw: Any) -> str:
    """SQLite's integers have 64 bits, whatever they are called; here 32 would be an error at 2,147,483,648."""
    return "BIGINT"
