"""The event log: what was committed, as it is stored and sent, and where a reader of it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from app.domain.events import Event
from app.domain.values import value


@value(kw_only=True)
class EncodedEvent:
    """An event as it is stored and sent: ``body`` is its JSON text on one line, serialised once for all readers."""

    seq: int
    type: str
    body: str

    @classmethod
    def of(cls, event: Event, swarm_id: str) -> EncodedEvent:
        body = orjson.dumps(event.as_frame(swarm_id)).decode()
        return cls(seq=event.seq, type=event.type, body=body)


@dataclass(frozen=True, slots=True, order=True)
class LogCursor:
    """A place in an orchestrator's log: behind event ``seq`` of the commit at ``position``."""

    position: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in an orchestrator's log, with the cursor behind it."""

    cursor: LogCursor
    swarm_id: str
    event: EncodedEvent


class EventStore(Protocol):
    async def list(self, swarm_id: str, *, after: int, limit: int) -> Sequence[EncodedEvent]:
        """Events with ``seq`` > ``after`` in order, at most ``limit``."""
        ...

    async def list_of_agent(self, agent_id: str, *, after: LogCursor, limit: int) -> Sequence[LoggedEvent]:
        """Events of all swarms of an orchestrator in the order of their commits, per swarm in ``seq`` order."""
        ...

    async def end_of_agent_log(self, agent_id: str) -> LogCursor:
        """Return the cursor behind the newest event."""
        ...
