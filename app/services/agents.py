"""Orchestrators: create by name, look up by id or name, change, delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.domain.agent import DEFAULT_NAME, AgentConfig
from app.domain.errors import Conflict, FieldError, InvalidRequest, NotFound, UnknownReference
from app.domain.ids import AGENT_PREFIX, make_id
from app.domain.swarm import SwarmStatus
from app.ports.agents import AgentRow, AgentStore
from app.ports.clock import Clock, Entropy
from app.ports.doorbell import Doorbell, control_of
from app.ports.pages import Page
from app.ports.provider import Models, UnknownModel
from app.ports.runs import Command
from app.ports.store import SwarmFilter, SwarmRow, SwarmStore

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class AgentService:
    agents: AgentStore
    swarms: SwarmStore
    models: Models
    doorbell: Doorbell
    clock: Clock
    entropy: Entropy
    _default_ids: dict[str, str] = field(default_factory=dict, init=False)

    async def create(self, tenant_id: str, name: str | None, config: AgentConfig) -> AgentRow:
        """Create an orchestrator; the same name again updates it and keeps its id.

        Raises:
            InvalidRequest: no provider serves the model.
        """
        await self._check_model(config)
        now_ms = self.clock.now_ms()
        agent_id = make_id(AGENT_PREFIX, now_ms, self.entropy.bits(80))
        row = AgentRow(
            agent_id=agent_id,
            tenant_id=tenant_id,
            name=name or f"orchestrator-{agent_id[-10:].lower()}",
            config=config,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        before = await self.agents.find(tenant_id, row.name) if name else None
        stored = await self.agents.put(row)
        await self._changed(stored, before)
        return stored

    async def get(self, tenant_id: str, id_or_name: str) -> AgentRow:
        row = await self.agents.find(tenant_id, id_or_name)
        if row is None:
            raise NotFound("orchestrator", id_or_name)
        return row

    async def resolve(self, tenant_id: str, id_or_name: str | None, pointer: str) -> AgentRow:
        """Return the orchestrator a request names, or the tenant's default one, made at its first use.

        Raises:
            UnknownReference: there is none of that name; ``pointer`` is the field that named it.
        """
        if id_or_name is None:
            row = await self.agents.find(tenant_id, DEFAULT_NAME)
            if row is None:
                default = AgentConfig(model=(await self.models.resolve(None)).requested)
                row = await self.create(tenant_id, DEFAULT_NAME, default)
            return row
        row = await self.agents.find(tenant_id, id_or_name)
        if row is None:
            raise UnknownReference("orchestrator", id_or_name, pointer)
        return row

    async def default_id(self, tenant_id: str) -> str:
        """Return the id of the tenant's default orchestrator, looked up once: every plain run is counted to it."""
        known = self._default_ids.get(tenant_id)
        if known is None:
            known = (await self.resolve(tenant_id, None, "")).agent_id
            self._default_ids[tenant_id] = known
        return known

    async def id_of(self, tenant_id: str, id_or_name: str) -> str:
        """Return the id behind a name; a name that is not known stands for itself, as the id of a deleted one may."""
        row = await self.agents.find(tenant_id, id_or_name)
        return id_or_name if row is None else row.agent_id

    async def list(self, tenant_id: str, limit: int, cursor: str | None) -> Page[AgentRow]:
        return await self.agents.list(tenant_id, limit=limit, cursor=cursor)

    async def update(self, row: AgentRow, name: str, config: AgentConfig) -> AgentRow:
        """Write the changed orchestrator; running work follows a changed ``max_parallel_agents`` at once.

        Raises:
            Conflict: another one has the name.
            InvalidRequest: no provider serves the model.
        """
        await self._check_model(config)
        changed = replace(row, name=name, config=config, updated_at_ms=self.clock.now_ms())
        self._default_ids.pop(row.tenant_id, None)
        await self.agents.update(changed)
        await self._changed(changed, row)
        return changed

    async def delete(self, row: AgentRow) -> None:
        """Delete an orchestrator that has no running work; its ended swarms stay.

        Raises:
            Conflict: a swarm of it has not ended.
        """
        if await self.swarms.active_count(row.agent_id):
            raise Conflict(f"orchestrator {row.name!r} has running work; cancel it before deleting the orchestrator")
        self._default_ids.pop(row.tenant_id, None)
        await self.agents.delete(row.tenant_id, row.agent_id)

    async def _changed(self, row: AgentRow, before: AgentRow | None) -> None:
        """Let running work follow: runners ask for the ceiling again, and those runs whose own limit it was keep up."""
        ceiling = row.config.max_parallel_agents
        if before is not None and before.config.max_parallel_agents != ceiling:
            for swarm in await self._held_by(before, min(ceiling, before.config.max_parallel_agents)):
                command = Command("scale", {"max_parallel_agents": ceiling})
                await self.swarms.command(row.tenant_id, swarm.swarm_id, command)
        self.doorbell.ring(control_of(row.agent_id))

    async def _held_by(self, row: AgentRow, tasks: int) -> Sequence[SwarmRow]:
        """Return the running requests of more than ``tasks`` tasks whose own limit is the orchestrator's ceiling."""
        found: list[SwarmRow] = []
        cursor: str | None = None
        where = SwarmFilter(status=SwarmStatus.RUNNING, agent_id=row.agent_id)
        while True:
            page = await self.swarms.list(row.tenant_id, where, limit=_PAGE, cursor=cursor)
            found += [
                swarm
                for swarm in page.items
                if swarm.kind != "swarm"
                and swarm.max_parallel_agents == row.config.max_parallel_agents
                and swarm.counts.total > tasks
            ]
            cursor = page.next_cursor
            if cursor is None:
                return found

    async def _check_model(self, config: AgentConfig) -> None:
        try:
            await self.models.resolve(config.model)
        except UnknownModel as exc:
            raise InvalidRequest(exc.detail, [FieldError("/model", exc.detail)]) from exc
