"""Shared memory (``ports.memory.MemoryStore``)."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update

from app.ports.memory import MemoryCaps, MemoryEntry, MemoryWrite
from app.ports.pages import Page
from app.storage.dialect import ConstraintViolated, Op, Statement, UnexpectedRowCount, accumulate, compile_statement
from app.storage.dialect.expressions import begins_with
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.shared_tables import MEMORY, MEMORY_RUNS, MEMORY_TOTALS
from app.storage.writer import Writer

_MINE = MEMORY.c.agent_id == param("agent_id")
_TOTALS = MEMORY_TOTALS.c.agent_id == param("agent_id")
_THE_KEY = and_(_MINE, MEMORY.c.key == param("key"))
_EXPIRED = MEMORY.c.expires_at_ms <= param("now_ms")
_LIVE = or_(MEMORY.c.expires_at_ms.is_(None), MEMORY.c.expires_at_ms > param("now_ms"))
_OVER = or_(MEMORY_TOTALS.c.entries > param("max_entries"), MEMORY_TOTALS.c.size_bytes > param("max_bytes"))
_IS_OVER = select(MEMORY_TOTALS.c.agent_id).where(_TOTALS, _OVER).exists()


def _sum(value: Any, where: ColumnElement[bool]) -> Any:
    return select(func.coalesce(value, 0)).where(where).scalar_subquery()


_COUNT = func.count(MEMORY.c.version)
_BYTES = func.sum(MEMORY.c.size_bytes)

_NEXT_VERSION = compile_statement(
    accumulate(MEMORY_TOTALS, ("last_version", "entries", "size_bytes")), locked=("agent_id",)
)
_DISCOUNT = compile_statement(
    update(MEMORY_TOTALS)
    .where(_TOTALS)
    .values(
        entries=MEMORY_TOTALS.c.entries - _sum(_COUNT, _THE_KEY),
        size_bytes=MEMORY_TOTALS.c.size_bytes - _sum(_BYTES, _THE_KEY),
    ),
    locked=("agent_id",),
)
_REMOVE = compile_statement(MEMORY.delete().where(_THE_KEY))
_REMOVE_LIVE = compile_statement(MEMORY.delete().where(_THE_KEY, _LIVE))
_REMOVE_EXPIRED_KEY = compile_statement(MEMORY.delete().where(_THE_KEY, _EXPIRED))
_REMOVE_VERSION = compile_statement(MEMORY.delete().where(_THE_KEY, _LIVE, MEMORY.c.version == param("if_version")))
_INSERT = compile_statement(
    insert(MEMORY).from_select(
        ["agent_id", "key", "value", "version", "size_bytes", "updated_at_ms", "expires_at_ms", "run_key"],
        select(
            MEMORY_TOTALS.c.agent_id,
            param("key"),
            param("value"),
            MEMORY_TOTALS.c.last_version,
            param("size_bytes"),
            param("now_ms"),
            param("expires_at_ms"),
            param("run_key"),
        ).where(_TOTALS),
    )
)
_REMEMBERED_RUNS = 20_000
"""Of an orchestrator: several times as many as the calls of its sub-agents that a crash can cut off."""

_FORGET_EVERY = 256
"""Writes between two looks at what may be forgotten."""

_REMEMBER_RUN = compile_statement(
    insert(MEMORY_RUNS).from_select(
        ["agent_id", "version", "run_key"],
        select(MEMORY_TOTALS.c.agent_id, MEMORY_TOTALS.c.last_version, param("run_key")).where(_TOTALS),
    )
)
_FORGET_RUNS = compile_statement(
    MEMORY_RUNS.delete().where(
        MEMORY_RUNS.c.agent_id == param("agent_id"), MEMORY_RUNS.c.version <= param("last_forgotten")
    )
)
_DROP_EXPIRED = compile_statement(MEMORY.delete().where(_MINE, _EXPIRED, _IS_OVER))
_RECOUNT = compile_statement(
    update(MEMORY_TOTALS).where(_TOTALS, _OVER).values(entries=_sum(_COUNT, _MINE), size_bytes=_sum(_BYTES, _MINE))
)
_newest_first = MEMORY.c.version.desc()
_ranked = (
    select(
        MEMORY.c.version,
        func.row_number().over(order_by=_newest_first).label("place"),
        func.sum(MEMORY.c.size_bytes).over(order_by=_newest_first).label("total"),
    )
    .where(_MINE)
    .subquery()
)
_EVICT = compile_statement(
    MEMORY.delete().where(
        _MINE,
        _IS_OVER,
        MEMORY.c.version.in_(
            select(_ranked.c.version).where(
                _ranked.c.place > 1,
                or_(_ranked.c.place > param("keep_entries"), _ranked.c.total > param("keep_bytes")),
            )
        ),
    )
)
_WRITTEN = compile_statement(select(*MEMORY.c).where(_THE_KEY))

_Row = namedtuple("_Row", list(MEMORY.c.keys()))  # type: ignore[misc]  # what the driver returns, by column

_WHOSE = or_(MEMORY_TOTALS.c.agent_id == param("agent_id"), param("agent_id").is_(None))
_CLEARED_AGENTS = select(MEMORY_TOTALS.c.agent_id).where(MEMORY_TOTALS.c.tenant_id == param("tenant_id"), _WHOSE)
_CLEAR_EXPIRED = compile_statement(MEMORY.delete().where(MEMORY.c.agent_id.in_(_CLEARED_AGENTS), _EXPIRED))
_CLEAR = compile_statement(MEMORY.delete().where(MEMORY.c.agent_id.in_(_CLEARED_AGENTS)))
_CLEAR_TOTALS = compile_statement(
    update(MEMORY_TOTALS).where(MEMORY_TOTALS.c.tenant_id == param("tenant_id"), _WHOSE).values(entries=0, size_bytes=0)
)


class Memory:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def get(self, agent_id: str, key: str, now_ms: int) -> MemoryEntry | None:
        query = select(MEMORY).where(MEMORY.c.agent_id == agent_id, MEMORY.c.key == key, _live_at(now_ms))
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _entry(row)

    async def list(
        self, agent_id: str, prefix: str, *, limit: int, cursor: str | None, now_ms: int
    ) -> Page[MemoryEntry]:
        query = select(MEMORY).where(MEMORY.c.agent_id == agent_id, _live_at(now_ms))
        if prefix:
            query = query.where(MEMORY.c.key >= prefix, begins_with(MEMORY.c.key, prefix))
        if cursor is not None:
            query = query.where(MEMORY.c.key > cursor)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(MEMORY.c.key).limit(limit + 1))).all()
        items = [_entry(row) for row in rows[:limit]]
        return Page(items, items[-1].key if len(rows) > limit else None)

    async def put(
        self, tenant_id: str, agent_id: str, write: MemoryWrite, caps: MemoryCaps, now_ms: int
    ) -> MemoryEntry | None:
        totals = {"agent_id": agent_id, "tenant_id": tenant_id, "entries": 0, "size_bytes": 0, "last_version": 1}
        values = {
            "agent_id": agent_id,
            "key": write.key,
            "value": write.value_json,
            "size_bytes": write.size_bytes,
            "if_version": write.if_version,
            "expires_at_ms": write.expires_at_ms,
            "run_key": write.run_key,
            "now_ms": now_ms,
            "max_entries": caps.max_entries,
            "max_bytes": caps.room_bytes,
            "keep_entries": caps.max_entries * 9 // 10,
            "keep_bytes": caps.room_bytes * 9 // 10,
        }
        match write.if_version:
            case None:
                remove = _op(_REMOVE, values)
            case 0:
                remove = _op(_REMOVE_EXPIRED_KEY, values)  # a live one makes the insert fail
            case _:
                remove = _op(_REMOVE_VERSION, values, expect=1)
        ops = [
            _op(_NEXT_VERSION, totals),
            _op(_DISCOUNT, values),
            remove,
            _op(_INSERT, values, expect=1),
            *([] if write.run_key is None else [_op(_REMEMBER_RUN, values)]),
            _op(_NEXT_VERSION, totals | {"entries": 1, "size_bytes": write.size_bytes, "last_version": 0}),
            _op(_DROP_EXPIRED, values),
            _op(_RECOUNT, values),
            _op(_EVICT, values),
            _op(_RECOUNT, values),
            _op(_WRITTEN, values, fetch=True),
        ]
        try:
            *_, [row] = await self._writer.write(ops)
        except (UnexpectedRowCount, ConstraintViolated):
            return None if write.run_key is None else await self._of_run(agent_id, write, now_ms)
        entry = _entry(_Row(*row))
        if write.run_key is not None and entry.version % _FORGET_EVERY == 0:
            old = {"agent_id": agent_id, "last_forgotten": entry.version - _REMEMBERED_RUNS}
            await self._writer.write([_op(_FORGET_RUNS, old)])
        return entry

    async def _of_run(self, agent_id: str, write: MemoryWrite, now_ms: int) -> MemoryEntry | None:
        query = select(MEMORY_RUNS.c.version).where(
            MEMORY_RUNS.c.agent_id == agent_id, MEMORY_RUNS.c.run_key == write.run_key
        )
        async with self._reader.connect() as connection:
            version = (await connection.execute(query)).scalar_one_or_none()
        if version is None:
            return None
        return MemoryEntry(
            key=write.key,
            value_json=write.value_json,
            version=version,
            size_bytes=write.size_bytes,
            updated_at_ms=now_ms,
            expires_at_ms=write.expires_at_ms,
            run_key=write.run_key,
        )

    async def delete(self, agent_id: str, key: str, if_version: int | None, now_ms: int) -> bool:
        values = {"agent_id": agent_id, "key": key, "if_version": if_version, "now_ms": now_ms}
        remove = _REMOVE_LIVE if if_version is None else _REMOVE_VERSION
        try:
            await self._writer.write([_op(_DISCOUNT, values), _op(remove, values, expect=1)])
        except UnexpectedRowCount:
            return False
        return True

    async def clear(self, tenant_id: str, agent_id: str | None, now_ms: int) -> int:
        values = {"tenant_id": tenant_id, "agent_id": agent_id, "now_ms": now_ms}
        results = await self._writer.write(
            [_op(_CLEAR_EXPIRED, values), _op(_CLEAR, values), _op(_CLEAR_TOTALS, values)]
        )
        return int(results[1])


def _op(statement: Statement, values: Mapping[str, Any], *, expect: int | None = None, fetch: bool = False) -> Op:
    return Op(statement, [statement.row(values)], expect=expect, fetch=fetch)


def _live_at(now_ms: int) -> ColumnElement[bool]:
    return or_(MEMORY.c.expires_at_ms.is_(None), MEMORY.c.expires_at_ms > now_ms)


def _entry(row: Any) -> MemoryEntry:
    return MemoryEntry(
        key=row.key,
        value_json=row.value,
        version=row.version,
        size_bytes=row.size_bytes,
        updated_at_ms=row.updated_at_ms,
        expires_at_ms=row.expires_at_ms,
        run_key=row.run_key,
    )
