"""A client as users write them: a hundred parallel chat completions on aiohttp, then one prompt with all results."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import aiohttp
import orjson
import pytest

from tests.support.service import MockModelProcess, ServiceProcess

# --- the program -----------------------------------------------------------------------------------------------------


class Aggregator:
    """Maps one question over many items and reduces the answers with one last call."""

    def __init__(self, base_url: str, model: str) -> None:
        self.base_url = base_url
        self.model = model
        self.last_messages: list[dict[str, str]] = []
        self.total_cost = 0.0
        self.latencies_ms: list[float] = []

    async def chat(self, session: aiohttp.ClientSession, messages: list[dict[str, str]]) -> str:
        body = {"model": self.model, "messages": messages, "temperature": 0.6}
        async with session.post(f"{self.base_url}/chat/completions", json=body) as response:
            response.raise_for_status()
            answer = await response.json()
        self.latencies_ms.append(answer["latency_ms"])
        self.total_cost += answer["usage"]["cost"]
        return str(answer["choices"][0]["message"]["content"])

    async def run(self, items: list[str]) -> tuple[list[str], str]:
        timeout = aiohttp.ClientTimeout(total=120)
        connector = aiohttp.TCPConnector(limit=100)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            calls = [
                self.chat(session, [{"role": "user", "content": f"Describe this item in one line: {item}"}])
                for item in items
            ]
            results = await asyncio.gather(*calls)
            listed = "\n".join(f"[{number}] {result}" for number, result in enumerate(results))
            self.last_messages = [
                {"role": "system", "content": "You merge results."},
                {"role": "user", "content": f"Summarize all {len(results)} results:\n{listed}"},
            ]
            return list(results), await self.chat(session, self.last_messages)


# --- its tests -------------------------------------------------------------------------------------------------------

ITEMS = [f"item number {number}, made of {['wood', 'iron', 'glass', 'clay'][number % 4]}" for number in range(100)]


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(
        tmp_path_factory.mktemp("mock"), "--latency-ms", "1500", "--latency-jitter-ms", "50"
    ) as process:
        yield process


def test_the_last_prompt_holds_all_hundred_results(
    tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess
) -> None:
    """Every byte of the last prompt reaches the model: what the model server saw; and all hundred ran at once."""
    prices = {"SWARMD_PRICES": '{"mock": {"input_per_mtok": 1, "output_per_mtok": 2}}'}
    with ServiceProcess(tmp_path_factory.mktemp("aggregator"), *mock.as_provider(), **prices) as service:
        client = Aggregator(f"{service.url}/v1", "mock")
        results, merged = asyncio.run(client.run(ITEMS))
        stats = asyncio.run(get(f"{mock.root_url}/mock/stats"))
    calls = [call for call in mock.calls() if call["event"] == "received"]

    assert len(results) == 100
    assert all(results)
    assert merged
    assert all(result in client.last_messages[1]["content"] for result in results)
    assert calls[-1]["messages_sha256"] == hashlib.sha256(orjson.dumps(client.last_messages)).hexdigest()
    assert len(calls) == 101
    assert stats["max_in_flight"] == 100
    assert len(client.latencies_ms) == 101
    assert min(client.latencies_ms) >= 150
    assert client.total_cost > 0


async def get(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        found: dict[str, Any] = await response.json()
        return found


@pytest.mark.long
def test_keyless_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ServiceProcess(tmp_path_factory.mktemp("keyless")) as service:
        client = Aggregator(f"{service.url}/v1", "kimi-k2.5")
        results, merged = asyncio.run(client.run(ITEMS))

    assert len(results) == 100
    assert all(results)
    assert merged
