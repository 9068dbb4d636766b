"""Work handed to an orchestrator: tasks that may depend on tasks of its earlier requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.aggregate import CONCAT, LOCAL, MODEL, NONE, Options, Part, merge
from app.domain.errors import InvalidRequest
from app.domain.retry import RetryPolicy
from app.domain.routing_spec import DEFAULT_REROUTE_AFTER, RoutingSpec
from app.domain.swarm import SwarmSpec
from app.domain.task import TERMINAL, Awaited, TaskSpec, TaskStatus
from app.ports.agents import AgentRow
from app.ports.clock import Clock
from app.ports.doorbell import Doorbell, idle_of
from app.ports.runs import Beside
from app.ports.store import AgentTasks, SwarmFilter, SwarmRow, SwarmStore, TaskRow, TaskStore
from app.services.results import Summary, summarise_tasks
from app.services.swarms import SwarmService, nothing_beside

_POLL_S = 2.0
_LOOKED_AT = 20
"""Newest runs among which the newest merged value is looked for."""

_SEVERAL = frozenset({"batch", "barrier"})
_CHECKPOINTS = 10


@dataclass(frozen=True, slots=True)
class NamedTask:
    """A task of a request to an orchestrator, and the ids its ``sources`` name: dependencies where they are tasks."""

    spec: TaskSpec
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a request asks for beside its tasks, as in ``SwarmSpec``; ``aggregate`` wins over the orchestrator's."""

    aggregate: Options | None = None
    output_schema: dict[str, Any] | None = None
    validation: dict[str, Any] | None = None
    routing: RoutingSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What an orchestrator's work has given so far; ``pending`` tasks have not ended."""

    status: str
    tasks: Sequence[TaskRow]
    aggregated: object
    summary: Summary
    pending: int


@dataclass(frozen=True, slots=True)
class BatchService:
    swarms: SwarmService
    store: SwarmStore
    tasks: TaskStore
    doorbell: Doorbell
    clock: Clock

    async def start(
        self,
        agent: AgentRow,
        tasks: Sequence[NamedTask],
        *,
        kind: str,
        parallelism: int | None = None,
        context_window: int | None = None,
        checkpoints: bool = False,
        options: RunOptions | None = None,
        key_id: str | None = None,
        beside: Callable[[SwarmRow], Beside] = nothing_beside,
    ) -> SwarmRow:
        """Start a run of ``tasks`` under the orchestrator's configuration.

        Args:
            kind: what asked for it: spawn, execute, batch or barrier.
            parallelism: sub-agents at once; lowered to the orchestrator's ceiling where it is above.
            context_window: tokens a sub-agent may be sent.
            options: of the request; None for none.
            checkpoints: merge the outputs so far after every tenth of the tasks.
            key_id: API key it is counted to.
            beside: what to store with the run, which it is shown as it will be accepted.

        Raises:
            InvalidRequest: a dependency that is a task neither of this nor of an earlier request, a cycle, …
        """
        config = agent.config
        ceiling = config.max_parallel_agents
        strategy = config.aggregation_strategy
        asked = options or RunOptions()
        spec = SwarmSpec(
            agent_id=agent.agent_id,
            kind=kind,
            grouped=True,
            model=config.model,
            system_prompt=config.system_prompt,
            max_parallel_agents=min(parallelism or ceiling, ceiling),
            max_steps=0,
            context_window=context_window,
            retry=RetryPolicy(max_retries=config.max_retries, retry_on_timeout=config.retry_on_timeout),
            aggregate=_aggregate(asked.aggregate or Options(strategy=strategy), kind, checkpoints, len(tasks)),
            output_schema=asked.output_schema,
            validation=asked.validation,
            tools=tuple(config.tool_names()),
            routing=None if asked.routing is None else asked.routing.as_json(),
            reroute_after=DEFAULT_REROUTE_AFTER if asked.routing is None else asked.routing.reroute_after,
            token_budgets=any("token_budget" in task.spec.payload for task in tasks),
        )
        resolved = await self.resolve(agent, tasks)
        return await self.swarms.create(agent.tenant_id, spec, resolved, named=True, key_id=key_id, beside=beside)

    async def resolve(self, agent: AgentRow, tasks: Sequence[NamedTask]) -> list[TaskSpec]:
        """Tell apart which dependencies are tasks of this request and which of earlier ones."""
        own = {task.spec.task_id for task in tasks}
        wanted = {name for task in tasks for name in (*task.spec.depends_on, *task.sources)} - own
        known = await self.store.newest_tasks(agent.agent_id, sorted(wanted)) if wanted else {}
        resolved = []
        for index, task in enumerate(tasks):
            depends_on = list(dict.fromkeys(task.spec.depends_on))
            for position, name in enumerate(task.spec.depends_on):
                if name not in own and name not in known:
                    detail = f"{name!r} is a task neither of this request nor of an earlier one to this orchestrator"
                    raise InvalidRequest.field(f"/tasks/{index}/depends_on/{position}", detail)
            for name in task.sources:
                if (name in own or name in known) and name not in depends_on and name != task.spec.task_id:
                    depends_on.append(name)
            awaits = tuple(
                Awaited(position, name, *known[name]) for position, name in enumerate(depends_on) if name not in own
            )
            resolved.append(replace(task.spec, depends_on=tuple(depends_on), awaits=awaits))
        return resolved

    async def collect(self, agent: AgentRow, *, timeout_s: float, ended_since_ms: int | None, limit: int) -> Collected:
        """Wait until nothing of the orchestrator is outstanding or the time is up, then return what there is.

        Args:
            ended_since_ms: leave out tasks that ended before.
            limit: newest tasks at most; they come in the order they were given.
        """
        idle = asyncio.Event()
        deadline = self.clock.monotonic() + timeout_s
        with self.doorbell.listen(idle_of(agent.agent_id), idle.set):
            while True:
                idle.clear()
                active = await self.store.active_count(agent.agent_id)
                left_s = deadline - self.clock.monotonic()
                if not active or left_s <= 0:
                    break
                try:
                    async with asyncio.timeout(min(left_s, _POLL_S)):
                        await idle.wait()
                except TimeoutError:
                    continue
        found = await self.tasks.list_of_agent(agent.agent_id, ended_since_ms=ended_since_ms, limit=limit)
        merged = None
        if agent.config.aggregation_strategy in MODEL:  # made by calls, at the end of each request
            runs = await self.store.list(
                agent.tenant_id, SwarmFilter(agent_id=agent.agent_id), limit=_LOOKED_AT, cursor=None
            )
            merged = next((run.aggregated for run in runs.items if run.aggregated is not None), None)
        return await asyncio.to_thread(_collected, agent, found, merged)


def _aggregate(options: Options, kind: str, checkpoints: bool, tasks: int) -> dict[str, Any]:
    """How a request's outputs are merged; a single one has nothing to be merged with."""
    if options.strategy == NONE and checkpoints:
        options = Options(strategy=CONCAT)
    if kind not in _SEVERAL or options.strategy == NONE:
        return {"strategy": NONE}
    if checkpoints and options.checkpoint_every is None:
        options = replace(options, checkpoint_every=max(tasks // _CHECKPOINTS, 1))
    return options.as_json()


def _collected(agent: AgentRow, found: AgentTasks, aggregated: object) -> Collected:
    """Args:
    aggregated: what a model merged; what needs none is merged here.
    """
    ended = [task for task in found.items if task.status in TERMINAL]
    completed = [task for task in ended if task.status is TaskStatus.COMPLETED]
    strategy = agent.config.aggregation_strategy
    if strategy in LOCAL - {NONE} and completed:
        parts = [
            Part(task.task_id, task.role, task.output, 1.0 if task.weight is None else task.weight, task.score)
            for task in completed
        ]
        aggregated = merge(Options(strategy=strategy), parts).value
    if found.pending:
        status = "running"
    elif not found.items:
        status = "idle"
    elif len(completed) == len(ended):
        status = "completed"
    else:
        status = "partial" if completed else "failed"
    return Collected(
        status=status,
        tasks=ended,
        aggregated=aggregated,
        summary=summarise_tasks(found.items, over=not found.pending),
        pending=found.pending,
    )
