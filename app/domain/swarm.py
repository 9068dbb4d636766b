"""A swarm: what was asked (``SwarmSpec``), and where the run stands (``SwarmState``)."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify
from typing import Any

from app.domain.budget import DEFAULT_MAX_OUTPUT_TOKENS, Budget
from app.domain.graph import Graph
from app.domain.parts import PartTokens
from app.domain.retry import RetryPolicy
from app.domain.task import TERMINAL, TaskKind, TaskState, TaskStatus
from app.domain.usage import Price, Usage
from app.domain.voting import Tally


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
    SwarmStatus.PLANNING: frozenset({SwarmStatus.RUNNING, SwarmStatus.PAUSED}) | SWARM_TERMINAL,
    SwarmStatus.RUNNING: frozenset({SwarmStatus.PAUSED, SwarmStatus.AGGREGATING}) | SWARM_TERMINAL,
    SwarmStatus.PAUSED: frozenset({SwarmStatus.PLANNING, SwarmStatus.RUNNING, SwarmStatus.AGGREGATING})
    | SWARM_TERMINAL,
    SwarmStatus.AGGREGATING: frozenset({SwarmStatus.PAUSED}) | SWARM_TERMINAL,
    SwarmStatus.COMPLETED: frozenset({SwarmStatus.AGGREGATING}),
    SwarmStatus.PARTIAL: frozenset({SwarmStatus.RUNNING, SwarmStatus.AGGREGATING}),
    SwarmStatus.FAILED: frozenset({SwarmStatus.RUNNING, SwarmStatus.PLANNING, SwarmStatus.AGGREGATING}),
    SwarmStatus.CANCELLED: frozenset({SwarmStatus.RUNNING, SwarmStatus.PLANNING}),
}
"""Every legal change. An ended run goes back only by a retry: of unsuccessful tasks, or of a merge that failed."""

AT_WORK = frozenset({SwarmStatus.PLANNING, SwarmStatus.RUNNING, SwarmStatus.AGGREGATING})
"""Attempts may start: of a planner, of tasks, of merges."""

PAUSED_BY_REQUEST, PAUSED_BY_BUDGET, PAUSED_BY_KEY, PAUSED_BY_CREDITS = "request", "budget", "key_budget", "credits"
"""Why a run is paused: a client asked for it, its own budget or that of the key that started it does not suffice, or
its tenant's prepaid credits do not."""

PAUSED_UNTIL_START = "start_at"
"""Why a run is paused that begins at a time that was asked for."""

PAUSED_BY_FUNDS = frozenset({PAUSED_BY_KEY, PAUSED_BY_CREDITS})
"""Whatever pays for the run refused; it goes on when there is more."""

DEFAULT_MAX_STEPS = 4000
DEFAULT_BATCH_PAUSE_S = 1.0

_WORDS_AROUND_BYTES = 12_000
"""More than the service's own words in any prompt, tool definitions included."""

SUPERVISOR, ORCHESTRATOR = "supervisor", "orchestrator"
DEFAULT_MAX_AGENTS = 300


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
        planner: what turns the goal into tasks: ``supervisor`` or ``orchestrator``; None for given tasks.
        goal: in words, for prompts of planners and merges.
        max_agents: sub-agents that a planner may ask for.
        output_schema: JSON Schema of each task's output, where the task has none of its own.
        validation: ``{"rubric", "threshold", "model"}`` of the judge of every output; None for no judge.
        reroute_after: failures of a task after which the next model of its chain serves it.
        roles: by name, as JSON (``system_prompt``, ``capability_tags``, ``model``, ``tier``): those its tasks have,
            or all where a planner chooses.
        routing: as ``RoutingSpec.as_json`` gives it.
        task_timeout_s: of planned tasks without a complexity.
        tools: names of those that its tasks may call which list none of their own.
        batch_size: calls that start in a row, before none does for ``batch_pause_s`` seconds; 0 for no such rests.
        pictures: whether some task, or the goal, has images or videos.
        forked_from: the run that this one took outputs over from.
        traceparent: the caller's place in a trace (W3C), where traces are kept and it sent one.
        models: every model that the run may come to use, beside those that its tasks ask for.
        webhook_events: types of events that are sent to the run's webhook; none where it has no webhook.
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
    planner: str | None = None
    goal: str | None = None
    max_agents: int = DEFAULT_MAX_AGENTS
    output_schema: dict[str, Any] | None = None
    validation: dict[str, Any] | None = None
    reroute_after: int = 2
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    routing: dict[str, Any] | None = None
    task_timeout_s: float = 120.0
    models: tuple[str, ...] = ()
    forked_from: str | None = None
    traceparent: str | None = None
    tools: tuple[str, ...] = ()
    batch_size: int = 0
    batch_pause_s: float = 0.0
    pictures: bool = False
    webhook_events: tuple[str, ...] = ()

    @property
    def shared_bytes(self) -> int:
        """UTF-8 bytes that every sub-agent of the run is sent."""
        return sum(len(text.encode()) for text in (self.system_prompt, self.shared_context) if text)

    @property
    def instruction_bytes(self) -> int:
        """The most UTF-8 bytes that a call is sent beside its task: its role, a schema, a rubric, the words around."""
        if not (self.roles or self.output_schema or self.validation or self.planner or self.aggregates):
            return 0
        prompts = [json.dumps(role) for role in self.roles.values()]
        # A planner is told of every role, and a task of its own.
        words = sum(map(len, prompts)) if self.planner else max(map(len, prompts), default=0)
        return _WORDS_AROUND_BYTES + words + 2 * len(json.dumps([self.output_schema, self.validation, self.aggregate]))

    @property
    def checkpoint_every(self) -> int | None:
        """Completed tasks after which the outputs so far are merged."""
        every: int | None = self.aggregate.get("checkpoint_every")
        return every

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
        part_tokens: by requested model the most tokens of an image or video; only where the run has some.
        started_at_ms: when it was created, began at the time that was asked for, or was last retried.
        start_at_ms: when it is to begin, until it does.
        cost_nano_usd: sum of the priced calls.
        unsettled_nano_usd: worst case of calls whose bill will never be known (lost, timed out, cancelled).
        reserved_nano_usd: worst case of the calls in flight; with ``…_tokens`` alike.
        left_reserved_nano_usd: the same as the runner before this one left it.
        capped: whether some cap on money or tokens holds, so that calls are reserved for.
        funded: whether accounts beside the run's own budget pay for it, with a cap on each.
        detours: by requested model the lane and the model that serve it while its own lane is closed.
        blocked: the next call does not fit while others are in flight; looked at again when one of them ends.
        needed_nano_usd: what the next call may cost, where an account that pays for it paused the run, or is first to
            be asked for more.
        latencies_ms: of the completed tasks, in the order of their completion.
        inner: counts of planners and merges, which clients did not ask for; ``counts`` is without them.
        lanes: by requested model, as of now.
        beside_bytes: what every call may be sent beside its task; None until it is asked for.
        merging: whether the outputs are being looked at for a merge.
        tally: of a vote that may end early; None where there is none.
        decided: the vote was decided before every task had ended.
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
    start_at_ms: int | None = None
    key_id: str | None = None
    priority: int | None = None
    budget: Budget | None = None
    prices: dict[str | None, Price | None] = field(default_factory=dict)
    part_tokens: dict[str | None, PartTokens] = field(default_factory=dict)
    pause_reason: str | None = None
    unsettled_nano_usd: int = 0
    unsettled_tokens: int = 0
    reserved_nano_usd: int = 0
    left_reserved_nano_usd: int = 0
    reserved_tokens: int = 0
    capped: bool = False
    funded: bool = False
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
    lanes: dict[str | None, str] = field(default_factory=dict)
    beside_bytes: int | None = field(default=None, compare=False)
    merging: bool = field(default=False, compare=False)
    tally: Tally | None = None
    decided: bool = False
    counts: Counts = field(init=False)
    inner: Counts = field(init=False)
    ready: dict[str, list[tuple[int, int, int]]] = field(init=False)
    ready_count: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.started_at_ms = self.started_at_ms or self.created_at_ms
        self.counts = Counts.of(task.status for task in self.tasks if task.kind is TaskKind.TASK)
        self.inner = Counts.of(task.status for task in self.tasks if task.kind is not TaskKind.TASK)
        self.sort_ready()

    def sort_ready(self) -> None:
        """Build the heaps of ready tasks anew."""
        self.ready = {}
        self.ready_count = {}
        for task in self.tasks:
            if task.status is TaskStatus.QUEUED:
                self.ready.setdefault(task.lane, []).append(task.rank())
        for lane, heap in self.ready.items():
            heapify(heap)
            self.ready_count[lane] = len(heap)

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

    @property
    def planner(self) -> TaskState | None:
        """The task that plans the others; always the first one."""
        return self.tasks[0] if self.spec.planner is not None else None

    @property
    def running(self) -> int:
        """Attempts with a call under way, those of planners and merges included."""
        return self.counts.running + self.inner.running

    @property
    def open(self) -> int:
        return self.counts.open + self.inner.open

    def startable(self, lane: str) -> int:
        """How many calls of ``lane`` may start now under the swarm's own limits."""
        if self.status not in AT_WORK or self.blocked:
            return 0
        room = min(self.max_parallel_agents - self.running, self.spec.max_steps - self.steps)
        return max(min(self.ready_count.get(lane, 0), room), 0)


def unmet_dependencies(graph: Graph, statuses: list[TaskStatus]) -> list[int]:
    """Return per task how many of its dependencies have not ended."""
    return [sum(statuses[dependency] not in TERMINAL for dependency in ixs) for ixs in graph.dependencies]
