"""The floor: the least a client could do, as a process that this module starts, asks and, run by itself, is.

``asyncio.gather`` over one tuned aiohttp session on uvloop, a semaphore, a body made once, the answer parsed with
orjson, nothing stored. Connections, garbage collection and keep-alive are set as in the service, so that what remains
is the work of orchestrating.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import orjson
from yarl import URL

from scripts.benchmarks.processes import Child, Children

_START_S = 30.0
_BURST_S = 600.0
_KEEPALIVE_S = 60
_GC_THRESHOLD = 50_000


@dataclass(frozen=True, slots=True)
class Burst:
    """``wall_s`` from the first call to the last answer, ``cpu_s`` of the process meanwhile."""

    wall_s: float
    cpu_s: float


class Floor:
    def __init__(self, child: Child) -> None:
        self._child = child

    async def burst(self, calls: int, parallel: int) -> Burst:
        """Make ``calls`` calls, ``parallel`` at once."""
        command = orjson.dumps({"calls": calls, "parallel": parallel})
        return Burst(**orjson.loads(await self._child.ask(command, _BURST_S)))


@asynccontextmanager
async def floor(children: Children, url: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Floor]:
    """Run the floor; it sends ``body`` with ``headers`` to ``url``."""
    async with children.started("floor", [sys.executable, "-m", "scripts.benchmarks.floor"]) as child:
        first = orjson.dumps({"url": url, "headers": dict(headers), "body": body.decode()})
        await child.ask(first, _START_S)
        yield Floor(child)


# --- the process itself ----------------------------------------------------------------------------------------------


async def _open(headers: Mapping[str, str]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=None),
    )


async def _burst(session: aiohttp.ClientSession, url: URL, body: bytes, calls: int, parallel: int) -> Burst:
    gate = asyncio.Semaphore(parallel)

    async def call() -> None:
        async with gate, session.post(url, data=body) as response:
            answer = orjson.loads(await response.read())
            if response.status != 200 or not answer["choices"]:
                raise RuntimeError(f"the model server answered {response.status}")

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(call() for _ in range(calls)))
    return Burst(time.perf_counter() - wall, time.process_time() - cpu)


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ModuleNotFoundError:  # not built for Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _serve() -> None:
    """Answer the commands on standard input, line by line, until it ends."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        setup = orjson.loads(sys.stdin.buffer.readline())
        session = runner.run(_open(setup["headers"]))
        url, body = URL(setup["url"]), setup["body"].encode()
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        print("ready", flush=True)
        for line in sys.stdin.buffer:
            command = orjson.loads(line)
            result = runner.run(_burst(session, url, body, command["calls"], command["parallel"]))
            print(orjson.dumps(result).decode(), flush=True)
        runner.run(session.close())


if __name__ == "__main__":
    _serve()
