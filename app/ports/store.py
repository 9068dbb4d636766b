"""What the service needs of its database. One method is one transaction; callers never see a session.

Values here are plain: rows shaped for clients (``SwarmRow``, ``TaskRow``, …). What the scheduler writes stands in
``ports.runs``. Writes are durable (fsync) before the method returns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson

from app.domain.budget import Budget
from app.domain.critical_path import Throttled, Timing, Tried
from app.domain.swarm import Counts, SwarmState, SwarmStatus
from app.domain.task import TaskKind, TaskStatus
from app.domain.usage import Usage
from app.domain.values import value
from app.ports.idempotency import Once
from app.ports.pages import Page
from app.ports.runs import Command, NewSwarm


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmRow:
    """A swarm as clients see it; times are Unix milliseconds."""

    swarm_id: str
    tenant_id: str
    agent_id: str
    name: str | None
    status: SwarmStatus
    kind: str
    metadata: dict[str, Any]
    created_at_ms: int
    started_at_ms: int
    ended_at_ms: int | None
    max_parallel_agents: int
    counts: Counts
    usage: Usage
    cost_nano_usd: int
    steps: int
    last_seq: int
    error: str | None
    aggregated: Any
    aggregation: dict[str, Any] | None
    key_id: str | None = None
    priority: int | None = None
    budget: Budget | None = None
    pause_reason: str | None = None
    start_at_ms: int | None = None
    unsettled_nano_usd: int = 0
    unsettled_tokens: int = 0

    @property
    def paused(self) -> bool:
        return self.status is SwarmStatus.PAUSED

    @classmethod
    def of(cls, state: SwarmState) -> SwarmRow:
        """Return what a client would read of ``state`` once it is stored."""
        return cls(
            swarm_id=state.swarm_id,
            tenant_id=state.tenant_id,
            agent_id=state.spec.agent_id,
            name=state.spec.name,
            status=state.status,
            kind=state.spec.kind,
            metadata=state.spec.metadata,
            created_at_ms=state.created_at_ms,
            started_at_ms=state.started_at_ms,
            ended_at_ms=state.ended_at_ms,
            max_parallel_agents=state.max_parallel_agents,
            counts=replace(state.counts),
            usage=state.usage,
            cost_nano_usd=state.cost_nano_usd,
            steps=state.steps,
            last_seq=state.last_seq,
            error=state.error,
            aggregated=state.aggregated,
            aggregation=state.aggregation,
            key_id=state.key_id,
            priority=state.priority,
            budget=state.budget,
            pause_reason=state.pause_reason,
            start_at_ms=state.start_at_ms,
            unsettled_nano_usd=state.unsettled_nano_usd,
            unsettled_tokens=state.unsettled_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    attempt: int
    status: str
    started_at_ms: int
    ended_at_ms: int | None
    queue_ms: int
    latency_ms: float | None
    model: str | None
    usage: Usage
    cost_nano_usd: int | None
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One call of a task's journal; ``record`` is what the scheduler kept of it."""

    step: int
    attempt: int
    record: Mapping[str, Any]
    model: str | None
    latency_ms: float
    at_ms: int
    usage: Usage
    cost_nano_usd: int | None


@dataclass(slots=True)
class TaskRow:
    """A task as clients see it. Not frozen, nor made by keywords: pages and results are built of thousands, and each of
    these triples the cost.

    ``output_json`` is the output as JSON text, so that an answer can pass it on without reading it.
    """

    swarm_id: str
    index: int
    task_id: str
    status: TaskStatus
    type: str | None
    role: str | None
    priority: int
    complexity: int | None
    depends_on: Sequence[str]
    attempts: int
    output_json: str | None
    error: dict[str, Any] | None
    latency_ms: float | None
    queue_ms: int | None
    usage: Usage
    cost_nano_usd: int | None
    model: str | None
    requested_model: str | None
    started_at_ms: int | None
    ended_at_ms: int | None
    weight: float | None = None
    score: float | None = None
    kind: TaskKind = TaskKind.TASK
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> Any:
        """The output as a value."""
        return None if self.output_json is None else orjson.loads(self.output_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAttempts:
    """A task and its attempts, oldest first."""

    task: TaskRow
    attempts: Sequence[AttemptRow]


@dataclass(frozen=True, slots=True)
class AgentTasks:
    """Tasks of all swarms of an orchestrator in the order they were given, and how many in all have not ended."""

    items: Sequence[TaskRow]
    pending: int


@dataclass(frozen=True, slots=True)
class History:
    """What held some tasks up: by index their attempts without an output, oldest first, and when lanes were closed."""

    tried: Mapping[int, Sequence[Tried]]
    throttled: Sequence[Throttled]


@value(kw_only=True)
class Sample:
    """What one completed task took.

    Attributes:
        latency_ms: of the attempt that answered.
        usage: of all its attempts.
        failures: attempts that failed, refusals (429) aside.
        builds_on: whether it was sent the outputs of other tasks.
    """

    lane: str
    latency_ms: float
    failures: int
    usage: Usage
    builds_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmFilter:
    """``status``, ``agent_id`` and ``name`` must equal; times are inclusive Unix milliseconds."""

    status: SwarmStatus | None = None
    agent_id: str | None = None
    name: str | None = None
    created_after_ms: int | None = None
    created_before_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """``error`` is the machine name of the error; ``attempt`` the number of attempts started.

    ``kind`` None means every kind: planners and merges, too.
    """

    kind: TaskKind | None = TaskKind.TASK
    status: TaskStatus | None = None
    role: str | None = None
    attempt: int | None = None
    error: str | None = None


class SwarmStore(Protocol):
    """The API's side. Every read names the tenant: another tenant's id is simply not found (None)."""

    async def create(self, swarm: NewSwarm) -> int:
        """Store the swarm, its tasks, first events and what is beside it; return the events' position as
        ``RunStore.commit`` does.

        Raises:
            KeyTaken: another request has the key beside it; nothing was written.
        """
        ...

    async def newest_tasks(self, agent_id: str, task_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """Return ``(swarm id, index)`` of the newest task of each id that was named to this orchestrator."""
        ...

    async def active_count(self, agent_id: str) -> int:
        """Return how many swarms of this orchestrator have not ended."""
        ...

    async def get(self, tenant_id: str, swarm_id: str) -> SwarmRow | None: ...

    async def snapshot(
        self, tenant_id: str, swarm_id: str, *, outputs: bool = True
    ) -> tuple[SwarmRow, Sequence[TaskRow]] | None:
        """Return the swarm and all its tasks as of one and the same commit; without ``outputs`` those are not read."""
        ...

    async def list(self, tenant_id: str, where: SwarmFilter, *, limit: int, cursor: str | None) -> Page[SwarmRow]:
        """Newest first.

        Raises:
            InvalidRequest: ``cursor`` is not one of ours.
        """
        ...

    async def command(self, tenant_id: str, swarm_id: str, command: Command, once: Once | None = None) -> int | None:
        """Record durably what a client asks of a run, and the key of its request; return the command's position, None
        when there is no such swarm.

        Raises:
            KeyTaken: another request has the key; nothing was written.
        """
        ...

    async def max_steps(self, swarm_id: str) -> int:
        """Return how many model calls a run may make."""
        ...

    async def set_max_steps(self, swarm_id: str, max_steps: int) -> None:
        """Let a run make so many; one in somebody's hands hears of it by a command."""
        ...

    async def is_done(self, swarm_id: str, position: int) -> bool:
        """Return whether the run's commands up to ``position`` have been carried out."""
        ...

    async def delete(self, tenant_id: str, swarm_id: str) -> bool:
        """Delete an ended swarm with all its rows; False when there is no such swarm.

        Raises:
            Conflict: the swarm has not ended.
        """
        ...

    async def probe(self, mark: int) -> None:
        """Prove by a write that the store can be written now; ``mark`` must differ each time, or nothing is written.

        Raises:
            StoreUnavailable: it cannot.
        """
        ...


class TaskStore(Protocol):
    async def list(self, swarm_id: str, where: TaskFilter, *, limit: int, cursor: str | None) -> Page[TaskRow]:
        """In the order of the request.

        Raises:
            InvalidRequest: ``cursor`` is not one of ours.
        """
        ...

    async def get(self, swarm_id: str, task_id: str) -> tuple[TaskRow, Sequence[AttemptRow]] | None: ...

    async def attempts(self, swarm_id: str, *, limit: int, cursor: str | None) -> Page[TaskAttempts]:
        """Return the tasks of every kind that had an attempt, in the order of their places.

        Args:
            cursor: one that a page before gave.
        """
        ...

    async def steps(self, swarm_id: str, index: int) -> Sequence[StepRow]:
        """Return the journal of a task, oldest call first; empty for one that takes one call an attempt."""
        ...

    async def indices(
        self,
        swarm_id: str,
        *,
        states: Sequence[TaskStatus],
        error: str | None,
        task_ids: Collection[str] | None,
        planners: bool = True,
    ) -> Sequence[int]:
        """Return the places of the tasks in one of ``states``, with this kind of error, of these ids, if given."""
        ...

    async def load_by_role(self, tenant_id: str) -> Mapping[str, int]:
        """Return how many tasks of each role have not ended, over all runs of a tenant that have not."""
        ...

    async def requested_models(self, swarm_id: str) -> Sequence[str | None]:
        """Return the model names that the tasks ask for, and those that the run may come to use beside, each once."""
        ...

    async def get_by_index(self, swarm_id: str, index: int) -> TaskRow | None: ...

    async def list_of_agent(self, agent_id: str, *, ended_since_ms: int | None, limit: int) -> AgentTasks:
        """Return the newest ``limit`` tasks of an orchestrator; with ``ended_since_ms`` only those ended since."""
        ...

    async def latencies_ms(self, swarm_id: str) -> Sequence[float]:
        """Latencies of the completed tasks, ascending."""
        ...

    async def p95_ms(self, swarm_ids: Sequence[str]) -> Mapping[str, float]:
        """Return the 95th percentile (nearest rank) of those latencies for each run that has any."""
        ...

    async def timings(self, swarm_id: str) -> Sequence[Timing]:
        """When each task did what, by index; reads no input and no output."""
        ...

    async def history(self, swarm_id: str, indices: Sequence[int]) -> History:
        """Return what held the tasks at ``indices`` up: their 20,000 oldest failures and the 5,000 first commits that
        tell of a lane that let nothing start."""
        ...

    async def samples(self, tenant_id: str, *, limit: int) -> Sequence[Sample]:
        """What the newest completed tasks of a tenant took, newest swarm first, of 50 swarms at most."""
        ...
