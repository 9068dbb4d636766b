"""Named values of the writes, each with a type: PostgreSQL is told what a parameter is, SQLite does not ask."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, BindParameter, Boolean, Float, Integer, LargeBinary, Table, Text, bindparam
from sqlalchemy.types import TypeEngine

from app.storage import account_tables, blob_tables, delivery_tables, node_tables, shared_tables, tables
from app.storage.dialect import PARAM_PREFIX

_MODULES = (account_tables, blob_tables, delivery_tables, node_tables, shared_tables, tables)
_KINDS: tuple[type[TypeEngine[Any]], ...] = (Boolean, Float, Integer, LargeBinary)
_TEXTS = ("id", "node", "if_digest", "source_id", "source_prefix", "step_prefix", "zeros")
"""Texts that are no columns, or not in all tables. What else is no column is a number."""


def param(name: str) -> BindParameter[Any]:
    """Return the value that a row has under ``name``, typed as the columns of that name are.

    Where they differ it has no type of its own, and takes that of the column it is written to or compared with.
    """
    kinds = _TYPES.get(name, {BigInteger})
    return bindparam(PARAM_PREFIX + name, None, type_=next(iter(kinds))() if len(kinds) == 1 else None)


def _type_of(column_type: TypeEngine[Any]) -> type[TypeEngine[Any]]:
    for kind in _KINDS:
        if isinstance(column_type, kind):
            return BigInteger if kind is Integer else kind
    return Text


def _types() -> dict[str, set[type[TypeEngine[Any]]]]:
    found: dict[str, set[type[TypeEngine[Any]]]] = {}
    for module in _MODULES:
        for table in vars(module).values():
            if isinstance(table, Table):
                for column in table.columns:
                    found.setdefault(column.name, set()).add(_type_of(column.type))
    return found | {name: {Text} for name in _TEXTS}


_TYPES = _types()
