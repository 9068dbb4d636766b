"""A swarm: what was asked (``SwarmSpec``), and where the run stands (``SwarmState``)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify
from typing import Any

from app.domain.graph import Graph
from app.domain.retry import RetryPolicy
from app.domain.task import TERMINAL, TaskState, TaskStatus
from app.domain.usage import Usage


class SwarmStatus(StrEnum):
    PLANNING = "planning"  # a model turns the goal into tasks
    RUNNING = "running"  # tasks wait, run or retry
    PAUSED = "paused"  # no new attempt starts
    AGGREGATING = "aggregating"  # all tasks ended; the outputs are being merged
    COMPLETED = "completed"  # every task completed
    PARTIAL = "partial"  # some completed
    FAILED = "failed"  # none completed, or fail_fast, or below min_success_rate
    CANCELLED = "cancelled"  # stopped on request


SWARM_TERMINAL = frozenset({SwarmStatus.COMPLETED, SwarmStatus.PARTIAL, SwarmStatus.FAILED, SwarmStatus.CANCELLED})
SWARM_ACTIVE = frozenset(SwarmStatus) - SWARM_TERMINAL

SWARM_TRANSITIONS: dict[SwarmStatus, frozenset[SwarmStatus]] = {
    SwarmStatus.PLANNING: frozenset({SwarmStatus.RUNNING, SwarmStatus.FAILED, SwarmStatus.CANCELLED}),
    SwarmStatus.RUNNING: frozenset({SwarmStatus.PAUSED, SwarmStatus.AGGREGATING}) | SWARM_TERMINAL,
    SwarmStatus.PAUSED: frozenset({SwarmStatus.RUNNING, SwarmStatus.CANCELLED, SwarmStatus.FAILED}),
    SwarmStatus.AGGREGATING: SWARM_TERMINAL,
    SwarmStatus.COMPLETED: frozenset(),
    SwarmStatus.PARTIAL: frozenset(),
    SwarmStatus.FAILED: frozenset(),
    SwarmStatus.CANCELLED: frozenset(),
}

DEFAULT_MAX_STEPS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmSpec:
    """A run as accepted: checked, defaults filled in.

    Attributes:
        max_steps: model calls the whole run may make.
        timeout_s: seconds the whole run may take from its creation; None for no limit.
        on_task_failure: ``continue`` or ``fail_fast``.
        min_success_rate: 0-1; a run below it is ``failed``.
        aggregate: ``{"strategy": …}``; ``none`` merges nothing.
        kind: what started it: swarm, spawn, execute, batch or barrier.
        grouped: whether it counts against its orchestrator's ``max_parallel_agents``.
        context_window: tokens a sub-agent may be sent; None for no cap.
    """

    name: str | None = None
    agent_id: str
    model: str | None = None
    system_prompt: str | None = None
    shared_context: str | None = None
    max_parallel_agents: int = 100
    max_steps: int = DEFAULT_MAX_STEPS
    timeout_s: float | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_task_failure: str = "continue"
    min_success_rate: float = 0.0
    aggregate: dict[str, Any] = field(default_factory=lambda: {"strategy": "none"})
    metadata: dict[str, Any] = field(default_factory=dict)
    kind: str = "swarm"
    grouped: bool = False
    context_window: int | None = None

    @property
    def aggregates(self) -> bool:
        return bool(self.aggregate.get("strategy", "none") != "none")


@dataclass(slots=True)
class Counts:
    """Tasks by status; ``total`` is their sum."""

    waiting: int = 0
    queued: int = 0
    running: int = 0
    retrying: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return (
            self.waiting
            + self.queued
            + self.running
            + self.retrying
            + self.completed
            + self.failed
            + self.cancelled
            + self.skipped
        )

    @property
    def open(self) -> int:
        return self.waiting + self.queued + self.running + self.retrying

    def move(self, old: TaskStatus, new: TaskStatus) -> None:
        setattr(self, old, getattr(self, old) - 1)
        setattr(self, new, getattr(self, new) + 1)

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__} | {"total": self.total}

    @classmethod
    def of(cls, statuses: Iterable[TaskStatus]) -> Counts:
        counts = cls()
        for status in statuses:
            setattr(counts, status, getattr(counts, status) + 1)
        return counts


@dataclass(slots=True, kw_only=True)
class SwarmState:
    """A run in the hands of its one runner; changed by ``transitions.step`` alone.

    Attributes:
        last_seq: ``seq`` of the newest event; events count from 1 without a gap.
        ready: per lane a heap of ``TaskState.rank()`` of queued tasks. Entries of tasks that were cancelled since
            are dropped when popped, so a cancel need not search the heaps.
        ready_count: queued tasks per lane, exact.
        cost_nano_usd: sum of the priced calls.
        latencies_ms: of the completed tasks, in the order of their completion.
    """

    swarm_id: str
    tenant_id: str
    spec: SwarmSpec
    graph: Graph
    tasks: list[TaskState]
    status: SwarmStatus
    created_at_ms: int
    max_parallel_agents: int
    last_seq: int = 0
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_nano_usd: int = 0
    error: str | None = None
    ended_at_ms: int | None = None
    aggregated: Any = None
    aggregation: dict[str, Any] | None = None
    latencies_ms: array[float] = field(default_factory=lambda: array("d"))
    counts: Counts = field(init=False)
    ready: dict[str, list[tuple[int, int, int]]] = field(init=False)
    ready_count: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = Counts.of(task.status for task in self.tasks)
        self.ready = {}
        self.ready_count = {}
        for task in self.tasks:
            if task.status is TaskStatus.QUEUED:
                self.ready.setdefault(task.lane, []).append(task.rank())
                self.ready_count[task.lane] = self.ready_count.get(task.lane, 0) + 1
        for heap in self.ready.values():
            heapify(heap)

    @property
    def ended(self) -> bool:
        return self.status in SWARM_TERMINAL

    def startable(self, lane: str) -> int:
        """How many attempts of ``lane`` may start now under the swarm's own limits."""
        if self.status is not SwarmStatus.RUNNING:
            return 0
        room = min(self.max_parallel_agents - self.counts.running, self.spec.max_steps - self.steps)
        return max(min(self.ready_count.get(lane, 0), room), 0)


def unmet_dependencies(graph: Graph, statuses: list[TaskStatus]) -> list[int]:
    """Return per task how many of its dependencies have not ended."""
    return [sum(statuses[dependency] not in TERMINAL for dependency in ixs) for ixs in graph.dependencies]
