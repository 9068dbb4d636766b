"""A swarm: what was asked (``SwarmSpec``), and where the run stands (``SwarmState``)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify
from typing import Any

from app.domain.budget import DEFAULT_MAX_OUTPUT_TOKENS, Budget
from app.domain.graph import Graph
from app.domain.retry import RetryPolicy
from app.domain.task import TERMINAL, TaskState, TaskStatus
from app.domain.usage import Price, Usage


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
    SwarmStatus.PAUSED: frozenset({SwarmStatus.RUNNING, SwarmStatus.AGGREGATING}) | SWARM_TERMINAL,
    SwarmStatus.AGGREGATING: SWARM_TERMINAL,
    SwarmStatus.COMPLETED: frozenset(),
    SwarmStatus.PARTIAL: frozenset({SwarmStatus.RUNNING}),
    SwarmStatus.FAILED: frozenset({SwarmStatus.RUNNING}),
    SwarmStatus.CANCELLED: frozenset({SwarmStatus.RUNNING}),
}
"""Every legal change. An ended run goes back to RUNNING only by a retry of its unsuccessful tasks."""

PAUSED_BY_REQUEST, PAUSED_BY_BUDGET, PAUSED_BY_KEY = "request", "budget", "key_budget"
"""Why a run is paused: a client asked for it, its own budget, or that of the key that started it."""

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
        budget: the caps as first asked for; ``SwarmState.budget`` is what holds now.
        max_output_tokens: cap on the completion of a call, for tasks without one of their own.
        token_budgets: whether some task has a ``token_budget`` of its own.
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
    budget: Budget | None = None
    max_output_tokens: int = DEFAULT_MAX_OUTPUT_TOKENS
    token_budgets: bool = False

    @property
    def shared_bytes(self) -> int:
        """UTF-8 bytes that every sub-agent of the run is sent."""
        return sum(len(text.encode()) for text in (self.system_prompt, self.shared_context) if text)

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
        key_id: API key that started it; None in local mode.
        priority: wins over the tasks' own where a client set it, 1-10.
        prices: by requested model, as of now; only looked at where money is capped.
        started_at_ms: when it was created, or last retried.
        cost_nano_usd: sum of the priced calls.
        unsettled_nano_usd: worst case of calls whose bill will never be known (lost, timed out, cancelled).
        reserved_nano_usd: worst case of the calls in flight; with ``…_tokens`` alike.
        capped: whether some cap on money or tokens holds, so that calls are reserved for.
        detours: by requested model the lane and the model that serve it while its own lane is closed.
        blocked: the next call does not fit while others are in flight; looked at again when one of them ends.
        needed_nano_usd: what the next call may cost, where the budget of its key paused the run.
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
    started_at_ms: int = 0
    key_id: str | None = None
    priority: int | None = None
    budget: Budget | None = None
    prices: dict[str | None, Price | None] = field(default_factory=dict)
    pause_reason: str | None = None
    unsettled_nano_usd: int = 0
    unsettled_tokens: int = 0
    reserved_nano_usd: int = 0
    reserved_tokens: int = 0
    capped: bool = False
    blocked: bool = False
    detours: dict[str | None, tuple[str, str | None]] = field(default_factory=dict)
    needed_nano_usd: int = 0
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
        self.started_at_ms = self.started_at_ms or self.created_at_ms
        self.counts = Counts.of(task.status for task in self.tasks)
        self.sort_ready()

    def sort_ready(self) -> None:
        """Build the heaps of ready tasks anew."""
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

    @property
    def spent_nano_usd(self) -> int:
        """What it costs at most so far: settled, never to be known, and in flight."""
        return self.cost_nano_usd + self.unsettled_nano_usd + self.reserved_nano_usd

    @property
    def spent_tokens(self) -> int:
        return self.usage.total_tokens + self.unsettled_tokens + self.reserved_tokens

    def startable(self, lane: str) -> int:
        """How many attempts of ``lane`` may start now under the swarm's own limits."""
        if self.status is not SwarmStatus.RUNNING or self.blocked:
            return 0
        room = min(self.max_parallel_agents - self.counts.running, self.spec.max_steps - self.steps)
        return max(min(self.ready_count.get(lane, 0), room), 0)


def unmet_dependencies(graph: Graph, statuses: list[TaskStatus]) -> list[int]:
    """Return per task how many of its dependencies have not ended."""
    return [sum(statuses[dependency] not in TERMINAL for dependency in ixs) for ixs in graph.dependencies]
