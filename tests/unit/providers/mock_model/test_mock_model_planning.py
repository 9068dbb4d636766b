"""Misbehaving planners and orchestrators, scripted over the wire; and a model whose context ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.domain.errors import CycleError
from app.domain.graph import Graph
from app.domain.plan import InvalidPlan, parse_plan
from app.providers.mock_model import MockModelConfig, listening

pytestmark = pytest.mark.anyio

PLAN = {"type": "json_schema", "json_schema": {"name": "plan", "schema": {"type": "object"}}}
TOOLS = [{"type": "function", "function": {"name": "assign_task", "parameters": {"type": "object"}}}]
CYCLE = {"subtasks": [{"id": "a", "prompt": "A", "depends_on": ["b"]}, {"id": "b", "prompt": "B", "depends_on": ["a"]}]}


class Mock:
    """A client of one server."""

    def __init__(self, session: aiohttp.ClientSession, root_url: str) -> None:
        self._session = session
        self._root_url = root_url

    async def script(self, *entries: dict[str, Any]) -> None:
        async with self._session.post(f"{self._root_url}/mock/script", json=list(entries)) as response:
            assert response.status == 200, await response.text()

    async def ask(self, text: str = "hello", **body: Any) -> tuple[int, Any]:
        request = {"model": "m", "messages": [{"role": "user", "content": text}], **body}
        async with self._session.post(f"{self._root_url}/v1/chat/completions", json=request) as response:
            raw = await response.read()
            try:
                return response.status, json.loads(raw)
            except json.JSONDecodeError:
                return response.status, raw

    async def message(self, text: str = "hello", **body: Any) -> dict[str, Any]:
        status, answer = await self.ask(text, **body)
        assert status == 200
        said: dict[str, Any] = answer["choices"][0]["message"]
        return said


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Mock]:
    async with listening(MockModelConfig(**options)) as server, aiohttp.ClientSession() as session:
        yield Mock(session, server.root_url)


@pytest.mark.parametrize(
    "content",
    ["I cannot do that.", '{"subtasks": [{"id": "a", "prompt": "Do', json.dumps(CYCLE), '{"subtasks": []}', "", "[1]"],
)
async def test_only_the_planner_gets_the_bad_plan(content: str) -> None:
    async with serving(reply="fine") as mock:
        await mock.script({"when_format": "plan", "content": content, "times": None})
        assert (await mock.message())["content"] == "fine"
        for _ in range(2):
            assert (await mock.message(response_format=PLAN))["content"] == content


async def test_a_plan_of_thousands_and_one_in_a_circle_arrive_whole() -> None:
    many = {"subtasks": [{"id": f"t{at}", "prompt": "Do it."} for at in range(5000)]}
    async with serving() as mock:
        await mock.script({"content": json.dumps(many)}, {"content": json.dumps(CYCLE)})
        first = json.loads((await mock.message())["content"])
        second = json.loads((await mock.message())["content"])
    with pytest.raises(InvalidPlan, match="5000 subtasks"):
        parse_plan(first, max_subtasks=1000, attachments=[])
    with pytest.raises(InvalidPlan, match="dependencies out"):
        parse_plan(second, max_subtasks=1000, attachments=[])
    with pytest.raises(CycleError):
        Graph.build(["a", "b"], [["b"], ["a"]])


async def test_a_first_answer_that_fails_and_a_repair_that_works() -> None:
    async with serving() as mock:
        await mock.script({"when_format": "plan", "content": "{"})
        assert (await mock.message("## Goal\nWrite a poem", response_format=PLAN))["content"] == "{"
        repaired = json.loads((await mock.message("## Goal\nWrite a poem", response_format=PLAN))["content"])
    assert [task["id"] for task in repaired["subtasks"]] == ["write-poem"]


async def test_tool_calls_without_end_and_with_arguments_that_are_no_json() -> None:
    calls = [{"name": "assign_task", "arguments": '{"agent": "a'}, {"name": "assign_task", "arguments": {"agent": "a"}}]
    async with serving(reply="fine") as mock:
        await mock.script({"when_tools": True, "tool_calls": calls, "times": None})
        assert (await mock.message())["content"] == "fine"
        for _ in range(5):
            message = await mock.message(tools=TOOLS)
            said = [call["function"]["arguments"] for call in message["tool_calls"]]
            assert said == ['{"agent": "a', '{"agent":"a"}']


async def test_cached_tokens_are_told_as_scripted() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 8}}
    async with serving() as mock:
        await mock.script({"content": "x", "usage": usage})
        assert (await mock.ask())[1]["usage"] == usage


async def test_a_prompt_beyond_the_context_is_refused_as_openai_does() -> None:
    async with serving(context_tokens=100, reply="fine") as mock:
        assert (await mock.ask("x" * 200, max_tokens=46))[0] == 200
        status, refused = await mock.ask("x" * 200, max_completion_tokens=47)
        assert (await mock.ask("x" * 400))[0] == 400
    assert status == 400
    assert (refused["error"]["code"], refused["error"]["param"]) == ("context_length_exceeded", "messages")
    assert "maximum context length is 100 tokens" in refused["error"]["message"]


async def test_the_call_log_tells_what_each_call_would_take(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    async with serving(call_log=str(log), context_tokens=100) as mock:
        await mock.ask("x" * 40, max_tokens=20)
        await mock.ask("x" * 4000)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    answered = [
        (line["prompt_tokens"], line["max_tokens"], line["status"]) for line in lines if line["event"] == "answered"
    ]
    assert answered == [(14, 20, 200), (1004, 0, 400)]
