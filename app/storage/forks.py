"""Runs made from ended ones (``ports.forks``): reading those, and copying what a new run keeps of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, literal_column, select

from app.domain.task import TaskKind, TaskSpec, TaskStatus
from app.ports.forks import Blueprint, Ended
from app.ports.runs import Copies
from app.storage.dialect import Op, compile_statement
from app.storage.dialect.expressions import octets
from app.storage.fork_copies import shared_copy_ops
from app.storage.mapping import SWARM_COLUMNS, load_awaits, load_spec, loads, swarm_row
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import STEPS, SWARMS, TASK_INPUTS, TASKS

_NOT_PAID_AGAIN = ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_nano_usd")
_FROM = (TASKS.c.swarm_id == param("source_id"), TASKS.c.ix == param("source_ix"))


def _copied(name: str) -> Any:
    if name in {"swarm_id", "ix"}:
        return param(name)
    return literal_column("0") if name in _NOT_PAID_AGAIN else TASKS.c[name]


def _step(name: str) -> Any:
    if name == "swarm_id":
        return param(name)
    return literal_column("0") if name in _NOT_PAID_AGAIN else STEPS.c[name]


_COLUMNS = [column.name for column in TASKS.columns]
_COPY_TASK = compile_statement(
    insert(TASKS).from_select(_COLUMNS, select(*[_copied(name) for name in _COLUMNS]).where(*_FROM))
)
_COPY_INPUT = compile_statement(
    insert(TASK_INPUTS).from_select(
        ["swarm_id", "ix", "payload"],
        select(param("swarm_id"), param("ix"), TASK_INPUTS.c.payload).where(
            TASK_INPUTS.c.swarm_id == param("source_id"), TASK_INPUTS.c.ix == param("source_ix")
        ),
    )
)


_STEP_COLUMNS = [column.name for column in STEPS.columns]
_COPY_STEPS = compile_statement(
    insert(STEPS).from_select(
        _STEP_COLUMNS,
        select(*[_step(name) for name in _STEP_COLUMNS]).where(
            STEPS.c.swarm_id == param("source_id"), STEPS.c.ix == 0, STEPS.c.step < param("below")
        ),
    )
)


def copy_ops(swarm_id: str, copies: Copies) -> list[Op]:
    """Return what copies parts of an ended run as they are, but for what they cost: that was paid there."""
    ops = []
    if copies.turns:
        row = {"swarm_id": swarm_id, "source_id": copies.source_id, "below": copies.turns}
        ops.append(Op(_COPY_STEPS, [_COPY_STEPS.row(row)], expect=copies.turns))
    kept, source_id = copies.kept, copies.source_id
    if not kept:
        return ops + shared_copy_ops(swarm_id, source_id)
    rows = [
        {"swarm_id": swarm_id, "ix": index, "source_id": source_id, "source_ix": source_index}
        for index, source_index in kept.items()
    ]
    ops += [
        Op(statement, [statement.row(row) for row in rows], expect=len(rows)) for statement in (_COPY_TASK, _COPY_INPUT)
    ]
    return ops + shared_copy_ops(swarm_id, source_id)


class Forks:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def blueprint(self, tenant_id: str, swarm_id: str) -> Blueprint | None:
        query = select(*SWARM_COLUMNS, SWARMS.c.spec).where(SWARMS.c.id == swarm_id, SWARMS.c.tenant_id == tenant_id)
        tasks = (
            select(
                *TASKS.c["task_id", "kind", "weight", "type", "role", "priority", "complexity", "requested_model"],
                *TASKS.c["timeout_s", "max_retries", "depends_on", "awaits", "allow_failed_dependencies", "lane"],
                *TASKS.c["status", "attempt", "latency_ms", "ended_at_ms"],
                octets(TASKS.c.output).label("output_bytes"),
            )
            .where(TASKS.c.swarm_id == swarm_id)
            .order_by(TASKS.c.ix)
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            rows = (await connection.execute(tasks)).all()
        return Blueprint(swarm=swarm_row(row), spec=load_spec(row.spec), tasks=list(map(_ended, rows)))


def _ended(row: Any) -> Ended:
    spec = TaskSpec(
        task_id=row.task_id,
        kind=TaskKind(row.kind),
        weight=1.0 if row.weight is None else row.weight,
        type=row.type,
        role=row.role,
        priority=row.priority,
        complexity=row.complexity,
        requested_model=row.requested_model,
        timeout_s=row.timeout_s,
        max_retries=row.max_retries,
        depends_on=tuple(loads(row.depends_on)),
        awaits=load_awaits(row.awaits),
        allow_failed_dependencies=bool(row.allow_failed_dependencies),
    )
    return Ended(
        spec=spec,
        status=TaskStatus(row.status),
        lane=row.lane,
        attempts=row.attempt,
        latency_ms=row.latency_ms,
        output_bytes=row.output_bytes or 0,
        ended_at_ms=row.ended_at_ms,
    )
