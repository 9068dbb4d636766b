"""The event log: one query serves the REST list, sockets, exports and replay."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.ports.store import EncodedEvent
from app.storage.tables import EVENTS


class Events:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, swarm_id: str, *, after: int, limit: int) -> Sequence[EncodedEvent]:
        query = (
            select(*EVENTS.c["seq", "type", "at_ms", "body"])
            .where(EVENTS.c.swarm_id == swarm_id, EVENTS.c.seq > after)
            .order_by(EVENTS.c.seq)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [EncodedEvent(seq=row.seq, type=row.type, at_ms=row.at_ms, body=row.body) for row in rows]
