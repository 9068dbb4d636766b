"""The scheduler's side of the store: claim a run, load it, write its turns (``ports.runs.RunStore``)."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import Any

import orjson
from sqlalchemy import bindparam, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.errors import LeaseLost
from app.domain.graph import Graph
from app.domain.journal import next_model
from app.domain.progress import DECIDED
from app.domain.swarm import SwarmSpec, SwarmState, SwarmStatus, unmet_dependencies
from app.domain.task import TERMINAL, Awaited, TaskKind, TaskState, TaskStatus
from app.ports.runs import Command, Commit, Control, Lease
from app.storage import statements as sql
from app.storage.assignments import assigned_ops
from app.storage.changes import change_ops, usage_ops
from app.storage.dialect import Op, UnexpectedRowCount
from app.storage.dialect.expressions import octets, total
from app.storage.events import event_ops, log_position
from app.storage.fresh import FreshRuns
from app.storage.holdings import payment_ops
from app.storage.mapping import dump_budget, dump_counts, load_awaits, load_budget, load_spec, loads, usage_of
from app.storage.nodes import Nodes
from app.storage.reader import Reader
from app.storage.tables import AGENTS, ATTEMPTS, COMMANDS, STEPS, SWARMS, TASK_INPUTS, TASKS
from app.storage.webhooks import delivery_op
from app.storage.writer import Writer

_MAX_IN = 500
"""Values in one IN list; SQLite's limit on parameters is far above, but plans are cached per length."""

_EVER = 2**62

_OUTPUT_BYTES = octets(TASKS.c.output)

_LAST = STEPS.alias("last")
_ITS_LAST = (
    (_LAST.c.swarm_id == STEPS.c.swarm_id)
    & (_LAST.c.ix == STEPS.c.ix)
    & (
        _LAST.c.step
        == select(func.max(STEPS.c.step))
        .where(STEPS.c.swarm_id == _LAST.c.swarm_id, STEPS.c.ix == _LAST.c.ix)
        .correlate(_LAST)
        .scalar_subquery()
    )
)
_OF_LAST = STEPS.c.attempt == _LAST.c.attempt
_JOURNALS = (
    select(
        STEPS.c.ix,
        func.count().label("steps"),
        total(octets(STEPS.c.record)).label("bytes"),
        func.max(_LAST.c.attempt).label("attempt"),
        func.max(_LAST.c.record).label("last"),
        func.sum(case((_OF_LAST, STEPS.c.latency_ms), else_=0.0)).label("latency_ms"),
        *[
            total(case((_OF_LAST, STEPS.c[name]), else_=0)).label(name)
            for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_nano_usd")
        ],
    )
    .join(_LAST, _ITS_LAST)
    .join(TASKS, (TASKS.c.swarm_id == STEPS.c.swarm_id) & (TASKS.c.ix == STEPS.c.ix))
    .where(STEPS.c.swarm_id == bindparam("swarm_id"), TASKS.c.status != TaskStatus.COMPLETED.value)
    .group_by(STEPS.c.ix)
)
"""Of tasks that may go on: each journal in figures, and its last record; time and tokens are of its attempt alone."""


class Runs:
    """Args:
    nodes: where several processes share the database.
    """

    def __init__(self, writer: Writer, reader: Reader, fresh: FreshRuns, nodes: Nodes | None = None) -> None:
        self._writer = writer
        self._reader = reader
        self._fresh = fresh
        self._nodes = nodes

    async def claim(
        self, owner: str, *, limit: int, now_ms: int | None = None, orphans: bool = True
    ) -> Sequence[Lease]:
        values = {"lease_owner": owner, "limit": limit, "now_ms": _EVER if now_ms is None else now_ms}
        ops = [Op(sql.CLAIM_SWARMS, [sql.CLAIM_SWARMS.row(values)], fetch=True)]
        if self._nodes is not None:
            ops.insert(0, self._nodes.renewal(owner))
        rows = (await self._writer.write(ops))[-1]
        if self._nodes is not None and orphans and len(rows) < limit:
            row = sql.CLAIM_ORPHANS.row(values | {"limit": limit - len(rows)})
            rows += (await self._writer.write([Op(sql.CLAIM_ORPHANS, [row], fetch=True)]))[-1]
        return list(starmap(Lease, sorted(rows)))

    async def next_start_ms(self) -> int | None:
        [[row]] = await self._writer.write([Op(sql.NEXT_START, [sql.NEXT_START.row({})], fetch=True)])
        start_at_ms: int | None = row[0]
        return start_at_ms

    async def release_all(self) -> None:
        """Forget every owner: at the start of a process that holds the data directory's lock all others are gone."""
        await self._writer.write([Op(sql.RELEASE_ALL, [sql.RELEASE_ALL.row({})])])

    async def release(self, lease: Lease) -> None:
        row = sql.RELEASE_SWARM.row({"swarm_id": lease.swarm_id, "lease_token": lease.token})
        await self._writer.write([Op(sql.RELEASE_SWARM, [row])])

    async def load(self, lease: Lease) -> SwarmState:
        fresh = self._fresh.take(lease)
        if fresh is not None:
            return fresh
        async with self._reader.connect(joining=True) as connection:
            swarm = (await connection.execute(select(SWARMS).where(SWARMS.c.id == lease.swarm_id))).one_or_none()
            if swarm is None or swarm.lease_token != lease.token:
                raise LeaseLost(lease.swarm_id)
            spec = load_spec(swarm.spec)
            may_be_capped = swarm.budget is not None or swarm.key_id is not None or spec.token_budgets
            query = (
                select(
                    *TASKS.c["ix", "task_id", "status", "priority", "complexity", "lane", "max_retries", "timeout_s"],
                    *TASKS.c["attempt", "failures", "queued_at_ms", "not_before_ms", "allow_failed_dependencies"],
                    *TASKS.c[
                        "queue_ms", "attempt_started_at_ms", "requested_model", "depends_on", "awaits", "latency_ms"
                    ],
                    *TASKS.c["prompt_tokens", "completion_tokens", "kind", "weight", "error_type"],
                    (_OUTPUT_BYTES if may_be_capped else literal_column("0")).label("output_bytes"),
                    TASK_INPUTS.c.payload,
                )
                .outerjoin(
                    TASK_INPUTS,
                    (TASK_INPUTS.c.swarm_id == TASKS.c.swarm_id)
                    & (TASK_INPUTS.c.ix == TASKS.c.ix)
                    & TASKS.c.status.notin_(sorted(TERMINAL)),
                )
                .where(TASKS.c.swarm_id == lease.swarm_id)
                .order_by(TASKS.c.ix)
            )
            rows = (await connection.execute(query)).all()
            journals = {row.ix: row for row in await connection.execute(_JOURNALS, {"swarm_id": lease.swarm_id})}
            over = await _ended_attempts(connection, lease.swarm_id) if journals else {}
        awaits = [load_awaits(row.awaits) for row in rows]
        graph = Graph.build([row.task_id for row in rows], list(map(_inner_dependencies, rows, awaits)))
        unmet = unmet_dependencies(graph, [TaskStatus(row.status) for row in rows])
        return SwarmState(
            swarm_id=swarm.id,
            tenant_id=swarm.tenant_id,
            spec=spec,
            key_id=swarm.key_id,
            priority=swarm.priority,
            budget=load_budget(swarm.budget),
            pause_reason=swarm.pause_reason,
            unsettled_nano_usd=swarm.unsettled_nano_usd,
            left_reserved_nano_usd=swarm.reserved_nano_usd,
            unsettled_tokens=swarm.unsettled_tokens,
            graph=graph,
            tasks=[
                _take_up(_task_state(*known), spec, journals.get(known[0].ix), over)
                for known in zip(rows, unmet, awaits, strict=True)
            ],
            status=SwarmStatus(swarm.status),
            created_at_ms=swarm.created_at_ms,
            started_at_ms=swarm.started_at_ms,
            start_at_ms=swarm.start_at_ms,
            max_parallel_agents=swarm.max_parallel_agents,
            last_seq=swarm.last_seq,
            steps=swarm.steps,
            usage=usage_of(swarm),
            cost_nano_usd=swarm.cost_nano_usd,
            error=swarm.error,
            ended_at_ms=swarm.ended_at_ms,
            aggregated=loads(swarm.aggregated),
            aggregation=loads(swarm.aggregation),
            latencies_ms=array(
                "d",
                [row.latency_ms for row in rows if row.status == TaskStatus.COMPLETED and row.kind == TaskKind.TASK],
            ),
            decided=any(row.error_type == DECIDED.type for row in rows),
        )

    async def commit(self, lease: Lease, commit: Commit) -> int:
        state = commit.state
        swarm = {
            "swarm_id": state.swarm_id,
            "lease_token": lease.token,
            "status": state.status.value,
            "started_at_ms": state.started_at_ms,
            "start_at_ms": state.start_at_ms,
            "ended_at_ms": state.ended_at_ms,
            "max_parallel_agents": state.max_parallel_agents,
            "priority": state.priority,
            "budget": dump_budget(state.budget),
            "pause_reason": state.pause_reason,
            "unsettled_nano_usd": state.unsettled_nano_usd,
            "reserved_nano_usd": state.reserved_nano_usd,
            "unsettled_tokens": state.unsettled_tokens,
            "counts": dump_counts(state.counts),
            "prompt_tokens": state.usage.prompt_tokens,
            "completion_tokens": state.usage.completion_tokens,
            "cached_tokens": state.usage.cached_tokens,
            "cost_nano_usd": state.cost_nano_usd,
            "steps": state.steps,
            "last_seq": state.last_seq,
            "error": state.error,
        }
        ops = [Op(sql.SAVE_SWARM, [sql.SAVE_SWARM.row(swarm)], expect=1)]
        ops += payment_ops(commit.payments)
        ops += change_ops(state, commit.changes)
        ops += usage_ops(state, commit)
        if commit.commands_done:
            done = {"swarm_id": state.swarm_id, "position": commit.commands_done}
            ops.append(Op(sql.COMMANDS_DONE, [sql.COMMANDS_DONE.row(done)]))
        if commit.assigned is not None:
            ops += assigned_ops(state.swarm_id, commit.assigned, ended=state.ended)
        if commit.deliveries:
            ops.append(delivery_op(state.tenant_id, state.swarm_id, commit.deliveries))
        ops += event_ops(state.spec.agent_id, state.swarm_id, commit.events)
        try:
            results = await self._writer.write(ops)
        except UnexpectedRowCount as exc:
            raise LeaseLost(lease.swarm_id) from exc
        return log_position(results, commit.events)

    async def control(self, swarm_id: str) -> Control:
        query = (
            select(AGENTS.c.max_parallel_agents)
            .join(SWARMS, AGENTS.c.id == SWARMS.c.agent_id)
            .where(SWARMS.c.id == swarm_id)
        )
        commands = select(COMMANDS).where(COMMANDS.c.swarm_id == swarm_id).order_by(COMMANDS.c.position)
        async with self._reader.connect() as connection:
            group_limit = (await connection.execute(query)).scalar_one_or_none()
            rows = (await connection.execute(commands)).all()
        return Control(
            commands=[Command(row.kind, orjson.loads(row.body), row.position) for row in rows],
            group_limit=group_limit,
        )

    async def outputs(self, swarm_id: str, indices: Sequence[int]) -> Mapping[int, str]:
        found: dict[int, str] = {}
        async with self._reader.connect() as connection:
            for start in range(0, len(indices), _MAX_IN):
                query = select(*TASKS.c["ix", "output"]).where(
                    TASKS.c.swarm_id == swarm_id,
                    TASKS.c.ix.in_(indices[start : start + _MAX_IN]),
                    TASKS.c.status == TaskStatus.COMPLETED.value,
                )
                found.update({row.ix: row.output for row in await connection.execute(query)})
        return found

    async def journals(self, swarm_id: str, indices: Sequence[int]) -> Mapping[int, Sequence[str]]:
        found: dict[int, list[str]] = {}
        async with self._reader.connect() as connection:
            for start in range(0, len(indices), _MAX_IN):
                query = (
                    select(*STEPS.c["ix", "record"])
                    .where(STEPS.c.swarm_id == swarm_id, STEPS.c.ix.in_(indices[start : start + _MAX_IN]))
                    .order_by(STEPS.c.ix, STEPS.c.step)
                )
                for row in await connection.execute(query):
                    found.setdefault(row.ix, []).append(row.record)
        return found

    async def output_bytes(self, swarm_id: str) -> Mapping[int, int]:
        query = select(TASKS.c.ix, _OUTPUT_BYTES.label("bytes")).where(
            TASKS.c.swarm_id == swarm_id, TASKS.c.status == TaskStatus.COMPLETED.value
        )
        async with self._reader.connect() as connection:
            return {row.ix: row.bytes for row in await connection.execute(query)}

    async def payloads(self, swarm_id: str, indices: Sequence[int]) -> Mapping[int, str]:
        found: dict[int, str] = {}
        async with self._reader.connect() as connection:
            for start in range(0, len(indices), _MAX_IN):
                query = select(*TASK_INPUTS.c["ix", "payload"]).where(
                    TASK_INPUTS.c.swarm_id == swarm_id, TASK_INPUTS.c.ix.in_(indices[start : start + _MAX_IN])
                )
                found.update({row.ix: row.payload for row in await connection.execute(query)})
        return found

    async def ended(self, awaited: Sequence[Awaited]) -> Mapping[Awaited, int | None]:
        by_swarm: dict[str, list[Awaited]] = {}
        for entry in awaited:
            by_swarm.setdefault(entry.swarm_id, []).append(entry)
        found: dict[Awaited, int | None] = {}
        async with self._reader.connect() as connection:
            for swarm_id, entries in by_swarm.items():
                rows: dict[int, tuple[str, int | None]] = {}
                indices = sorted({entry.index for entry in entries})
                for start in range(0, len(indices), _MAX_IN):
                    query = select(*TASKS.c["ix", "status"], _OUTPUT_BYTES.label("bytes")).where(
                        TASKS.c.swarm_id == swarm_id, TASKS.c.ix.in_(indices[start : start + _MAX_IN])
                    )
                    rows.update({row.ix: (row.status, row.bytes) for row in await connection.execute(query)})
                for entry in entries:
                    status, size = rows.get(entry.index, (TaskStatus.CANCELLED, None))
                    if status in TERMINAL:
                        found[entry] = size if status == TaskStatus.COMPLETED else None
        return found


def _inner_dependencies(row: Any, awaits: tuple[Awaited, ...]) -> list[str]:
    """The names of ``depends_on`` that are tasks of the same swarm."""
    names: list[str] = orjson.loads(row.depends_on)
    if not awaits:
        return names
    outer = {awaited.position for awaited in awaits}
    return [name for position, name in enumerate(names) if position not in outer]


async def _ended_attempts(connection: AsyncConnection, swarm_id: str) -> Mapping[int, int]:
    """Return the newest attempt of each task that ended without an output."""
    query = (
        select(ATTEMPTS.c.ix, func.max(ATTEMPTS.c.attempt).label("attempt"))
        .where(ATTEMPTS.c.swarm_id == swarm_id)
        .group_by(ATTEMPTS.c.ix)
    )
    return {row.ix: row.attempt for row in await connection.execute(query)}


def _take_up(task: TaskState, spec: SwarmSpec, journal: Any, over: Mapping[int, int]) -> TaskState:
    """Put a task where its journal says that it was: between two calls of an attempt, its next one a judge's, …"""
    if journal is None:
        return task
    task.step, task.journal_bytes = journal.steps, journal.bytes
    task.next_model = next_model(spec, orjson.loads(journal.last))
    if journal.attempt == task.attempt and over.get(task.index) != task.attempt:
        task.busy_ms, task.busy_usage, task.busy_nano_usd = journal.latency_ms, usage_of(journal), journal.cost_nano_usd
        task.going_on = task.status in {TaskStatus.QUEUED, TaskStatus.WAITING}
    return task


def _task_state(row: Any, unmet: int, awaits: tuple[Awaited, ...]) -> TaskState:
    return TaskState(
        index=row.ix,
        task_id=row.task_id,
        kind=TaskKind(row.kind),
        weight=1.0 if row.weight is None else row.weight,
        status=TaskStatus(row.status),
        priority=row.priority,
        complexity=row.complexity or 0,
        lane=row.lane,
        max_retries=row.max_retries,
        timeout_s=row.timeout_s,
        attempt=row.attempt,
        failures=row.failures,
        unmet=unmet + len(awaits),
        queued_at_ms=row.queued_at_ms,
        not_before_ms=row.not_before_ms,
        queue_ms=row.queue_ms or 0,
        started_at_ms=row.attempt_started_at_ms or 0,
        allow_failed_dependencies=bool(row.allow_failed_dependencies),
        spawned=row.attempt > 0,
        payload=row.payload or "",
        requested_model=row.requested_model,
        awaits=awaits,
        tokens_used=row.prompt_tokens + row.completion_tokens,
        output_bytes=row.output_bytes or 0,
        calls=int(row.status == TaskStatus.RUNNING.value),
    )
