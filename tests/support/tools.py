"""Tools that do as a test says, and a model that calls them turn by turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import orjson

from app.domain.usage import Usage
from app.main import create_app
from app.ports.provider import ChatRequest, ChatResult, ToolCall
from app.ports.tools import Tool, ToolContext, ToolResult, ToolSpec
from tests.support.providers import InOnePiece
from tests.support.service import in_process

NUMBER = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0}},
    "required": ["n"],
    "additionalProperties": False,
}
USAGE = Usage(prompt_tokens=10, completion_tokens=2)

Behaviour = Callable[[ToolContext, Mapping[str, Any]], Awaitable[ToolResult | str | None]]


class Probe:
    """A tool that answers ``<name> of <n>``, or as ``behaviour`` says.

    Attributes:
        runs: for whom and with which arguments it ran, in order.
        running: runs under way; ``most_running`` is the largest number there ever was.
        cancelled: runs that were.
        reason: why it is unavailable.
    """

    def __init__(self, name: str = "probe", behaviour: Behaviour | None = None, **spec: Any) -> None:
        fields: dict[str, Any] = {"description": f"It {name}s.", "parameters": NUMBER}
        self.spec = ToolSpec(name=name, **(fields | spec))
        self.runs: list[tuple[ToolContext, Mapping[str, Any]]] = []
        self.running = self.most_running = self.cancelled = 0
        self.reason: str | None = None
        self._behaviour = behaviour

    def unavailable(self) -> str | None:
        return self.reason

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        self.runs.append((context, arguments))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            said = await self._behaviour(context, arguments) if self._behaviour else None
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if said is None:
            said = f"{self.spec.name} of {arguments.get('n')}"
        return ToolResult(content=said) if isinstance(said, str) else said

    @property
    def given(self) -> list[Any]:
        """The number of each run, in order."""
        return [arguments.get("n") for _, arguments in self.runs]


async def hanging(_: ToolContext, __: Mapping[str, Any]) -> None:
    """Never end."""
    await asyncio.get_running_loop().create_future()


def calling(name: str, arguments: Any = None, call_id: str = "c1") -> ToolCall:
    """A call as a model makes it; ``arguments`` are raw text or anything that JSON holds."""
    text = arguments if isinstance(arguments, str) else json.dumps({"n": 1} if arguments is None else arguments)
    return ToolCall(id=call_id, name=name, arguments=text)


def answer_of(*said: ToolCall | str, **fields: Any) -> ChatResult:
    """A model's answer: its text, if any, and the tools that it calls."""
    texts = [part for part in said if isinstance(part, str)]
    calls = tuple(part for part in said if isinstance(part, ToolCall))
    plain: dict[str, Any] = {"content": "".join(texts) if texts else None, "model": "scripted", "usage": USAGE}
    return ChatResult(**(plain | {"tool_calls": calls} | fields))


class Asked:
    """A request that reached the model: for which task, and what it was told of tools."""

    def __init__(self, request: ChatRequest, number: int) -> None:
        self.request = request
        self.number = number
        self.task_id = task_of(request)
        self.offered = [tool["function"]["name"] for tool in request.tools]
        self.turn = sum("tool_calls" in message for message in request.messages)
        self.results: dict[str, str] = {
            message["tool_call_id"]: message["content"] for message in request.messages if message["role"] == "tool"
        }


class ToolUser(InOnePiece):
    """A model that says ``turns`` one after the other, for each task anew; which comes next follows from the request.

    Attributes:
        asked: every request, in the order of arrival.
        failing: raised once each before any answer, the first first.
    """

    name = "offline"

    def __init__(self, *turns: ChatResult | Callable[[Asked], Awaitable[ChatResult]]) -> None:
        self._turns = turns
        self.asked: list[Asked] = []
        self.failing: dict[int, list[Exception]] = {}

    async def models(self) -> Sequence[str]:
        return ["scripted"]

    async def complete(self, request: ChatRequest) -> ChatResult:
        asked = Asked(request, len(self.asked))
        self.asked.append(asked)
        failures = self.failing.get(asked.turn)
        if failures:
            raise failures.pop(0)
        if asked.turn >= len(self._turns):
            return answer_of(f"done {asked.task_id}")
        said = self._turns[asked.turn]
        return said if isinstance(said, ChatResult) else await said(asked)

    @property
    def turns(self) -> list[int]:
        return [asked.turn for asked in self.asked]


def task_of(request: ChatRequest) -> str:
    """The id in the ``## Task`` section of what the task's first message says; empty for other calls."""
    for message in request.messages:
        _, found, section = str(message.get("content") or "").partition("## Task\n")
        if found:
            return str(orjson.loads(section.partition("\n\n## Inputs\n")[0].partition("\n\n##")[0])["id"])
    return ""


@asynccontextmanager
async def serving_tools(
    folder: Path, model: ToolUser | None, *tools: Tool, **settings: Any
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a service that has these tools beside its own, and whose model is this; the offline one if None."""
    with mock.patch("tests.support.service.create_app", partial(create_app, tools=tools)):
        async with in_process(folder, provider=model, **settings) as client:
            yield client
