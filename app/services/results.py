"""What came out of a swarm: outputs so far, what is missing, and the figures of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.errors import NotFound
from app.domain.figures import percentile
from app.domain.swarm import SWARM_TERMINAL
from app.domain.task import TERMINAL, TaskStatus
from app.ports.store import SwarmRow, SwarmStore, TaskRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Figures of a run; latencies in milliseconds over its completed tasks, None while there is none."""

    total_agents: int
    successful: int
    failed: int
    success_rate: float
    total_tokens: int
    total_cost_nano_usd: int
    avg_latency_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    failures: Sequence[tuple[str, str]]
    missing: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    swarm: SwarmRow
    tasks: Sequence[TaskRow]
    summary: Summary


@dataclass(frozen=True, slots=True)
class ResultService:
    swarms: SwarmStore

    async def get(self, tenant_id: str, swarm_id: str) -> Results:
        """Return all tasks with their outputs so far, in the order of the request."""
        found = await self.swarms.snapshot(tenant_id, swarm_id)
        if found is None:
            raise NotFound("swarm", swarm_id)
        swarm, tasks = found
        return Results(swarm=swarm, tasks=tasks, summary=summarise(swarm, tasks))


def summarise(swarm: SwarmRow, tasks: Sequence[TaskRow]) -> Summary:
    """Compute the figures of a run from its rows."""
    return _summary(
        tasks,
        over=swarm.status in SWARM_TERMINAL,
        total_tokens=swarm.usage.total_tokens,  # planners and merges are paid for, too
        total_cost_nano_usd=swarm.cost_nano_usd,
    )


def summarise_tasks(tasks: Sequence[TaskRow], *, over: bool) -> Summary:
    """Compute the figures of some tasks.

    ``success_rate`` is completed over ended tasks, over all of them once the work is ``over``.
    """
    return _summary(
        tasks,
        over=over,
        total_tokens=sum(task.usage.total_tokens for task in tasks),
        total_cost_nano_usd=sum(task.cost_nano_usd or 0 for task in tasks),
    )


def _summary(tasks: Sequence[TaskRow], *, over: bool, total_tokens: int, total_cost_nano_usd: int) -> Summary:
    completed = [task for task in tasks if task.status is TaskStatus.COMPLETED]
    others = [task for task in tasks if task.status is not TaskStatus.COMPLETED]  # most often none or few of thousands
    unsuccessful = [task for task in others if task.status in TERMINAL]
    latencies = sorted([task.latency_ms for task in completed if task.latency_ms is not None])
    basis = len(tasks) if over else len(completed) + len(unsuccessful)
    return Summary(
        total_agents=len(tasks),
        successful=len(completed),
        failed=len(unsuccessful),
        success_rate=len(completed) / basis if basis else 0.0,
        total_tokens=total_tokens,
        total_cost_nano_usd=total_cost_nano_usd,
        avg_latency_ms=round(sum(latencies) / len(latencies), 3) if latencies else None,
        p50_ms=percentile(latencies, 50),
        p95_ms=percentile(latencies, 95),
        p99_ms=percentile(latencies, 99),
        failures=[(task.task_id, str(task.error["message"] if task.error else task.status)) for task in unsuccessful],
        missing=[task.task_id for task in others],
    )
