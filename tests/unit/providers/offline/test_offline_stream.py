"""The offline model's streamed answers: the same words, a few at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.ports.provider import ChatDelta, ChatRequest
from app.providers.offline import OfflineProvider
from app.providers.offline.provider import PIECE_CHARACTERS

pytestmark = pytest.mark.anyio


def ask(content: str, **fields: Any) -> ChatRequest:
    return ChatRequest(model="offline", messages=[{"role": "user", "content": content}], **fields)


async def streamed(request: ChatRequest) -> tuple[list[ChatDelta], Any]:
    deltas: list[ChatDelta] = []

    async def sink(delta: ChatDelta) -> None:
        deltas.append(delta)

    return deltas, await OfflineProvider().stream(request, sink)


async def test_the_pieces_are_the_answer() -> None:
    request = ask("1. Compare ponds\n2. Compare salt caverns\n3. Compare hot sand")
    deltas, result = await streamed(request)
    again, _ = await streamed(request)

    assert result == await OfflineProvider().complete(request)
    assert "".join(delta.content or "" for delta in deltas) == result.content
    assert all(len(delta.content or "") <= PIECE_CHARACTERS for delta in deltas)
    assert len(deltas) > 1
    assert again == deltas


async def test_a_tool_call_is_one_piece() -> None:
    function = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    choice = {"type": "function", "function": {"name": "get_weather"}}
    request = ask("Weather in Oslo?", tools=[{"type": "function", "function": function}], tool_choice=choice)
    deltas, result = await streamed(request)

    assert [(call.index, call.name, call.arguments) for delta in deltas for call in delta.tool_calls] == [
        (0, "get_weather", result.tool_calls[0].arguments)
    ]


async def test_a_long_answer_lets_others_run_and_has_few_pieces() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    words = " ".join(f"word{number}" for number in range(20_000))
    deltas, result = await streamed(ask(f"Repeat exactly: {words}"))
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)

    assert "".join(delta.content or "" for delta in deltas) == (result.content or "")
    assert len(deltas) <= 2_001
    assert turns >= len(deltas)
