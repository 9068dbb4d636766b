"""Calls that are out at workers, and these (``ports.assignments``).

Many rows go by in one statement each way, as one JSON text: a worker claims and records by the hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Integer, Text, bindparam, insert, text

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
    "keys": "(SELECT json_extract(value, '$[0]') AS s, json_extract(value, '$[1]') AS i,"
    " json_extract(value, '$[2]') AS a, json_extract(value, '$[3]') AS t, json_extract(value, '$[4]') AS c,"
    " json_extract(value, '$[5]') AS n, json_extract(value, '$[6]') AS x FROM json_each(:p_keys)) AS k",
    "indices": "(SELECT value FROM json_each(:p_indices))",
}
_POSTGRES = {
    "now": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    "keys": "(SELECT e->>0 AS s, CAST(e->>1 AS BIGINT) AS i, CAST(e->>2 AS BIGINT) AS a,"
    " CAST(e->>3 AS BIGINT) AS t, CAST(e->>4 AS BIGINT) AS c, CAST(e->>5 AS BIGINT) AS n, e->>6 AS x"
    " FROM json_array_elements(CAST(:p_keys AS JSON)) AS e) AS k",
    "indices": "(SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(:p_indices AS JSON)))",
}
_KEY = "swarm_id, ix, attempt, step, nth"
_SAME = "swarm_id = k.s AND ix = k.i AND attempt = k.a AND step = k.t AND nth = k.c"
_TYPES: dict[str, Any] = {"slots": Integer, "orphans": Integer}


def _statement(sql: str) -> Statement:
    def variant(words: Mapping[str, str]) -> Any:
        said = text(sql.format(**words, key=_KEY, same=_SAME, lease=_LEASE_MS, forget=_FORGET_MS))
        names = [name for name in said.compile().params if name.startswith("p_")]
        return said.bindparams(
            *[bindparam(name, None, type_=_TYPES.get(name.removeprefix("p_"), Text)()) for name in names]
        )

    return compile_statement(Variants(variant(_SQLITE), variant(_POSTGRES)))


_OUT = compile_statement(insert(ASSIGNMENTS))
_HEARD = _statement(
    "DELETE FROM assignments WHERE ({key}) IN (SELECT k.s, k.i, k.a, k.t, k.c FROM {keys})",
)
_STOPPED = _statement("DELETE FROM assignments WHERE swarm_id = :p_swarm_id AND ix IN {indices}")
_CLAIM = _statement(
    "UPDATE assignments SET claim = claim + 1, worker_id = :p_worker_id FROM {keys} WHERE {same} AND told IS NULL"
    " AND (worker_id IS NULL OR worker_id = :p_worker_id OR :p_orphans = 1 AND NOT EXISTS"
    " (SELECT 1 FROM workers WHERE workers.id = worker_id AND workers.seen_at_ms > {now} - {lease}))"
    " RETURNING {key}, claim"
)
_BUSY = _statement(
    "SELECT {key} FROM assignments JOIN {keys} ON {same} WHERE told IS NULL AND worker_id <> :p_worker_id"
)
_RECORD = _statement(
    "UPDATE assignments SET told = k.x FROM {keys} WHERE {same} AND claim = k.n AND told IS NULL"
    " RETURNING {key}, (SELECT lease_owner FROM swarms WHERE swarms.id = swarm_id)"
)
_CLAIMED = _statement(
    "SELECT {key} FROM assignments JOIN {keys} ON {same} WHERE told IS NULL AND worker_id = :p_worker_id"
)
_STANDING = _statement(
    "SELECT {key}, workers.id IS NOT NULL, told FROM assignments LEFT JOIN workers"
    " ON workers.id = worker_id AND workers.seen_at_ms > {now} - {lease}"
    " WHERE swarm_id IN (SELECT k.s FROM {keys})"
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


def _listed(key: CallKey) -> list[str | int]:
    return [key.swarm_id, key.index, key.attempt, key.step, key.call]


def _keys(keys: Sequence[CallKey]) -> str:
    return orjson.dumps([_listed(key) for key in keys]).decode()


def _op(statement: Statement, *, fetch: bool = False, **values: Any) -> Op:
    return Op(statement, [statement.row(values)], fetch=fetch)


def assigned_ops(swarm_id: str, assigned: Assigned, *, ended: bool) -> list[Op]:
    """Return what a turn of a runner changes in what is out."""
    ops = []
    if assigned.heard:
        ops.append(_op(_HEARD, keys=_keys(assigned.heard)))
    if assigned.stopped:
        ops.append(_op(_STOPPED, swarm_id=swarm_id, indices=orjson.dumps(list(assigned.stopped)).decode()))
    if assigned.out:
        fields = [dict(zip(_KEY.split(", "), _listed(key), strict=True)) for key in assigned.out]
        ops.append(Op(_OUT, [_OUT.row(row | {"claim": 0, "worker_id": None, "told": None}) for row in fields]))
    if ended:
        ops.append(_op(_FORGET_TEXTS, swarm_id=swarm_id))
    return ops


class Assignments:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def standing(self, swarm_ids: Sequence[str]) -> Sequence[Standing]:
        keys = orjson.dumps([[swarm_id] for swarm_id in swarm_ids]).decode()
        [rows] = await self._writer.write([_op(_STANDING, fetch=True, keys=keys)])
        return [Standing(key=CallKey(*key), claimed=bool(claimed), told=told) for *key, claimed, told in rows]

    async def claim(self, worker_id: str, keys: Sequence[CallKey], *, orphans: bool = True) -> Claims:
        asked = {"keys": _keys(keys), "worker_id": worker_id}
        granted, busy = await self._writer.write(
            [_op(_CLAIM, fetch=True, **asked, orphans=int(orphans)), _op(_BUSY, fetch=True, **asked)]
        )
        return Claims(
            granted={CallKey(*key): claim for *key, claim in granted}, busy=frozenset(CallKey(*row) for row in busy)
        )

    async def record(self, told: Sequence[Told]) -> Mapping[CallKey, str | None]:
        rows = [[*_listed(one.key), one.claim, one.text] for one in told]
        [recorded] = await self._writer.write([_op(_RECORD, fetch=True, keys=orjson.dumps(rows).decode())])
        return {CallKey(*key): owner for *key, owner in recorded}

    async def claimed_by(self, worker_id: str, keys: Sequence[CallKey]) -> Collection[CallKey]:
        [rows] = await self._writer.write([_op(_CLAIMED, fetch=True, keys=_keys(keys), worker_id=worker_id)])
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
