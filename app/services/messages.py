"""The message bus: addresses, sizes, and waiting for what has not come yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import orjson

from app.domain.errors import InvalidRequest, UnknownReference
from app.domain.ids import split_sub_agent_id
from app.ports.clock import Clock
from app.ports.doorbell import Doorbell
from app.ports.messages import (
    MAX_BODY_BYTES,
    MAX_SENDER_CHARS,
    MAX_TOPIC_CHARS,
    Address,
    Channel,
    MessageRow,
    MessageStore,
    NewMessage,
    QueueCaps,
    arrivals_of,
)
from app.services.naming import check_name

_MAX_ADDRESS_CHARS = 256
_POLL_S = 5.0
"""Backs up the doorbell: a lost ring delays the answer by this much at most."""


@dataclass(frozen=True, slots=True)
class MessageService:
    """``ports.messages.MessageBus``, and what clients may do beside. Callers know that the swarm is theirs."""

    store: MessageStore
    doorbell: Doorbell
    clock: Clock
    caps: QueueCaps

    async def send(
        self, swarm_id: str, sender: str, body: Any, *, run_key: str, to: str | None = None, topic: str | None = None
    ) -> MessageRow:
        if (to is None) == (topic is None):
            raise InvalidRequest.field("/to", "expected either to (a task or sub-agent) or topic")
        check_name(sender, "/sender", MAX_SENDER_CHARS)
        body_json = _serialised(body)
        message = NewMessage(
            sender=sender,
            to=_address(swarm_id, to, topic),
            body_json=body_json.decode(),
            size_bytes=len(body_json),
            run_key=run_key,
            at_ms=self.clock.now_ms(),
        )
        row = await self.store.add(swarm_id, message, self.caps)
        if row is None:
            raise UnknownReference("task or sub-agent", to or "", "/to")
        for channel in ({}, {"topic": row.topic} if row.topic is not None else {"index": row.index}):
            self.doorbell.ring(arrivals_of(swarm_id, **channel))
        return row

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
        channel = Channel(index=index)
        if topic is not None:
            channel = Channel(topic=check_name(topic, "/topic", MAX_TOPIC_CHARS), consumer=consumer)

        async def look() -> Sequence[MessageRow]:
            return await self.store.receive(
                swarm_id, channel, run_key, limit=limit, room_bytes=room_bytes, caps=self.caps
            )

        return await self._wait(look, [_bell(swarm_id, channel)], wait_s)

    async def list(
        self,
        swarm_id: str,
        *,
        to: str | None,
        topic: str | None,
        consumer: str | None,
        after: int,
        limit: int,
        wait_s: float,
    ) -> Sequence[MessageRow]:
        """Return messages behind position ``after``: all of the swarm, or those to a task and of a topic that were not
        acknowledged; waits up to ``wait_s`` seconds where there is none.

        Raises:
            UnknownReference: the swarm has no such task.
        """
        channels = None if to is None and topic is None else await self._channels(swarm_id, to, topic, consumer)

        async def look() -> Sequence[MessageRow]:
            return await self.store.list(swarm_id, channels, after=after, limit=limit)

        bells = [arrivals_of(swarm_id)] if channels is None else [_bell(swarm_id, channel) for channel in channels]
        return await self._wait(look, bells, wait_s)

    async def ack(self, swarm_id: str, consumer: str, topic: str | None, up_to: int) -> int:
        """Acknowledge a consumer's messages up to a position, and return what is acknowledged then.

        Raises:
            UnknownReference: without a topic ``consumer`` must be a task or sub-agent of the swarm.
        """
        if topic is None:
            channel = Channel(index=await self._index(swarm_id, consumer, "/consumer"))
        else:
            check_name(topic, "/topic", MAX_TOPIC_CHARS)
            channel = Channel(topic=topic, consumer=check_name(consumer, "/consumer", _MAX_ADDRESS_CHARS))
        return await self.store.ack(swarm_id, channel, up_to, self.caps)

    async def _channels(
        self, swarm_id: str, to: str | None, topic: str | None, consumer: str | None
    ) -> Sequence[Channel]:
        channels = [] if to is None else [Channel(index=await self._index(swarm_id, to, "/to"))]
        if topic is not None:
            check_name(topic, "/topic", MAX_TOPIC_CHARS)
            if consumer is not None:
                check_name(consumer, "/consumer", _MAX_ADDRESS_CHARS)
            channels.append(Channel(topic=topic, consumer=consumer or ""))
        return channels

    async def _index(self, swarm_id: str, named: str, pointer: str) -> int:
        address = _address(swarm_id, named, None)
        if address.index is not None:
            found = address.index if await self.store.has_task(swarm_id, address.index) else None
        else:
            found = await self.store.index_of(swarm_id, named)
        if found is None:
            raise UnknownReference("task or sub-agent", named, pointer)
        return found

    async def _wait(
        self, look: Callable[[], Awaitable[Sequence[MessageRow]]], bells: Sequence[str], wait_s: float
    ) -> Sequence[MessageRow]:
        rows = await look()
        if rows or wait_s <= 0:
            return rows
        rung = asyncio.Event()
        deadline = self.clock.monotonic() + wait_s
        with ExitStack() as stack:
            for bell in bells:
                stack.enter_context(self.doorbell.listen(bell, rung.set))
            while True:
                rung.clear()
                rows = await look()
                left_s = deadline - self.clock.monotonic()
                if rows or left_s <= 0:
                    return rows
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, _POLL_S)):
                        await rung.wait()


def _bell(swarm_id: str, channel: Channel) -> str:
    return arrivals_of(swarm_id, topic=channel.topic, index=channel.index)


def _address(swarm_id: str, to: str | None, topic: str | None) -> Address:
    """Return an address that may yet be of no task; a sub-agent of another swarm is none of this one."""
    if topic is not None:
        return Address(topic=check_name(topic, "/topic", MAX_TOPIC_CHARS))
    place = split_sub_agent_id(to or "")
    if place is None:
        return Address(task_id=to)
    if place[0] != swarm_id:
        raise UnknownReference("task or sub-agent", to or "", "/to")
    return Address(index=place[1])


def _serialised(body: Any) -> bytes:
    try:
        body_json = orjson.dumps(body)
    except (TypeError, ValueError) as exc:
        raise InvalidRequest.field("/body", f"cannot be sent as JSON: {exc}") from exc
    if len(body_json) > MAX_BODY_BYTES:
        raise InvalidRequest.field("/body", f"{len(body_json):,} bytes; at most {MAX_BODY_BYTES:,} are taken")
    return body_json
