"""Row 14 rests on a model that calls a tool while it is offered any, and on sub-agents that share the steps evenly."""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp
import orjson
import pytest

from scripts.benchmarks.model_server import REPLY
from scripts.benchmarks.processes import Children
from scripts.benchmarks.rows import all_rows
from scripts.benchmarks.rows.tools import _calls_by_agent
from scripts.benchmarks.tool_calling_model import TOOL, tool_calling_model


@pytest.mark.anyio
async def test_the_model_calls_the_tool_while_it_is_offered_any(tmp_path: Path) -> None:
    asked = {"model": "mock", "messages": [{"role": "user", "content": "x" * 300_000}]}
    offering = asked | {"tools": [{"type": "function", "function": {"name": TOOL}}]}
    async with tool_calling_model(Children(tmp_path), 0.01) as server, aiohttp.ClientSession() as session:
        said = []
        for body in (offering, offering, asked):
            async with session.post(server.url, data=orjson.dumps(body)) as response:
                said.append(orjson.loads(await response.read())["choices"][0]["message"])
        process_id = server.child.process.pid

    first, second, last = said
    assert [message["tool_calls"][0]["function"]["name"] for message in (first, second)] == [TOOL, TOOL]
    keys = {orjson.loads(one["tool_calls"][0]["function"]["arguments"])["key"] for one in (first, second)}
    assert len(keys) == 2
    assert (last["content"], "tool_calls" in last) == (REPLY, False)
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_the_steps_are_shared_as_evenly_as_can_be() -> None:
    calls = _calls_by_agent(300, 4_000)

    assert (len(calls), sum(calls), min(calls), max(calls)) == (300, 4_000, 13, 14)
    assert 14 in all_rows()
