"""Runs driven over HTTP in the test's own loop, with a provider that does as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.support.providers import ScriptedProvider
from tests.support.service import in_process

QUICK = {"base_delay_s": 0.001, "jitter": 0}


@asynccontextmanager
async def serving(
    folder: Path, behaviour: Any = None, **settings: Any
) -> AsyncIterator[tuple[httpx2.AsyncClient, ScriptedProvider]]:
    provider = ScriptedProvider(behaviour)
    async with in_process(folder, provider=provider, **settings) as client:
        yield client, provider


async def run(client: httpx2.AsyncClient, tasks: list[dict[str, Any]], **body: Any) -> dict[str, Any]:
    body.setdefault("retry", QUICK)
    response = await client.post("/v1/swarms", params={"wait": 20}, json={"tasks": tasks, **body})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def start(client: httpx2.AsyncClient, tasks: list[dict[str, Any]], **body: Any) -> str:
    response = await client.post("/v1/swarms", json={"tasks": tasks, **body})
    assert response.status_code == 201, response.text
    return f"/v1/swarms/{response.json()['swarm_id']}"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


async def ended(client: httpx2.AsyncClient, at: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = (await client.get(at)).json()
            if found["status"] not in {"running", "aggregating"}:
                return found
            await asyncio.sleep(0.005)


def many(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": f"t{index}", **fields} for index in range(count)]


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {output["task_id"]: output["status"] for output in found["results"]["outputs"]}
