"""What the service needs of its database. One method is one transaction; callers never see a session.

Values here are plain: the scheduler writes ``Commit``s, the API reads rows shaped for clients (``SwarmRow``,
``TaskRow``, …). Writes are durable (fsync) before the method returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import orjson

from app.domain.events import Event
from app.domain.facts import Change
from app.domain.swarm import Counts, SwarmState, SwarmStatus
from app.domain.task import Awaited, TaskSpec, TaskStatus
from app.domain.usage import Usage

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedEvent:
    """An event as it is stored and sent: ``body`` is its JSON text, serialised once for all readers."""

    seq: int
    type: str
    at_ms: int
    body: str

    @classmethod
    def of(cls, event: Event, swarm_id: str) -> EncodedEvent:
        body = orjson.dumps(event.as_frame(swarm_id)).decode()
        return cls(seq=event.seq, type=event.type, at_ms=event.at_ms, body=body)


@dataclass(frozen=True, slots=True, order=True)
class LogCursor:
    """A place in an orchestrator's log: behind event ``seq`` of the commit at ``position``."""

    position: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in an orchestrator's log, with the cursor behind it."""

    cursor: LogCursor
    swarm_id: str
    event: EncodedEvent


@dataclass(frozen=True, slots=True)
class Lease:
    """Ownership of a swarm; ``token`` grows with every claim, so an older owner's writes match nothing."""

    swarm_id: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSwarm:
    """A run to store: its state holds the initial statuses, ``specs`` what was asked, in the same order.

    ``named`` makes its task ids known to later requests to the same orchestrator.
    """

    state: SwarmState
    specs: Sequence[TaskSpec]
    events: Sequence[EncodedEvent]
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Everything one turn of a runner changed: written together or not at all."""

    state: SwarmState
    changes: Sequence[Change]
    events: Sequence[EncodedEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What clients asked of a running swarm since it was created; the runner turns it into facts.

    ``group_limit`` is its orchestrator's ``max_parallel_agents`` as of now; None where the orchestrator is gone.
    """

    max_parallel_agents: int
    cancel_requested: bool
    group_limit: int | None


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


@dataclass(slots=True, kw_only=True)
class TaskRow:
    """A task as clients see it. Not frozen: pages and results are built of thousands, and freezing triples the cost.

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
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> Any:
        """The output as a value."""
        return None if self.output_json is None else orjson.loads(self.output_json)


@dataclass(frozen=True, slots=True)
class AgentTasks:
    """Tasks of all swarms of an orchestrator in the order they were given, and how many in all have not ended."""

    items: Sequence[TaskRow]
    pending: int


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
    """``error`` is the machine name of the error; ``attempt`` the number of attempts started."""

    status: TaskStatus | None = None
    role: str | None = None
    attempt: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in order and the cursor of the next page, None at the end."""

    items: Sequence[Row]
    next_cursor: str | None


class RunStore(Protocol):
    """The scheduler's side: claim a run, load it, write what its steps changed."""

    async def claim(self, owner: str, *, limit: int) -> Sequence[Lease]:
        """Take up to ``limit`` active swarms that nobody owns, oldest first; each gets a fresh token."""
        ...

    async def load(self, lease: Lease) -> SwarmState:
        """Return the state of a claimed swarm as of its last commit, payloads of open tasks included.

        Raises:
            LeaseLost: the token is no longer the newest.
        """
        ...

    async def commit(self, lease: Lease, commit: Commit) -> int:
        """Write one turn of a runner durably: task rows, attempts, events and the swarm's totals.

        Returns:
            The position of this commit's events in the orchestrator's log (1, 2, 3 …; 0 if there were none).

        Raises:
            LeaseLost: the token is no longer the newest, or a task is not in the attempt that the change names;
                nothing was written.
            StoreUnavailable: the database could not be written; nothing was written, the same commit may be retried.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Give the swarm back so that another runner may claim it; nothing happens if the token has moved on."""
        ...

    async def control(self, swarm_id: str) -> Control:
        """Return what clients asked of the swarm."""
        ...

    async def outputs(self, swarm_id: str, indices: Sequence[int]) -> Mapping[int, str]:
        """Return the JSON text of the outputs of those tasks that completed."""
        ...

    async def ended(self, awaited: Sequence[Awaited]) -> Mapping[Awaited, bool]:
        """Return those of ``awaited`` that have ended, and whether they completed; a deleted task has not."""
        ...


class SwarmStore(Protocol):
    """The API's side. Every read names the tenant: another tenant's id is simply not found (None)."""

    async def create(self, swarm: NewSwarm) -> int:
        """Store the swarm, its tasks and first events, durably; return their position as ``RunStore.commit`` does."""
        ...

    async def newest_tasks(self, agent_id: str, task_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """Return ``(swarm id, index)`` of the newest task of each id that was named to this orchestrator."""
        ...

    async def active_count(self, agent_id: str) -> int:
        """Return how many swarms of this orchestrator have not ended."""
        ...

    async def get(self, tenant_id: str, swarm_id: str) -> SwarmRow | None: ...

    async def snapshot(self, tenant_id: str, swarm_id: str) -> tuple[SwarmRow, Sequence[TaskRow]] | None:
        """Return the swarm and all its tasks as of one and the same commit."""
        ...

    async def list(self, tenant_id: str, where: SwarmFilter, *, limit: int, cursor: str | None) -> Page[SwarmRow]:
        """Newest first.

        Raises:
            InvalidRequest: ``cursor`` is not one of ours.
        """
        ...

    async def request_cancel(self, tenant_id: str, swarm_id: str) -> bool:
        """Record the wish durably; False when there is no such swarm."""
        ...

    async def request_parallelism(self, tenant_id: str, swarm_id: str, max_parallel_agents: int) -> bool:
        """Record the wish durably; False when there is no such swarm."""
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

    async def get_by_index(self, swarm_id: str, index: int) -> TaskRow | None: ...

    async def list_of_agent(self, agent_id: str, *, ended_since_ms: int | None, limit: int) -> AgentTasks:
        """Return the newest ``limit`` tasks of an orchestrator; with ``ended_since_ms`` only those ended since."""
        ...

    async def latencies_ms(self, swarm_id: str) -> Sequence[float]:
        """Latencies of the completed tasks, ascending."""
        ...


class EventStore(Protocol):
    async def list(self, swarm_id: str, *, after: int, limit: int) -> Sequence[EncodedEvent]:
        """Events with ``seq`` > ``after`` in order, at most ``limit``."""
        ...

    async def list_of_agent(self, agent_id: str, *, after: LogCursor, limit: int) -> Sequence[LoggedEvent]:
        """Events of all swarms of an orchestrator in the order of their commits, per swarm in ``seq`` order."""
        ...

    async def end_of_agent_log(self, agent_id: str) -> LogCursor:
        """Return the cursor behind the newest event."""
        ...
