"""The scheduler on a real store without HTTP: claim, run, end; with a provider that does as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.dispatch.local import LocalDispatch, LocalDoorbell
from app.domain.swarm import SwarmState
from app.outputs.json_schema import JsonSchemas
from app.ports.allowances import Terms
from app.ports.doorbell import NEW_SWARMS, control_of, end_of
from app.ports.events import EncodedEvent
from app.ports.provider import ChatProvider, Route
from app.ports.runs import Command, NewSwarm
from app.ports.store import SwarmRow
from app.scheduler.admission import Admission
from app.scheduler.agent_loop import AgentLoop
from app.scheduler.allowances import Allowances
from app.scheduler.executor import Executor
from app.scheduler.growing import Growing
from app.scheduler.lanes import LaneSettings
from app.scheduler.reducer import Reducer
from app.scheduler.routing import Routing
from app.scheduler.runner import Machinery
from app.scheduler.supervisor import Supervisor
from app.scheduler.tool_runner import ToolRunner
from app.storage.database import Database
from app.storage.engine import open_database
from app.telemetry.prometheus import NoMetrics
from app.telemetry.system import SystemClock, SystemEntropy
from app.tools.registry import Registry

DEADLINE_S = 30.0


class OneModel:
    """Leads every name to one provider (``ports.provider.Models``), whose one model holds ``context_tokens``."""

    def __init__(self, provider: ChatProvider, context_tokens: int | None = None) -> None:
        self._provider = provider
        self._context_tokens = context_tokens

    async def resolve(self, requested: str | None) -> Route:
        return Route(
            requested=requested or "m", provider=self._provider, model="m", context_tokens=self._context_tokens
        )

    async def names(self) -> Sequence[str]:
        return ["m"]


class NoFeed:
    """Nobody watches."""

    def publish(self, agent_id: str, swarm_id: str, position: int, events: Sequence[EncodedEvent]) -> None:
        """Nothing is handed on."""

    def attach(self, state: SwarmState) -> None:
        """Nothing is watched."""

    def detach(self, state: SwarmState) -> None:
        """Nothing was watched."""


@dataclass(frozen=True, slots=True)
class Scheduling:
    """A scheduler at work, and what a test needs to steer it."""

    store: Database
    shared: Machinery

    async def add(self, swarm: NewSwarm) -> str:
        await self.store.swarms.create(swarm)
        self.shared.doorbell.ring(NEW_SWARMS)
        return swarm.state.swarm_id

    async def cancel(self, swarm_id: str) -> None:
        assert await self.store.swarms.command("default", swarm_id, Command("cancel"))
        self.shared.doorbell.ring(control_of(swarm_id))

    async def end(self, swarm_id: str) -> SwarmRow:
        """Wait for the end of a run."""
        rang = asyncio.Event()
        async with asyncio.timeout(DEADLINE_S):
            with self.shared.doorbell.listen(end_of(swarm_id), rang.set):
                row = await self.store.swarms.get("default", swarm_id)
                assert row is not None
                if row.ended_at_ms is None:
                    await rang.wait()
        row = await self.store.swarms.get("default", swarm_id)
        assert row is not None
        assert row.ended_at_ms is not None
        return row


def machinery(
    store: Database, provider: ChatProvider, *, max_agents: int = 1000, context_tokens: int | None = None
) -> Machinery:
    clock = SystemClock()
    models = OneModel(provider, context_tokens)
    growing = Growing(models)

    async def no_cap(key_id: str, day: str) -> Terms:
        return Terms(None, 0)

    return Machinery(
        runs=store.runs,
        admission=Admission(
            lambda _: LaneSettings(max_concurrency=max_agents), clock, asyncio.get_running_loop().call_later
        ),
        allowances=Allowances(clock, no_cap),
        routing=Routing(models, {}),
        dispatch=LocalDispatch(
            Executor(
                models,
                AgentLoop(JsonSchemas(), Registry([])),
                ToolRunner(Registry([]), JsonSchemas()),
                growing,
                clock,
                SystemEntropy(),
            )
        ),
        reducer=Reducer(store.tasks, models, growing),
        doorbell=LocalDoorbell(),
        clock=clock,
        metrics=NoMetrics(),
        outbox=lambda state, events, at_ms: (),
        feed=NoFeed(),
    )


@asynccontextmanager
async def scheduling(
    path: Path,
    provider: ChatProvider,
    *,
    before_commit: Callable[[], None] | None = None,
    max_runs: int = 100,
    max_agents: int = 1000,
    context_tokens: int | None = None,
) -> AsyncIterator[Scheduling]:
    """Run a supervisor over the database at ``path`` for as long as the block lasts."""
    async with open_database(path, before_commit=before_commit) as store:
        shared = machinery(store, provider, max_agents=max_agents, context_tokens=context_tokens)
        async with Supervisor(shared, owner="test", max_runs=max_runs).running():
            yield Scheduling(store, shared)
