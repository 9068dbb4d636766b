"""Row 8: accepting a swarm durably, beside a bare FastAPI endpoint that parses the same body and does nothing."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence

import aiohttp

from scripts.benchmarks.bench import FOREVER_S, Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.processes import ProcessFailure, free_port, listening
from scripts.benchmarks.swarm_bodies import independent

_CONNECTIONS = 8
_TASKS = 100
_START_S = 30.0
_BARE_TIMES = 10
"""As many more requests to the bare endpoint, so that it is measured for about as long."""

_ONE_RUN = {"SWARMD_MAX_RUNS": "1"}


async def _requests_per_s(url: str, body: bytes, count: int) -> float:
    """Post ``body`` ``count`` times over keep-alive connections, each with one request at a time."""
    left = count
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, headers={"Content-Type": "application/json"}) as session:

        async def client() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                async with session.post(url, data=body) as response:
                    answer = await response.read()
                    if response.status != 201:
                        raise ProcessFailure(f"{url} answered {response.status}: {answer[:300].decode()}")

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
        return count / (time.perf_counter() - began)


async def _measure(bench: Bench) -> Sequence[Finding]:
    body = independent(_TASKS, 1)
    count = bench.size(600, 100)
    port = free_port()
    bare_url = f"http://127.0.0.1:{port}/v1/swarms"
    command = [sys.executable, "-m", "scripts.benchmarks.bare_endpoint", str(port)]
    bare, accepted, with_runs = [], [], []
    async with (
        bench.model(latency_s=FOREVER_S) as model,
        bench.children.started("bare-endpoint", command) as child,
        bench.service(model, _ONE_RUN) as quiet,
        bench.service(model) as default,
    ):
        await listening(child, port, _START_S)
        for index in range(bench.runs + 1):
            size = count if index else _CONNECTIONS * 4
            rates = [
                await _requests_per_s(bare_url, body, size * _BARE_TIMES),
                await _requests_per_s(f"{quiet.base_url}/v1/swarms", body, size),
                await _requests_per_s(f"{default.base_url}/v1/swarms", body, size),
            ]
            if index:
                bare.append(rates[0])
                accepted.append(rates[1])
                with_runs.append(rates[2])
    what = "bare endpoint"
    goal = Goal(0.6, of_ratio=True, at_least=True)
    return [
        Finding(
            what="swarms of 100 tasks accepted durably",
            unit="1/s",
            values=accepted,
            references=bare,
            reference=what,
            goal=goal,
        ),
        Finding(what="the same while each also starts", unit="1/s", values=with_runs, references=bare, reference=what),
    ]


ROWS = (
    Row(
        number=8,
        title="accepting a swarm of 100 tasks durably",
        measure=_measure,
        how="8 keep-alive connections; the bare endpoint is FastAPI with the same pydantic model on the same uvicorn "
        "settings and stores nothing. So that accepting is compared with accepting, the goal's service has max_runs=1: "
        "one swarm hangs, all others are stored and wait. The second line is the default: every swarm also gets its "
        "runner and starts one hanging call meanwhile",
    ),
)
