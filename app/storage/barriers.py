"""Barrier runs (``ports.agents.BarrierStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select

from app.domain.agent import BarrierName
from app.ports.agents import BarrierRow
from app.ports.idempotency import KeyTaken, Once
from app.storage.dialect import Op, UnexpectedRowCount, compile_statement
from app.storage.idempotency import take_op
from app.storage.reader import Reader
from app.storage.tables import BARRIERS
from app.storage.writer import Writer

_INSERT = compile_statement(insert(BARRIERS))


class Barriers:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def create(self, barrier: BarrierRow, once: Once | None = None) -> None:
        try:
            await self._writer.write([*([take_op(once, None)] if once else []), barrier_op(barrier)])
        except UnexpectedRowCount as exc:
            raise KeyTaken from exc

    async def newest(self, tenant_id: str, name: str, agent_id: str | None) -> BarrierRow | None:
        query = select(BARRIERS).where(BARRIERS.c.tenant_id == tenant_id, BARRIERS.c.name == name)
        if agent_id is not None:
            query = query.where(BARRIERS.c.agent_id == agent_id)
        async with self._reader.connect() as connection:
            row = (await connection.execute(query.order_by(BARRIERS.c.id.desc()).limit(1))).one_or_none()
        return None if row is None else _barrier_row(row)

    async def earlier(self, agent_id: str, prefix: str, number: int) -> Sequence[BarrierRow]:
        newest = (
            select(func.max(BARRIERS.c.id))
            .where(BARRIERS.c.agent_id == agent_id, BARRIERS.c.prefix == prefix, BARRIERS.c.number < number)
            .group_by(BARRIERS.c.number)
        )
        query = select(BARRIERS).where(BARRIERS.c.id.in_(newest)).order_by(BARRIERS.c.number)
        async with self._reader.connect() as connection:
            return [_barrier_row(row) for row in await connection.execute(query)]


def barrier_op(barrier: BarrierRow) -> Op:
    """Return the write that stores one run of a barrier."""
    values = {
        "id": barrier.barrier_run_id,
        "tenant_id": barrier.tenant_id,
        "agent_id": barrier.agent_id,
        "name": barrier.name.name,
        "prefix": barrier.name.prefix,
        "number": barrier.name.number,
        "swarm_id": barrier.swarm_id,
        "total": barrier.total,
        "error": barrier.error,
        "created_at_ms": barrier.created_at_ms,
    }
    return Op(_INSERT, [_INSERT.row(values)])


def _barrier_row(row: Any) -> BarrierRow:
    return BarrierRow(
        barrier_run_id=row.id,
        tenant_id=row.tenant_id,
        agent_id=row.agent_id,
        name=BarrierName(row.name, row.prefix, row.number),
        swarm_id=row.swarm_id,
        total=row.total,
        error=row.error,
        created_at_ms=row.created_at_ms,
    )
