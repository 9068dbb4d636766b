"""A model server that calls a tool for as long as it is offered any, and answers when it is not.

Like ``stamping_model``, this module starts the process and, run by itself, is it, and parses no more of HTTP than it
must. How many calls a sub-agent makes is so decided by its ``max_steps``: the last of them offers no tools.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, cast

import orjson

from scripts.benchmarks.answering import answer_commands, new_loop
from scripts.benchmarks.model_server import COMPLETION, MODEL, REPLY, ModelServer
from scripts.benchmarks.processes import Children

TOOL = "memory_write"

_START_S = 20.0
_BACKLOG = 4096
_KEYS = 300
_END_OF_HEAD = b"\r\n\r\n"
_OFFERED = b'"tools":['


@asynccontextmanager
async def tool_calling_model(children: Children, latency_s: float) -> AsyncIterator[ModelServer]:
    """Answer each call after ``latency_s`` seconds."""
    command = [sys.executable, "-m", "scripts.benchmarks.tool_calling_model", str(latency_s)]
    async with children.started("tool-calling-model", command) as child:
        port = orjson.loads(await child.ask(b"", _START_S))["port"]
        yield ModelServer("tool-calling model", f"http://127.0.0.1:{port}/v1", child)


# --- the process itself ----------------------------------------------------------------------------------------------


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _calling(number: int) -> bytes:
    """An answer that calls the tool: some words and a note, which is another one each time."""
    arguments = orjson.dumps({"key": f"note-{number % _KEYS:03d}", "value": REPLY}).decode()
    answer = orjson.loads(COMPLETION)
    call = {"id": f"call_{number}", "type": "function", "function": {"name": TOOL, "arguments": arguments}}
    message = {"role": "assistant", "content": "I make a note.", "tool_calls": [call]}
    answer["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    return _response(orjson.dumps(answer))


_COMPLETION = _response(COMPLETION)
_MODELS = _response(orjson.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}))


class _Connection(asyncio.Protocol):
    """One request at a time, as HTTP clients that do not pipeline send them."""

    def __init__(self, latency_s: float, numbers: count[int]) -> None:
        self._latency_s = latency_s
        self._numbers = numbers
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(_END_OF_HEAD)
        if end < 0 or len(self._data) < end + len(_END_OF_HEAD) + _content_length(self._data[:end]):
            return
        request, self._data = self._data, b""
        if not request.startswith(b"POST"):
            self._transport.write(_MODELS)
            return
        answer = _calling(next(self._numbers)) if _OFFERED in request else _COMPLETION
        asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, answer)


def _content_length(head: bytes) -> int:
    _, _, value = head.lower().partition(b"\r\ncontent-length:")
    return int(value.partition(b"\r\n")[0]) if value else 0


async def _serve(latency_s: float) -> None:
    numbers = count()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(latency_s, numbers), "127.0.0.1", 0, backlog=_BACKLOG)

    async def nothing_to_tell(_: dict[str, Any]) -> dict[str, Any]:
        return {}

    await answer_commands(nothing_to_tell, {"port": server.sockets[0].getsockname()[1]})


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(float(sys.argv[1])))
