"""The writes: Core statements, compiled once; their parameters are the column's name behind ``p_``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Table,
    and_,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    union,
    update,
)

from app.domain.swarm import SWARM_ACTIVE
from app.domain.task import TERMINAL, TaskStatus
from app.storage.assignment_tables import ASSIGNMENT_TEXTS, ASSIGNMENTS
from app.storage.delivery_tables import WEBHOOK_DELIVERIES, WEBHOOKS
from app.storage.dialect import Variants, accumulate, compile_statement, upsert
from app.storage.dialect.expressions import clock_ms
from app.storage.node_tables import NODES
from app.storage.parameters import param
from app.storage.tables import (
    AGENT_LOG,
    ATTEMPTS,
    COMMANDS,
    EVENTS,
    IDEMPOTENCY_KEYS,
    PROBES,
    STEPS,
    SWARMS,
    TASK_INPUTS,
    TASK_NAMES,
    TASKS,
    USAGE,
)


def _add(table: Table, name: str) -> ColumnElement[Any]:
    return table.c[name] + param(name)


def _add_cost(table: Table) -> ColumnElement[Any]:
    """Add a cost that may be unknown (NULL) to a sum that may be."""
    column = table.c.cost_nano_usd
    return func.coalesce(column + param("cost_nano_usd"), param("cost_nano_usd"), column)


def _same(table: Table, *names: str) -> ColumnElement[bool]:
    return and_(*(table.c[name] == param(name) for name in names))


_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")
_OPEN_TASK = TASKS.c.status.notin_(sorted(TERMINAL))
_IS_DUE = or_(SWARMS.c.start_at_ms.is_(None), SWARMS.c.start_at_ms <= param("now_ms"))
_ACTIVE_SWARM = SWARMS.c.status.in_(sorted(SWARM_ACTIVE))

INSERT_SWARM = compile_statement(insert(SWARMS))
NEW_TASK_KEYS = (
    "swarm_id",
    "ix",
    "task_id",
    "kind",
    "weight",
    "type",
    "role",
    "priority",
    "complexity",
    "lane",
    "requested_model",
    "timeout_s",
    "max_retries",
    "depends_on",
    "awaits",
    "allow_failed_dependencies",
    "status",
    "queued_at_ms",
)
_ZERO: ColumnElement[int] = literal_column("0")
INSERT_TASK = compile_statement(
    insert(TASKS).values(
        {name: param(name) for name in NEW_TASK_KEYS}
        | dict.fromkeys(("attempt", "failures", "not_before_ms", *_USAGE), _ZERO)
    )
)
assert INSERT_TASK.keys == NEW_TASK_KEYS, "rows of new tasks are built in this order"
INSERT_INPUT = compile_statement(insert(TASK_INPUTS))
INSERT_EVENT = compile_statement(insert(EVENTS))

INSERT_ATTEMPT = compile_statement(insert(ATTEMPTS))
INSERT_STEP = compile_statement(insert(STEPS))

QUEUE_TASK = compile_statement(
    update(TASKS)
    .where(
        _same(TASKS, "swarm_id", "ix"),
        TASKS.c.status.in_([TaskStatus.WAITING, TaskStatus.RETRYING, TaskStatus.RUNNING]),
    )
    .values(status=TaskStatus.QUEUED.value, queued_at_ms=param("queued_at_ms"), not_before_ms=0)
)

START_TASK = compile_statement(
    update(TASKS)
    .where(
        _same(TASKS, "swarm_id", "ix"),
        TASKS.c.status == TaskStatus.QUEUED.value,
        TASKS.c.attempt == param("attempt") - 1,
    )
    .values(
        status=TaskStatus.RUNNING.value,
        attempt=param("attempt"),
        queue_ms=param("queue_ms"),
        started_at_ms=func.coalesce(TASKS.c.started_at_ms, param("started_at_ms")),
        attempt_started_at_ms=param("started_at_ms"),
    )
)

GO_ON = compile_statement(
    update(TASKS)
    .where(_same(TASKS, "swarm_id", "ix", "attempt"), TASKS.c.status == TaskStatus.RUNNING.value)
    .values(
        status=param("status"),
        queued_at_ms=param("queued_at_ms"),
        depends_on=func.coalesce(param("depends_on"), TASKS.c.depends_on),
        cost_nano_usd=_add_cost(TASKS),
        **{name: _add(TASKS, name) for name in _USAGE},
    )
)

START_CALL = compile_statement(
    update(TASKS)
    .where(_same(TASKS, "swarm_id", "ix", "attempt"), TASKS.c.status == TaskStatus.QUEUED.value)
    .values(status=TaskStatus.RUNNING.value)
)

COMPLETE_TASK = compile_statement(
    update(TASKS)
    .where(_same(TASKS, "swarm_id", "ix", "attempt"), TASKS.c.status == TaskStatus.RUNNING.value)
    .values(
        status=TaskStatus.COMPLETED.value,
        output=param("output"),
        error=None,
        error_type=None,
        ended_at_ms=param("ended_at_ms"),
        latency_ms=param("latency_ms"),
        model=param("model"),
        score=param("score"),
        cost_nano_usd=_add_cost(TASKS),
        **{name: _add(TASKS, name) for name in _USAGE},
    )
)

RETRY_TASK = compile_statement(
    update(TASKS)
    .where(_same(TASKS, "swarm_id", "ix", "attempt"), TASKS.c.status == TaskStatus.RUNNING.value)
    .values(
        status=TaskStatus.RETRYING.value,
        failures=param("failures"),
        not_before_ms=param("not_before_ms"),
        error=param("error"),
        error_type=param("error_type"),
        cost_nano_usd=_add_cost(TASKS),
        **{name: _add(TASKS, name) for name in _USAGE},
    )
)

CLOSE_TASK = compile_statement(
    update(TASKS)
    .where(_same(TASKS, "swarm_id", "ix"), _OPEN_TASK)
    .values(
        status=param("status"),
        failures=param("failures"),
        error=param("error"),
        error_type=param("error_type"),
        ended_at_ms=param("ended_at_ms"),
        latency_ms=param("latency_ms"),
        model=func.coalesce(param("model"), TASKS.c.model),
        cost_nano_usd=_add_cost(TASKS),
        **{name: _add(TASKS, name) for name in _USAGE},
    )
)

REARM_TASK = compile_statement(
    update(TASKS)
    .where(
        _same(TASKS, "swarm_id", "ix"),
        TASKS.c.status.in_([TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.SKIPPED]),
    )
    .values(
        status=param("status"),
        queued_at_ms=param("queued_at_ms"),
        not_before_ms=0,
        failures=0,
        error=None,
        error_type=None,
        ended_at_ms=None,
        latency_ms=None,
    )
)

SAVE_SWARM = compile_statement(
    update(SWARMS)
    .where(SWARMS.c.id == param("swarm_id"), SWARMS.c.lease_token == param("lease_token"))
    .values(
        {
            name: param(name)
            for name in (
                "status",
                "started_at_ms",
                "start_at_ms",
                "ended_at_ms",
                "max_parallel_agents",
                "priority",
                "budget",
                "pause_reason",
                "unsettled_nano_usd",
                "reserved_nano_usd",
                "unsettled_tokens",
                "counts",
                *_USAGE,
                "cost_nano_usd",
                "steps",
                "last_seq",
                "error",
            )
        }
        # An ended run has no owner: whoever claims it for a later command may do so at once.
        | {"lease_owner": case((param("ended_at_ms").is_(None), SWARMS.c.lease_owner), else_=None)}
    )
)
"""The fence of a whole commit: matches no row once the lease token has moved on."""

SAVE_SPEC = compile_statement(update(SWARMS).where(SWARMS.c.id == param("swarm_id")).values(spec=param("spec")))

SAVE_AGGREGATE = compile_statement(
    update(SWARMS)
    .where(SWARMS.c.id == param("swarm_id"))
    .values(aggregated=param("aggregated"), aggregation=param("aggregation"))
)
"""Behind ``SAVE_SWARM``, which is its fence: a merged value may be megabytes, and most commits do not change it."""

_UNOWNED = SWARMS.c.lease_owner.is_(None)
_LIVE_NODES = select(NODES.c.id).where(NODES.c.expires_at_ms > clock_ms())
_ORPHANED = and_(SWARMS.c.lease_owner.is_not(None), SWARMS.c.lease_owner.not_in(_LIVE_NODES))
_COMMANDED = select(COMMANDS.c.swarm_id)


def _claim(*, whose: ColumnElement[bool], wanting: ColumnElement[bool]) -> ClauseElement:
    # What another process is about to claim is passed over: it would be claimed twice.
    claimable = select(SWARMS.c.id).where(whose, wanting).order_by(SWARMS.c.id).limit(param("limit"))
    chosen = claimable.with_for_update(skip_locked=True).cte("claimable")
    return (
        update(SWARMS)
        .where(SWARMS.c.id.in_(select(chosen.c.id)))
        .values(lease_owner=param("lease_owner"), lease_token=SWARMS.c.lease_token + 1)
        .returning(SWARMS.c.id, SWARMS.c.lease_token)
    )


_WANTS_ONE = or_(_ACTIVE_SWARM & _IS_DUE, SWARMS.c.id.in_(_COMMANDED))
# PostgreSQL would read the whole table for that OR.
_ARE_WANTING = SWARMS.c.id.in_(union(select(SWARMS.c.id).where(_ACTIVE_SWARM, _IS_DUE), _COMMANDED))

CLAIM_SWARMS = compile_statement(
    Variants(_claim(whose=_UNOWNED, wanting=_WANTS_ONE), _claim(whose=_UNOWNED, wanting=_ARE_WANTING))
)
CLAIM_ORPHANS = compile_statement(_claim(whose=_ORPHANED, wanting=_ARE_WANTING))
"""Runs of nodes that no longer live."""

NEXT_START = compile_statement(
    select(func.min(SWARMS.c.start_at_ms)).where(
        SWARMS.c.lease_owner.is_(None), _ACTIVE_SWARM, SWARMS.c.start_at_ms.is_not(None)
    )
)

RELEASE_SWARM = compile_statement(
    update(SWARMS)
    .where(SWARMS.c.id == param("swarm_id"), SWARMS.c.lease_token == param("lease_token"))
    .values(lease_owner=None)
)

RELEASE_ALL = compile_statement(
    update(SWARMS)
    .where(or_(_ACTIVE_SWARM, SWARMS.c.id.in_(_COMMANDED)), SWARMS.c.lease_owner.is_not(None))
    .values(lease_owner=None)
)
"""Ended runs have an owner only while one is at a client's command."""

ADD_COMMAND = compile_statement(
    insert(COMMANDS)
    .from_select(
        ["swarm_id", "position", "kind", "body"],
        select(
            SWARMS.c.id,
            select(func.coalesce(func.max(COMMANDS.c.position), 0) + 1)
            .where(COMMANDS.c.swarm_id == param("swarm_id"))
            .scalar_subquery(),
            param("kind"),
            param("body"),
        ).where(SWARMS.c.id == param("swarm_id"), SWARMS.c.tenant_id == param("tenant_id")),
    )
    .returning(COMMANDS.c.position),
    locked=("swarm_id",),
)
"""Adds nothing where the tenant has no such swarm."""

COMMANDS_DONE = compile_statement(
    COMMANDS.delete().where(COMMANDS.c.swarm_id == param("swarm_id"), COMMANDS.c.position <= param("position"))
)

DELETE_SWARM = compile_statement(
    SWARMS.delete().where(
        SWARMS.c.id == param("swarm_id"),
        SWARMS.c.tenant_id == param("tenant_id"),
        SWARMS.c.status.notin_(sorted(SWARM_ACTIVE)),
    )
)
_LOG = AGENT_LOG.alias("log")
_ITS_AGENT = select(SWARMS.c.agent_id).where(SWARMS.c.id == param("swarm_id")).scalar_subquery()
_ITS_LOG_END = select(func.max(_LOG.c.position)).where(_LOG.c.agent_id == _ITS_AGENT).scalar_subquery()
_ITS_NAMES = select(TASKS.c.task_id).where(TASKS.c.swarm_id == param("swarm_id"))
DELETE_CHILDREN = (
    compile_statement(
        TASK_NAMES.delete().where(
            TASK_NAMES.c.agent_id == _ITS_AGENT,
            TASK_NAMES.c.task_id.in_(_ITS_NAMES),
            TASK_NAMES.c.swarm_id == param("swarm_id"),
        )
    ),
    compile_statement(
        AGENT_LOG.delete().where(
            AGENT_LOG.c.agent_id == _ITS_AGENT,
            AGENT_LOG.c.swarm_id == param("swarm_id"),
            # The newest position stays taken: given out again, a cursor behind it would skip what comes there.
            AGENT_LOG.c.position < _ITS_LOG_END,
        )
    ),
    *(
        compile_statement(table.delete().where(table.c.swarm_id == param("swarm_id")))
        for table in (
            *(EVENTS, ATTEMPTS, STEPS, TASK_INPUTS, TASKS, COMMANDS, IDEMPOTENCY_KEYS),
            *(WEBHOOKS, WEBHOOK_DELIVERIES, ASSIGNMENTS, ASSIGNMENT_TEXTS),
        )
    ),
)
"""To be run before ``DELETE_SWARM``: the first two look the swarm up."""

APPEND_LOG = compile_statement(
    insert(AGENT_LOG)
    .from_select(
        ["agent_id", "position", "swarm_id", "first_seq", "last_seq"],
        select(
            param("agent_id"),
            func.coalesce(func.max(AGENT_LOG.c.position), 0) + 1,
            param("swarm_id"),
            param("first_seq"),
            param("last_seq"),
        ).where(AGENT_LOG.c.agent_id == param("agent_id")),
    )
    .returning(AGENT_LOG.c.position),
    locked=("agent_id",),
)

NAME_TASK = compile_statement(upsert(TASK_NAMES, ("swarm_id", "ix")), locked=("agent_id",))

USAGE_SUMS = (
    "calls",
    *_USAGE,
    "cost_nano_usd",
    "unpriced_calls",
    "unsettled_nano_usd",
)
ADD_USAGE = compile_statement(accumulate(USAGE, USAGE_SUMS), locked=("tenant_id",))

PROBE = compile_statement(upsert(PROBES, ("at_ms",)), locked=("id",))
