"""Forks: an ended run once more, with some tasks changed; only those and what depends on them is paid again.

Without a change it is a replay: every output comes from the journal, no model is called, and the results are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.domain.assigning import dumped
from app.domain.changes import Step
from app.domain.errors import Conflict, FieldError, InvalidRequest, NotFound
from app.domain.fork import affected, taken_over, turn_of
from app.domain.graph import Graph
from app.domain.ids import SWARM_PREFIX, make_id
from app.domain.parts import pictured
from app.domain.rerouting import ROUTE
from app.domain.swarm import ORCHESTRATOR, SWARM_TERMINAL, SwarmSpec, SwarmState, SwarmStatus
from app.domain.task import TaskKind, TaskSpec, TaskState, TaskStatus
from app.domain.transitions import begin
from app.ports.doorbell import NEW_SWARMS
from app.ports.events import EncodedEvent
from app.ports.forks import Blueprint, Ended, ForkStore
from app.ports.pictures import TextOnlyModel
from app.ports.provider import UnknownModel
from app.ports.runs import Beside, Copies, NewSwarm, RunStore
from app.ports.store import SwarmRow
from app.services.affordability import refuse_unpriced
from app.services.swarms import SwarmService, nothing_beside

PAYLOAD_FIELDS = ("prompt", "data", "max_output_tokens", "output_schema", "tier")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """What a fork changes of a task: ``fields`` of its payload, and its model where that is not None."""

    task_id: str
    model: str | None = None
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ForkService:
    store: ForkStore
    runs: RunStore
    swarms: SwarmService

    async def fork(
        self,
        tenant_id: str,
        swarm_id: str,
        changes: Sequence[TaskChange],
        *,
        name: str | None = None,
        webhook_events: tuple[str, ...] = (),
        key_id: str | None = None,
        beside: Callable[[SwarmRow], Beside] = nothing_beside,
    ) -> SwarmRow:
        """Start a run like an ended one, some of its tasks changed.

        Args:
            name: of the new run; that of the old one where it is None.
            webhook_events: what of the new run is sent; a webhook of the old one is not taken over: whoever tries
                something out must not set off what waits for the real run.
            beside: as for ``SwarmService.create``.

        Raises:
            NotFound: the run.
            Conflict: the run has not ended.
            InvalidRequest: a task that the run does not have or that is named twice, an unknown model or schema.
            CreditsUsedUp: the tenant prepays, and has nothing left; nothing was stored.
            KeyTaken: another request has the key beside it; nothing was stored.
        """
        found = await self.store.blueprint(tenant_id, swarm_id)
        if found is None:
            raise NotFound("swarm", swarm_id)
        if found.swarm.status not in SWARM_TERMINAL:
            raise Conflict(f"swarm {swarm_id} is {found.swarm.status}; only an ended run can be forked")
        wanted = _by_index(found, changes)
        last_turn = None
        if wanted and found.spec.planner == ORCHESTRATOR:
            last_turn = min(turn_of(found.tasks[index].spec.task_id) for index in wanted)
        graph = Graph.build([task.spec.task_id for task in found.tasks], list(map(_inner_dependencies, found.tasks)))
        rerun = affected(graph, wanted)
        completed = {index for index, task in enumerate(found.tasks) if task.status is TaskStatus.COMPLETED}
        sources = taken_over([task.spec.kind for task in found.tasks], rerun, completed)
        if last_turn is not None:  # what the orchestrator did after it may be another thing now
            sources = [at for at in sources if turn_of(found.tasks[at].spec.task_id) <= last_turn]
        payloads = await self.runs.payloads(swarm_id, sorted(rerun & set(sources)))
        specs = [_changed(found.tasks[at].spec, payloads[at], wanted.get(at)) for at in sources if at in rerun]
        specs = [_without(one, {found.tasks[at].spec.task_id for at in sources}) for one in specs]
        for position, change in enumerate(changes):
            await self.swarms.pictures.check_content(
                tenant_id, change.fields.get("prompt"), f"/tasks/{position}/prompt"
            )
        pictures = found.spec.pictures or any(pictured(one.payload) for one in specs)
        spec, staffed = await self.swarms.staffing.staff(tenant_id, replace(found.spec, pictures=pictures), specs)
        models = tuple(sorted({*found.spec.models, *spec.models}))
        roles = found.spec.roles | spec.roles
        spec = replace(spec, name=name or spec.name, forked_from=swarm_id, roles=roles, models=models)
        spec = replace(spec, traceparent=self.swarms.traceparent(), webhook_events=webhook_events)
        anew = dict(zip(_new(sources, rerun), staffed, strict=True))
        state, all_specs = await self._state(tenant_id, found, spec, sources, anew)
        state.key_id = key_id
        paid = bool(staffed) and await self.swarms.check_funds(key_id, tenant_id)  # a replay costs nothing
        if paid or (spec.budget is not None and spec.budget.max_cost_nano_usd is not None):
            refuse_unpriced([await self.swarms.models.resolve(one.requested_model) for one in staffed], "/tasks")
        copied = {at: source for at, source in enumerate(sources) if source not in rerun}
        if last_turn is not None:
            state.tasks[0].step = last_turn
            records = (await self.runs.journals(swarm_id, [0]))[0][:last_turn]
            state.tasks[0].journal_bytes = sum(len(record.encode()) for record in records)
            state.aggregated = state.aggregation = None
        return await self._store(state, all_specs, Copies(swarm_id, copied, last_turn or 0), beside)

    async def _state(
        self, tenant_id: str, found: Blueprint, spec: SwarmSpec, sources: Sequence[int], anew: Mapping[int, TaskSpec]
    ) -> tuple[SwarmState, list[TaskSpec]]:
        now_ms = self.swarms.clock.now_ms()
        specs = [anew.get(at, found.tasks[source].spec) for at, source in enumerate(sources)]
        graph = Graph.build([one.task_id for one in specs], list(map(_inner_names, specs)))
        tasks: list[TaskState] = []
        for at, source in enumerate(sources):
            ended = None if at in anew else found.tasks[source]
            tasks.append(await self._task(at, specs[at], ended, found.tasks[source], now_ms))
        for task in tasks:
            task.unmet = sum(tasks[one].status not in _OVER for one in graph.dependencies[task.index])
            task.unmet += len(task.awaits)
            if task.index in anew and not task.unmet:
                task.status, task.queued_at_ms = TaskStatus.QUEUED, now_ms
        swarm = found.swarm
        kept = spec.planner == ORCHESTRATOR
        state = SwarmState(
            swarm_id=make_id(SWARM_PREFIX, now_ms, self.swarms.entropy.bits(80)),
            tenant_id=tenant_id,
            spec=spec,
            graph=graph,
            tasks=tasks,
            status=SwarmStatus.RUNNING,
            created_at_ms=now_ms,
            max_parallel_agents=spec.max_parallel_agents,
            budget=spec.budget,
            aggregated=swarm.aggregated if kept else None,
            aggregation=swarm.aggregation if kept else None,
        )
        return state, specs

    async def _task(self, at: int, spec: TaskSpec, ended: Ended | None, source: Ended, now_ms: int) -> TaskState:
        lane, requested = source.lane, spec.requested_model
        if ended is None:
            try:
                route = await self.swarms.models.resolve(spec.requested_model)
            except UnknownModel as exc:
                raise InvalidRequest(exc.detail, [FieldError("/tasks", exc.detail)]) from exc
            if route.vision is False and pictured(spec.payload):
                raise InvalidRequest.field("/tasks", TextOnlyModel(route.model).detail)
            lane, requested = route.lane, route.requested
        return TaskState(
            index=at,
            task_id=spec.task_id,
            kind=spec.kind,
            weight=spec.weight,
            status=TaskStatus.WAITING if ended is None else ended.status,
            priority=spec.priority,
            complexity=spec.complexity or 0,
            lane=lane,
            max_retries=spec.max_retries,
            timeout_s=spec.timeout_s,
            attempt=0 if ended is None else ended.attempts,
            allow_failed_dependencies=spec.allow_failed_dependencies,
            requested_model=requested,
            awaits=spec.awaits if ended is None else (),
            output_bytes=0 if ended is None else ended.output_bytes,
        )

    async def _store(
        self, state: SwarmState, specs: Sequence[TaskSpec], copies: Copies, beside: Callable[[SwarmRow], Beside]
    ) -> SwarmRow:
        first = Step()
        begin(state, state.created_at_ms, first)
        events = [EncodedEvent.of(event, state.swarm_id) for event in first.events]
        row = SwarmRow.of(state)
        new = NewSwarm(state=state, specs=specs, events=events, beside=beside(row), copies=copies)
        position = await self.swarms.swarms.create(new)
        self.swarms.feed.publish(state.spec.agent_id, state.swarm_id, position, events)
        self.swarms.doorbell.ring(NEW_SWARMS)
        return row


_OVER = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.SKIPPED})


def _by_index(found: Blueprint, changes: Sequence[TaskChange]) -> dict[int, TaskChange]:
    index_of = {task.spec.task_id: index for index, task in enumerate(found.tasks) if task.spec.kind is TaskKind.TASK}
    wanted: dict[int, TaskChange] = {}
    for position, change in enumerate(changes):
        index = index_of.get(change.task_id)
        if index is None:
            raise InvalidRequest.field(f"/tasks/{position}/task_id", f"the run has no task {change.task_id!r}")
        if index in wanted:
            raise InvalidRequest.field(f"/tasks/{position}/task_id", f"task {change.task_id!r} is named twice")
        wanted[index] = change
    return wanted


def _new(sources: Sequence[int], rerun: set[int]) -> list[int]:
    return [at for at, source in enumerate(sources) if source in rerun]


def _changed(spec: TaskSpec, payload: str, change: TaskChange | None) -> TaskSpec:
    """Return a task to be run anew, with what its role and model were chosen by, but not the choice."""
    fields: dict[str, Any] = orjson.loads(payload)
    route = fields.pop(ROUTE, None)
    model = spec.requested_model
    if change is not None:
        fields = {"prompt": None, **fields, **change.fields}  # it is stored first
        if fields["prompt"] is None:
            del fields["prompt"]
        model = change.model or (None if "tier" in change.fields else model)
    elif route is not None:
        fields[ROUTE] = route
    return replace(spec, requested_model=model, payload=dumped(fields))


def _without(spec: TaskSpec, known: Collection[str]) -> TaskSpec:
    """Return an orchestrator without the tasks of turns that are not taken over; any other task as it is."""
    if spec.kind is not TaskKind.PLANNER:
        return spec
    return replace(spec, depends_on=tuple(name for name in spec.depends_on if name in known))


def _inner_names(spec: TaskSpec) -> list[str]:
    outer = {awaited.position for awaited in spec.awaits}
    return [name for position, name in enumerate(spec.depends_on) if position not in outer]


def _inner_dependencies(task: Ended) -> list[str]:
    return _inner_names(task.spec)
