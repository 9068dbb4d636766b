"""What rows are handed: sizes, and the processes to measure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks import floor as floors
from scripts.benchmarks import model_server as models
from scripts.benchmarks import service as services
from scripts.benchmarks.floor import Floor
from scripts.benchmarks.model_server import ModelServer
from scripts.benchmarks.processes import Children
from scripts.benchmarks.service import Service
from scripts.benchmarks.swarm_bodies import Capture, ModelCall, independent

LATENCY_S = 0.2
"""Of the model, unless a row says otherwise."""

FOREVER_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Attributes:
    runs: of everything that takes seconds; shorter things are repeated more often.
    quick: small sizes, to see that a row works; goals are judged all the same.
    data_root: directory in which data directories are made.
    """

    runs: int = 3
    quick: bool = False
    data_root: Path | None = None


class Bench:
    def __init__(self, options: Options, children: Children) -> None:
        self.options = options
        self.children = children
        self.model_kind = ""
        self._call: ModelCall | None = None

    @property
    def runs(self) -> int:
        return self.options.runs

    @property
    def short_runs(self) -> int:
        """Runs of what takes well under a second."""
        return self.options.runs * (1 if self.options.quick else 5)

    def size(self, full: int, quick: int) -> int:
        return quick if self.options.quick else full

    @asynccontextmanager
    async def model(self, latency_s: float = LATENCY_S, jitter_s: float = 0.0) -> AsyncIterator[ModelServer]:
        async with models.model_server(self.children, latency_s, jitter_s) as server:
            self.model_kind = server.kind
            yield server

    @asynccontextmanager
    async def service(self, model: ModelServer, settings: Mapping[str, str] | None = None) -> AsyncIterator[Service]:
        async with services.service(self.children, self.options.data_root, model.base_url, settings) as started:
            yield started

    @asynccontextmanager
    async def floor(self, model: ModelServer) -> AsyncIterator[Floor]:
        """The floor, sending what the service sends for one of our tasks: the same headers and the same body."""
        call = await self.model_call()
        async with floors.floor(self.children, model.url, call.headers, call.body) as started:
            yield started

    async def model_call(self) -> ModelCall:
        """What the service sends to the model for one of our tasks, as once seen."""
        if self._call is None:
            async with Capture() as capture:
                started = services.service(self.children, self.options.data_root, capture.base_url)
                async with started as service:
                    await service.submit(independent(1, 1))
                    self._call = await capture.call()
        return self._call

    async def model_capacity(self) -> float:
        """Requests a second of the model server without its delay; at least."""
        call = await self.model_call()
        async with self.model(latency_s=0.0) as server:
            return await models.capacity(server, call.body)
