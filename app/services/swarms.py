"""Swarms: start one, look at it, steer it, delete it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from app.domain.changes import Step
from app.domain.errors import FieldError, InvalidRequest, NotFound
from app.domain.graph import Graph
from app.domain.ids import SWARM_PREFIX, make_id
from app.domain.parts import pictured
from app.domain.swarm import DEFAULT_MAX_STEPS, SWARM_TERMINAL, SwarmSpec, SwarmState, SwarmStatus
from app.domain.task import TaskSpec, TaskState, TaskStatus
from app.domain.transitions import begin
from app.ports.clock import Clock, Entropy
from app.ports.doorbell import NEW_SWARMS, Doorbell, end_of
from app.ports.events import EncodedEvent, EventStore
from app.ports.feed import EventFeed
from app.ports.pages import Page
from app.ports.pictures import TextOnlyModel
from app.ports.provider import Models, Route, UnknownModel
from app.ports.runs import Beside, NewSwarm
from app.ports.store import AttemptRow, SwarmFilter, SwarmRow, SwarmStore, TaskFilter, TaskRow, TaskStore
from app.services.affordability import refuse_endless_retries, refuse_unfitting, refuse_unpriced
from app.services.pictures import PictureService
from app.services.staffing import Staffing

_CRASH_ROOM = 10
_MANY_EDGES = 50_000
_POLL_S = 2.0
"""Backs up the doorbell of ``wait``: a lost ring delays the answer by this much at most."""


def nothing_beside(_: SwarmRow) -> Beside:
    return Beside()


@dataclass(frozen=True, slots=True)
class SwarmService:
    swarms: SwarmStore
    tasks: TaskStore
    events: EventStore
    models: Models
    doorbell: Doorbell
    clock: Clock
    entropy: Entropy
    feed: EventFeed
    staffing: Staffing
    pictures: PictureService
    max_output_tokens: int
    check_funds: Callable[[str | None, str], Awaitable[bool]]
    traceparent: Callable[[], str | None]

    async def create(
        self,
        tenant_id: str,
        spec: SwarmSpec,
        tasks: Sequence[TaskSpec],
        *,
        named: bool = False,
        key_id: str | None = None,
        start_at_ms: int | None = None,
        beside: Callable[[SwarmRow], Beside] = nothing_beside,
    ) -> SwarmRow:
        """Check the graph and the models, store the run durably, and let the scheduler know.

        Args:
            named: let later requests to the same orchestrator depend on these tasks by their ids.
            key_id: API key it is counted to.
            start_at_ms: when it is to begin, Unix milliseconds; at once where that is past.
            beside: what to store with the run, which it is shown as it will be accepted.

        ``spec.max_steps`` of 0 means the default: 4,000, or enough for every attempt of every task where that is more,
        those that crashes of the service take with them included.

        Raises:
            InvalidRequest: a cycle, an unknown dependency, a duplicate id, an unknown model, a budget that no call can
                fit, retries that outlive the run's timeout, images that cannot be sent; nothing was stored.
            CreditsUsedUp: the tenant prepays, and has nothing left; nothing was stored.
            KeyTaken: another request has the key beside it; nothing was stored.
        """
        graph, spec, tasks, routes = await self.checked(tenant_id, spec, tasks, key_id)
        if spec.max_steps == 0:
            enough = _CRASH_ROOM * sum(task.max_retries + 1 for task in tasks)
            spec = replace(spec, max_steps=max(DEFAULT_MAX_STEPS, enough))
        now_ms = self.clock.now_ms()
        state = SwarmState(
            swarm_id=make_id(SWARM_PREFIX, now_ms, self.entropy.bits(80)),
            tenant_id=tenant_id,
            spec=spec,
            graph=graph,
            tasks=[
                _initial(index, task, route, graph, now_ms)
                for index, (task, route) in enumerate(zip(tasks, routes, strict=True))
            ],
            status=SwarmStatus.RUNNING if spec.planner is None else SwarmStatus.PLANNING,
            created_at_ms=now_ms,
            max_parallel_agents=spec.max_parallel_agents,
            key_id=key_id,
            budget=spec.budget,
            start_at_ms=start_at_ms if start_at_ms is not None and start_at_ms > now_ms else None,
        )
        first = Step()
        begin(state, now_ms, first)
        encoded = [EncodedEvent.of(event, state.swarm_id) for event in first.events]
        row = SwarmRow.of(state)  # before the state is in a runner's hands
        new = NewSwarm(state=state, specs=tasks, events=encoded, named=named, beside=beside(row))
        position = await self.swarms.create(new)
        self.feed.publish(spec.agent_id, state.swarm_id, position, encoded)
        self.doorbell.ring(NEW_SWARMS)
        return row

    async def checked(
        self, tenant_id: str, spec: SwarmSpec, tasks: Sequence[TaskSpec], key_id: str | None
    ) -> tuple[Graph, SwarmSpec, Sequence[TaskSpec], Sequence[Route]]:
        """Return the run as it would be stored: its graph, its tasks with roles and models, and where those lead.

        Raises:
            InvalidRequest, CreditsUsedUp: as ``create``.
        """
        graph = await _graph_of(tasks)
        if any(pictured(task.payload) for task in tasks):
            await self.pictures.check(tenant_id, tasks)
            spec = replace(spec, pictures=True)
        spec, tasks = await self.staffing.staff(tenant_id, self.with_defaults(spec), tasks)
        routes = await self._routes(spec, tasks)
        refuse_endless_retries(spec)
        await self._refuse_unaffordable(spec, tasks, routes, paid=await self.check_funds(key_id, tenant_id))
        return graph, spec, tasks, routes

    def with_defaults(self, spec: SwarmSpec) -> SwarmSpec:
        """Return the run with what the service is configured to, where nothing else was asked for."""
        return replace(spec, max_output_tokens=self.max_output_tokens, traceparent=self.traceparent())

    async def _routes(self, spec: SwarmSpec, tasks: Sequence[TaskSpec]) -> list[Route]:
        """Return where each task's model leads; every name is looked up once."""
        routes: dict[str | None, Route] = {}
        found = []
        for index, task in enumerate(tasks):
            name = task.requested_model or spec.model
            route = routes.get(name)
            if route is None:
                try:
                    route = routes[name] = await self.models.resolve(name)
                except UnknownModel as exc:
                    pointer = f"/tasks/{index}/model" if task.requested_model else "/model"
                    raise InvalidRequest(exc.detail, [FieldError(pointer, exc.detail)]) from exc
            if route.vision is False and pictured(task.payload):
                raise InvalidRequest.field(f"/tasks/{index}/prompt", TextOnlyModel(route.requested).detail)
            found.append(route)
        return found

    async def _refuse_unaffordable(
        self, spec: SwarmSpec, tasks: Sequence[TaskSpec], routes: Sequence[Route], *, paid: bool
    ) -> None:
        """Raises InvalidRequest where money is capped and a price unknown, or a call cannot fit even alone.

        Args:
            paid: accounts beside the run's own budget pay for it (``ports.allowances.AllowanceBook.check``).
        """
        others = [await self.models.resolve(name) for name in spec.models]
        money = spec.budget is not None and spec.budget.max_cost_nano_usd is not None
        if money:
            refuse_unpriced([*routes, *others], "/budget/max_cost_usd")
        elif paid:
            refuse_unpriced([*routes, *others], "/model")
        if spec.budget is not None or spec.token_budgets:
            await asyncio.to_thread(refuse_unfitting, spec, tasks, routes)

    async def get(self, tenant_id: str, swarm_id: str) -> SwarmRow:
        row = await self.swarms.get(tenant_id, swarm_id)
        if row is None:
            raise NotFound("swarm", swarm_id)
        return row

    async def list(self, tenant_id: str, where: SwarmFilter, limit: int, cursor: str | None) -> Page[SwarmRow]:
        return await self.swarms.list(tenant_id, where, limit=limit, cursor=cursor)

    async def wait(self, tenant_id: str, swarm_id: str, timeout_s: float) -> None:
        """Return once the swarm has ended, or after ``timeout_s`` seconds."""
        ended = asyncio.Event()
        deadline = self.clock.monotonic() + timeout_s
        with self.doorbell.listen(end_of(swarm_id), ended.set):
            while True:
                ended.clear()
                row = await self.get(tenant_id, swarm_id)
                left_s = deadline - self.clock.monotonic()
                if row.status in SWARM_TERMINAL or left_s <= 0:
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, _POLL_S)):
                        await ended.wait()

    async def snapshot(self, tenant_id: str, swarm_id: str, *, outputs: bool) -> tuple[SwarmRow, Sequence[TaskRow]]:
        found = await self.swarms.snapshot(tenant_id, swarm_id, outputs=outputs)
        if found is None:
            raise NotFound("swarm", swarm_id)
        return found

    async def list_tasks(self, swarm: SwarmRow, where: TaskFilter, limit: int, cursor: str | None) -> Page[TaskRow]:
        return await self.tasks.list(swarm.swarm_id, where, limit=limit, cursor=cursor)

    async def get_task(self, swarm: SwarmRow, task_id: str) -> tuple[TaskRow, Sequence[AttemptRow]]:
        found = await self.tasks.get(swarm.swarm_id, task_id)
        if found is None:
            raise NotFound("task", task_id)
        return found

    async def list_events(self, tenant_id: str, swarm_id: str, after: int, limit: int) -> Sequence[EncodedEvent]:
        await self.get(tenant_id, swarm_id)
        return await self.events.list(swarm_id, after=after, limit=limit)

    async def check_writable(self) -> None:
        """Raises StoreUnavailable while nothing can be written."""
        await self.swarms.probe(self.entropy.bits(48))

    async def delete(self, tenant_id: str, swarm_id: str) -> None:
        if not await self.swarms.delete(tenant_id, swarm_id):
            raise NotFound("swarm", swarm_id)


async def _graph_of(tasks: Sequence[TaskSpec]) -> Graph:
    """Check the graph; a dense one in a thread, since millions of edges would hold up everybody else."""
    ids = [task.task_id for task in tasks]
    depends_on = list(map(_inner_dependencies, tasks))
    if sum(map(len, depends_on)) > _MANY_EDGES:
        return await asyncio.to_thread(Graph.build, ids, depends_on)
    return Graph.build(ids, depends_on)


def _initial(index: int, task: TaskSpec, route: Route, graph: Graph, now_ms: int) -> TaskState:
    unmet = len(graph.dependencies[index]) + len(task.awaits)
    return TaskState(
        index=index,
        task_id=task.task_id,
        kind=task.kind,
        weight=task.weight,
        status=TaskStatus.WAITING if unmet else TaskStatus.QUEUED,
        priority=task.priority,
        complexity=task.complexity or 0,
        lane=route.lane,
        max_retries=task.max_retries,
        timeout_s=task.timeout_s,
        unmet=unmet,
        queued_at_ms=0 if unmet else now_ms,
        allow_failed_dependencies=task.allow_failed_dependencies,
        requested_model=route.requested,
        awaits=task.awaits,
    )


def _inner_dependencies(task: TaskSpec) -> Sequence[str]:
    if not task.awaits:
        return task.depends_on
    outer = {awaited.position for awaited in task.awaits}
    return [name for position, name in enumerate(task.depends_on) if position not in outer]
