"""Which lane serves which task of a run, at which price, and where its tasks go while that lane is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.domain.breaker import BreakerState
from app.domain.facts import Rerouted
from app.domain.swarm import SwarmState
from app.domain.task import TERMINAL
from app.ports.provider import Models, UnknownModel
from app.scheduler.admission import Admission


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
        lanes: dict[str | None, str] = {}
        for name in requested:
            try:
                route = await self.models.resolve(name)
            except UnknownModel:  # its provider may only be unable to list its models now: the attempt will tell
                continue
            lanes[name] = route.lane
            state.prices[name] = route.price
            for fallback in self.fallbacks.get(name or "", ()):
                state.prices.setdefault(fallback, None)
        await self.look_up_prices(state)
        moved = False
        for task in state.tasks:
            lane = lanes.get(task.requested_model, task.lane)
            if lane != task.lane:
                task.lane = lane
                moved = True
        if moved:
            state.sort_ready()

    async def look_up_prices(self, state: SwarmState) -> None:
        """Take note of the prices in force: calls are billed by them, so they are reserved for by them, too."""
        for name in state.prices:
            with suppress(UnknownModel):
                state.prices[name] = (await self.models.resolve(name)).price

    async def detours(self, state: SwarmState, closed: frozenset[str]) -> list[Rerouted]:
        """Return what changes in where the models of this run are served, while the lanes ``closed`` are."""
        facts = []
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

    async def _open_lane(self, state: SwarmState, name: str, closed: frozenset[str]) -> tuple[str, str | None]:
        """Return the first lane of the chain that is open; the model's own where none is."""
        for fallback in self.fallbacks[name]:
            try:
                route = await self.models.resolve(fallback)
            except UnknownModel:
                continue
            if route.lane not in closed and not (route.price is None and _money_is_capped(state)):
                state.prices[fallback] = route.price
                return route.lane, fallback
        return (await self.models.resolve(name)).lane, None


def _money_is_capped(state: SwarmState) -> bool:
    """Whether a model without a price would pause the run; a key may have a cap wherever one started it."""
    own = state.budget is not None and state.budget.max_cost_nano_usd is not None
    return own or (state.capped and state.key_id is not None)


def closed_lanes(admission: Admission) -> frozenset[str]:
    """Return the lanes whose breaker is open."""
    return frozenset(
        f"{lane.provider}/{lane.model}" for lane in admission.snapshot() if lane.breaker is BreakerState.OPEN
    )
