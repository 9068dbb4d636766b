"""The message bus of a swarm: direct messages to a sub-agent, and topics that anybody in it reads.

A message is kept until everybody it is for has acknowledged it and its room is needed. Positions number the messages
of a swarm in the order they were stored, from 1, without a gap; each sender's own messages are numbered, too. What one
sender sends one after the other has ascending positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.domain.errors import Conflict

MAX_TOPIC_CHARS = 200
MAX_BODY_BYTES = 64 * 1024
MAX_SENDER_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCaps:
    """Of one swarm. A full queue gives up its oldest acknowledged messages; without any it refuses a new one.

    Attributes:
        max_bytes: of all bodies.
        max_consumers: that have acknowledged something, or asked to be waited for.
    """

    max_messages: int = 100_000
    max_bytes: int = 64 * 1024 * 1024
    max_consumers: int = 50_000


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a message is for: readers of a topic, or one task's sub-agent, by its index or the task's id."""

    topic: str | None = None
    index: int | None = None
    task_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """``body_json`` is any JSON, serialised; ``run_key`` is sent once in a swarm, however often it is tried."""

    sender: str
    to: Address
    body_json: str
    size_bytes: int
    run_key: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message as kept; exactly one of ``topic`` and ``index`` (of the task it is for) is set.

    Attributes:
        sender_seq: number of the message among its sender's, from 1 without a gap.
    """

    position: int
    sender: str
    sender_seq: int
    topic: str | None
    index: int | None
    body_json: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Channel:
    """One reader's view: the direct messages of one task, or a topic as one named consumer reads it.

    A consumer of direct messages is the task itself, so ``consumer`` is set with ``topic`` only.
    """

    index: int | None = None
    topic: str | None = None
    consumer: str = ""


class QueueFull(Conflict):
    """No room, and nothing that everybody it is for has acknowledged."""

    code = "queue_full"


class ReceivedInSameStep(Conflict):
    """Another call of the same step got messages of this channel that are not recorded yet."""

    code = "received_in_same_step"

    def __init__(self) -> None:
        super().__init__(
            "another receive_messages of this turn got messages from here already; call it again in your next turn"
        )


def step_prefix(run_key: str) -> str:
    """Return what the keys of all calls of one step begin with: they are ``swarm/task index/step/call id``.

    A key of another form is of a step of its own.
    """
    parts = run_key.split("/", 3)
    return "/".join(parts[:3]) + "/" if len(parts) > 3 else f"{run_key}/"


class MessageStore(Protocol):
    async def add(self, swarm_id: str, message: NewMessage, caps: QueueCaps) -> MessageRow | None:
        """Store a message durably and return it; where its ``run_key`` is known, what was stored then.

        None where the swarm has no task of that address.

        Raises:
            QueueFull: see there.
        """
        ...

    async def list(
        self, swarm_id: str, channels: Sequence[Channel] | None, *, after: int, limit: int
    ) -> Sequence[MessageRow]:
        """Return messages behind position ``after``, in order; with ``channels`` those of any of them that its
        consumer has not acknowledged."""
        ...

    async def receive(
        self, swarm_id: str, channel: Channel, run_key: str, *, limit: int, room_bytes: int, caps: QueueCaps
    ) -> Sequence[MessageRow]:
        """Return the next messages of a channel, one or as many as fit into ``room_bytes``, and remember that
        ``run_key`` got them.

        What a call of another step got before is acknowledged by that: its result was recorded, else it would ask
        again. Of the calls of one step none is recorded before the others, so only one of them gets messages. The same
        ``run_key`` gets the same messages again.

        Raises:
            ReceivedInSameStep: see there.
        """
        ...

    async def ack(self, swarm_id: str, channel: Channel, up_to: int, caps: QueueCaps) -> int:
        """Acknowledge everything up to a position, never less than before; return what is acknowledged then.

        From its first acknowledgement on, of 0 for one, a consumer of a topic is waited for.

        Raises:
            Conflict: the swarm has too many consumers.
        """
        ...

    async def index_of(self, swarm_id: str, task_id: str) -> int | None:
        """Return the place of a task, None where there is none."""
        ...

    async def has_task(self, swarm_id: str, index: int) -> bool: ...


class MessageBus(Protocol):
    """What tools may do with the messages of the swarm they run in."""

    async def send(
        self, swarm_id: str, sender: str, body: Any, *, run_key: str, to: str | None = None, topic: str | None = None
    ) -> MessageRow:
        """Send to exactly one of a sub-agent (its id or its task's) and a topic; durable before it returns.

        Raises:
            InvalidRequest: not exactly one address, or a part is too long.
            UnknownReference: the swarm has no such sub-agent.
            QueueFull: see there.
        """
        ...

    async def receive(
        self,
        swarm_id: str,
        index: int,
        consumer: str,
        *,
        run_key: str,
        topic: str | None,
        limit: int,
        room_bytes: int,
        wait_s: float,
    ) -> Sequence[MessageRow]:
        """Return the next messages (``MessageStore.receive``); waits up to ``wait_s`` seconds where there is none.

        Raises:
            InvalidRequest: the topic's name is too long.
            ReceivedInSameStep: see there.
        """
        ...


def arrivals_of(swarm_id: str, *, topic: str | None = None, index: int | None = None) -> str:
    """Topic of the doorbell rung after a message to ``topic`` or to task ``index``; with neither after every one."""
    if topic is not None:
        return f"messages.{swarm_id}.topic.{topic}"
    return f"messages.{swarm_id}" if index is None else f"messages.{swarm_id}.task.{index}"
