"""Where a run's time went (``critical_path``), and what a run would take before it is started (``predict``)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain import budget as budgets
from app.domain.critical_path import CriticalPath, Timing, critical_chain, critical_path
from app.domain.errors import FieldError, InvalidRequest
from app.domain.forecast import (
    ASSUMED_FIRST_TOKEN_S,
    ASSUMED_OUTPUT_TOKENS,
    ASSUMED_TOKEN_S,
    BYTES_PER_TOKEN,
    Figures,
    Forecast,
    LaneOutlook,
    forecast,
)
from app.domain.graph import Graph
from app.domain.outlook import ASSUMED_SUBTASKS, jobs_of
from app.domain.strategies import MODEL
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskSpec
from app.ports.admission import Lanes, LaneSnapshot
from app.ports.clock import Clock
from app.ports.provider import Models, Route, UnknownModel
from app.ports.store import Sample, SwarmRow, TaskStore

_LARGE = 2_000
"""Tasks from which on a run is looked at in a thread, and while it goes on not anew for every reader."""

_FRESH_S = 1.0
_KEPT = 16

_MAX_LOOKED_UP = 2_000
_SAMPLED_TASKS = 5_000
_SAMPLES = 200
_FEW = 5
"""Samples below which those of calls that build on others are not told apart from the rest."""


class Limits(Protocol):
    """What is configured for a lane; None: not limited."""

    @property
    def max_concurrency(self) -> int: ...

    @property
    def requests_per_minute(self) -> int | None: ...

    @property
    def tokens_per_minute(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A forecast, where its lanes lead, on how many calls each of them was measured, and what was assumed, in words."""

    forecast: Forecast
    routes: Mapping[str, Route]
    measured: Mapping[str, int]
    assumptions: Sequence[str]


class InsightService:
    """Args:
    limits: what is configured for a lane (``Route.lane``).
    max_output_tokens: cap on the completion of a call, for tasks without one of their own.
    """

    def __init__(
        self,
        tasks: TaskStore,
        models: Models,
        lanes: Lanes,
        clock: Clock,
        limits: Callable[[str], Limits],
        max_output_tokens: int,
    ) -> None:
        self._tasks = tasks
        self._models = models
        self._lanes = lanes
        self._clock = clock
        self._limits = limits
        self._max_output_tokens = max_output_tokens
        self._known: OrderedDict[str, tuple[int, float, CriticalPath]] = OrderedDict()
        self._looking = asyncio.Lock()

    # --- what was --------------------------------------------------------------------------------------------------

    async def critical_path(self, swarm: SwarmRow) -> CriticalPath:
        """Return where the time of a run went: until its end, or now. That of a large run may be a second old.

        Raises:
            StoreUnavailable: the database could not be read.
        """
        known = self._still_known(swarm)
        if known is not None:
            return known
        async with self._looking:  # many readers of one large run must not look at it side by side
            known = self._still_known(swarm)
            if known is not None:
                return known
            found = await self._look(swarm)
            self._known[swarm.swarm_id] = (swarm.last_seq, self._clock.monotonic(), found)
            self._known.move_to_end(swarm.swarm_id)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return found

    def _still_known(self, swarm: SwarmRow) -> CriticalPath | None:
        last_seq, at, path = self._known.get(swarm.swarm_id, (0, 0.0, None))
        if swarm.ended_at_ms is not None:
            return path if last_seq == swarm.last_seq else None
        return path if swarm.counts.total >= _LARGE and self._clock.monotonic() < at + _FRESH_S else None

    async def _look(self, swarm: SwarmRow) -> CriticalPath:
        until_ms = self._clock.now_ms() if swarm.ended_at_ms is None else swarm.ended_at_ms
        timings = await self._tasks.timings(swarm.swarm_id)

        def blame() -> CriticalPath:
            return critical_path(
                timings,
                chain,
                created_at_ms=swarm.created_at_ms,
                until_ms=until_ms,
                tried=history.tried,
                throttled=history.throttled,
            )

        if len(timings) < _LARGE:
            chain = critical_chain(timings, until_ms=until_ms)
            history = await self._tasks.history(swarm.swarm_id, _held_up(timings, chain))
            return blame()
        chain = await asyncio.to_thread(critical_chain, timings, until_ms=until_ms)
        history = await self._tasks.history(swarm.swarm_id, _held_up(timings, chain))
        return await asyncio.to_thread(blame)

    # --- what would be ---------------------------------------------------------------------------------------------

    async def predict(
        self, tenant_id: str, spec: SwarmSpec, tasks: Sequence[TaskSpec], *, group_limit: int | None = None
    ) -> Prediction:
        """Predict a run without starting it: no model is called and nothing is stored.

        Args:
            tasks: as for a start, with their roles and models; of a goal the planner alone.
            group_limit: calls at once of the orchestrator it would run under, where that has a limit.

        Raises:
            InvalidRequest: a cycle, an unknown dependency, a duplicate id, an unknown model.
        """
        graph = await asyncio.to_thread(
            Graph.build, [task.task_id for task in tasks], [task.depends_on for task in tasks]
        )
        routes = await self._routes(spec, tasks)
        samples = await self._samples(tenant_id, {route.lane for route in routes.values()})
        standing = {f"{lane.provider}/{lane.model}": lane for lane in self._lanes.snapshot()}
        lanes = {
            route.lane: _outlook(route, samples[route.lane], standing.get(route.lane), self._limits(route.lane))
            for route in routes.values()
        }
        agents = spec.max_parallel_agents if group_limit is None else min(spec.max_parallel_agents, group_limit)
        names = {name: route.lane for name, route in routes.items()}

        def play() -> Forecast:
            jobs = jobs_of(spec, tasks, graph, names, max_output_tokens=self._max_output_tokens)
            return forecast(jobs, lanes, max_parallel_agents=agents, retry=spec.retry)

        found = await asyncio.to_thread(play)
        by_lane = {route.lane: route for route in routes.values() if found.lanes[route.lane].calls}
        measured = {lane: len(samples[lane]) for lane in by_lane}
        assumptions = [
            *_of_the_run(spec, found),
            *(line for lane, route in by_lane.items() for line in _of_a_lane(route, lanes[lane], measured[lane])),
        ]
        return Prediction(forecast=found, routes=by_lane, measured=measured, assumptions=assumptions)

    async def _routes(self, spec: SwarmSpec, tasks: Sequence[TaskSpec]) -> dict[str | None, Route]:
        """Return where the model names lead, each looked up once; that of the run, where it is used, under None."""
        pointers: dict[str | None, str] = {}
        if spec.planner is not None:
            pointers[None] = "/model"
        for index, task in enumerate(tasks):
            pointers.setdefault(task.requested_model, f"/tasks/{index}/model" if task.requested_model else "/model")
        if spec.aggregate.get("strategy") in MODEL:
            merger = spec.aggregate.get("model")
            pointers.setdefault(merger, "/aggregate/model" if merger else "/model")
        routes: dict[str | None, Route] = {}
        for name, pointer in pointers.items():
            try:
                routes[name] = await self._models.resolve(spec.model if name is None else name)
            except UnknownModel as exc:
                raise InvalidRequest(exc.detail, [FieldError(pointer, exc.detail)]) from exc
        return routes

    async def _samples(self, tenant_id: str, lanes: set[str]) -> dict[str, list[Sample]]:
        found: dict[str, list[Sample]] = {lane: [] for lane in lanes}
        for sample in await self._tasks.samples(tenant_id, limit=_SAMPLED_TASKS):
            of_lane = found.get(sample.lane)
            if of_lane is not None and len(of_lane) < _SAMPLES:
                of_lane.append(sample)
        return found


def _held_up(timings: Sequence[Timing], chain: Sequence[int]) -> list[int]:
    """Return those of the chain that had other attempts than the one that answered."""
    tried = [
        index
        for index in chain
        if timings[index].attempts > 1 or (timings[index].attempts and not timings[index].answers)
    ]
    return tried[:_MAX_LOOKED_UP]


def _outlook(route: Route, samples: Sequence[Sample], standing: LaneSnapshot | None, limits: Limits) -> LaneOutlook:
    alone = [sample for sample in samples if not sample.builds_on]
    building = [sample for sample in samples if sample.builds_on]
    failures = sum(sample.failures for sample in samples)
    return LaneOutlook(
        price=route.price,
        alone=_figures(alone if len(alone) >= _FEW else samples),
        building=_figures(building if len(building) >= _FEW else samples),
        error_rate=max(
            failures / (failures + len(samples)) if samples else 0.0, standing.error_rate if standing else 0.0
        ),
        limit=None if standing is None else standing.limit,
        max_concurrency=limits.max_concurrency,
        requests_per_minute=limits.requests_per_minute,
        tokens_per_minute=limits.tokens_per_minute,
    )


def _figures(samples: Sequence[Sample]) -> Figures:
    if not samples:
        return Figures()
    prompt = sum(sample.usage.prompt_tokens for sample in samples)
    return Figures(
        latencies_s=sorted(sample.latency_ms / 1000 for sample in samples),
        output_tokens=sum(sample.usage.completion_tokens for sample in samples) / len(samples),
        cached_share=min(sum(sample.usage.cached_tokens for sample in samples) / prompt, 1.0) if prompt else 0.0,
    )


def _of_a_lane(route: Route, outlook: LaneOutlook, measured: int) -> list[str]:
    """Say what was taken for true of a model."""
    model = route.model
    if measured:
        lines = [f"{model} is as quick and says as much as in your {measured} newest tasks on it"]
    else:
        lines = [
            f"{model} was not measured yet: {ASSUMED_FIRST_TOKEN_S:g} s + {ASSUMED_TOKEN_S * 1000:g} ms a token, "
            f"{ASSUMED_OUTPUT_TOKENS} tokens an answer"
        ]
    if route.price is None:
        lines.append(f"{model} has no known price, so its calls are not in the cost; set one with PUT /v1/prices")
    if outlook.error_rate:
        lines.append(f"{outlook.error_rate:.1%} of the calls of {model} fail and are made again, as they did")
    if outlook.limit is not None:
        lines.append(f"{model} takes {outlook.limit} calls at once, as its provider was seen to")
    return lines


def _of_the_run(spec: SwarmSpec, found: Forecast) -> list[str]:
    """Say what was taken for true of the run, and which of its limits it would pass."""
    lines = [
        "nothing else runs meanwhile, and the service itself takes no time",
        f"{BYTES_PER_TOKEN} bytes of a prompt are a token",
    ]
    if spec.planner is not None:
        subtasks = min(ASSUMED_SUBTASKS, spec.max_agents)
        lines.append(f"the plan of the goal has {subtasks} subtasks that do not wait for each other")
    if spec.validation is not None:
        lines.append("the calls that judge outputs are not counted")
    if found.failed:
        lines.append(f"{found.failed} tasks do not complete")
    if spec.max_steps and found.calls > spec.max_steps:
        lines.append(f"limits.max_steps of {spec.max_steps} does not stop the run, though it would")
    if spec.timeout_s is not None and found.makespan_s > spec.timeout_s:
        lines.append(f"limits.timeout_s of {spec.timeout_s:g} does not stop the run, though it would")
    caps = spec.budget
    if caps is not None:
        cost = sum(lane.cost_nano_usd or 0 for lane in found.lanes.values())
        tokens = sum(lane.prompt_tokens + round(lane.completion_tokens) for lane in found.lanes.values())
        if caps.max_cost_nano_usd is not None and cost > caps.max_cost_nano_usd:
            cap = budgets.dollars(caps.max_cost_nano_usd)
            lines.append(f"budget.max_cost_usd of {cap} does not stop the run, though it would")
        if caps.max_tokens is not None and tokens > caps.max_tokens:
            lines.append(f"budget.max_tokens of {caps.max_tokens} does not stop the run, though it would")
    return lines
