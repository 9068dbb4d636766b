"""Idempotency keys (``ports.idempotency.IdempotencyStore``), and the write that other nouns put beside their own."""

from __future__ import annotations

from sqlalchemy import select, tuple_, update

from app.ports.idempotency import Answer, KeyTaken, Once, TakenKey
from app.storage.dialect import Op, UnexpectedRowCount, compile_statement, upsert
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import IDEMPOTENCY_KEYS as KEYS
from app.storage.writer import Writer

_TAKE = compile_statement(
    upsert(
        KEYS,
        ("fingerprint", "swarm_id", "status", "answer", "created_at_ms"),
        where=KEYS.c.created_at_ms <= param("expired_ms"),
    ),
    locked=("tenant_id", "key"),
)
_ANSWER = compile_statement(
    update(KEYS)
    .where(
        KEYS.c.tenant_id == param("tenant_id"),
        KEYS.c.key == param("key"),
        KEYS.c.fingerprint == param("fingerprint"),
        KEYS.c.created_at_ms == param("created_at_ms"),
    )
    .values(status=param("status"), answer=param("answer"))
)
_OLDEST = (
    select(KEYS.c.tenant_id, KEYS.c.key)
    .where(KEYS.c.created_at_ms <= param("expired_ms"))
    .order_by(KEYS.c.created_at_ms)
    .limit(param("limit"))
)
_SWEEP = compile_statement(KEYS.delete().where(tuple_(KEYS.c.tenant_id, KEYS.c.key).in_(_OLDEST)))


class IdempotencyKeys:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def find(self, tenant_id: str, key: str, *, expired_ms: int) -> TakenKey | None:
        query = select(*KEYS.c["fingerprint", "swarm_id", "status", "answer"]).where(
            KEYS.c.tenant_id == tenant_id, KEYS.c.key == key, KEYS.c.created_at_ms > expired_ms
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        answer = None if row.status is None else Answer(row.status, row.answer)
        return TakenKey(fingerprint=row.fingerprint, swarm_id=row.swarm_id, answer=answer)

    async def take(self, once: Once) -> None:
        try:
            await self._writer.write([take_op(once, None)])
        except UnexpectedRowCount as exc:
            raise KeyTaken from exc

    async def answer(self, once: Once) -> None:
        assert once.answer is not None
        values = {
            "tenant_id": once.tenant_id,
            "key": once.key,
            "fingerprint": once.fingerprint,
            "created_at_ms": once.created_at_ms,
            "status": once.answer.status,
            "answer": once.answer.body,
        }
        await self._writer.write([Op(_ANSWER, [_ANSWER.row(values)])])

    async def sweep(self, *, expired_ms: int, limit: int) -> int:
        row = _SWEEP.row({"expired_ms": expired_ms, "limit": limit})
        [affected] = await self._writer.write([Op(_SWEEP, [row])])
        return int(affected)


def take_op(once: Once, swarm_id: str | None) -> Op:
    """Return the write that takes a key; where another request has it, the whole unit of work is undone."""
    values = {
        "tenant_id": once.tenant_id,
        "key": once.key,
        "fingerprint": once.fingerprint,
        "swarm_id": swarm_id,
        "status": once.answer and once.answer.status,
        "answer": once.answer and once.answer.body,
        "created_at_ms": once.created_at_ms,
        "expired_ms": once.expired_ms,
    }
    return Op(_TAKE, [_TAKE.row(values)], expect=1)
