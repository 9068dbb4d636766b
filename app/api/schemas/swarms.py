"""Swarms on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.api.schemas.insights import CriticalPathOut
from app.api.schemas.limits import (
    BudgetOut,
    budget_json,
)
from app.api.schemas.tasks import (
    TaskOut,
    task_json,
    time_json,
)
from app.api.schemas.times import Timestamp
from app.domain.usage import usd
from app.ports.store import SwarmRow, TaskRow
from app.services.results import Results, Summary


class CountsOut(BaseModel):
    waiting: int
    queued: int
    running: int
    retrying: int
    completed: int
    failed: int
    cancelled: int
    skipped: int
    total: int


TokensOut = Annotated[
    dict[Literal["in", "out", "cached"], int],
    Field(description="`in` includes `cached`", examples=[{"in": 1200, "out": 340, "cached": 0}]),
]


class AggregationOut(BaseModel):
    strategy: str
    status: str
    inputs: int
    missing: list[str]
    agreement: float | None = Field(description="Votes: the winner's share, 0-1; where nobody won the leader's")
    cost_usd: float | None
    error: str | None
    votes: list[dict[str, Any]] | None = Field(None, description="Votes: who voted for what, the first 50 answers")


class SummaryOut(BaseModel):
    total_agents: int
    successful: int
    failed: int
    success_rate: float = Field(ge=0, le=1)
    total_tokens: int
    total_cost_usd: float
    avg_latency_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    failures: list[dict[str, str]] = Field(examples=[[{"task_id": "a", "error": "no answer within 30 s"}]])
    missing: list[str]


class SwarmListed(BaseModel):
    """A run without its merged value."""

    swarm_id: str
    name: str | None
    status: str
    agent_id: str = Field(description="Its orchestrator")
    created_at: Timestamp
    started_at: Timestamp | None = Field(description="null while it waits for `start_at`")
    ended_at: Timestamp | None
    counts: CountsOut
    cost_usd: float
    tokens: TokensOut
    steps: int
    max_parallel_agents: int
    priority: int | None = Field(description="Of all its tasks, where it was set; else each has its own")
    budget: BudgetOut | None
    pause_reason: Literal["request", "budget", "key_budget", "credits", "start_at"] | None
    start_at: Timestamp | None = Field(description="When it begins, until it does")
    critical_path: Any
    error: str | None
    metadata: dict[str, Any]


class SwarmOut(SwarmListed):
    critical_path: CriticalPathOut | None = Field(
        description="null in lists, and in answers to `wait` with more than 2,000 tasks"
    )
    aggregated: Any = Field(description="The merged value; null if there is none")
    aggregation: AggregationOut | None


class ResultsOut(BaseModel):
    swarm_id: str
    status: str
    outputs: list[TaskOut] = Field(description="One for each task, in the order of the request")
    aggregated: Any
    aggregation: AggregationOut | None
    missing: list[str]
    summary: SummaryOut


class SwarmCreated(SwarmOut):
    """A run as it was accepted; with `?wait=`, as it then is, `results` included."""

    warnings: list[str] = Field(description="Tools that were asked for and cannot be used here")
    results: ResultsOut | None = None


class SwarmInPage(SwarmListed):
    p95_ms: float | None = Field(description="Of the completed tasks so far; null unless asked for with `figures`")


class SwarmPage(BaseModel):
    items: list[SwarmInPage]
    next_cursor: str | None


class GraphNode(BaseModel):
    task_id: str
    status: str
    type: str | None
    role: str | None
    attempts: int


class GraphEdge(BaseModel):
    source: str = Field(description="The task that must end first")
    target: str


class SwarmGraphOut(BaseModel):
    swarm_id: str
    status: str
    nodes: list[GraphNode]
    edges: list[GraphEdge]


class SnapshotOut(BaseModel):
    """The swarm and all its tasks as of one and the same event."""

    seq: int
    swarm: SwarmOut
    tasks: list[TaskOut]


def listed_json(row: SwarmRow) -> dict[str, Any]:
    return {
        "swarm_id": row.swarm_id,
        "name": row.name,
        "status": row.status,
        "agent_id": row.agent_id,
        "created_at": time_json(row.created_at_ms),
        "started_at": None if row.start_at_ms is not None else time_json(row.started_at_ms),
        "start_at": time_json(row.start_at_ms),
        "ended_at": time_json(row.ended_at_ms),
        "counts": row.counts.as_dict(),
        "cost_usd": usd(row.cost_nano_usd),
        "tokens": {
            "in": row.usage.prompt_tokens,
            "out": row.usage.completion_tokens,
            "cached": row.usage.cached_tokens,
        },
        "steps": row.steps,
        "max_parallel_agents": row.max_parallel_agents,
        "priority": row.priority,
        "budget": None if row.budget is None else budget_json(row, row.budget),
        "pause_reason": row.pause_reason,
        "critical_path": None,
        "error": row.error,
        "metadata": row.metadata,
    }


def swarm_json(row: SwarmRow) -> dict[str, Any]:
    return listed_json(row) | {"aggregated": row.aggregated, "aggregation": row.aggregation}


def summary_json(summary: Summary) -> dict[str, Any]:
    return {
        "total_agents": summary.total_agents,
        "successful": summary.successful,
        "failed": summary.failed,
        "success_rate": summary.success_rate,
        "total_tokens": summary.total_tokens,
        "total_cost_usd": usd(summary.total_cost_nano_usd),
        "avg_latency_ms": summary.avg_latency_ms,
        "p50_ms": summary.p50_ms,
        "p95_ms": summary.p95_ms,
        "p99_ms": summary.p99_ms,
        "failures": [{"task_id": task_id, "error": error} for task_id, error in summary.failures],
        "missing": summary.missing,
    }


def results_json(results: Results) -> dict[str, Any]:
    return {
        "swarm_id": results.swarm.swarm_id,
        "status": results.swarm.status,
        "outputs": [task_json(task, paused=results.swarm.paused) for task in results.tasks],
        "aggregated": results.swarm.aggregated,
        "aggregation": results.swarm.aggregation,
        "missing": results.summary.missing,
        "summary": summary_json(results.summary),
    }


def graph_json(swarm: SwarmRow, tasks: Sequence[TaskRow]) -> dict[str, Any]:
    return {
        "swarm_id": swarm.swarm_id,
        "status": swarm.status,
        "nodes": [
            {
                "task_id": task.task_id,
                "status": task.status,
                "type": task.type,
                "role": task.role,
                "attempts": task.attempts,
            }
            for task in tasks
        ],
        "edges": [
            {"source": source, "target": task.task_id} for task in tasks for source in dict.fromkeys(task.depends_on)
        ],
    }


def snapshot_json(swarm: SwarmRow, tasks: Sequence[TaskRow]) -> dict[str, Any]:
    return {
        "seq": swarm.last_seq,
        "swarm": swarm_json(swarm),
        "tasks": [task_json(task, paused=swarm.paused) for task in tasks],
    }
