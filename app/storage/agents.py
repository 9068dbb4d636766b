"""Orchestrators (``ports.agents.AgentStore``)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import or_, select, update

from app.domain.agent import AgentConfig
from app.domain.errors import Conflict
from app.ports.agents import AgentRow
from app.ports.pages import Page
from app.storage.dialect import ConstraintViolated, Op, compile_statement, upsert
from app.storage.mapping import dumps
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import AGENTS
from app.storage.writer import Writer

_PUT = compile_statement(
    upsert(AGENTS, ("config", "max_parallel_agents", "updated_at_ms"), key=("tenant_id", "name")), locked=("tenant_id",)
)
_UPDATE = compile_statement(
    update(AGENTS)
    .where(AGENTS.c.id == param("id"), AGENTS.c.tenant_id == param("tenant_id"))
    .values({name: param(name) for name in ("name", "config", "max_parallel_agents", "updated_at_ms")})
)
_DELETE = compile_statement(AGENTS.delete().where(AGENTS.c.id == param("id"), AGENTS.c.tenant_id == param("tenant_id")))


class Agents:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def put(self, agent: AgentRow) -> AgentRow:
        await self._writer.write([Op(_PUT, [_PUT.row(_values(agent))])])
        stored = await self.find(agent.tenant_id, agent.name)
        assert stored is not None
        return stored

    async def find(self, tenant_id: str, id_or_name: str) -> AgentRow | None:
        query = select(AGENTS).where(
            AGENTS.c.tenant_id == tenant_id, or_(AGENTS.c.id == id_or_name, AGENTS.c.name == id_or_name)
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _agent_row(row)

    async def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> Page[AgentRow]:
        query = select(AGENTS).where(AGENTS.c.tenant_id == tenant_id)
        if cursor is not None:
            query = query.where(AGENTS.c.id > cursor)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(AGENTS.c.id).limit(limit + 1))).all()
        items = [_agent_row(row) for row in rows[:limit]]
        return Page(items, items[-1].agent_id if len(rows) > limit else None)

    async def update(self, agent: AgentRow) -> None:
        try:
            await self._writer.write([Op(_UPDATE, [_UPDATE.row(_values(agent))])])
        except ConstraintViolated as exc:
            raise Conflict(f"another orchestrator is named {agent.name!r}") from exc

    async def delete(self, tenant_id: str, agent_id: str) -> bool:
        row = _DELETE.row({"id": agent_id, "tenant_id": tenant_id})
        [affected] = await self._writer.write([Op(_DELETE, [row])])
        return bool(affected)


def _values(agent: AgentRow) -> dict[str, Any]:
    return {
        "id": agent.agent_id,
        "tenant_id": agent.tenant_id,
        "name": agent.name,
        "config": dumps(asdict(agent.config)),
        "max_parallel_agents": agent.config.max_parallel_agents,
        "created_at_ms": agent.created_at_ms,
        "updated_at_ms": agent.updated_at_ms,
    }


def _agent_row(row: Any) -> AgentRow:
    return AgentRow(
        agent_id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        config=AgentConfig(**orjson.loads(row.config)),
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
    )
