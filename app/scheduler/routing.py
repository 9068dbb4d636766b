"""Which lane serves which task of a run, at which price, and where its tasks go while that lane is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from app.domain import rerouting
from app.domain.facts import Rerouted
from app.domain.journal import TOOLS, TOOLS_LANE
from app.domain.swarm import SwarmState
from app.domain.task import TERMINAL, TaskStatus
from app.domain.usage import FREE
from app.ports.provider import Models, UnknownModel
from app.scheduler.lanes import Standing


class Standings(Protocol):
    """Knows how lanes stand; it is admission."""

    def standing(self, lane: str) -> Standing: ...


@dataclass(frozen=True, slots=True)
class Routing:
    """Args:
    fallbacks: by model name the models that may stand in for it, in order.
    """

    models: Models
    fallbacks: Mapping[str, Sequence[str]]

    async def look_up(self, state: SwarmState) -> None:
        """Fill in lanes and prices as they are configured now; a stored run may come from another configuration."""
        requested = {task.requested_model for task in state.tasks if task.status not in TERMINAL}
        requested.update(state.spec.models)
        if state.spec.models or state.spec.planner is not None or state.spec.aggregates:
            requested.add(state.spec.model)
        lanes: dict[str | None, str] = {TOOLS: TOOLS_LANE}
        state.lanes[TOOLS], state.prices[TOOLS] = TOOLS_LANE, FREE
        for name in requested:
            try:
                route = await self.models.resolve(name)
            except UnknownModel:  # its provider may only be unable to list its models now: the attempt will tell
                continue
            lanes[name] = state.lanes[name] = route.lane
            state.prices[name] = route.price
            if name is None:
                state.lanes[route.requested], state.prices[route.requested] = route.lane, route.price
            for fallback in self.fallbacks.get(name or "", ()):
                state.prices.setdefault(fallback, None)
        await self.look_up_prices(state)
        moved = False
        for task in state.tasks:
            lane = lanes.get(task.next_model or task.requested_model, task.lane)
            if lane != task.lane:
                task.lane = lane
                moved = True
        before = [task.lane for task in state.tasks if task.failures]
        rerouting.take_up(state)
        moved = moved or before != [task.lane for task in state.tasks if task.failures]
        if moved:
            state.sort_ready()

    async def look_up_prices(self, state: SwarmState) -> None:
        """Take note of the prices in force: calls are billed by them, so they are reserved for by them, too."""
        for name in state.prices.keys() - {TOOLS}:
            with suppress(UnknownModel):
                route = await self.models.resolve(name)
                state.prices[name] = route.price
                if state.spec.pictures:
                    state.part_tokens[name] = route.part_tokens

    async def detours(self, state: SwarmState, closed: frozenset[str]) -> list[Rerouted]:
        """Return what changes in where the models of this run are served, while the lanes ``closed`` are."""
        facts: list[Rerouted] = []
        if not self.fallbacks:
            return facts
        for name in {task.requested_model for task in state.tasks if task.status not in TERMINAL}:
            if name is None or name not in self.fallbacks:
                continue
            try:
                own = (await self.models.resolve(name)).lane
            except UnknownModel:  # as in look_up
                continue
            wanted = await self._open_lane(state, name, closed) if own in closed else (own, None)
            if state.detours.get(name, (own, None)) != wanted:
                facts.append(Rerouted(name, *wanted))
        return facts

    async def returns(self, state: SwarmState, standings: Standings) -> list[Rerouted]:
        """Return which tasks on a detour go their own way again: all once it is trusted, a few as probes before that.

        Nobody else might find out: a lane that all its tasks have left is told of by no call.
        """
        facts = []
        for name, (detour, model) in state.detours.items():
            if model is None or not state.ready_count.get(detour):
                continue
            try:
                own = (await self.models.resolve(name)).lane
            except UnknownModel:  # as in look_up
                continue
            standing = standings.standing(own)
            if standing.trusted:
                facts.append(Rerouted(name, own, None))
            elif standing.probes:
                probes = _probes(state, name, detour, standing)
                if probes:
                    facts.append(Rerouted(name, own, None, probes))
        return facts

    async def _open_lane(self, state: SwarmState, name: str, closed: frozenset[str]) -> tuple[str, str | None]:
        """Return the first lane of the chain that is open; the model's own where none is."""
        for fallback in self.fallbacks[name]:
            try:
                route = await self.models.resolve(fallback)
            except UnknownModel:
                continue
            if state.spec.pictures and route.vision is False:
                continue  # the tasks of a model go together, and some of this run may have images
            if route.lane not in closed and not (route.price is None and _money_is_capped(state)):
                state.prices[fallback] = route.price
                return route.lane, fallback
        return (await self.models.resolve(name)).lane, None


def _probes(state: SwarmState, name: str | None, detour: str, standing: Standing) -> tuple[int, ...]:
    """Return tasks that may find out whether their own lane is back; O(tasks), a few times a minute."""
    able = (
        task.index
        for task in state.tasks
        if task.status is TaskStatus.QUEUED
        and task.lane == detour
        and task.requested_model == name
        and (standing.excused or task.failures < task.max_retries)
    )
    return tuple(islice(able, standing.probes))


def _money_is_capped(state: SwarmState) -> bool:
    """Whether a model without a price would pause the run; a key may have a cap wherever one started it."""
    own = state.budget is not None and state.budget.max_cost_nano_usd is not None
    return own or state.funded or (state.capped and state.key_id is not None)
