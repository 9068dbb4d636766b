"""Row 13: a service that was killed goes on: how long until it makes the first call again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from scripts.benchmarks.bench import Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.processes import free_port
from scripts.benchmarks.service import Service, data_directory, serving
from scripts.benchmarks.stamping_model import StampingModel, stamping_model
from scripts.benchmarks.swarm_bodies import independent

_PARALLEL = 300
_LATENCY_S = 0.2
_POLL_S = 0.05
_POLLS = 1200


async def _half_done(service: Service, swarm_id: str, count: int) -> None:
    """Return once half of ``count`` tasks are completed."""
    for _ in range(_POLLS):
        if (await service.get(f"/v1/swarms/{swarm_id}"))["counts"]["completed"] >= count // 2:
            return
        await asyncio.sleep(_POLL_S)
    raise service.child.failure("did not come to the half of the run")


async def _restart_s(bench: Bench, count: int) -> tuple[float, float]:
    """Return how long after the start of the process the first call came, and how long until it took connections."""
    port = free_port()
    async with stamping_model(bench.children, _LATENCY_S, 0.0) as model:
        with data_directory(bench.options.data_root) as data_dir:
            async with serving(bench.children, data_dir, port, model.server.base_url) as service:
                swarm_id = await service.submit(independent(count, _PARALLEL))
                await _half_done(service, swarm_id, count)
                service.child.kill()
                await service.child.process.wait()
            began_at = time.perf_counter()
            async with serving(bench.children, data_dir, port, model.server.base_url):
                listens_at = time.perf_counter()
                return await _first_call_at(model, began_at) - began_at, listens_at - began_at


async def _first_call_at(model: StampingModel, began_at: float) -> float:
    for _ in range(_POLLS):
        if (at := await model.first_after(began_at)) is not None:
            return at
        await asyncio.sleep(_POLL_S)
    raise model.server.child.failure("saw no call after the restart")


async def _measure(bench: Bench) -> Sequence[Finding]:
    count = bench.size(10_000, 3_000)
    measured = [await _restart_s(bench, count) for _ in range(bench.runs + 1)][1:]
    return [
        Finding(
            what=f"start of the process to the first call, {count:,} tasks half done",
            unit="s",
            values=[first_call_s for first_call_s, _ in measured],
            goal=Goal(2),
        ),
        Finding(what="until it takes connections", unit="s", values=[listening_s for _, listening_s in measured]),
    ]


ROWS = (
    Row(
        number=13,
        title="restart with a 10,000-task run half done: first new call",
        measure=_measure,
        how="killed with SIGKILL at half, started again on the same data directory and port; seen by the model server, "
        "on the machine's one monotonic clock: from just before the process is made to when the request is read whole",
    ),
)
