"""What a run is to its runner and its store: made, claimed, written turn by turn, and asked to change.

One method is one transaction, durable (fsync) before it returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.domain.changes import Change
from app.domain.swarm import SwarmState
from app.domain.task import Awaited, TaskSpec
from app.ports.agents import BarrierRow
from app.ports.assignments import Assigned
from app.ports.events import EncodedEvent
from app.ports.holdings import Payment
from app.ports.idempotency import Once
from app.ports.webhooks import NewDelivery, Webhook


@dataclass(frozen=True, slots=True)
class Lease:
    """Ownership of a swarm; ``token`` grows with every claim, so an older owner's writes match nothing."""

    swarm_id: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is stored in the same transaction as a run: a barrier's run, the key of the request, where its events go."""

    barrier: BarrierRow | None = None
    once: Once | None = None
    webhook: Webhook | None = None


@dataclass(frozen=True, slots=True)
class Copies:
    """What a new run takes over from an ended one.

    Artifacts of kept tasks come along, and what kept tasks and clients sent to topics and to the tasks run anew.

    Attributes:
        kept: tasks as they are: index there by index here.
        turns: records of its planner's journal, the first ones; task 0 here and there.
    """

    source_id: str
    kept: Mapping[int, int]
    turns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSwarm:
    """A run to store: its state holds the initial statuses, ``specs`` what was asked, in the same order.

    ``named`` makes its task ids known to later requests to the same orchestrator. ``copies`` are tasks whose rows and
    inputs are copied from another run: their ``specs`` need no payload.
    """

    state: SwarmState
    specs: Sequence[TaskSpec]
    events: Sequence[EncodedEvent]
    named: bool = False
    beside: Beside = Beside()
    copies: Copies | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Everything one turn of a runner changed: written together or not at all.

    ``commands_done`` is the position of the last command that it carried out; 0 for none. ``deliveries`` are messages
    about its events, to be sent once it is written; ``assigned`` is what it changes in what is out at workers;
    ``payments`` are for what it spends and reserves, where several nodes share the accounts.
    """

    state: SwarmState
    changes: Sequence[Change]
    events: Sequence[EncodedEvent]
    at_ms: int = 0
    commands_done: int = 0
    deliveries: Sequence[NewDelivery] = ()
    assigned: Assigned | None = None
    payments: Sequence[Payment] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """Something a client asked of a run; its runner turns it into a fact.

    Attributes:
        position: its place among the run's commands; 0 before it is stored.
        kind: cancel, pause, resume, retry, scale, budget, priority; ``body`` holds what the kind needs.
    """

    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What clients asked of a run and was not done yet, in order.

    ``group_limit`` is its orchestrator's ``max_parallel_agents`` as of now; None where the orchestrator is gone.
    """

    commands: Sequence[Command]
    group_limit: int | None


class RunStore(Protocol):
    """The scheduler's side: claim a run, load it, write what its steps changed."""

    async def claim(
        self, owner: str, *, limit: int, now_ms: int | None = None, orphans: bool = True
    ) -> Sequence[Lease]:
        """Take up to ``limit`` active swarms that nobody owns, oldest first; each gets a fresh token.

        Where several nodes share the database the owner lives for a further lease (``ports.nodes``), and behind the
        runs of nobody those of dead nodes are taken.

        Args:
            now_ms: leave those that begin later, unless a client has asked something of them; None takes them, too.
            orphans: False leaves those of dead nodes alone.
        """
        ...

    async def next_start_ms(self) -> int | None:
        """Return when the next run begins that nobody owns and that waits for its time."""
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

    async def journals(self, swarm_id: str, indices: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """Return the records of these tasks' journals (``domain.changes.StepRecorded``), oldest first."""
        ...

    async def ended(self, awaited: Sequence[Awaited]) -> Mapping[Awaited, int | None]:
        """Return those of ``awaited`` that have ended, with the bytes of their outputs; None for one without.

        A deleted task counts as ended without an output.
        """
        ...

    async def output_bytes(self, swarm_id: str) -> Mapping[int, int]:
        """Return the UTF-8 bytes of the outputs, as JSON, of the tasks that completed."""
        ...

    async def payloads(self, swarm_id: str, indices: Sequence[int]) -> Mapping[int, str]:
        """Return the JSON text of the inputs of these tasks."""
        ...
