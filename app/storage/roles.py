"""Roles that tenants made or replaced (``ports.roles.RoleStore``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import select

from app.domain.roles import Role
from app.storage.dialect import Op, compile_statement, upsert
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import ROLES
from app.storage.writer import Writer

_PUT = compile_statement(
    upsert(ROLES, ("system_prompt", "capability_tags", "model", "tier", "updated_at_ms")), locked=("tenant_id",)
)
_DELETE = compile_statement(
    ROLES.delete().where(ROLES.c.tenant_id == param("tenant_id")).where(ROLES.c.name == param("name"))
)


class Roles:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def list(self, tenant_id: str) -> Mapping[str, Role]:
        query = select(ROLES).where(ROLES.c.tenant_id == tenant_id).order_by(ROLES.c.name)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        return {row.name: _role(row) for row in rows}

    async def apply(self, tenant_id: str, changes: Mapping[str, Role | None], at_ms: int) -> None:
        put = [
            _PUT.row(
                {
                    "tenant_id": tenant_id,
                    "name": name,
                    "system_prompt": role.system_prompt,
                    "capability_tags": orjson.dumps(role.capability_tags).decode(),
                    "model": role.model,
                    "tier": role.tier,
                    "updated_at_ms": at_ms,
                }
            )
            for name, role in changes.items()
            if role is not None
        ]
        removed = [
            _DELETE.row({"tenant_id": tenant_id, "name": name}) for name, role in changes.items() if role is None
        ]
        ops = [Op(_PUT, put)] if put else []
        if removed:
            ops.append(Op(_DELETE, removed))
        if ops:
            await self._writer.write(ops)


def _role(row: Any) -> Role:
    return Role(
        name=row.name,
        system_prompt=row.system_prompt,
        capability_tags=tuple(orjson.loads(row.capability_tags)),
        model=row.model,
        tier=row.tier,
    )
