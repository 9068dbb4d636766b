"""The scheduler's side of the store: claim a run, load it, write its turns (``ports.runs.RunStore``)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import starmap
from typing import Any

import orjson
from sqlalchemy import LargeBinary, cast, func, literal_column, select

from app.domain.errors import LeaseLost
from app.domain.events import rfc3339
from app.domain.facts import (
    AttemptEnded,
    AttemptStarted,
    Change,
    TaskClosed,
    TaskCompleted,
    TaskQueued,
    TaskRearmed,
    TaskRetrying,
)
from app.domain.graph import Graph
from app.domain.swarm import SwarmState, SwarmStatus, unmet_dependencies
from app.domain.task import TERMINAL, Awaited, TaskState, TaskStatus
from app.ports.runs import Command, Commit, Control, Lease
from app.storage import statements as sql
from app.storage.dialect import Op, Statement, UnexpectedRowCount
from app.storage.events import event_ops, log_position
from app.storage.fresh import FreshRuns
from app.storage.mapping import dump_budget, dump_counts, dump_error, dumps, load_budget, load_spec, loads, usage_of
from app.storage.reader import Reader
from app.storage.tables import AGENTS, COMMANDS, SWARMS, TASK_INPUTS, TASKS
from app.storage.writer import Writer

_MAX_IN = 500
"""Values in one IN list; SQLite's limit on parameters is far above, but plans are cached per length."""

_OUTPUT_BYTES = func.length(cast(TASKS.c.output, LargeBinary))

Row = dict[str, Any]


class Runs:
    def __init__(self, writer: Writer, reader: Reader, fresh: FreshRuns) -> None:
        self._writer = writer
        self._reader = reader
        self._fresh = fresh

    async def claim(self, owner: str, *, limit: int) -> Sequence[Lease]:
        row = sql.CLAIM_SWARMS.row({"lease_owner": owner, "limit": limit})
        [rows] = await self._writer.write([Op(sql.CLAIM_SWARMS, [row], fetch=True)])
        return list(starmap(Lease, sorted(rows)))

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
        async with self._reader.connect() as connection:
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
                    *TASKS.c["prompt_tokens", "completion_tokens"],
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
        awaits = [_awaits(row.awaits) for row in rows]
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
            unsettled_tokens=swarm.unsettled_tokens,
            graph=graph,
            tasks=list(map(_task_state, rows, unmet, awaits)),
            status=SwarmStatus(swarm.status),
            created_at_ms=swarm.created_at_ms,
            started_at_ms=swarm.started_at_ms,
            max_parallel_agents=swarm.max_parallel_agents,
            last_seq=swarm.last_seq,
            steps=swarm.steps,
            usage=usage_of(swarm),
            cost_nano_usd=swarm.cost_nano_usd,
            error=swarm.error,
            ended_at_ms=swarm.ended_at_ms,
            aggregated=loads(swarm.aggregated),
            aggregation=loads(swarm.aggregation),
            latencies_ms=array("d", [row.latency_ms for row in rows if row.status == TaskStatus.COMPLETED.value]),
        )

    async def commit(self, lease: Lease, commit: Commit) -> int:
        state = commit.state
        swarm = {
            "swarm_id": state.swarm_id,
            "lease_token": lease.token,
            "status": state.status.value,
            "started_at_ms": state.started_at_ms,
            "ended_at_ms": state.ended_at_ms,
            "max_parallel_agents": state.max_parallel_agents,
            "priority": state.priority,
            "budget": dump_budget(state.budget),
            "pause_reason": state.pause_reason,
            "unsettled_nano_usd": state.unsettled_nano_usd,
            "unsettled_tokens": state.unsettled_tokens,
            "counts": dump_counts(state.counts),
            "prompt_tokens": state.usage.prompt_tokens,
            "completion_tokens": state.usage.completion_tokens,
            "cached_tokens": state.usage.cached_tokens,
            "cost_nano_usd": state.cost_nano_usd,
            "steps": state.steps,
            "last_seq": state.last_seq,
            "error": state.error,
            "aggregated": None if state.aggregated is None else dumps(state.aggregated),
            "aggregation": None if state.aggregation is None else dumps(state.aggregation),
        }
        ops = [Op(sql.SAVE_SWARM, [sql.SAVE_SWARM.row(swarm)], expect=1)]
        ops += _change_ops(state.swarm_id, commit.changes)
        ops += _usage_ops(state, commit)
        if commit.commands_done:
            done = {"swarm_id": state.swarm_id, "position": commit.commands_done}
            ops.append(Op(sql.COMMANDS_DONE, [sql.COMMANDS_DONE.row(done)]))
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


def _awaits(text: str | None) -> tuple[Awaited, ...]:
    return () if text is None else tuple(starmap(Awaited, orjson.loads(text)))


def _inner_dependencies(row: Any, awaits: tuple[Awaited, ...]) -> list[str]:
    """The names of ``depends_on`` that are tasks of the same swarm."""
    names: list[str] = orjson.loads(row.depends_on)
    if not awaits:
        return names
    outer = {awaited.position for awaited in awaits}
    return [name for position, name in enumerate(names) if position not in outer]


def _task_state(row: Any, unmet: int, awaits: tuple[Awaited, ...]) -> TaskState:
    return TaskState(
        index=row.ix,
        task_id=row.task_id,
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


def _usage_ops(state: SwarmState, commit: Commit) -> list[Op]:
    """Sum up what the ended attempts used, by model, into the day's row of the key that started the run."""
    sums: dict[str, list[int]] = {}
    for change in commit.changes:
        if isinstance(change, TaskCompleted | AttemptEnded):
            row = sums.get(change.model or "")
            if row is None:
                row = sums[change.model or ""] = [0] * len(sql.USAGE_SUMS)
            usage, cost = change.usage, change.cost_nano_usd
            row[0] += 1
            row[1] += usage.prompt_tokens
            row[2] += usage.completion_tokens
            row[3] += usage.cached_tokens
            row[4] += cost or 0
            row[5] += cost is None
            row[6] += change.unsettled_nano_usd
    if not sums:
        return []
    key = {"tenant_id": state.tenant_id, "day": rfc3339(commit.at_ms)[:10], "key_id": state.key_id or ""}
    rows = [key | {"model": model} | dict(zip(sql.USAGE_SUMS, row, strict=True)) for model, row in sums.items()]
    return [Op(sql.ADD_USAGE, [sql.ADD_USAGE.row(row) for row in rows])]


def _rearm_task(change: TaskRearmed) -> Row:
    return {"status": change.status.value, "queued_at_ms": change.queued_at_ms}


def _bill(change: TaskCompleted | TaskRetrying | TaskClosed | AttemptEnded) -> Row:
    usage = change.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "cost_nano_usd": change.cost_nano_usd,
    }


def _error(change: TaskRetrying | TaskClosed) -> Row:
    return {"error": dump_error(change.error), "error_type": change.error.type}


def _queue_task(change: TaskQueued) -> Row:
    return {"queued_at_ms": change.queued_at_ms}


def _start(change: AttemptStarted) -> Row:
    return {"attempt": change.attempt, "started_at_ms": change.started_at_ms, "queue_ms": change.queue_ms}


def _end_attempt(change: AttemptEnded) -> Row:
    return {
        "attempt": change.attempt,
        "status": change.status,
        "started_at_ms": change.started_at_ms,
        "ended_at_ms": change.ended_at_ms,
        "queue_ms": change.queue_ms,
        "latency_ms": change.latency_ms,
        "model": change.model,
        "error": dump_error(change.error),
        **_bill(change),
    }


def _complete_task(change: TaskCompleted) -> Row:
    return {
        "attempt": change.attempt,
        "output": change.output,
        "ended_at_ms": change.ended_at_ms,
        "latency_ms": change.latency_ms,
        "model": change.model,
        **_bill(change),
    }


def _retry_task(change: TaskRetrying) -> Row:
    return {
        "attempt": change.attempt,
        "failures": change.failures,
        "not_before_ms": change.not_before_ms,
        **_error(change),
        **_bill(change),
    }


def _close_task(change: TaskClosed) -> Row:
    return {
        "status": change.status.value,
        "failures": change.failures,
        "ended_at_ms": change.ended_at_ms,
        "latency_ms": change.latency_ms,
        "model": change.model,
        **_error(change),
        **_bill(change),
    }


_WRITES: tuple[tuple[type[Change], Statement, Callable[[Any], Row]], ...] = (
    (TaskRearmed, sql.REARM_TASK, _rearm_task),
    (AttemptEnded, sql.INSERT_ATTEMPT, _end_attempt),
    (TaskCompleted, sql.COMPLETE_TASK, _complete_task),
    (TaskRetrying, sql.RETRY_TASK, _retry_task),
    (TaskQueued, sql.QUEUE_TASK, _queue_task),
    (AttemptStarted, sql.START_TASK, _start),
    (TaskClosed, sql.CLOSE_TASK, _close_task),
)
"""Statement per kind of change, in an order that is true for every turn of a runner: a retry is the last command that
a turn carries out, of tasks that had ended before it; what ended makes room for what starts (the runner steps
``SlotsGranted`` last), and nothing follows the close of a task."""


def _change_ops(swarm_id: str, changes: Sequence[Change]) -> list[Op]:
    by_kind: dict[type[Change], list[Any]] = {}
    for change in changes:
        by_kind.setdefault(type(change), []).append(change)
    ops = []
    for kind, statement, values in _WRITES:
        found = by_kind.get(kind)
        if found:
            rows = [statement.row({"swarm_id": swarm_id, "ix": change.index} | values(change)) for change in found]
            ops.append(Op(statement, rows, expect=len(rows)))
    return ops
