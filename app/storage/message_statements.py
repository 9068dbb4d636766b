"""The statements of the message bus; ``messages`` runs them. Parameters are as in ``statements``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, literal_column, not_, or_, select, union_all, update

from app.storage.dialect import Statement, accumulate, compile_statement
from app.storage.dialect.expressions import begins_with, greatest, least
from app.storage.parameters import param
from app.storage.shared_tables import MESSAGE_CURSORS, MESSAGE_QUEUES, MESSAGE_SENDERS, MESSAGES
from app.storage.tables import TASKS

NO_TASK = -1
"""The ``ix`` of cursors that read a topic."""

COLUMNS = MESSAGES.c["position", "sender", "sender_seq", "topic", "ix", "body", "at_ms"]
_QUEUE = MESSAGE_QUEUES.c.swarm_id == param("swarm_id")
_MINE = MESSAGES.c.swarm_id == param("swarm_id")

COUNT_IN = compile_statement(
    accumulate(MESSAGE_QUEUES, ("last_position", "messages", "size_bytes")), locked=("swarm_id",)
)
NUMBER = compile_statement(accumulate(MESSAGE_SENDERS, ("last_seq",)))


def _insert(topic: Any, index: Any, *where: ColumnElement[bool]) -> Statement:
    """Insert a message if its queue, in which it is counted already, has room for it."""
    return compile_statement(
        insert(MESSAGES).from_select(
            ["swarm_id", "position", "sender", "sender_seq", "topic", "ix", "body", "size_bytes", "at_ms", "run_key"],
            select(
                MESSAGE_QUEUES.c.swarm_id,
                MESSAGE_QUEUES.c.last_position,
                MESSAGE_SENDERS.c.sender,
                MESSAGE_SENDERS.c.last_seq,
                topic,
                index,
                param("body"),
                param("size_bytes"),
                param("at_ms"),
                param("run_key"),
            ).where(
                _QUEUE,
                MESSAGE_QUEUES.c.messages <= param("max_messages"),
                MESSAGE_QUEUES.c.size_bytes <= param("max_bytes"),
                MESSAGE_SENDERS.c.swarm_id == param("swarm_id"),
                MESSAGE_SENDERS.c.sender == param("sender"),
                *where,
            ),
        )
    )


_NULL: ColumnElement[Any] = literal_column("NULL")
_ITS_TASK = TASKS.c.swarm_id == param("swarm_id")
TO_TOPIC = _insert(param("topic"), _NULL)
TO_TASK = _insert(_NULL, TASKS.c.ix, _ITS_TASK, TASKS.c.task_id == param("task_id"))
TO_INDEX = _insert(_NULL, TASKS.c.ix, _ITS_TASK, TASKS.c.ix == param("ix"))
OF_RUN = compile_statement(select(*COLUMNS).where(_MINE, MESSAGES.c.run_key == param("run_key")))

_by_task = select(MESSAGES.c.position, MESSAGES.c.size_bytes).where(
    MESSAGE_CURSORS.c.swarm_id == param("swarm_id"),
    MESSAGE_CURSORS.c.topic == "",
    MESSAGES.c.swarm_id == MESSAGE_CURSORS.c.swarm_id,
    MESSAGES.c.ix == MESSAGE_CURSORS.c.ix,
    MESSAGES.c.position <= MESSAGE_CURSORS.c.acked,
)
_slowest = (
    select(MESSAGE_CURSORS.c.topic, func.min(MESSAGE_CURSORS.c.acked).label("acked"))
    .where(MESSAGE_CURSORS.c.swarm_id == param("swarm_id"), MESSAGE_CURSORS.c.ix == NO_TASK)
    .group_by(MESSAGE_CURSORS.c.topic)
    .subquery()
)
_by_all = select(MESSAGES.c.position, MESSAGES.c.size_bytes).where(
    _MINE, MESSAGES.c.topic == _slowest.c.topic, MESSAGES.c.position <= _slowest.c.acked
)
_any = union_all(_by_task, _by_all).subquery()
_acked = select(_any.c.position, _any.c.size_bytes).order_by(_any.c.position + 0).limit(param("limit")).subquery()
"""From the cursors on, by index, so that what is not acknowledged is not looked at, however much it is: sorted by the
bare column, SQLite would walk through all messages in their order instead."""

DISCOUNT = compile_statement(
    update(MESSAGE_QUEUES)
    .where(_QUEUE)
    .values(
        messages=MESSAGE_QUEUES.c.messages - select(func.count(_acked.c.position)).scalar_subquery(),
        size_bytes=MESSAGE_QUEUES.c.size_bytes
        - select(func.coalesce(func.sum(_acked.c.size_bytes), 0)).scalar_subquery(),
    ),
    locked=("swarm_id",),
)
EVICT = compile_statement(MESSAGES.delete().where(_MINE, MESSAGES.c.position.in_(select(_acked.c.position))))

_THE_CURSOR = and_(
    MESSAGE_CURSORS.c.swarm_id == param("swarm_id"),
    MESSAGE_CURSORS.c.topic == param("topic"),
    MESSAGE_CURSORS.c.ix == param("ix"),
    MESSAGE_CURSORS.c.consumer == param("consumer"),
)
_CURSORS = MESSAGE_CURSORS.alias("cursors")
OPEN_CURSOR = compile_statement(
    insert(MESSAGE_CURSORS).from_select(
        ["swarm_id", "topic", "ix", "consumer", "acked", "delivered", "delivered_by"],
        select(
            param("swarm_id"),
            param("topic"),
            param("ix"),
            param("consumer"),
            literal_column("0"),
            literal_column("0"),
            _NULL,
        ).where(
            ~select(MESSAGE_CURSORS.c.ix).where(_THE_CURSOR).exists(),
            select(func.count(_CURSORS.c.ix)).where(_CURSORS.c.swarm_id == param("swarm_id")).scalar_subquery()
            < param("max_consumers"),
        ),
    )
)
_SENT = func.coalesce(select(MESSAGE_QUEUES.c.last_position).where(_QUEUE).scalar_subquery(), 0)
_UP_TO = least(param("up_to"), _SENT)  # what is yet to be sent cannot be acknowledged
ACK = compile_statement(
    update(MESSAGE_CURSORS)
    .where(_THE_CURSOR)
    .values(acked=greatest(MESSAGE_CURSORS.c.acked, _UP_TO), delivered=greatest(MESSAGE_CURSORS.c.delivered, _UP_TO))
    .returning(MESSAGE_CURSORS.c.acked)
)
_IN_CHANNEL = {
    "topic": and_(_MINE, MESSAGES.c.topic == param("topic")),
    "task": and_(_MINE, MESSAGES.c.ix == param("ix")),
}


_OF_ANOTHER_STEP = and_(
    MESSAGE_CURSORS.c.delivered_by.is_distinct_from(param("run_key")),
    not_(begins_with(func.coalesce(MESSAGE_CURSORS.c.delivered_by, ""), param("step_prefix"))),
)
HOLDER = compile_statement(select(MESSAGE_CURSORS.c.delivered_by).where(_THE_CURSOR))


def _take(channel: ColumnElement[bool]) -> Statement:
    """Give the next messages to a tool call; one that has some already keeps those, also from others of its step."""
    following = (
        select(MESSAGES.c.position, MESSAGES.c.size_bytes)
        .where(channel, MESSAGES.c.position > MESSAGE_CURSORS.c.delivered)
        .order_by(MESSAGES.c.position)
        .limit(param("limit"))
        .correlate(MESSAGE_CURSORS)
        .subquery()
    )
    summed = select(
        following.c.position,
        func.sum(following.c.size_bytes).over(order_by=following.c.position).label("total"),
        func.row_number().over(order_by=following.c.position).label("place"),
    ).subquery()
    last = select(func.max(summed.c.position)).where(or_(summed.c.total <= param("room_bytes"), summed.c.place == 1))
    return compile_statement(
        update(MESSAGE_CURSORS)
        .where(
            _THE_CURSOR,
            or_(
                _OF_ANOTHER_STEP,
                MESSAGE_CURSORS.c.delivered == MESSAGE_CURSORS.c.acked,
            ),
        )
        .values(
            acked=MESSAGE_CURSORS.c.delivered,
            delivered=func.coalesce(last.scalar_subquery(), MESSAGE_CURSORS.c.delivered),
            delivered_by=param("run_key"),
        )
    )


def _taken(channel: ColumnElement[bool]) -> Statement:
    return compile_statement(
        select(*COLUMNS)
        .where(
            channel,
            _THE_CURSOR,
            MESSAGE_CURSORS.c.delivered_by == param("run_key"),
            MESSAGES.c.position > MESSAGE_CURSORS.c.acked,
            MESSAGES.c.position <= MESSAGE_CURSORS.c.delivered,
        )
        .order_by(MESSAGES.c.position)
    )


TAKE = {kind: _take(channel) for kind, channel in _IN_CHANNEL.items()}
TAKEN = {kind: _taken(channel) for kind, channel in _IN_CHANNEL.items()}
