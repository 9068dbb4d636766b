"""Swarms on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.limits import (
    BudgetIn,
    BudgetOut,
    LimitsIn,
    RetryIn,
    Unavailable,
    budget_json,
)
from app.api.schemas.tasks import (
    TaskIn,
    TaskOut,
    made_up_ids,
    task_json,
    time_json,
)
from app.api.schemas.times import Timestamp
from app.domain import aggregate as strategies
from app.domain.budget import Budget
from app.domain.errors import InvalidRequest, NotBuiltYet
from app.domain.retry import RetryPolicy
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskSpec
from app.domain.usage import usd
from app.ports.store import SwarmRow, TaskRow
from app.services.results import Results, Summary

_NOT_BUILT = ("goal", "planner", "decompose", "output_schema", "routing", "validate", "webhook", "start_at")
_NOT_BUILT_LIMITS = ("batch_size", "batch_pause_s")
_MAX_TEXT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caps:
    """The service's own bounds on a request."""

    max_tasks: int
    max_input_bytes: int


class AggregateIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    strategy: str = Field(max_length=100, examples=["concat", "by_role", "none"])


class SwarmCreate(BaseModel):
    """Start a run. Exactly one of `tasks`, `goal` and `decompose`; this version takes `tasks`."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)

    tasks: Annotated[list[TaskIn], Field(fail_fast=True)] | None = Field(None, description="The DAG; 1-20,000 tasks")
    name: str | None = Field(None, min_length=1, max_length=200)
    agent: str | None = Field(None, min_length=1, max_length=256, description="Orchestrator, by id or name")
    model: str | None = Field(None, min_length=1, max_length=200)
    system_prompt: str | None = Field(None, max_length=_MAX_TEXT)
    shared_context: str | None = Field(None, max_length=_MAX_TEXT)
    aggregate: AggregateIn | str | None = None
    limits: LimitsIn = Field(default_factory=LimitsIn)
    retry: RetryIn = Field(default_factory=RetryIn)
    on_task_failure: Literal["continue", "fail_fast"] = "continue"
    min_success_rate: float = Field(0.0, ge=0, le=1)
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=1000)
    goal: Unavailable = None
    planner: Unavailable = None
    decompose: Unavailable = None
    output_schema: Unavailable = None
    budget: BudgetIn | None = None
    routing: Unavailable = None
    validation: Any = Field(None, alias="validate", description="Not in this version")
    webhook: Unavailable = None
    start_at: Unavailable = None

    def to_domain(self, caps: Caps, agent_id: str) -> tuple[SwarmSpec, list[TaskSpec]]:
        """Return the checked run and its tasks.

        Raises:
            InvalidRequest: no or too many tasks, an unknown strategy, an input above the cap, …
            NotBuiltYet: a field is set whose feature this version lacks.
        """
        self._refuse_unavailable()
        if not self.tasks:
            raise InvalidRequest.field("/tasks", "expected at least one task")
        tasks = [
            task.to_domain(
                f"/tasks/{index}",
                made_up_id,
                task_timeout_s=self.limits.task_timeout_s,
                max_retries=self.retry.max_retries,
                max_input_bytes=caps.max_input_bytes,
            )
            for index, (task, made_up_id) in enumerate(zip(self.tasks, made_up_ids(self.tasks), strict=True))
        ]
        retry = RetryPolicy(
            max_retries=self.retry.max_retries,
            base_delay_s=self.retry.base_delay_s,
            jitter=self.retry.jitter,
            hedge_percentile=self.retry.hedge_percentile,
        )
        spec = SwarmSpec(
            name=self.name,
            agent_id=agent_id,
            grouped=self.agent is not None,
            model=self.model,
            system_prompt=self.system_prompt,
            shared_context=self.shared_context,
            max_parallel_agents=self.limits.max_parallel_agents,
            max_steps=self.limits.max_steps or 0,
            timeout_s=self.limits.timeout_s,
            retry=retry,
            on_task_failure=self.on_task_failure,
            min_success_rate=self.min_success_rate,
            aggregate={"strategy": self._strategy()},
            metadata=self.metadata,
            budget=None if self.budget is None else Budget(**self.budget.to_fields()),
            token_budgets=any(task.token_budget is not None for task in self.tasks),
        )
        return spec, tasks

    def _refuse_unavailable(self) -> None:
        fields = [
            name for name in _NOT_BUILT if getattr(self, "validation" if name == "validate" else name) is not None
        ]
        pointers = [f"/{name}" for name in fields]
        pointers += [f"/limits/{name}" for name in _NOT_BUILT_LIMITS if getattr(self.limits, name) is not None]
        for index, task in enumerate(self.tasks or ()):
            for name in task.unavailable():
                pointers.append(f"/tasks/{index}/{name}")
        if pointers:
            raise NotBuiltYet(pointers[:50])

    def _strategy(self) -> str:
        if self.aggregate is None:
            return strategies.NONE
        given = self.aggregate if isinstance(self.aggregate, str) else self.aggregate.strategy
        pointer = "/aggregate" if isinstance(self.aggregate, str) else "/aggregate/strategy"
        strategy = strategies.canonical(given)
        if strategy is None:
            known = ", ".join(sorted(strategies.BUILT))
            raise InvalidRequest.field(pointer, f"unknown aggregation strategy {given[:100]!r}; known: {known}")
        if strategy not in strategies.BUILT:
            raise NotBuiltYet([pointer])
        return strategy


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
    agreement: float | None
    cost_usd: float | None
    error: str | None


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
    started_at: Timestamp
    ended_at: Timestamp | None
    counts: CountsOut
    cost_usd: float
    tokens: TokensOut
    steps: int
    max_parallel_agents: int
    priority: int | None = Field(description="Of all its tasks, where it was set; else each has its own")
    budget: BudgetOut | None
    pause_reason: Literal["request", "budget", "key_budget"] | None
    critical_path: Any
    error: str | None
    metadata: dict[str, Any]


class SwarmOut(SwarmListed):
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


class SwarmWithResults(SwarmOut):
    """The answer to `?wait=`."""

    results: ResultsOut | None = None


class SwarmPage(BaseModel):
    items: list[SwarmListed]
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


class GraphOut(BaseModel):
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
        "started_at": time_json(row.started_at_ms),
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
