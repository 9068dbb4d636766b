"""The service under test: its own process, its default settings, a data directory of its own, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from scripts.benchmarks.model_server import MODEL
from scripts.benchmarks.processes import Child, Children, ProcessFailure, free_port, listening

_START_S = 60.0
_REQUEST_S = 330.0
_SETTLE_STEP_S = 0.5
_SETTLE_STEPS = 20
_SETTLED = 0.002
_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Run:
    """A finished swarm.

    Attributes:
        wall_s: from before the POST to the last byte of its answer, results included.
        own_s: the swarm's own ``created_at`` to ``ended_at``.
        cpu_s: CPU of the service between the two ends of ``wall_s``.
    """

    wall_s: float
    own_s: float
    cpu_s: float


class Service:
    def __init__(self, child: Child, base_url: str, session: aiohttp.ClientSession) -> None:
        self.child = child
        self.base_url = base_url
        self.session = session

    async def run(self, body: bytes) -> Run:
        """Post a swarm and wait for its results.

        Raises:
            ProcessFailure: not every task completed.
        """
        cpu, began = self.child.cpu_s(), time.perf_counter()
        url = f"{self.base_url}/v1/swarms?wait=300"
        async with self.session.post(url, data=body, headers=_HEADERS) as response:
            answer = await response.read()
        wall_s, cpu_s = time.perf_counter() - began, self.child.cpu_s() - cpu
        swarm = orjson.loads(answer)
        outputs = swarm["results"]["outputs"] if response.status == 201 else []
        if not outputs or swarm["status"] != "completed" or any(task["output"] is None for task in outputs):
            raise self.child.failure(f"did not complete the swarm: {response.status} {answer[:400].decode()}")
        own_s = (
            datetime.fromisoformat(swarm["ended_at"]) - datetime.fromisoformat(swarm["created_at"])
        ).total_seconds()
        return Run(wall_s, own_s, cpu_s)

    async def submit(self, body: bytes) -> str:
        """Post a swarm without waiting; return its id."""
        async with self.session.post(f"{self.base_url}/v1/swarms", data=body, headers=_HEADERS) as response:
            answer = await response.read()
        if response.status != 201:
            raise self.child.failure(f"refused the swarm: {response.status} {answer[:400].decode()}")
        swarm_id: str = orjson.loads(answer)["swarm_id"]
        return swarm_id

    async def get(self, path: str) -> Any:
        async with self.session.get(f"{self.base_url}{path}") as response:
            response.raise_for_status()
            return orjson.loads(await response.read())

    async def cancel(self, swarm_id: str) -> None:
        async with self.session.post(f"{self.base_url}/v1/swarms/{swarm_id}/cancel") as response:
            response.raise_for_status()

    async def until_running(self, swarm_id: str, count: int) -> None:
        """Return once ``count`` attempts of the swarm are under way."""
        for _ in range(600):
            if (await self.get(f"/v1/swarms/{swarm_id}"))["counts"]["running"] >= count:
                return
            await asyncio.sleep(0.1)
        raise self.child.failure(f"did not start {count} attempts within 60 s")

    async def settled_rss_bytes(self) -> int:
        """Resident memory once it stands still."""
        last = self.child.rss_bytes()
        for _ in range(_SETTLE_STEPS):
            await asyncio.sleep(_SETTLE_STEP_S)
            now = self.child.rss_bytes()
            if abs(now - last) <= _SETTLED * last:
                return now
            last = now
        return last


@asynccontextmanager
async def service(
    children: Children, data_root: Path | None, model_base_url: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Service]:
    """Run the service against one model server.

    Args:
        data_root: where its data directory is made and removed; the system's temporary directory if None.
        settings: further ``SWARMD_…`` variables.
    """
    with data_directory(data_root) as data_dir:
        async with serving(children, data_dir, free_port(), model_base_url, settings) as started:
            yield started


@contextmanager
def data_directory(data_root: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="swarmd-bench-", dir=data_root, ignore_cleanup_errors=True) as folder:
        yield Path(folder, "data")


@asynccontextmanager
async def serving(
    children: Children, data_dir: Path, port: int, model_base_url: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Service]:
    """Run the service on a data directory and a port of the caller's, who may have used them before."""
    environment = {
        "SWARMD_PROVIDER_BASE_URL": model_base_url,
        "SWARMD_DEFAULT_MODEL": MODEL,
        "SWARMD_LOG_LEVEL": "warning",
        **(settings or {}),
    }
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--data-dir", str(data_dir)]
    async with children.started("service", command, environment) as child:
        await listening(child, port, _START_S)
        base_url = f"http://127.0.0.1:{port}"
        timeout = aiohttp.ClientTimeout(total=_REQUEST_S)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            async with session.get(f"{base_url}/healthz") as response:
                if response.status != 200:
                    raise ProcessFailure(f"something else than the service answers on port {port}")
            yield Service(child, base_url, session)
