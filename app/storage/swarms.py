"""Swarms as clients see them: create, read, list, ask for a change, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace

from sqlalchemy import func, select

from app.domain.errors import Conflict, InvalidRequest, NotFound
from app.domain.ids import SWARM_PREFIX, is_id
from app.domain.swarm import SWARM_ACTIVE, SwarmSpec
from app.domain.task import TaskKind
from app.ports.idempotency import KeyTaken, Once
from app.ports.pages import Page
from app.ports.runs import Command, NewSwarm
from app.ports.store import SwarmFilter, SwarmRow, TaskRow
from app.storage import statements as sql
from app.storage.barriers import barrier_op
from app.storage.dialect import PARAM_PREFIX, Op, UnexpectedRowCount, compile_statement, fetch_rows
from app.storage.events import event_ops, log_position
from app.storage.forks import copy_ops
from app.storage.fresh import FreshRuns
from app.storage.idempotency import take_op
from app.storage.mapping import (
    SWARM_COLUMNS,
    TASK_COLUMNS,
    WITHOUT_OUTPUT,
    dump_budget,
    dump_counts,
    dump_spec,
    dumps,
    load_spec,
    new_task,
    swarm_row,
    task_row,
)
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import COMMANDS, SWARMS, TASK_NAMES, TASKS
from app.storage.webhooks import webhook_op
from app.storage.writer import Writer

_MAX_IN = 500
_PROBE_ID = 1

_ONE = select(*SWARM_COLUMNS).where(SWARMS.c.id == param("swarm_id"), SWARMS.c.tenant_id == param("tenant_id"))
_ONE_ALONE = compile_statement(_ONE)
_NAMES = [column.name for column in SWARM_COLUMNS]
_OF_SWARM = (TASKS.c.swarm_id == param("swarm_id")) & (TASKS.c.kind == TaskKind.TASK.value)
_ALL_TASKS = compile_statement(select(*TASK_COLUMNS).where(_OF_SWARM).order_by(TASKS.c.ix))
_ALL_STATES = compile_statement(select(*WITHOUT_OUTPUT).where(_OF_SWARM).order_by(TASKS.c.ix))


class Swarms:
    def __init__(self, writer: Writer, reader: Reader, fresh: FreshRuns) -> None:
        self._writer = writer
        self._reader = reader
        self._fresh = fresh

    async def create(self, swarm: NewSwarm) -> int:
        state = swarm.state
        header = {
            "id": state.swarm_id,
            "tenant_id": state.tenant_id,
            "agent_id": state.spec.agent_id,
            "name": state.spec.name,
            "status": state.status.value,
            "kind": state.spec.kind,
            "labels": dumps(state.spec.metadata),
            "spec": dump_spec(state.spec),
            "created_at_ms": state.created_at_ms,
            "started_at_ms": state.created_at_ms,
            "start_at_ms": state.start_at_ms,
            "ended_at_ms": None,
            "max_parallel_agents": state.max_parallel_agents,
            "key_id": state.key_id,
            "priority": state.priority,
            "budget": dump_budget(state.budget),
            "pause_reason": state.pause_reason,
            "unsettled_nano_usd": 0,
            "reserved_nano_usd": 0,
            "unsettled_tokens": 0,
            "counts": dump_counts(state.counts),
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "cached_tokens": 0,
            "cost_nano_usd": 0,
            "steps": 0,
            "last_seq": state.last_seq,
            "error": None,
            "aggregated": None if state.aggregated is None else dumps(state.aggregated),
            "aggregation": None if state.aggregation is None else dumps(state.aggregation),
            "lease_owner": None,
            "lease_token": 0,
        }
        tasks = []
        inputs = []
        kept = swarm.copies.kept if swarm.copies is not None else {}
        for task, spec in zip(state.tasks, swarm.specs, strict=True):
            if task.index in kept:
                continue
            status, queued_at_ms = task.status, task.queued_at_ms
            tasks.append(
                new_task(state.swarm_id, task.index, spec, task.lane, task.requested_model, status, queued_at_ms)
            )
            inputs.append((state.swarm_id, task.index, spec.payload))
            task.payload = spec.payload
        barrier, once = swarm.beside.barrier, swarm.beside.once
        ops = [
            *([take_op(once, state.swarm_id)] if once else []),
            *([barrier_op(barrier)] if barrier else []),
            *([webhook_op(state.swarm_id, swarm.beside.webhook)] if swarm.beside.webhook else []),
            Op(sql.INSERT_SWARM, [sql.INSERT_SWARM.row(header)]),
            *([Op(sql.INSERT_TASK, tasks), Op(sql.INSERT_INPUT, inputs)] if tasks else []),
            *(copy_ops(state.swarm_id, swarm.copies) if swarm.copies is not None else []),
        ]
        if swarm.named:
            names = [(state.spec.agent_id, task.task_id, state.swarm_id, task.index) for task in state.tasks]
            ops.append(Op(sql.NAME_TASK, names))
        ops += event_ops(state.spec.agent_id, state.swarm_id, swarm.events)
        try:
            results = await self._writer.write(ops)
        except UnexpectedRowCount as exc:
            raise KeyTaken from exc
        self._fresh.put(state)
        return log_position(results, swarm.events)

    async def newest_tasks(self, agent_id: str, task_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        async with self._reader.connect() as connection:
            for start in range(0, len(task_ids), _MAX_IN):
                query = select(*TASK_NAMES.c["task_id", "swarm_id", "ix"]).where(
                    TASK_NAMES.c.agent_id == agent_id, TASK_NAMES.c.task_id.in_(task_ids[start : start + _MAX_IN])
                )
                found.update({row.task_id: (row.swarm_id, row.ix) for row in await connection.execute(query)})
        return found

    async def active_count(self, agent_id: str) -> int:
        query = (
            select(func.count())
            .select_from(SWARMS)
            .where(SWARMS.c.agent_id == agent_id, SWARMS.c.status.in_(sorted(SWARM_ACTIVE)))
        )
        async with self._reader.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def get(self, tenant_id: str, swarm_id: str) -> SwarmRow | None:
        async with self._reader.connect() as connection:
            rows = await fetch_rows(connection, _ONE_ALONE, {"swarm_id": swarm_id, "tenant_id": tenant_id})
        return swarm_row(SimpleNamespace(**dict(zip(_NAMES, rows[0], strict=True)))) if rows else None

    async def snapshot(
        self, tenant_id: str, swarm_id: str, *, outputs: bool = True
    ) -> tuple[SwarmRow, Sequence[TaskRow]] | None:
        whose = {f"{PARAM_PREFIX}swarm_id": swarm_id, f"{PARAM_PREFIX}tenant_id": tenant_id}
        async with self._reader.connect() as connection:
            row = (await connection.execute(_ONE, whose)).one_or_none()
            if row is None:
                return None
            tasks = await fetch_rows(connection, _ALL_TASKS if outputs else _ALL_STATES, {"swarm_id": swarm_id})
        return swarm_row(row), list(map(task_row, tasks))

    async def list(self, tenant_id: str, where: SwarmFilter, *, limit: int, cursor: str | None) -> Page[SwarmRow]:
        query = select(*SWARM_COLUMNS).where(SWARMS.c.tenant_id == tenant_id)
        if where.status is not None:
            query = query.where(SWARMS.c.status == where.status.value)
        if where.agent_id is not None:
            query = query.where(SWARMS.c.agent_id == where.agent_id)
        if where.name is not None:
            query = query.where(SWARMS.c.name == where.name)
        if where.created_after_ms is not None:
            query = query.where(SWARMS.c.created_at_ms >= where.created_after_ms)
        if where.created_before_ms is not None:
            query = query.where(SWARMS.c.created_at_ms <= where.created_before_ms)
        if cursor is not None:
            if not is_id(SWARM_PREFIX, cursor):
                raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
            query = query.where(SWARMS.c.id < cursor)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(SWARMS.c.id.desc()).limit(limit + 1))).all()
        items = [swarm_row(row) for row in rows[:limit]]
        return Page(items, items[-1].swarm_id if len(rows) > limit else None)

    async def command(self, tenant_id: str, swarm_id: str, command: Command, once: Once | None = None) -> int | None:
        values = {
            "tenant_id": tenant_id,
            "swarm_id": swarm_id,
            "kind": command.kind,
            "body": dumps(dict(command.body)),
        }
        add = Op(sql.ADD_COMMAND, [sql.ADD_COMMAND.row(values)], fetch=True)
        try:
            *_, rows = await self._writer.write([*([take_op(once, swarm_id)] if once else []), add])
        except UnexpectedRowCount as exc:
            raise KeyTaken from exc
        return int(rows[0][0]) if rows else None

    async def max_steps(self, swarm_id: str) -> int:
        return (await self._spec(swarm_id)).max_steps

    async def set_max_steps(self, swarm_id: str, max_steps: int) -> None:
        # Nothing else changes what was accepted, so it can be read apart.
        spec = dump_spec(replace(await self._spec(swarm_id), max_steps=max_steps))
        await self._writer.write([Op(sql.SAVE_SPEC, [sql.SAVE_SPEC.row({"swarm_id": swarm_id, "spec": spec})])])

    async def _spec(self, swarm_id: str) -> SwarmSpec:
        async with self._reader.connect() as connection:
            row = (await connection.execute(select(SWARMS.c.spec).where(SWARMS.c.id == swarm_id))).one_or_none()
        if row is None:
            raise NotFound("swarm", swarm_id)
        return load_spec(row.spec)

    async def is_done(self, swarm_id: str, position: int) -> bool:
        query = select(COMMANDS.c.position).where(COMMANDS.c.swarm_id == swarm_id, COMMANDS.c.position <= position)
        async with self._reader.connect() as connection:
            return (await connection.execute(query.limit(1))).first() is None

    async def delete(self, tenant_id: str, swarm_id: str) -> bool:
        owned = {"tenant_id": tenant_id, "swarm_id": swarm_id}
        ops = [Op(statement, [statement.row(owned)]) for statement in sql.DELETE_CHILDREN]
        ops.append(Op(sql.DELETE_SWARM, [sql.DELETE_SWARM.row(owned)], expect=1))
        try:
            await self._writer.write(ops)
        except UnexpectedRowCount:
            row = await self.get(tenant_id, swarm_id)
            if row is None:
                return False
            assert row.status in SWARM_ACTIVE
            raise Conflict(f"swarm {swarm_id} is {row.status}; cancel it before deleting it") from None
        return True

    async def probe(self, mark: int) -> None:
        await self._writer.write([Op(sql.PROBE, [(_PROBE_ID, mark)])])
