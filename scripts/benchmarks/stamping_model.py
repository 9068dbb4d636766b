"""A model server that stamps calls: when each request had arrived, when it began to send each answer. One clock.

Like ``floor``, this module starts the process and, run by itself, is it. nginx logs whole milliseconds only, and the
project's mock model would spend at these rates as much CPU as the service that is measured; this one parses no more of
HTTP than it must.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import orjson

from scripts.benchmarks.answering import answer_commands, new_loop, percentile
from scripts.benchmarks.model_server import COMPLETION, MODEL, ModelServer
from scripts.benchmarks.processes import Children

_START_S = 20.0
_ANSWER_S = 30.0
_BACKLOG = 4096
_SEED = 6
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Gaps:
    """From an answer to the request that takes its place, in milliseconds; ``calls`` is how many were answered."""

    calls: int
    lowest: float
    p50: float
    p99: float
    highest: float


class StampingModel:
    def __init__(self, server: ModelServer) -> None:
        self.server = server

    async def gaps(self, slots: int) -> Gaps:
        """Match answer k with request ``slots`` + k of all since the last call of this, and forget them.

        Raises:
            ProcessFailure: there was nothing to match, or more than ``slots`` calls were under way at once, which shows
                as a request before the answer that made room for it.
        """
        child = self.server.child
        found = orjson.loads(await child.ask(orjson.dumps({"slots": slots}), _ANSWER_S))
        if "error" in found:
            raise child.failure(found["error"])
        gaps = Gaps(**found)
        if gaps.lowest < 0:
            raise child.failure(f"saw more than {slots} calls at once")
        return gaps

    async def first_after(self, at: float) -> float | None:
        """Return when the first request after ``at`` had arrived (``perf_counter``), None while there was none."""
        found = orjson.loads(await self.server.child.ask(orjson.dumps({"first_after": at}), _ANSWER_S))
        first_at: float | None = found["at"]
        return first_at


@asynccontextmanager
async def stamping_model(children: Children, latency_s: float, jitter_s: float) -> AsyncIterator[StampingModel]:
    """Answer each call after ``latency_s`` seconds, up to ``jitter_s`` more or less, from a fixed seed."""
    command = [sys.executable, "-m", "scripts.benchmarks.stamping_model", str(latency_s), str(jitter_s)]
    async with children.started("stamping-model", command) as child:
        port = orjson.loads(await child.ask(b"", _START_S))["port"]
        yield StampingModel(ModelServer("stamping model", f"http://127.0.0.1:{port}/v1", child))


# --- the process itself ----------------------------------------------------------------------------------------------


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_COMPLETION = _response(COMPLETION)
_MODELS = _response(orjson.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}))


class _Stamps:
    """Both lists are in order of time, being appended to as it happens."""

    def __init__(self, latency_s: float, jitter_s: float) -> None:
        self._range = latency_s - jitter_s, latency_s + jitter_s
        self._random = random.Random(_SEED)
        self.requests: list[float] = []
        self.answers: list[float] = []

    def delay_s(self) -> float:
        return self._random.uniform(*self._range)

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        if "first_after" in command:
            return {"at": next((at for at in self.requests if at > command["first_after"]), None)}
        requests, answers = self.requests, self.answers
        self.requests, self.answers = [], []
        after = requests[command["slots"] :]
        if not after or len(requests) != len(answers):
            return {"error": f"got {len(requests)} requests and answered {len(answers)}: nothing to match"}
        ordered = sorted((sent - freed) * 1000 for sent, freed in zip(after, answers, strict=False))
        return {
            "calls": len(answers),
            "lowest": ordered[0],
            "p50": percentile(ordered, 50),
            "p99": percentile(ordered, 99),
            "highest": ordered[-1],
        }


class _Connection(asyncio.Protocol):
    """One request at a time, as HTTP clients that do not pipeline send them."""

    def __init__(self, stamps: _Stamps) -> None:
        self._stamps = stamps
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._data += data
        end = self._data.find(_END_OF_HEAD)
        if end < 0 or len(self._data) < end + len(_END_OF_HEAD) + _content_length(self._data[:end]):
            return
        posted = self._data.startswith(b"POST")
        self._data = b""
        if not posted:
            self._transport.write(_MODELS)
            return
        self._stamps.requests.append(now)
        asyncio.get_running_loop().call_later(self._stamps.delay_s(), self._answer)

    def _answer(self) -> None:
        self._stamps.answers.append(time.perf_counter())
        self._transport.write(_COMPLETION)


def _content_length(head: bytes) -> int:
    _, _, value = head.lower().partition(b"\r\ncontent-length:")
    return int(value.partition(b"\r\n")[0]) if value else 0


async def _serve(latency_s: float, jitter_s: float) -> None:
    stamps = _Stamps(latency_s, jitter_s)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(stamps), "127.0.0.1", 0, backlog=_BACKLOG)
    await answer_commands(stamps.answer, {"port": server.sockets[0].getsockname()[1]})


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(float(sys.argv[1]), float(sys.argv[2])))
