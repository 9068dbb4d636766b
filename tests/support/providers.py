"""A chat provider that does as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import orjson

from app.domain.usage import Usage
from app.ports.provider import ChatDelta, ChatRequest, ChatResult, Sink

Behaviour = Callable[["Call"], Awaitable[ChatResult | str | None]]


class Call:
    """One call that reached the provider.

    Attributes:
        task_id: read from the ``## Task`` section of the prompt.
        number: how many calls for this task came before, plus one.
    """

    def __init__(self, request: ChatRequest, number: int) -> None:
        self.request = request
        self.prompt: str = request.messages[-1]["content"]
        self.task_id = task_id_of(request)
        self.number = number

    @property
    def inputs(self) -> dict[str, Any]:
        """The ``## Inputs`` section, in its order."""
        _, _, text = self.prompt.partition("\n\n## Inputs\n")
        return dict(orjson.loads(text)) if text else {}


class _Completes(Protocol):
    async def complete(self, request: ChatRequest) -> ChatResult: ...


class InOnePiece:
    """Streams what ``complete`` answers, in one piece."""

    async def stream(self: _Completes, request: ChatRequest, sink: Sink) -> ChatResult:
        result = await self.complete(request)
        await sink(ChatDelta(model=result.model, content=result.content))
        return result


class ScriptedProvider(InOnePiece):
    """Answers ``done <task id>``, or as ``behaviour`` says; keeps what it was asked.

    Attributes:
        calls: every call, in the order of arrival.
        running: tasks with a call under way; ``most_running`` is the largest number there ever was.
        cancelled: tasks whose call was cancelled, which is what closes a connection.
    """

    name = "offline"

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self._behaviour = behaviour
        self.calls: list[Call] = []
        self.running: list[str] = []
        self.most_running = 0
        self.cancelled: list[str] = []

    async def complete(self, request: ChatRequest) -> ChatResult:
        task_id = task_id_of(request)
        call = Call(request, 1 + sum(other.task_id == task_id for other in self.calls))
        self.calls.append(call)
        self.running.append(call.task_id)
        self.most_running = max(self.most_running, len(self.running))
        try:
            answer = await self._behaviour(call) if self._behaviour else None
        except asyncio.CancelledError:
            self.cancelled.append(call.task_id)
            raise
        finally:
            self.running.remove(call.task_id)
        if isinstance(answer, ChatResult):
            return answer
        usage = Usage(prompt_tokens=10, completion_tokens=2)
        return ChatResult(content=f"done {call.task_id}" if answer is None else answer, model="scripted", usage=usage)

    async def models(self) -> Sequence[str]:
        return ["scripted"]

    @property
    def asked(self) -> list[str]:
        """Task ids in the order their calls arrived."""
        return [call.task_id for call in self.calls]


async def hang(_: Call) -> None:
    """Never answer."""
    await asyncio.get_running_loop().create_future()


def task_id_of(request: ChatRequest) -> str:
    content: str = request.messages[-1]["content"]
    _, _, section = content.partition("## Task\n")
    return str(orjson.loads(section.partition("\n\n## Inputs\n")[0])["id"])
