"""Tasks and their attempts as clients see them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select

from app.domain.errors import InvalidRequest
from app.domain.swarm import SWARM_ACTIVE
from app.domain.task import TERMINAL, TaskStatus
from app.ports.pages import Page
from app.ports.store import AgentTasks, AttemptRow, TaskFilter, TaskRow
from app.storage.mapping import TASK_COLUMNS, attempt_row, newest_attempt, task_row
from app.storage.reader import Reader
from app.storage.tables import ATTEMPTS, SWARMS, TASK_INPUTS, TASKS


class Tasks:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(self, swarm_id: str, where: TaskFilter, *, limit: int, cursor: str | None) -> Page[TaskRow]:
        query = select(*TASK_COLUMNS).where(TASKS.c.swarm_id == swarm_id)
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
            attempts = await connection.execute(
                select(ATTEMPTS)
                .where(ATTEMPTS.c.swarm_id == swarm_id, ATTEMPTS.c.ix == row.ix)
                .order_by(ATTEMPTS.c.attempt)
            )
            ended = [attempt_row(attempt) for attempt in attempts]
        *columns, attempt_started_at_ms, payload = row
        task = task_row(columns, payload)
        return task, [*ended, *newest_attempt(task, attempt_started_at_ms, ended)]

    async def indices(
        self, swarm_id: str, *, states: Sequence[TaskStatus], error: str | None, task_ids: Collection[str] | None
    ) -> Sequence[int]:
        query = select(TASKS.c.ix, TASKS.c.task_id).where(TASKS.c.swarm_id == swarm_id, TASKS.c.status.in_(states))
        if error is not None:
            query = query.where(TASKS.c.error_type == error)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(TASKS.c.ix))).all()
        return [row.ix for row in rows if task_ids is None or row.task_id in task_ids]

    async def requested_models(self, swarm_id: str) -> Sequence[str | None]:
        query = select(TASKS.c.requested_model).where(TASKS.c.swarm_id == swarm_id).distinct()
        async with self._reader.connect() as connection:
            return list((await connection.execute(query)).scalars())

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
        query = select(*TASK_COLUMNS).where(of_agent)
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
            .where(TASKS.c.swarm_id == swarm_id, TASKS.c.status == TaskStatus.COMPLETED.value)
            .order_by(TASKS.c.latency_ms)
        )
        async with self._reader.connect() as connection:
            return list((await connection.execute(query)).scalars())
