"""Clients as users write them: one that keeps to a rate of its own, and one that backs off when it is told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import aiohttp
import pytest
import requests

from tests.support.service import MockModelProcess, ServiceProcess

# --- the programs ----------------------------------------------------------------------------------------------------


class RateLimiter:
    """So many calls a second, evenly spaced, and so many at once."""

    def __init__(self, per_s: float, at_once: int) -> None:
        self.interval_s = 1 / per_s
        self.next_at = 0.0
        self.slots = asyncio.Semaphore(at_once)

    async def __aenter__(self) -> None:
        await self.slots.acquire()
        now = time.monotonic()
        at = max(now, self.next_at)
        self.next_at = at + self.interval_s
        await asyncio.sleep(at - now)

    async def __aexit__(self, *error: object) -> None:
        self.slots.release()


async def ask_politely(base_url: str, prompts: list[str], per_s: float) -> list[str]:
    limiter = RateLimiter(per_s, at_once=10)

    async def ask(session: aiohttp.ClientSession, prompt: str) -> str:
        body = {"model": "mock", "messages": [{"role": "user", "content": prompt}]}
        async with limiter, session.post(f"{base_url}/chat/completions", json=body) as response:
            response.raise_for_status()
            return str((await response.json())["choices"][0]["message"]["content"])

    async with aiohttp.ClientSession(headers={"Authorization": "Bearer local"}) as session:
        return list(await asyncio.gather(*(ask(session, prompt) for prompt in prompts)))


class BackingOff:
    """Knows one thing of an error: whether its text says ``rate_limit``."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.turned_away = 0
        self.lock = Lock()

    def ask(self, prompt: str) -> str:
        body = {"model": "mock", "messages": [{"role": "user", "content": prompt}]}
        for attempt in range(10):
            response = requests.post(f"{self.base_url}/chat/completions", json=body, timeout=30)
            if response.status_code == 200:
                return str(response.json()["choices"][0]["message"]["content"])
            if "rate_limit" not in str(response.json()["error"]["message"]).lower():
                raise RuntimeError(response.text)
            with self.lock:
                self.turned_away += 1
            time.sleep(float(response.headers.get("Retry-After", 2**attempt)))
        raise RuntimeError("given up")


# --- their tests -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("mock"), "--latency-ms", "20", "--reply", "ok") as process:
        yield process


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess) -> Iterator[str]:
    with ServiceProcess(tmp_path_factory.mktemp("limited"), *mock.as_provider()) as service:
        yield f"{service.url}/v1"


def limit(mock: MockModelProcess, per_s: float) -> None:
    requests.post(f"{mock.root_url}/mock/reset", timeout=10).raise_for_status()
    requests.patch(f"{mock.root_url}/mock/config", json={"rate_limit": per_s}, timeout=10).raise_for_status()


def stats(mock: MockModelProcess) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{mock.root_url}/mock/stats", timeout=10).json()
    return found


def test_a_client_with_its_own_limiter_is_never_turned_away(base_url: str, mock: MockModelProcess) -> None:
    """A gateway call is one call: nothing is sent twice, and nothing is held back until it comes in bursts."""
    limit(mock, 40)
    began = time.monotonic()
    answers = asyncio.run(ask_politely(base_url, [f"prompt {n}" for n in range(60)], per_s=40))
    took_s = time.monotonic() - began

    assert answers == ["ok"] * 60
    assert stats(mock)["by_status"] == {"200": 60}
    assert took_s >= 59 / 40


def test_a_client_that_knows_rate_limit_backs_off(base_url: str, mock: MockModelProcess) -> None:
    """a 429 there says ``rate_limit`` in ``error.code`` and in the message."""
    limit(mock, 8)
    client = BackingOff(base_url)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(client.ask, [f"prompt {n}" for n in range(16)]))
    counted = stats(mock)

    assert answers == ["ok"] * 16
    assert client.turned_away == counted["by_status"]["429"] > 0
    assert counted["by_status"]["200"] == 16


def test_the_services_own_sub_agents_wait_for_the_provider(base_url: str, mock: MockModelProcess) -> None:
    """A refusal of the provider costs a sub-agent time, never its task: ``max_retries`` of 0 is not used up."""
    limit(mock, 10)
    body: dict[str, Any] = {"name": "throttled", "model": "mock", "swarm_config": {"max_retries": 0}}
    requests.post(f"{base_url}/agents/create", json=body, timeout=30).raise_for_status()
    work = {"tasks": [{} for _ in range(15)], "orchestrator_id": "throttled"}
    summary = requests.post(f"{base_url}/agents/batch-execute", json=work, timeout=60).json()["summary"]

    assert summary["successful"] == 15
    assert stats(mock)["by_status"]["429"] > 0
