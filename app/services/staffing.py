"""Before a run is stored: its roles and models are chosen, its schemas checked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from app.domain import roles as profiles
from app.domain.agent import BUILT_IN_TOOLS
from app.domain.assigning import Pool, assign
from app.domain.errors import FieldError, InvalidRequest
from app.domain.parts import pictured
from app.domain.rerouting import ROUTE
from app.domain.roles import Role
from app.domain.routing import Candidate
from app.domain.routing_spec import RoutingSpec
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskSpec
from app.ports.output_schemas import InvalidSchema, OutputSchemas
from app.ports.pictures import TextOnlyModel
from app.ports.provider import Models, UnknownModel
from app.ports.store import TaskStore
from app.ports.tools import Tools
from app.services.roles import RoleService

_TAGS = '"capability_tags":'
_SCHEMA = '"output_schema":'
_TOOLS = '"tools":'
_SYNTHESIZER = "synthesizer"
_MANY = 500
"""Tasks from which on they are assigned in a thread: thousands with many rules take a second."""


@dataclass(frozen=True, slots=True)
class Staffing:
    roles: RoleService
    models: Models
    schemas: OutputSchemas
    tasks: TaskStore
    tools: Tools

    async def staff(
        self, tenant_id: str, spec: SwarmSpec, tasks: Sequence[TaskSpec]
    ) -> tuple[SwarmSpec, Sequence[TaskSpec]]:
        """Return the run with the roles it needs, and its tasks with their roles and models.

        Raises:
            InvalidRequest: a model that nobody serves, or a schema that cannot be used; its pointer names it.
        """
        if spec.output_schema is not None or any(_SCHEMA in task.payload for task in tasks):
            await asyncio.to_thread(self._check_schemas, spec, tasks)
        elif spec.aggregate.get("output_schema") is not None:
            await asyncio.to_thread(self._check_schemas, spec, ())
        routing = RoutingSpec.of(spec.routing)
        pool = Pool(
            routing=routing,
            run_model=spec.model,
            max_output_tokens=spec.max_output_tokens,
            shared_bytes=spec.shared_bytes,
        )
        if spec.kind == "swarm":
            self._check_tools(tasks)
        if spec.pictures:
            await self._check_readers(spec, tasks)
        others = await self._check_models(spec, routing)
        concerned = any(map(pool.concerns, tasks))
        if not concerned and not spec.aggregates and spec.planner is None:
            return replace(spec, models=tuple(others)), tasks
        known = await self.roles.pool(tenant_id)
        wanted = any(task.role is None and _TAGS in task.payload for task in tasks)
        load = await self.tasks.load_by_role(tenant_id) if wanted else {}
        pool = replace(pool, roles=known, load=load)
        assigned = tasks
        if concerned:
            candidates = await self._candidates(pool.models(tasks))
            if len(tasks) > _MANY:
                assigned = await asyncio.to_thread(assign, tasks, pool, candidates)
            else:
                assigned = assign(tasks, pool, candidates)
        used = set(known) if spec.planner is not None else _used(assigned, known)
        if spec.aggregates:
            used.add(_SYNTHESIZER)
        kept = {name: _json(known[name]) for name in sorted(used) if name in known}
        models = {role["model"] for role in kept.values() if role["model"]} | set(others)
        return replace(spec, roles=kept, models=tuple(sorted(models))), assigned

    async def _check_readers(self, spec: SwarmSpec, tasks: Sequence[TaskSpec]) -> None:
        """Refuse models that were asked for by name and read no images: routing only leaves out those it may."""
        named: dict[str | None, str] = {
            task.requested_model: f"/tasks/{index}/model"
            for index, task in enumerate(tasks)
            if task.requested_model is not None and pictured(task.payload)
        }
        if spec.planner is not None:  # whatever serves the planner, what it plans has the run's model to go to
            named[spec.model] = "/model"
        for name, pointer in named.items():
            try:
                route = await self.models.resolve(name)
            except UnknownModel:  # told of where routes are looked up
                continue
            if route.vision is False:
                raise InvalidRequest.field(pointer, TextOnlyModel(route.requested).detail)

    def _check_tools(self, tasks: Sequence[TaskSpec]) -> None:
        for index, task in enumerate(tasks):
            if _TOOLS not in task.payload:
                continue
            for position, name in enumerate(orjson.loads(task.payload).get("tools") or ()):
                if name not in BUILT_IN_TOOLS and self.tools.find(name) is None:
                    known = ", ".join(dict.fromkeys([*BUILT_IN_TOOLS, *(tool.spec.name for tool in self.tools.all())]))
                    detail = f"unknown tool {name!r}; there are {known}"
                    raise InvalidRequest.field(f"/tasks/{index}/tools/{position}", detail)

    async def _check_models(self, spec: SwarmSpec, routing: RoutingSpec) -> list[str]:
        """Return the models that the run may come to use beside those of its tasks."""
        named = dict.fromkeys(routing.models(), "/routing")
        for pointer, model in (
            ("/validate/model", (spec.validation or {}).get("model")),
            ("/aggregate/model", spec.aggregate.get("model")),
        ):
            if model is not None:
                named.setdefault(model, pointer)
        for name, pointer in named.items():
            try:
                await self.models.resolve(name)
            except UnknownModel as exc:
                raise InvalidRequest(exc.detail, [FieldError(pointer, exc.detail)]) from exc
        return sorted(named)

    async def _candidates(self, names: Iterable[str | None]) -> dict[str | None, Candidate]:
        """What is known of models; one that a task names and nobody serves is told of where routes are looked up."""
        found: dict[str | None, Candidate] = {}
        for name in names:
            try:
                found[name] = (await self.models.resolve(name)).candidate()
            except UnknownModel:
                continue
        return found

    def _check_schemas(self, spec: SwarmSpec, tasks: Sequence[TaskSpec]) -> None:
        checked: dict[str, str] = {}
        if spec.output_schema is not None:
            self._check_schema(spec.output_schema, "/output_schema")
        if spec.aggregate.get("output_schema") is not None:
            self._check_schema(spec.aggregate["output_schema"], "/aggregate/output_schema")
        for index, task in enumerate(tasks):
            if _SCHEMA not in task.payload:
                continue
            schema = orjson.loads(task.payload).get("output_schema")
            text = orjson.dumps(schema).decode()
            if schema is not None and text not in checked:
                self._check_schema(schema, f"/tasks/{index}/output_schema")
                checked[text] = task.task_id

    def _check_schema(self, schema: Any, pointer: str) -> None:
        try:
            self.schemas.compile(schema)
        except InvalidSchema as exc:
            raise InvalidRequest.field(pointer + exc.pointer, exc.reason) from exc


def _used(tasks: Iterable[TaskSpec], known: Mapping[str, Role]) -> set[str]:
    names = {task.role for task in tasks if task.role is not None}
    for task in tasks:
        if '"roles":' in task.payload:  # where it goes after repeated failure
            names.update((orjson.loads(task.payload).get(ROUTE) or {}).get("roles") or ())
    found = (profiles.find(name, known) for name in names)
    return {role.name for role in found if role is not None}


def _json(role: Role) -> dict[str, Any]:
    fields = asdict(role)
    return {name: fields[name] for name in ("system_prompt", "capability_tags", "model", "tier")}
