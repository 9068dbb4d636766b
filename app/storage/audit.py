"""The audit log (``ports.audit.AuditStore``)."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import delete, insert, or_, select, tuple_

from app.domain.errors import InvalidRequest
from app.domain.ids import AUDIT_PREFIX, is_id
from app.ports.audit import AuditFilter, AuditRow
from app.ports.pages import Page
from app.storage.account_tables import AUDIT
from app.storage.dialect import Op, compile_statement
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.writer import Writer

_INSERT = compile_statement(insert(AUDIT))
_OLDEST = (
    select(AUDIT.c.tenant_id, AUDIT.c.id)
    .where(AUDIT.c.at_ms < param("before_ms"))
    .order_by(AUDIT.c.at_ms)
    .limit(param("limit"))
)
_PRUNE = compile_statement(delete(AUDIT).where(tuple_(AUDIT.c.tenant_id, AUDIT.c.id).in_(_OLDEST)))


class Audit:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, row: AuditRow) -> None:
        values = {
            "tenant_id": row.tenant_id,
            "id": row.audit_id,
            "at_ms": row.at_ms,
            "actor": row.actor,
            "action": row.action,
            "object": row.object,
            "detail": None if row.detail is None else orjson.dumps(row.detail).decode(),
            "remote": row.remote,
        }
        await self._writer.write([Op(_INSERT, [_INSERT.row(values)])])

    async def list(self, tenant_id: str, where: AuditFilter, *, limit: int, cursor: str | None) -> Page[AuditRow]:
        query = select(AUDIT).where(AUDIT.c.tenant_id == tenant_id)
        if where.action is not None:
            begun = AUDIT.c.action.startswith(f"{where.action}.", autoescape=True)
            query = query.where(or_(AUDIT.c.action == where.action, begun))
        if where.actor is not None:
            query = query.where(AUDIT.c.actor == where.actor)
        if where.from_ms is not None:
            query = query.where(AUDIT.c.at_ms >= where.from_ms)
        if where.until_ms is not None:
            query = query.where(AUDIT.c.at_ms < where.until_ms)
        if cursor is not None:
            if not is_id(AUDIT_PREFIX, cursor):
                raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
            query = query.where(AUDIT.c.id < cursor)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(AUDIT.c.id.desc()).limit(limit + 1))).all()
        found = [_audit_row(row) for row in rows[:limit]]
        return Page(found, found[-1].audit_id if len(rows) > limit else None)

    async def prune(self, before_ms: int, *, limit: int) -> int:
        row = _PRUNE.row({"before_ms": before_ms, "limit": limit})
        [removed] = await self._writer.write([Op(_PRUNE, [row])])
        return int(removed)


def _audit_row(row: Any) -> AuditRow:
    return AuditRow(
        audit_id=row.id,
        tenant_id=row.tenant_id,
        at_ms=row.at_ms,
        action=row.action,
        actor=row.actor,
        object=row.object,
        detail=None if row.detail is None else orjson.loads(row.detail),
        remote=row.remote,
    )
