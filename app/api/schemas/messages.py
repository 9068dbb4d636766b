"""Messages on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.api.schemas.names import NO_CONTROL
from app.api.schemas.times import Timestamp
from app.domain.events import rfc3339
from app.domain.ids import AGENT_PREFIX, sub_agent_id
from app.ports.messages import MAX_SENDER_CHARS, MAX_TOPIC_CHARS, MessageRow


def _not_an_agent(name: str) -> str:
    if name.startswith(AGENT_PREFIX):
        raise ValueError("expected a name of your own: nobody sends in the name of a sub-agent")
    return name


Sender = Annotated[
    str,
    Field(
        min_length=1, max_length=MAX_SENDER_CHARS, json_schema_extra={"pattern": f"^(?!{AGENT_PREFIX}){NO_CONTROL[1:]}"}
    ),
    AfterValidator(_not_an_agent),
]
Topic = Annotated[str, Field(min_length=1, max_length=MAX_TOPIC_CHARS, json_schema_extra={"pattern": NO_CONTROL})]
Address = Annotated[str, Field(min_length=1, max_length=256)]
Consumer = Annotated[str, Field(min_length=1, max_length=256, json_schema_extra={"pattern": NO_CONTROL})]


class MessageIn(BaseModel):
    """A message to exactly one of `to` and `topic`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: Address | None = Field(None, description="A task of the swarm or its sub-agent, by id")
    topic: Topic | None = None
    body: Any = Field(description="Any JSON, 64 KiB at most")
    sender: Sender = Field("client", description="Messages of one sender keep their order")


class MessageAck(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    consumer: Consumer = Field(
        description="Without `topic` the task or sub-agent whose messages these are, else a name"
    )
    topic: Topic | None = None
    up_to: int = Field(
        ge=0,
        le=2**53,
        description="Position of the last message that is done with; 0 makes a new consumer of a topic one that is"
        " waited for",
    )


class MessageAcked(BaseModel):
    consumer: str
    topic: str | None
    acked: int = Field(description="Everything up to this position is acknowledged")


class MessageOut(BaseModel):
    position: int = Field(description="Order within the swarm, from 1")
    swarm_id: str
    sender: str = Field(description="A sub-agent's id, or the name that a client gave")
    sender_seq: int = Field(description="Counts the sender's messages from 1, without a gap")
    to: str | None = Field(description="The sub-agent it is for")
    topic: str | None
    body: Any
    created_at: Timestamp


class MessagePage(BaseModel):
    items: list[MessageOut]
    next_after: int = Field(description="`after` of the next page, also of one that is yet to come")
    next_cursor: str | None = Field(description="`cursor` of the next page; null at the end of what there is now")


def message_json(swarm_id: str, row: MessageRow) -> dict[str, Any]:
    return {
        "position": row.position,
        "swarm_id": swarm_id,
        "sender": row.sender,
        "sender_seq": row.sender_seq,
        "to": None if row.index is None else sub_agent_id(swarm_id, row.index),
        "topic": row.topic,
        "body": orjson.Fragment(row.body_json),
        "created_at": rfc3339(row.at_ms),
    }


def message_page_json(swarm_id: str, rows: Sequence[MessageRow], after: int, limit: int) -> dict[str, Any]:
    next_after = rows[-1].position if rows else after
    return {
        "items": [message_json(swarm_id, row) for row in rows],
        "next_after": next_after,
        "next_cursor": str(next_after) if len(rows) == limit else None,
    }
