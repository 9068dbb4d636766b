"""Planned tasks become tasks of a run: roles and models are assigned, models looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.assigning import Pool, assign, spec_of
from app.domain.facts import NewTask
from app.domain.planned import PlannedTask
from app.domain.roles import Role
from app.domain.routing import Candidate
from app.domain.routing_spec import RoutingSpec
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskSpec
from app.ports.provider import Models, UnknownModel


class Growing:
    def __init__(self, models: Models) -> None:
        self._models = models

    async def tasks(self, spec: SwarmSpec, planned: Sequence[PlannedTask]) -> tuple[NewTask, ...]:
        """Return the planned tasks as ones to add to the run.

        Raises:
            UnknownModel: the run's own model is not known, at least for now.
        """
        retries = spec.retry.max_retries
        specs = [spec_of(one, task_timeout_s=spec.task_timeout_s, max_retries=retries) for one in planned]
        pool = pool_of(spec)
        assigned = assign(specs, pool, await self._candidates(pool.models(specs)))
        return await self.placed(assigned, spec.model)

    async def placed(self, tasks: Iterable[TaskSpec], model: str | None) -> tuple[NewTask, ...]:
        """Return tasks with the lanes that serve their models, ``model`` where they ask for none."""
        placed = []
        for task in tasks:
            route = await self._models.resolve(task.requested_model or model)
            placed.append(NewTask(task, route.lane, route.requested))
        return tuple(placed)

    async def _candidates(self, names: Iterable[str | None]) -> dict[str | None, Candidate]:
        found: dict[str | None, Candidate] = {}
        for name in names:
            try:
                found[name] = (await self._models.resolve(name)).candidate()
            except UnknownModel:  # it was known when the run was accepted: its provider may be unable to list it now
                continue
        return found


def pool_of(spec: SwarmSpec) -> Pool:
    """Return what the run's tasks are assigned by, as it was when the run was accepted."""
    roles = {
        name: Role(
            name=name,
            system_prompt=role["system_prompt"],
            capability_tags=tuple(role.get("capability_tags") or ()),
            model=role.get("model"),
            tier=role.get("tier"),
        )
        for name, role in spec.roles.items()
    }
    return Pool(
        roles=roles,
        routing=RoutingSpec.of(spec.routing),
        run_model=spec.model,
        max_output_tokens=spec.max_output_tokens,
        shared_bytes=spec.shared_bytes,
    )
