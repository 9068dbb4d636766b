"""The event log: one query serves the REST list, sockets, exports and replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, or_, select

from app.ports.store import EncodedEvent, LogCursor, LoggedEvent
from app.storage import statements as sql
from app.storage.dialect import Op
from app.storage.reader import Reader
from app.storage.tables import AGENT_LOG, EVENTS

_BEHIND_ALL = 2**53


class Events:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(self, swarm_id: str, *, after: int, limit: int) -> Sequence[EncodedEvent]:
        query = (
            select(*EVENTS.c["seq", "type", "at_ms", "body"])
            .where(EVENTS.c.swarm_id == swarm_id, EVENTS.c.seq > after)
            .order_by(EVENTS.c.seq)
            .limit(limit)
        )
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [EncodedEvent(seq=row.seq, type=row.type, at_ms=row.at_ms, body=row.body) for row in rows]

    async def list_of_agent(self, agent_id: str, *, after: LogCursor, limit: int) -> Sequence[LoggedEvent]:
        position = AGENT_LOG.c.position
        query = (
            select(position, *EVENTS.c["swarm_id", "seq", "type", "at_ms", "body"])
            .join(
                EVENTS,
                and_(
                    EVENTS.c.swarm_id == AGENT_LOG.c.swarm_id,
                    EVENTS.c.seq.between(AGENT_LOG.c.first_seq, AGENT_LOG.c.last_seq),
                ),
            )
            .where(
                AGENT_LOG.c.agent_id == agent_id,
                position >= after.position,
                or_(position > after.position, EVENTS.c.seq > after.seq),
            )
            .order_by(position, EVENTS.c.seq)
            .limit(limit)
        )
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [
            LoggedEvent(
                LogCursor(row.position, row.seq),
                row.swarm_id,
                EncodedEvent(seq=row.seq, type=row.type, at_ms=row.at_ms, body=row.body),
            )
            for row in rows
        ]

    async def end_of_agent_log(self, agent_id: str) -> LogCursor:
        query = select(func.max(AGENT_LOG.c.position)).where(AGENT_LOG.c.agent_id == agent_id)
        async with self._reader.connect() as connection:
            position = (await connection.execute(query)).scalar_one()
        return LogCursor(position, _BEHIND_ALL) if position else LogCursor()


def event_ops(agent_id: str, swarm_id: str, events: Sequence[EncodedEvent]) -> list[Op]:
    """Return the writes of one commit's events: the rows, then their place in the orchestrator's log."""
    if not events:
        return []
    rows = [(swarm_id, event.seq, event.type, event.at_ms, event.body) for event in events]
    log = {"agent_id": agent_id, "swarm_id": swarm_id, "first_seq": events[0].seq, "last_seq": events[-1].seq}
    return [Op(sql.INSERT_EVENT, rows), Op(sql.APPEND_LOG, [sql.APPEND_LOG.row(log)], fetch=True)]


def log_position(results: Sequence[Any], events: Sequence[EncodedEvent]) -> int:
    """Return the position that the last of ``event_ops`` gave, 0 where there was no event."""
    return int(results[-1][0][0]) if events else 0
