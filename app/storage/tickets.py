"""Tickets at any node (``ports.tickets.TicketStore``)."""

from __future__ import annotations

from sqlalchemy import insert, select

from app.storage.dialect import Op, compile_statement
from app.storage.dialect.expressions import clock_ms
from app.storage.node_tables import TICKETS
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.writer import Writer

_PUT = compile_statement(
    insert(TICKETS).values(
        {name: param(name) for name in ("digest", "tenant_id", "scopes")}
        | {"expires_at_ms": clock_ms() + param("lives_ms")}
    )
)
_FORGET = compile_statement(TICKETS.delete().where(TICKETS.c.expires_at_ms < clock_ms()))


class Tickets:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def put(self, digest: str, tenant_id: str, scopes: str, lives_s: float) -> None:
        row = {"digest": digest, "tenant_id": tenant_id, "scopes": scopes, "lives_ms": round(lives_s * 1000)}
        await self._writer.write([Op(_PUT, [_PUT.row(row)]), Op(_FORGET, [_FORGET.row({})])])

    async def find(self, digest: str) -> tuple[str, str] | None:
        query = select(TICKETS.c.tenant_id, TICKETS.c.scopes).where(
            TICKETS.c.digest == digest, TICKETS.c.expires_at_ms > clock_ms()
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else (row.tenant_id, row.scopes)
