"""The tools ``send_message`` and ``receive_messages``: the message bus of the swarm that the sub-agent works in.

Who sends and whose messages are received comes from the context alone. What ``receive_messages`` gives is acknowledged
by the next call of it in a later step: by then the result of the first was recorded, so a crash loses no message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.domain.errors import InvalidRequest, UnknownReference
from app.domain.events import rfc3339
from app.ports.messages import MAX_BODY_BYTES, MAX_TOPIC_CHARS, MessageBus, QueueFull, ReceivedInSameStep
from app.ports.tools import ToolContext, ToolRefused, ToolResult, ToolSpec

MAX_RECEIVED = 50
MAX_WAIT_S = 60.0

_ROOM_BYTES = MAX_BODY_BYTES
_MAX_OUTPUT_CHARS = _ROOM_BYTES + MAX_RECEIVED * 1000
"""A result that were cut would lose messages; a thousand characters are enough for what stands around one."""

_TOPIC = {"type": "string", "minLength": 1, "maxLength": MAX_TOPIC_CHARS}


class SendMessage:
    spec = ToolSpec(
        name="send_message",
        description=(
            "Send a message to another sub-agent of this swarm, by the id of its task, or to all who read a topic."
            " Messages of one sender arrive in the order they were sent."
        ),
        parameters={
            "type": "object",
            "properties": {
                "to": {"type": "string", "minLength": 1, "maxLength": 256, "description": "Task or sub-agent id"},
                "topic": _TOPIC,
                "message": {"description": "Text, or any JSON"},
            },
            "required": ["message"],
            "additionalProperties": False,
        },
    )

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    def unavailable(self) -> str | None:
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        try:
            row = await self._bus.send(
                context.swarm_id,
                context.sub_agent_id,
                arguments["message"],
                run_key=context.run_key,
                to=arguments.get("to"),
                topic=arguments.get("topic"),
            )
        except (InvalidRequest, UnknownReference, QueueFull) as exc:
            raise ToolRefused(exc.detail) from exc
        return ToolResult.of({"sent": True, "position": row.position, "sender_seq": row.sender_seq})


class ReceiveMessages:
    spec = ToolSpec(
        name="receive_messages",
        description=(
            "Receive the next messages: those sent to you, or with `topic` those of that topic. Each comes once;"
            " an empty list means that there is none now. `wait_s` waits for the first."
        ),
        parameters={
            "type": "object",
            "properties": {
                "topic": _TOPIC,
                "limit": {"type": "integer", "minimum": 1, "maximum": MAX_RECEIVED},
                "wait_s": {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S},
            },
            "additionalProperties": False,
        },
        timeout_s=MAX_WAIT_S + 30.0,
        max_output_chars=_MAX_OUTPUT_CHARS,
        concurrency=1000,  # most of them wait
    )

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    def unavailable(self) -> str | None:
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        try:
            rows = await self._bus.receive(
                context.swarm_id,
                context.index,
                context.sub_agent_id,
                run_key=context.run_key,
                topic=arguments.get("topic"),
                limit=arguments.get("limit", MAX_RECEIVED),
                room_bytes=_ROOM_BYTES,
                wait_s=arguments.get("wait_s", 0.0),
            )
        except (InvalidRequest, ReceivedInSameStep) as exc:
            raise ToolRefused(exc.detail) from exc
        messages = [
            {
                "position": row.position,
                "from": row.sender,
                "sender_seq": row.sender_seq,
                "sent_at": rfc3339(row.at_ms),
                "message": orjson.Fragment(row.body_json),
            }
            for row in rows
        ]
        return ToolResult.of({"messages": messages})
