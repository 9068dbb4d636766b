"""Calls that are out at workers, and these (``ports.assignments``).

A worker claims and records by the hundred, in one transaction and one round trip; each row by its key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import BigInteger, Integer, Text, bindparam, insert, text

from app.ports.assignments import LEASE_S, Assigned, Claims, Standing, Told, WorkerRow
from app.ports.dispatch import CallKey
from app.storage.assignment_tables import ASSIGNMENT_TEXTS, ASSIGNMENTS
from app.storage.dialect import Op, Statement, Variants, compile_statement
from app.storage.reader import Reader
from app.storage.writer import Writer

_LEASE_MS = round(LEASE_S * 1000)
_FORGET_MS = 3_600_000

_SQLITE = {
    "now": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "in_swarms": "IN (SELECT value FROM json_each(:p_swarms))",
    "in_indices": "IN (SELECT value FROM json_each(:p_indices))",
}
_POSTGRES = {
    "now": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    "in_swarms": "= ANY(ARRAY(SELECT jsonb_array_elements_text(CAST(:p_swarms AS JSONB))))",
    "in_indices": "= ANY(ARRAY(SELECT CAST(jsonb_array_elements_text(CAST(:p_indices AS JSONB)) AS BIGINT)))",
}
_COLUMNS = ("swarm_id", "ix", "attempt", "step", "nth")
_KEY = ", ".join(_COLUMNS)
_IT = " AND ".join([f"{name} = :p_{name}" for name in _COLUMNS])
"""One row by its whole key, sent for many rows at once. A join with a list of keys would be one statement, but the
server plans it by what it believes of a table whose rows stay for a second: it goes through all of it, dead or not."""

_TYPES: dict[str, Any] = dict.fromkeys(("slots", "orphans"), Integer) | dict.fromkeys(
    ("ix", "attempt", "step", "nth", "claim"), BigInteger
)


def _statement(sql: str) -> Statement:
    def variant(words: Mapping[str, str]) -> Any:
        said = text(sql.format(**words, key=_KEY, it=_IT, lease=_LEASE_MS, forget=_FORGET_MS))
        names = [name for name in said.compile().params if name.startswith("p_")]
        return said.bindparams(
            *[bindparam(name, None, type_=_TYPES.get(name.removeprefix("p_"), Text)()) for name in names]
        )

    return compile_statement(Variants(variant(_SQLITE), variant(_POSTGRES)))


_OUT = compile_statement(insert(ASSIGNMENTS))
_HEARD = _statement("DELETE FROM assignments WHERE {it}")
_STOPPED = _statement("DELETE FROM assignments WHERE swarm_id = :p_swarm_id AND ix {in_indices}")
_CLAIM = _statement(
    "UPDATE assignments SET claim = claim + 1, worker_id = :p_worker_id WHERE {it} AND told IS NULL"
    " AND (worker_id IS NULL OR worker_id = :p_worker_id OR :p_orphans = 1 AND NOT EXISTS"
    " (SELECT 1 FROM workers WHERE workers.id = worker_id AND workers.seen_at_ms > {now} - {lease}))"
    " RETURNING {key}, claim"
)
_TO_DO = _statement("SELECT {key} FROM assignments WHERE {it} AND told IS NULL")
_RECORD = _statement(
    "UPDATE assignments SET told = :p_told WHERE {it} AND claim = :p_claim AND told IS NULL"
    " RETURNING {key}, (SELECT lease_owner FROM swarms WHERE swarms.id = swarm_id)"
)
_CLAIMED = _statement("SELECT {key} FROM assignments WHERE {it} AND told IS NULL AND worker_id = :p_worker_id")
_STANDING = _statement(
    "SELECT {key}, workers.id IS NOT NULL, told FROM assignments LEFT JOIN workers"
    " ON workers.id = worker_id AND workers.seen_at_ms > {now} - {lease} WHERE swarm_id {in_swarms}"
)
_KEEP = _statement(
    "INSERT INTO assignment_texts (swarm_id, digest, body) VALUES (:p_swarm_id, :p_digest, :p_body)"
    " ON CONFLICT DO NOTHING"
)
_FORGET_TEXTS = _statement("DELETE FROM assignment_texts WHERE swarm_id = :p_swarm_id")
_BEAT = _statement(
    "INSERT INTO workers (id, name, slots, tags, seen_at_ms) VALUES (:p_worker_id, :p_name, :p_slots, :p_tags, {now})"
    " ON CONFLICT (id) DO UPDATE SET seen_at_ms = excluded.seen_at_ms"
)
_FORGET = _statement("DELETE FROM workers WHERE seen_at_ms < {now} - {forget} AND id <> :p_worker_id")
_FREE = _statement("UPDATE assignments SET worker_id = NULL WHERE worker_id = :p_worker_id AND told IS NULL")
_LEAVE = _statement("DELETE FROM workers WHERE id = :p_worker_id")
_ALIVE = _statement("SELECT id, name, slots, tags FROM workers WHERE seen_at_ms > {now} - {lease} ORDER BY id")


def _fields(key: CallKey) -> dict[str, Any]:
    return dict(zip(_COLUMNS, key.parts, strict=True))


def _op(statement: Statement, *, fetch: bool = False, **values: Any) -> Op:
    return Op(statement, [statement.row(values)], fetch=fetch)


def _in_order(keys: Iterable[CallKey]) -> list[CallKey]:
    """Rows are written in one order, so that of two who write the same ones none waits for the other in a circle."""
    return sorted(keys, key=attrgetter("parts"))


def _each(statement: Statement, keys: Iterable[CallKey], **values: Any) -> Op:
    return Op(statement, [statement.row(_fields(key) | values) for key in _in_order(keys)], fetch=True)


def assigned_ops(swarm_id: str, assigned: Assigned, *, ended: bool) -> list[Op]:
    """Return what a turn of a runner changes in what is out."""
    ops = []
    if assigned.heard:
        ops.append(Op(_HEARD, [_HEARD.row(_fields(key)) for key in _in_order(assigned.heard)]))
    if assigned.stopped:
        ops.append(_op(_STOPPED, swarm_id=swarm_id, indices=orjson.dumps(list(assigned.stopped)).decode()))
    if assigned.out:
        new = {"claim": 0, "worker_id": None, "told": None}
        ops.append(Op(_OUT, [_OUT.row(_fields(key) | new) for key in assigned.out]))
    if ended:
        ops.append(_op(_FORGET_TEXTS, swarm_id=swarm_id))
    return ops


class Assignments:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def standing(self, swarm_ids: Sequence[str]) -> Sequence[Standing]:
        swarms = orjson.dumps(list(swarm_ids)).decode()
        [rows] = await self._writer.write([_op(_STANDING, fetch=True, swarms=swarms)])
        return [Standing(key=CallKey(*key), claimed=bool(claimed), told=told) for *key, claimed, told in rows]

    async def claim(self, worker_id: str, keys: Sequence[CallKey], *, orphans: bool = True) -> Claims:
        [claimed] = await self._writer.write([_each(_CLAIM, keys, worker_id=worker_id, orphans=int(orphans))])
        granted = {CallKey(*key): claim for *key, claim in claimed}
        others = set(keys) - granted.keys()
        busy: frozenset[CallKey] = frozenset()
        if others:
            [rows] = await self._writer.write([_each(_TO_DO, others)])
            busy = frozenset(CallKey(*row) for row in rows)
        return Claims(granted=granted, busy=busy)

    async def record(self, told: Sequence[Told]) -> Mapping[CallKey, str | None]:
        ordered = sorted(told, key=attrgetter("key.parts"))
        rows = [_RECORD.row(_fields(one.key) | {"claim": one.claim, "told": one.text}) for one in ordered]
        [recorded] = await self._writer.write([Op(_RECORD, rows, fetch=True)])
        return {CallKey(*key): owner for *key, owner in recorded}

    async def claimed_by(self, worker_id: str, keys: Sequence[CallKey]) -> Collection[CallKey]:
        [rows] = await self._writer.write([_each(_CLAIMED, keys, worker_id=worker_id)])
        return frozenset(CallKey(*row) for row in rows)

    async def keep(self, swarm_id: str, digest: str, body: str) -> None:
        await self._writer.write([_op(_KEEP, swarm_id=swarm_id, digest=digest, body=body)])

    async def kept(self, swarm_id: str, digest: str) -> str | None:
        query = ASSIGNMENT_TEXTS.select().where(
            ASSIGNMENT_TEXTS.c.swarm_id == swarm_id, ASSIGNMENT_TEXTS.c.digest == digest
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else row.body


class Workers:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def beat(self, worker: WorkerRow) -> None:
        tags = orjson.dumps(list(worker.tags)).decode()
        sign = _op(_BEAT, worker_id=worker.worker_id, name=worker.name, slots=worker.slots, tags=tags)
        await self._writer.write([sign, _op(_FORGET, worker_id=worker.worker_id)])

    async def leave(self, worker_id: str) -> None:
        await self._writer.write([_op(_FREE, worker_id=worker_id), _op(_LEAVE, worker_id=worker_id)])

    async def alive(self) -> Sequence[WorkerRow]:
        [rows] = await self._writer.write([_op(_ALIVE, fetch=True)])
        return [
            WorkerRow(worker_id=id_, name=name, slots=slots, tags=orjson.loads(tags)) for id_, name, slots, tags in rows
        ]
