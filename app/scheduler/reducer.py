"""Merges the outputs of a run once its tasks have ended."""

from __future__ import annotations

import asyncio

import orjson

from app.domain.aggregate import Part, merge
from app.domain.facts import AggregateCompleted
from app.domain.swarm import SwarmState
from app.domain.task import TaskStatus
from app.ports.store import TaskFilter, TaskStore

_PAGE = 1000


class Reducer:
    def __init__(self, tasks: TaskStore) -> None:
        self._tasks = tasks

    async def reduce(self, state: SwarmState) -> AggregateCompleted:
        """Return the merged value of all completed tasks, and what is missing from it."""
        strategy = state.spec.aggregate["strategy"]
        parts: list[Part] = []
        cursor: str | None = None
        while True:
            completed = TaskFilter(status=TaskStatus.COMPLETED)
            page = await self._tasks.list(state.swarm_id, completed, limit=_PAGE, cursor=cursor)
            parts += [Part(row.task_id, row.role, row.output) for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        missing = [task.task_id for task in state.tasks if task.status is not TaskStatus.COMPLETED]
        aggregated = await asyncio.to_thread(merge, strategy, parts)
        aggregation = {
            "strategy": strategy,
            "status": "partial" if missing else "completed",
            "inputs": len(parts),
            "missing": missing,
            "agreement": None,
            "cost_usd": 0.0,
            "error": None,
        }
        orjson.dumps(aggregated)  # stored next; a value that cannot be must fail here, not in the commit
        return AggregateCompleted(aggregated, aggregation)
