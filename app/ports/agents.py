"""What the service keeps of orchestrators and their barriers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.agent import AgentConfig, BarrierName
from app.ports.idempotency import Once
from app.ports.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """Times are Unix milliseconds."""

    agent_id: str
    tenant_id: str
    name: str
    config: AgentConfig
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierRow:
    """One run of a barrier; without a swarm the check before it failed, and ``error`` says why."""

    barrier_run_id: str
    tenant_id: str
    agent_id: str
    name: BarrierName
    swarm_id: str | None
    total: int
    error: str | None
    created_at_ms: int


class AgentStore(Protocol):
    async def put(self, agent: AgentRow) -> AgentRow:
        """Store an orchestrator; where its name is taken, that one keeps its id and gets the new config."""
        ...

    async def find(self, tenant_id: str, id_or_name: str) -> AgentRow | None: ...

    async def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> Page[AgentRow]:
        """Oldest first."""
        ...

    async def update(self, agent: AgentRow) -> None:
        """Write name and config of an orchestrator.

        Raises:
            Conflict: another one has the name.
        """
        ...

    async def delete(self, tenant_id: str, agent_id: str) -> bool:
        """Delete the orchestrator; its swarms stay. False when there is none."""
        ...


class BarrierStore(Protocol):
    async def create(self, barrier: BarrierRow, once: Once | None = None) -> None:
        """Store a run of a barrier, and the key of the request that asked for it.

        Raises:
            KeyTaken: another request has the key; nothing was written.
        """
        ...

    async def newest(self, tenant_id: str, name: str, agent_id: str | None) -> BarrierRow | None:
        """Return the newest run of a barrier, of any orchestrator where ``agent_id`` is None."""
        ...

    async def earlier(self, agent_id: str, prefix: str, number: int) -> Sequence[BarrierRow]:
        """Return the newest run of each barrier with this prefix and a smaller number, by number."""
        ...
