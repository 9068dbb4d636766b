"""Barriers: named runs of an orchestrator that a client lines up one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.domain.agent import BarrierName
from app.domain.errors import NotFound
from app.domain.ids import make_id
from app.domain.swarm import SWARM_TERMINAL, SwarmStatus
from app.domain.task import Awaited
from app.ports.agents import AgentRow, BarrierRow, BarrierStore
from app.ports.clock import Clock, Entropy
from app.ports.idempotency import Once
from app.ports.runs import Beside, RunStore
from app.ports.store import SwarmRow, SwarmStore
from app.services.batches import BatchService, NamedTask, RunOptions

PENDING, RUNNING, COMPLETED, FAILED = "pending", "running", "completed", "failed"


class BarrierNotFound(NotFound):
    """No run of a barrier of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierState:
    """How a barrier stands; ``completed`` and ``failed`` count tasks."""

    state: str
    error: str | None
    total: int
    completed: int
    failed: int
    swarm_id: str | None
    agent_id: str


def _without_key(_: BarrierState) -> Once | None:
    return None


@dataclass(frozen=True, slots=True)
class BarrierService:
    barriers: BarrierStore
    batches: BatchService
    swarms: SwarmStore
    runs: RunStore
    clock: Clock
    entropy: Entropy

    async def start(
        self,
        agent: AgentRow,
        name: BarrierName,
        tasks: Sequence[NamedTask],
        *,
        strict: bool,
        options: RunOptions | None = None,
        key_id: str | None = None,
        once: Callable[[BarrierState], Once | None] = _without_key,
    ) -> BarrierState:
        """Start a run of the barrier; the same name again starts anew.

        Args:
            options: what the request asks for beside its tasks.
            once: the key to store with it, by the state that it will be accepted in.

        Returns:
            Its state as accepted; without a swarm where ``strict`` found something that has not completed: it is then
            stored as failed and says what.

        Raises:
            InvalidRequest: a bad graph, or (not ``strict``) an unknown dependency.
            KeyTaken: another request has the key; nothing was stored.
        """
        now_ms = self.clock.now_ms()
        row = BarrierRow(
            barrier_run_id=make_id("brr_", now_ms, self.entropy.bits(80)),
            tenant_id=agent.tenant_id,
            agent_id=agent.agent_id,
            name=name,
            swarm_id=None,
            total=len(tasks),
            error=await self._unmet(agent, name, tasks) if strict else None,
            created_at_ms=now_ms,
        )
        if row.error is not None:
            failed = state_of(row, None)
            await self.barriers.create(row, once(failed))
            return failed

        def beside(swarm: SwarmRow) -> Beside:
            return Beside(barrier=replace(row, swarm_id=swarm.swarm_id), once=once(state_of_run(swarm)))

        swarm = await self.batches.start(agent, tasks, kind="barrier", options=options, key_id=key_id, beside=beside)
        return state_of_run(swarm)

    async def _state(self, row: BarrierRow) -> BarrierState:
        """Return how this run of a barrier stands, whether or not a newer one has begun."""
        swarm = await self.swarms.get(row.tenant_id, row.swarm_id) if row.swarm_id else None
        return state_of(row, swarm)

    async def status(self, tenant_id: str, name: BarrierName, agent_id: str | None) -> BarrierState:
        """Return how the newest run of a barrier stands.

        Raises:
            BarrierNotFound: no barrier of that name ever ran.
        """
        row = await self.barriers.newest(tenant_id, name.name, agent_id)
        if row is None:
            raise BarrierNotFound("barrier", name.name)
        return await self._state(row)

    async def _unmet(self, agent: AgentRow, name: BarrierName, tasks: Sequence[NamedTask]) -> str | None:
        """Return what a strict barrier misses: earlier barriers or named dependencies that have not completed."""
        missing = []
        if name.number is not None:
            for row in await self.barriers.earlier(agent.agent_id, name.prefix, name.number):
                state = await self._state(row)
                if state.state != COMPLETED:
                    missing.append(f"barrier {row.name.name!r} is {state.state} ({state.completed}/{state.total})")
        own = {task.spec.task_id for task in tasks}
        named = {dependency for task in tasks for dependency in task.spec.depends_on} - own
        sources = {source for task in tasks for source in task.sources} - own
        wanted = sorted(named | sources)
        known = await self.batches.store.newest_tasks(agent.agent_id, wanted) if wanted else {}
        awaited = [Awaited(0, task_id, *known[task_id]) for task_id in wanted if task_id in known]
        ended = await self.runs.ended(awaited) if awaited else {}
        missing += [f"dependency {task_id!r} is unknown" for task_id in sorted(named) if task_id not in known]
        missing += [f"dependency {entry.task_id!r} has not completed" for entry in awaited if not ended.get(entry)]
        return "strict dependency check failed: " + "; ".join(missing) if missing else None


def state_of(row: BarrierRow, swarm: SwarmRow | None) -> BarrierState:
    """Return a barrier's state from its run; ``failed`` once it has ended and any task did not complete."""
    if swarm is None:
        error = row.error or "the barrier's run was deleted"
        return BarrierState(
            state=FAILED, error=error, total=row.total, completed=0, failed=0, swarm_id=None, agent_id=row.agent_id
        )
    return state_of_run(swarm)


def state_of_run(swarm: SwarmRow) -> BarrierState:
    """Return the state of a barrier by its run."""
    counts = swarm.counts
    unsuccessful = counts.failed + counts.cancelled + counts.skipped
    failure: str | None = None
    if swarm.status in SWARM_TERMINAL:
        state = COMPLETED if swarm.status is SwarmStatus.COMPLETED else FAILED
        if state == FAILED:
            failure = swarm.error or f"{unsuccessful} of {counts.total} tasks did not complete"
    else:
        started = counts.total - counts.queued - counts.waiting
        state = RUNNING if started else PENDING
    return BarrierState(
        state=state,
        error=failure,
        total=counts.total,
        completed=counts.completed,
        failed=unsuccessful,
        swarm_id=swarm.swarm_id,
        agent_id=swarm.agent_id,
    )
