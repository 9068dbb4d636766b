"""The event log: one query serves the REST list, sockets, exports and replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, or_, select

from app.ports.events import EncodedEvent, LogCursor, LoggedEvent
from app.storage import statements as sql
from app.storage.dialect import Op
from app.storage.reader import Reader
from app.storage.tables import AGENT_LOG, EVENTS

_BEHIND_ALL = 2**53
_PACK = 256
"""Events in one row at most."""

_LINE = "\n"
"""Parts the bodies of a row: JSON as it is written here has no line break."""

_TYPE = '{"type":"'
"""How every body begins."""

_ROWS = 32
"""Rows read at once: most hold the few dozen events of one commit."""


class Events:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(self, swarm_id: str, *, after: int, limit: int) -> Sequence[EncodedEvent]:
        found: list[EncodedEvent] = []
        async with self._reader.connect() as connection:
            while len(found) < limit:
                query = (
                    select(*EVENTS.c["first_seq", "bodies"])
                    .where(EVENTS.c.swarm_id == swarm_id, EVENTS.c.first_seq > after - _PACK, EVENTS.c.last_seq > after)
                    .order_by(EVENTS.c.first_seq)
                    .limit(_ROWS)
                )
                rows = (await connection.execute(query)).all()
                for row in rows:
                    found += [event for event in _unpacked(row.first_seq, row.bodies) if event.seq > after]
                if len(rows) < _ROWS:
                    break
                after = found[-1].seq
        return found[:limit]

    async def list_of_agent(self, agent_id: str, *, after: LogCursor, limit: int) -> Sequence[LoggedEvent]:
        position = AGENT_LOG.c.position
        found: list[LoggedEvent] = []
        async with self._reader.connect() as connection:
            while len(found) < limit:
                query = (
                    select(position, *EVENTS.c["swarm_id", "first_seq", "bodies"])
                    .join(
                        EVENTS,
                        and_(
                            EVENTS.c.swarm_id == AGENT_LOG.c.swarm_id,
                            EVENTS.c.first_seq.between(AGENT_LOG.c.first_seq, AGENT_LOG.c.last_seq),
                        ),
                    )
                    .where(
                        AGENT_LOG.c.agent_id == agent_id,
                        position >= after.position,
                        or_(position > after.position, EVENTS.c.last_seq > after.seq),
                    )
                    .order_by(position, EVENTS.c.first_seq)
                    .limit(_ROWS)
                )
                rows = (await connection.execute(query)).all()
                for row in rows:
                    events = [
                        LoggedEvent(LogCursor(row.position, event.seq), row.swarm_id, event)
                        for event in _unpacked(row.first_seq, row.bodies)
                    ]
                    found += [entry for entry in events if entry.cursor > after]
                if len(rows) < _ROWS:
                    break
                after = found[-1].cursor
        return found[:limit]

    async def end_of_agent_log(self, agent_id: str) -> LogCursor:
        query = select(func.max(AGENT_LOG.c.position)).where(AGENT_LOG.c.agent_id == agent_id)
        async with self._reader.connect() as connection:
            position = (await connection.execute(query)).scalar_one()
        return LogCursor(position, _BEHIND_ALL) if position else LogCursor()


def event_ops(agent_id: str, swarm_id: str, events: Sequence[EncodedEvent]) -> list[Op]:
    """Return the writes of one commit's events: the rows, then their place in the orchestrator's log."""
    if not events:
        return []
    packs = [events[start : start + _PACK] for start in range(0, len(events), _PACK)]
    rows = [(swarm_id, pack[0].seq, pack[-1].seq, _LINE.join([event.body for event in pack])) for pack in packs]
    log = {"agent_id": agent_id, "swarm_id": swarm_id, "first_seq": events[0].seq, "last_seq": events[-1].seq}
    return [Op(sql.INSERT_EVENT, rows), Op(sql.APPEND_LOG, [sql.APPEND_LOG.row(log)], fetch=True)]


def log_position(results: Sequence[Any], events: Sequence[EncodedEvent]) -> int:
    """Return the position that the last of ``event_ops`` gave, 0 where there was no event."""
    return int(results[-1][0][0]) if events else 0


def _unpacked(first_seq: int, bodies: str) -> list[EncodedEvent]:
    return [
        EncodedEvent(seq=seq, type=body[len(_TYPE) : body.index('"', len(_TYPE))], body=body)
        for seq, body in enumerate(bodies.split(_LINE), first_seq)
    ]
