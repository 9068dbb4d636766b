"""Events on the wire."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.times import Timestamp


class EventOut(BaseModel):
    """One event; further fields depend on its `type`: see `/asyncapi.json`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["agent_completed"])
    seq: int = Field(description="Counts from 1 within the swarm, without a gap")
    ts: Timestamp
    swarm_id: str
    task_id: str | None
    agent_id: str | None = None
    attempt: int | None = None


class EventPage(BaseModel):
    items: list[EventOut]
