"""Faults that only a stream shows: an answer that stops midway, with an error or without a word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.providers.mock_model import MockModelConfig, listening

pytestmark = pytest.mark.anyio

REPLY = " ".join(f"word{number}" for number in range(60))


@asynccontextmanager
async def answered(body: dict[str, Any], **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
    async with listening(MockModelConfig(reply=REPLY, **options)) as server, aiohttp.ClientSession() as session:
        request = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **body}
        async with session.post(f"{server.base_url}/chat/completions", json=request) as response:
            yield response


async def test_an_error_comes_in_place_of_the_rest() -> None:
    async with answered({"stream": True}, error_midway_rate=1.0) as response:
        events = [json.loads(text.removeprefix("data: ")) for text in (await response.text()).strip().split("\n\n")]

    said = "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-1])
    assert REPLY.startswith(said)
    assert 0 < len(said) < len(REPLY)
    assert events[-1]["error"]["type"] == "server_error"


async def test_an_answer_in_one_piece_is_that_error_alone() -> None:
    async with answered({}, error_midway_rate=1.0, error_status=503) as response:
        assert response.status == 503


@pytest.mark.parametrize("stream", [True, False])
async def test_half_an_answer_and_then_nothing(stream: bool, tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    async with answered({"stream": stream}, stall_rate=1.0, call_log=str(log)) as response:
        assert b"word0" in await response.content.readany()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await response.content.read()
        response.close()
        async with asyncio.timeout(30):
            while '"dropped"' not in log.read_text():
                await asyncio.sleep(0.005)
