"""Whole runs, page by page: every task, attempt, event, or what it did second by second."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from app.domain.errors import InvalidRequest
from app.domain.intervals import Interval, Measured, intervals
from app.domain.task import TaskStatus
from app.ports.clock import Clock
from app.ports.events import EncodedEvent, EventStore
from app.ports.store import SwarmRow, TaskAttempts, TaskFilter, TaskRow, TaskStore

_TASKS = 50
"""Tasks a page; few, as each may have megabytes of output."""

_EVENTS = 1_000
_INTERVALS = 1_000
_MAX_INTERVALS = 200_000


@dataclass(frozen=True, slots=True)
class ExportService:
    """Each method yields pages in a fixed order; rows that come while it is read, at its end, are part of it."""

    task_store: TaskStore
    event_store: EventStore
    clock: Clock

    async def tasks(self, swarm: SwarmRow) -> AsyncGenerator[Sequence[TaskRow], None]:
        """In the order of the request."""
        cursor: str | None = None
        while True:
            page = await self.task_store.list(swarm.swarm_id, TaskFilter(), limit=_TASKS, cursor=cursor)
            yield page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    async def attempts(self, swarm: SwarmRow) -> AsyncGenerator[Sequence[TaskAttempts], None]:
        """Of every task, planners and merges too: the sum of the attempts is what the run used."""
        cursor: str | None = None
        while True:
            page = await self.task_store.attempts(swarm.swarm_id, limit=_TASKS, cursor=cursor)
            yield page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    async def events(self, swarm: SwarmRow) -> AsyncGenerator[Sequence[EncodedEvent], None]:
        """In ``seq`` order."""
        after = 0
        while True:
            page = await self.event_store.list(swarm.swarm_id, after=after, limit=_EVENTS)
            yield page
            if len(page) < _EVENTS:
                return
            after = page[-1].seq

    async def metrics(self, swarm: SwarmRow, interval_s: int) -> AsyncGenerator[Sequence[Interval], None]:
        """By intervals, oldest first.

        Raises:
            InvalidRequest: there would be too many.
        """
        from_ms = swarm.created_at_ms
        until_ms = max(self.clock.now_ms() if swarm.ended_at_ms is None else swarm.ended_at_ms, from_ms)
        least_s = (until_ms - from_ms) // 1000 // _MAX_INTERVALS + 1
        if interval_s < least_s:
            raise InvalidRequest.field("/interval_s", f"the run is long: expected at least {least_s} seconds")
        measured: list[Measured] = []
        async for page in self.attempts(swarm):
            measured += _measured(page)
        found = intervals(measured, from_ms=from_ms, until_ms=until_ms, interval_ms=interval_s * 1000)
        while page_of := list(islice(found, _INTERVALS)):
            yield page_of


def _measured(tasks: Sequence[TaskAttempts]) -> Iterator[Measured]:
    for task in tasks:
        for attempt in task.attempts:
            running = attempt.status == TaskStatus.RUNNING.value
            yield Measured(
                started_at_ms=attempt.started_at_ms,
                ended_at_ms=None if running else attempt.ended_at_ms or attempt.started_at_ms,
                completed=attempt.status == TaskStatus.COMPLETED.value,
                latency_ms=attempt.latency_ms,
                usage=attempt.usage,
                cost_nano_usd=attempt.cost_nano_usd,
            )
