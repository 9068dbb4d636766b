"""What a forked run takes along of an ended one beside its tasks: their artifacts, and messages to those run anew.

Both are decided by the rows of the new run's tasks, so they come after them: kept tasks have ended, the others have not
begun. Contents of artifacts are shared. Messages keep their order and are numbered anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    and_,
    case,
    cast,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
)

from app.domain.ids import sub_agent_id
from app.domain.task import TERMINAL
from app.storage.dialect import Op, compile_statement
from app.storage.dialect.expressions import begins_with
from app.storage.parameters import param
from app.storage.shared_tables import ARTIFACTS, MESSAGE_QUEUES, MESSAGE_SENDERS, MESSAGES
from app.storage.tables import TASKS

_OVER = sorted(TERMINAL)
_SAVER = TASKS.alias("saver")
_COPY_ARTIFACTS = compile_statement(
    insert(ARTIFACTS).from_select(
        ["swarm_id", "name", "version", "task_id", "media_type", "size_bytes", "sha256", "run_key", "created_at_ms"],
        select(
            param("swarm_id"),
            ARTIFACTS.c.name,
            func.row_number().over(partition_by=ARTIFACTS.c.name, order_by=ARTIFACTS.c.version),
            *ARTIFACTS.c["task_id", "media_type", "size_bytes", "sha256", "run_key", "created_at_ms"],
        )
        .join(
            _SAVER,
            and_(
                _SAVER.c.swarm_id == param("swarm_id"),
                _SAVER.c.task_id == ARTIFACTS.c.task_id,
                _SAVER.c.status.in_(_OVER),
            ),
        )
        .where(ARTIFACTS.c.swarm_id == param("source_id")),
    )
)

_ONE: ColumnElement[int] = literal_column("1")
_OF_SUB_AGENT = begins_with(MESSAGES.c.sender, param("source_prefix"))
# Other senders end in no number: they must not come to the cast, and only CASE keeps the order.
_SENDERS_INDEX = case(
    (_OF_SUB_AGENT, cast(func.substr(MESSAGES.c.sender, func.length(param("source_prefix")) + _ONE), BigInteger))
)
_SENT_THERE, _SENT_HERE = TASKS.alias("sent_there"), TASKS.alias("sent_here")
_GOT_THERE, _GETS_HERE = TASKS.alias("got_there"), TASKS.alias("gets_here")
_INDEX_TEXT = cast(_SENT_HERE.c.ix, String)
_PADDED = case(
    (func.length(_INDEX_TEXT) >= func.length(param("zeros")), _INDEX_TEXT),
    else_=func.substr(param("zeros") + _INDEX_TEXT, func.length(_INDEX_TEXT) + _ONE),
)
_SENDER = case((_OF_SUB_AGENT, param("prefix") + _PADDED), else_=MESSAGES.c.sender)


def _there(task: Any) -> Any:
    return task.c.swarm_id == param("source_id")


def _here(task: Any, other: Any) -> Any:
    return and_(task.c.swarm_id == param("swarm_id"), task.c.task_id == other.c.task_id)


_COPY_MESSAGES = compile_statement(
    insert(MESSAGES).from_select(
        ["swarm_id", "position", "sender", "sender_seq", "topic", "ix", "body", "size_bytes", "at_ms", "run_key"],
        select(
            param("swarm_id"),
            func.row_number().over(order_by=MESSAGES.c.position),
            _SENDER,
            MESSAGES.c.sender_seq,
            MESSAGES.c.topic,
            _GETS_HERE.c.ix,
            *MESSAGES.c["body", "size_bytes", "at_ms", "run_key"],
        )
        .select_from(
            MESSAGES.outerjoin(
                _SENT_THERE, and_(_there(_SENT_THERE), _OF_SUB_AGENT, _SENT_THERE.c.ix == _SENDERS_INDEX)
            )
            .outerjoin(_SENT_HERE, _here(_SENT_HERE, _SENT_THERE))
            .outerjoin(_GOT_THERE, and_(_there(_GOT_THERE), _GOT_THERE.c.ix == MESSAGES.c.ix))
            .outerjoin(_GETS_HERE, and_(_here(_GETS_HERE, _GOT_THERE), _GETS_HERE.c.status.not_in(_OVER)))
        )
        .where(
            MESSAGES.c.swarm_id == param("source_id"),
            or_(not_(_OF_SUB_AGENT), _SENT_HERE.c.status.in_(_OVER)),
            or_(MESSAGES.c.ix.is_(None), _GETS_HERE.c.ix.is_not(None)),
        ),
    )
)
_MINE = MESSAGES.c.swarm_id == param("swarm_id")
_COUNT_SENDERS = compile_statement(
    insert(MESSAGE_SENDERS).from_select(
        ["swarm_id", "sender", "last_seq"],
        select(param("swarm_id"), MESSAGES.c.sender, func.max(MESSAGES.c.sender_seq))
        .where(_MINE)
        .group_by(MESSAGES.c.sender),
    )
)
_COUNT_QUEUE = compile_statement(
    insert(MESSAGE_QUEUES).from_select(
        ["swarm_id", "last_position", "messages", "size_bytes"],
        select(
            param("swarm_id"),
            func.count(MESSAGES.c.position),
            func.count(MESSAGES.c.position),
            func.sum(MESSAGES.c.size_bytes),
        )
        .where(_MINE)
        .having(func.count(MESSAGES.c.position) > literal_column("0")),
    )
)


def shared_copy_ops(swarm_id: str, source_id: str) -> list[Op]:
    """Return what copies artifacts of kept tasks, and what kept tasks and clients sent to topics and to tasks that are
    run anew; after the new run's tasks."""
    first, first_there = sub_agent_id(swarm_id, 0), sub_agent_id(source_id, 0)
    prefix = first.rstrip("0")
    row = {
        "swarm_id": swarm_id,
        "source_id": source_id,
        "prefix": prefix,
        "source_prefix": first_there.rstrip("0"),
        "zeros": first.removeprefix(prefix),
    }
    statements = (_COPY_ARTIFACTS, _COPY_MESSAGES, _COUNT_SENDERS, _COUNT_QUEUE)
    return [Op(statement, [statement.row(row)]) for statement in statements]
