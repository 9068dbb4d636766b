"""Messages (``ports.messages.MessageStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from app.domain.errors import Conflict
from app.ports.messages import Channel, MessageRow, NewMessage, QueueCaps, QueueFull, ReceivedInSameStep, step_prefix
from app.storage import message_statements as sql
from app.storage.dialect import ConstraintViolated, Op, UnexpectedRowCount
from app.storage.reader import Reader
from app.storage.shared_tables import MESSAGE_CURSORS, MESSAGE_QUEUES, MESSAGES
from app.storage.tables import TASKS
from app.storage.writer import Writer

_SHARE_GIVEN_UP = 10
"""A full queue gives up that part of its messages at once: looking for them costs as much for one as for thousands."""


class Messages:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, swarm_id: str, message: NewMessage, caps: QueueCaps) -> MessageRow | None:
        ops = _add_ops(swarm_id, message, caps)
        for room_was_made in (False, True):
            try:
                *_, [row] = await self._writer.write(ops)
            except (UnexpectedRowCount, ConstraintViolated):
                known = await self._of_run(swarm_id, message.run_key)
                if known is not None:
                    return known
                if await self._has_room(swarm_id, message, caps):
                    return None
                if not room_was_made:
                    await self._make_room(swarm_id, caps)
            else:
                return _message(row)
        raise QueueFull(
            f"the messages of swarm {swarm_id} take all their room ({caps.max_messages:,} messages,"
            f" {caps.max_bytes:,} bytes), and too few are acknowledged; receive or acknowledge some first"
        )

    async def _of_run(self, swarm_id: str, run_key: str) -> MessageRow | None:
        query = select(*sql.COLUMNS).where(MESSAGES.c.swarm_id == swarm_id, MESSAGES.c.run_key == run_key)
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _message(row)

    async def _has_room(self, swarm_id: str, message: NewMessage, caps: QueueCaps) -> bool:
        query = select(MESSAGE_QUEUES.c.messages, MESSAGE_QUEUES.c.size_bytes).where(
            MESSAGE_QUEUES.c.swarm_id == swarm_id
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        held, size = (0, 0) if row is None else row
        return bool(held < caps.max_messages and size + message.size_bytes <= caps.max_bytes)

    async def _make_room(self, swarm_id: str, caps: QueueCaps) -> None:
        values = {"swarm_id": swarm_id, "limit": max(1, caps.max_messages // _SHARE_GIVEN_UP)}
        await self._writer.write([Op(statement, [statement.row(values)]) for statement in (sql.DISCOUNT, sql.EVICT)])

    async def list(
        self, swarm_id: str, channels: Sequence[Channel] | None, *, after: int, limit: int
    ) -> Sequence[MessageRow]:
        query = select(*sql.COLUMNS).where(MESSAGES.c.swarm_id == swarm_id, MESSAGES.c.position > after)
        if channels is not None:
            query = query.where(or_(*(_unacknowledged(swarm_id, channel) for channel in channels)))
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(MESSAGES.c.position).limit(limit))).all()
        return list(map(_message, rows))

    async def receive(
        self, swarm_id: str, channel: Channel, run_key: str, *, limit: int, room_bytes: int, caps: QueueCaps
    ) -> Sequence[MessageRow]:
        kind = "task" if channel.topic is None else "topic"
        values = _cursor_values(swarm_id, channel) | {
            "run_key": run_key,
            "step_prefix": step_prefix(run_key),
            "limit": limit,
            "room_bytes": room_bytes,
            "max_consumers": caps.max_consumers,
        }
        take, taken = sql.TAKE[kind], sql.TAKEN[kind]
        *_, rows, holders = await self._writer.write(
            [
                *_open_ops(values),
                Op(take, [take.row(values)]),
                Op(taken, [taken.row(values)], fetch=True),
                Op(sql.HOLDER, [sql.HOLDER.row(values)], fetch=True),
            ]
        )
        if any(holder != run_key for (holder,) in holders):
            raise ReceivedInSameStep
        return list(map(_message, rows))

    async def ack(self, swarm_id: str, channel: Channel, up_to: int, caps: QueueCaps) -> int:
        values = _cursor_values(swarm_id, channel) | {"up_to": up_to, "max_consumers": caps.max_consumers}
        *_, rows = await self._writer.write([*_open_ops(values), Op(sql.ACK, [sql.ACK.row(values)], fetch=True)])
        if not rows:
            raise Conflict(f"swarm {swarm_id} has {caps.max_consumers:,} consumers of messages and takes no more")
        return int(rows[0][0])

    async def index_of(self, swarm_id: str, task_id: str) -> int | None:
        query = select(TASKS.c.ix).where(TASKS.c.swarm_id == swarm_id, TASKS.c.task_id == task_id)
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def has_task(self, swarm_id: str, index: int) -> bool:
        query = select(TASKS.c.ix).where(TASKS.c.swarm_id == swarm_id, TASKS.c.ix == index)
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).first() is not None


def _add_ops(swarm_id: str, message: NewMessage, caps: QueueCaps) -> list[Op]:
    counted = {"swarm_id": swarm_id, "last_position": 1, "messages": 1, "size_bytes": message.size_bytes}
    values = {
        "swarm_id": swarm_id,
        "sender": message.sender,
        "topic": message.to.topic,
        "task_id": message.to.task_id,
        "ix": message.to.index,
        "body": message.body_json,
        "size_bytes": message.size_bytes,
        "at_ms": message.at_ms,
        "run_key": message.run_key,
        "max_messages": caps.max_messages,
        "max_bytes": caps.max_bytes,
    }
    to_task = sql.TO_TASK if message.to.index is None else sql.TO_INDEX
    insert = to_task if message.to.topic is None else sql.TO_TOPIC
    return [
        Op(sql.COUNT_IN, [sql.COUNT_IN.row(counted)]),
        Op(sql.NUMBER, [sql.NUMBER.row({"swarm_id": swarm_id, "sender": message.sender, "last_seq": 1})]),
        Op(insert, [insert.row(values)], expect=1),
        Op(sql.OF_RUN, [sql.OF_RUN.row(values)], fetch=True),
    ]


def _open_ops(values: dict[str, Any]) -> list[Op]:
    """Open a cursor, and the queue that it is found by when the swarm is gone."""
    nothing = {"swarm_id": values["swarm_id"], "last_position": 0, "messages": 0, "size_bytes": 0}
    return [
        Op(sql.COUNT_IN, [sql.COUNT_IN.row(nothing)]),
        Op(sql.OPEN_CURSOR, [sql.OPEN_CURSOR.row(values)]),
    ]


def _cursor_values(swarm_id: str, channel: Channel) -> dict[str, Any]:
    return {
        "swarm_id": swarm_id,
        "topic": channel.topic or "",
        "ix": sql.NO_TASK if channel.index is None else channel.index,
        "consumer": channel.consumer,
    }


def _unacknowledged(swarm_id: str, channel: Channel) -> ColumnElement[bool]:
    """Messages of a channel behind its consumer's cursor; all where there is none, as for a topic without a name."""
    key = _cursor_values(swarm_id, channel)
    acked = select(MESSAGE_CURSORS.c.acked).where(*(MESSAGE_CURSORS.c[name] == value for name, value in key.items()))
    its = MESSAGES.c.ix == channel.index if channel.topic is None else MESSAGES.c.topic == channel.topic
    return and_(its, MESSAGES.c.position > func.coalesce(acked.scalar_subquery(), 0))


def _message(row: Any) -> MessageRow:
    position, sender, sender_seq, topic, index, body, at_ms = row
    return MessageRow(
        position=position,
        sender=sender,
        sender_seq=sender_seq,
        topic=topic,
        index=index,
        body_json=body,
        at_ms=at_ms,
    )
