"""Tasks and their attempts as clients see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import orjson
from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.critical_path import Throttled, Timing, Tried
from app.domain.errors import InvalidRequest
from app.domain.events import SWARM_THROTTLED
from app.domain.swarm import SWARM_ACTIVE
from app.domain.task import TERMINAL, TaskKind, TaskStatus
from app.ports.pages import Page
from app.ports.store import AgentTasks, AttemptRow, History, Sample, StepRow, TaskAttempts, TaskFilter, TaskRow
from app.storage.dialect import compile_statement, fetch_rows
from app.storage.dialect.expressions import total
from app.storage.mapping import (
    TASK_COLUMNS,
    attempt_row,
    load_spec,
    newest_attempt,
    step_row,
    task_row,
    usage_of,
    with_steps,
)
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import ATTEMPTS, EVENTS, STEPS, SWARMS, TASK_INPUTS, TASKS

_MANY = 500
"""Places named in one query: each is a parameter of the statement."""

_MAX_TRIED = 20_000
_MAX_NOTICES = 5_000
_NOTICE = f'{{"type":"{SWARM_THROTTLED}"'
_RATES = frozenset({"rate_limit", "concurrency", "retry_after"})
"""Reasons of a closed lane that are the provider's limits; the other one is that it is down."""

_SWARMS_SAMPLED = 50

_STATUSES = {status.value: status for status in TaskStatus}
_KINDS = {kind.value: kind for kind in TaskKind}
_AT_WORK_OR_DONE = frozenset({TaskStatus.RUNNING.value, TaskStatus.COMPLETED.value})
"""Of these the newest call, which runs or gave the output, is not in the journal."""

_TIMES = TASKS.c[
    "task_id",
    "kind",
    "status",
    "depends_on",
    "lane",
    "attempt",
    "queued_at_ms",
    "queue_ms",
    "attempt_started_at_ms",
    "ended_at_ms",
    "latency_ms",
]
"""All before the output in a row, so that its pages are not read."""

_OF_NEWEST = (STEPS.c.model == "") & (STEPS.c.attempt == TASKS.c.attempt)
_JOURNALS = (
    select(
        STEPS.c.ix,
        total(case((STEPS.c.model == "", 0), else_=1)).label("calls"),  # the others ran tools
        func.sum(case((_OF_NEWEST, STEPS.c.latency_ms), else_=0.0)).label("tools_ms"),
    )
    .join(TASKS, (TASKS.c.swarm_id == STEPS.c.swarm_id) & (TASKS.c.ix == STEPS.c.ix))
    .where(STEPS.c.swarm_id == param("swarm_id"))
    .group_by(STEPS.c.ix)
    .subquery()
)
"""Of tasks that took several calls: how many, and what their tools took."""

_ALL_TIMES = compile_statement(
    select(*_TIMES, _JOURNALS.c.calls, _JOURNALS.c.tools_ms)
    .outerjoin(_JOURNALS, _JOURNALS.c.ix == TASKS.c.ix)
    .where(TASKS.c.swarm_id == param("swarm_id"))
    .order_by(TASKS.c.ix)
)

_NOTICES = compile_statement(
    select(EVENTS.c.bodies)
    .where(EVENTS.c.swarm_id == param("swarm_id"), EVENTS.c.bodies.contains(_NOTICE, autoescape=True))
    .order_by(EVENTS.c.first_seq)
    .limit(_MAX_NOTICES)
)


class Tasks:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(self, swarm_id: str, where: TaskFilter, *, limit: int, cursor: str | None) -> Page[TaskRow]:
        query = select(*TASK_COLUMNS).where(TASKS.c.swarm_id == swarm_id)
        if where.kind is not None:
            query = query.where(TASKS.c.kind == where.kind.value)
        if where.status is not None:
            query = query.where(TASKS.c.status == where.status.value)
        if where.role is not None:
            query = query.where(TASKS.c.role == where.role)
        if where.attempt is not None:
            query = query.where(TASKS.c.attempt == where.attempt)
        if where.error is not None:
            query = query.where(TASKS.c.error_type == where.error)
        if cursor is not None:
            if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
                raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
            query = query.where(TASKS.c.ix > int(cursor))
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(TASKS.c.ix).limit(limit + 1))).all()
        items = [task_row(row) for row in rows[:limit]]
        return Page(items, str(items[-1].index) if len(rows) > limit else None)

    async def get(self, swarm_id: str, task_id: str) -> tuple[TaskRow, Sequence[AttemptRow]] | None:
        query = (
            select(*TASK_COLUMNS, TASKS.c.attempt_started_at_ms, TASK_INPUTS.c.payload)
            .join(TASK_INPUTS, (TASK_INPUTS.c.swarm_id == TASKS.c.swarm_id) & (TASK_INPUTS.c.ix == TASKS.c.ix))
            .where(TASKS.c.swarm_id == swarm_id, TASKS.c.task_id == task_id)
        )
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            before = (await _attempts_before(connection, swarm_id, row.ix, row.ix)).get(row.ix, [])
        *columns, attempt_started_at_ms, payload = row
        task = task_row(columns, payload)
        return task, [*before, *newest_attempt(task, attempt_started_at_ms, before)]

    async def attempts(self, swarm_id: str, *, limit: int, cursor: str | None) -> Page[TaskAttempts]:
        query = select(*TASK_COLUMNS, TASKS.c.attempt_started_at_ms).where(
            TASKS.c.swarm_id == swarm_id, TASKS.c.attempt > 0
        )
        if cursor is not None:
            query = query.where(TASKS.c.ix > int(cursor))
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(TASKS.c.ix).limit(limit + 1))).all()
            more, rows = len(rows) > limit, rows[:limit]
            before = await _attempts_before(connection, swarm_id, rows[0].ix, rows[-1].ix) if rows else {}
        items = []
        for *columns, started_at_ms in rows:
            task = task_row(columns)
            tried = before.get(task.index, [])
            items.append(TaskAttempts(task=task, attempts=[*tried, *newest_attempt(task, started_at_ms, tried)]))
        return Page(items, str(items[-1].task.index) if more else None)

    async def steps(self, swarm_id: str, index: int) -> Sequence[StepRow]:
        query = select(STEPS).where(STEPS.c.swarm_id == swarm_id, STEPS.c.ix == index).order_by(STEPS.c.step)
        async with self._reader.connect() as connection:
            return [step_row(row) for row in await connection.execute(query)]

    async def indices(
        self,
        swarm_id: str,
        *,
        states: Sequence[TaskStatus],
        error: str | None,
        task_ids: Collection[str] | None,
        planners: bool = True,
    ) -> Sequence[int]:
        kinds = [TaskKind.TASK.value, TaskKind.PLANNER.value] if planners else [TaskKind.TASK.value]
        query = select(TASKS.c.ix, TASKS.c.task_id).where(
            TASKS.c.swarm_id == swarm_id, TASKS.c.status.in_(states), TASKS.c.kind.in_(kinds)
        )
        if error is not None:
            query = query.where(TASKS.c.error_type == error)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(TASKS.c.ix))).all()
        return [row.ix for row in rows if task_ids is None or row.task_id in task_ids]

    async def load_by_role(self, tenant_id: str) -> Mapping[str, int]:
        active = select(SWARMS.c.id).where(SWARMS.c.tenant_id == tenant_id, SWARMS.c.status.in_(sorted(SWARM_ACTIVE)))
        query = (
            select(TASKS.c.role, func.count().label("tasks"))
            .where(TASKS.c.swarm_id.in_(active), TASKS.c.status.notin_(sorted(TERMINAL)), TASKS.c.role.is_not(None))
            .group_by(TASKS.c.role)
        )
        async with self._reader.connect() as connection:
            return {row.role: row.tasks for row in await connection.execute(query)}

    async def requested_models(self, swarm_id: str) -> Sequence[str | None]:
        query = select(TASKS.c.requested_model).where(TASKS.c.swarm_id == swarm_id).distinct()
        spec = select(SWARMS.c.spec).where(SWARMS.c.id == swarm_id)
        async with self._reader.connect() as connection:
            names = list((await connection.execute(query)).scalars())
            stored = (await connection.execute(spec)).scalar_one_or_none()
        return list(dict.fromkeys([*names, *(load_spec(stored).models if stored is not None else ())]))

    async def get_by_index(self, swarm_id: str, index: int) -> TaskRow | None:
        query = select(*TASK_COLUMNS).where(TASKS.c.swarm_id == swarm_id, TASKS.c.ix == index)
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else task_row(row)

    async def list_of_agent(self, agent_id: str, *, ended_since_ms: int | None, limit: int) -> AgentTasks:
        of_agent = TASKS.c.swarm_id.in_(select(SWARMS.c.id).where(SWARMS.c.agent_id == agent_id))
        running = TASKS.c.swarm_id.in_(
            select(SWARMS.c.id).where(SWARMS.c.agent_id == agent_id, SWARMS.c.status.in_(sorted(SWARM_ACTIVE)))
        )
        query = select(*TASK_COLUMNS).where(of_agent, TASKS.c.kind == TaskKind.TASK.value)
        if ended_since_ms is not None:
            query = query.where(TASKS.c.ended_at_ms >= ended_since_ms)
        query = query.order_by(TASKS.c.swarm_id.desc(), TASKS.c.ix.desc()).limit(limit)
        pending = select(func.count()).select_from(TASKS).where(running, TASKS.c.status.notin_(sorted(TERMINAL)))
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
            count = int((await connection.execute(pending)).scalar_one())
        return AgentTasks([task_row(row) for row in reversed(rows)], count)

    async def latencies_ms(self, swarm_id: str) -> Sequence[float]:
        query = (
            select(TASKS.c.latency_ms)
            .where(
                TASKS.c.swarm_id == swarm_id,
                TASKS.c.status == TaskStatus.COMPLETED.value,
                TASKS.c.kind == TaskKind.TASK.value,
            )
            .order_by(TASKS.c.latency_ms)
        )
        async with self._reader.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def p95_ms(self, swarm_ids: Sequence[str]) -> Mapping[str, float]:
        run = TASKS.c.swarm_id
        ranked = select(
            run,
            TASKS.c.latency_ms,
            func.row_number().over(partition_by=run, order_by=TASKS.c.latency_ms).label("rank"),
            func.count().over(partition_by=run).label("total"),
        ).where(
            TASKS.c.status == TaskStatus.COMPLETED.value,
            TASKS.c.kind == TaskKind.TASK.value,
            TASKS.c.latency_ms.is_not(None),
        )
        found: dict[str, float] = {}
        async with self._reader.connect() as connection:
            for at in range(0, len(swarm_ids), _MANY):
                some = ranked.where(run.in_(swarm_ids[at : at + _MANY])).subquery()
                query = select(some.c.swarm_id, some.c.latency_ms).where(some.c.rank == (some.c.total * 95 + 99) // 100)
                found |= {row.swarm_id: row.latency_ms for row in await connection.execute(query)}
        return found

    async def timings(self, swarm_id: str) -> Sequence[Timing]:
        async with self._reader.connect(joining=True) as connection:
            rows = await fetch_rows(connection, _ALL_TIMES, {"swarm_id": swarm_id})
        return [
            Timing(
                task_id,
                _STATUSES[status],
                _KINDS[kind],
                max((calls or 0) + (status in _AT_WORK_OR_DONE), 1),
                () if depends_on == "[]" else orjson.loads(depends_on),
                lane,
                attempt,
                queued_at_ms,
                queue_ms or 0,
                started_at_ms,
                ended_at_ms,
                latency_ms,
                tools_ms or 0.0,
            )
            for (
                task_id,
                kind,
                status,
                depends_on,
                lane,
                attempt,
                queued_at_ms,
                queue_ms,
                started_at_ms,
                ended_at_ms,
                latency_ms,
                calls,
                tools_ms,
            ) in rows
        ]

    async def history(self, swarm_id: str, indices: Sequence[int]) -> History:
        tried: dict[int, list[Tried]] = {}
        left = _MAX_TRIED
        columns = ATTEMPTS.c["ix", "started_at_ms", "ended_at_ms", "queue_ms", "status", "error"]
        async with self._reader.connect() as connection:
            for start in range(0, len(indices), _MANY):
                query = (
                    select(*columns)
                    .where(ATTEMPTS.c.swarm_id == swarm_id, ATTEMPTS.c.ix.in_(indices[start : start + _MANY]))
                    .order_by(ATTEMPTS.c.ix, ATTEMPTS.c.attempt)
                    .limit(left)
                )
                rows = (await connection.execute(query)).all()
                left -= len(rows)
                for row in rows:
                    tried.setdefault(row.ix, []).append(
                        Tried(
                            started_at_ms=row.started_at_ms,
                            ended_at_ms=row.started_at_ms if row.ended_at_ms is None else row.ended_at_ms,
                            queue_ms=row.queue_ms,
                            status=row.status,
                            error=None if row.error is None else orjson.loads(row.error)["type"],
                        )
                    )
            notices = await fetch_rows(connection, _NOTICES, {"swarm_id": swarm_id})
        return History(tried, _throttled([bodies for (bodies,) in notices]))

    async def samples(self, tenant_id: str, *, limit: int) -> Sequence[Sample]:
        newest = (
            select(SWARMS.c.id)
            .where(SWARMS.c.tenant_id == tenant_id)
            .order_by(SWARMS.c.id.desc())
            .limit(_SWARMS_SAMPLED)
        )
        query = (
            select(
                TASKS.c.lane,
                TASKS.c.latency_ms,
                TASKS.c.failures,
                TASKS.c.depends_on,
                *TASKS.c["prompt_tokens", "completion_tokens", "cached_tokens"],
            )
            .where(
                TASKS.c.swarm_id.in_(newest),
                TASKS.c.status == TaskStatus.COMPLETED.value,
                TASKS.c.kind == TaskKind.TASK.value,
            )
            .order_by(TASKS.c.swarm_id.desc(), TASKS.c.ix.desc())
            .limit(limit)
        )
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Sample(
                lane=row.lane,
                latency_ms=row.latency_ms,
                failures=row.failures,
                usage=usage_of(row),
                builds_on=row.depends_on != "[]",
            )
            for row in rows
            if row.latency_ms is not None
        ]


async def _attempts_before(
    connection: AsyncConnection, swarm_id: str, first: int, last: int
) -> dict[int, list[AttemptRow]]:
    """Return by place the attempts that are no longer their task's newest, or failed, for the places ``first`` to
    ``last``; each with what the calls used that its task's journal bills."""
    attempts = await connection.execute(
        select(ATTEMPTS)
        .where(ATTEMPTS.c.swarm_id == swarm_id, ATTEMPTS.c.ix.between(first, last))
        .order_by(ATTEMPTS.c.ix, ATTEMPTS.c.attempt)
    )
    sums = [total(STEPS.c[name]).label(name) for name in ("prompt_tokens", "completion_tokens", "cached_tokens")]
    query = (
        select(STEPS.c.ix, STEPS.c.attempt, *sums, total(STEPS.c.cost_nano_usd).label("cost_nano_usd"))
        .where(STEPS.c.swarm_id == swarm_id, STEPS.c.ix.between(first, last))
        .group_by(STEPS.c.ix, STEPS.c.attempt)
    )
    found: dict[int, list[AttemptRow]] = {}
    journaled = {(row.ix, row.attempt): (usage_of(row), row.cost_nano_usd) for row in await connection.execute(query)}
    for row in attempts:
        attempt, calls = attempt_row(row), journaled.get((row.ix, row.attempt))
        found.setdefault(row.ix, []).append(attempt if calls is None else with_steps(attempt, *calls))
    return found


def _throttled(packs: Sequence[str]) -> list[Throttled]:
    found = []
    for bodies in packs:
        for body in bodies.split("\n"):
            if body.startswith(_NOTICE):
                frame = orjson.loads(body)
                if frame["reason"] in _RATES:
                    at_ms = round(datetime.fromisoformat(frame["ts"]).timestamp() * 1000)
                    found.append(Throttled(lane=frame["lane"], at_ms=at_ms, wait_ms=frame["wait_ms"] or 0))
    return found
