"""The swarms that are posted, built before any clock runs, and what the service makes of one of their tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from scripts.benchmarks.model_server import COMPLETION

_HOP_HEADERS = {"host", "content-length", "connection"}
_CAPTURE_S = 30.0


def task(index: int, depends_on: Sequence[str] = (), padding_bytes: int = 0) -> dict[str, Any]:
    """A task whose prompt is of the same length whatever its index."""
    prompt = f"Review section {index:05d} of the report and say in two sentences what is missing from it."
    if padding_bytes:
        text = f" Section {index:05d}:" + " the figures of the year and what they are made of;" * (
            padding_bytes // 50 + 1
        )
        prompt += text[: max(padding_bytes - len(prompt), 0)]
    body: dict[str, Any] = {"id": f"task-{index:05d}", "prompt": prompt}
    return body | {"depends_on": list(depends_on)} if depends_on else body


def swarm(tasks: Sequence[dict[str, Any]], parallel: int) -> bytes:
    return orjson.dumps({"tasks": tasks, "limits": {"max_parallel_agents": parallel}})


def independent(count: int, parallel: int, padding_bytes: int = 0) -> bytes:
    """``count`` tasks without dependencies, ``parallel`` at once."""
    return swarm([task(index, padding_bytes=padding_bytes) for index in range(count)], parallel)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One request to a model, as the service sends it."""

    headers: dict[str, str]
    body: bytes


class Capture:
    """A model server for one call: keeps what it was sent, so that the floor can send exactly the same."""

    def __init__(self) -> None:
        self._call: asyncio.Future[ModelCall] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Capture:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def call(self) -> ModelCall:
        async with asyncio.timeout(_CAPTURE_S):
            return await self._call

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = (line.partition(":") for line in head.split("\r\n")[1:] if line)
        headers = {name.strip(): value.strip() for name, _, value in fields}
        length = next((int(value) for name, value in headers.items() if name.lower() == "content-length"), 0)
        body = await reader.readexactly(length)
        answer = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(COMPLETION)}\r\n"
        writer.write(f"{answer}Connection: close\r\n\r\n".encode() + COMPLETION)
        await writer.drain()
        writer.close()
        if head.startswith("POST") and not self._call.done():
            sent = {name: value for name, value in headers.items() if name.lower() not in _HOP_HEADERS}
            self._call.set_result(ModelCall(sent, body))
