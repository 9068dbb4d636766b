"""What a key may do at most: requests a minute, model calls at once of all that was started with it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest

from app.scheduler import allowances
from tests.support.accounts import mint, problem
from tests.support.driving import many, serving, start, until
from tests.support.money import OFFLINE_PRICE, TASK, TASK_CALL
from tests.support.providers import hang
from tests.support.service import in_process
from tests.support.stage import accepted

pytestmark = pytest.mark.anyio


async def test_above_its_requests_a_minute_a_key_is_told_when_to_come_again(tmp_path: Path) -> None:
    key = await mint(tmp_path, max_requests_per_minute=3)
    other = await mint(tmp_path)
    async with in_process(tmp_path) as client:
        answers = [await client.get("/v1/agents", headers=key) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        refused = problem(answers[-1], 429, "rate_limit")
        assert "3 requests a minute" in refused["detail"]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20  # one more every 20 s

        assert (await client.get("/v1/agents", headers=other)).status_code == 200
        assert (await client.get("/healthz", headers=key)).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/chat/completions"), ("GET", "/v1/models")])
async def test_openais_clients_hear_rate_limit(tmp_path: Path, method: str, path: str) -> None:
    """A 429 there says ``rate_limit`` in ``error.code`` and in the message."""
    key = await mint(tmp_path, max_requests_per_minute=1)
    async with in_process(tmp_path) as client:
        accepted(await client.get("/v1/agents", headers=key))
        refused = await client.request(method, path, headers=key, json={})

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["type"]) == (429, "rate_limit", "rate_limit_error")
    assert "rate_limit" in error["message"]
    assert int(refused.headers["Retry-After"]) >= 1


async def key_id_of(client: httpx2.AsyncClient, key: dict[str, str]) -> str:
    rows = accepted(await client.get("/v1/keys", headers=key))["items"]
    return str(rows[0]["key_id"])


async def test_all_runs_of_a_key_share_its_agents(tmp_path: Path) -> None:
    key, other = await mint(tmp_path, max_parallel_agents=3), await mint(tmp_path)
    async with serving(tmp_path, hang) as (client, provider):
        client.headers.update(key)
        runs = [await start(client, many(4)) for _ in range(3)]
        await until(lambda: len(provider.running) == 3)
        client.headers.update(other)
        runs.append(await start(client, [{"id": "u0"}]))
        await until(lambda: len(provider.running) == 4)
        await asyncio.sleep(0)

        assert provider.most_running == 4
        for at in runs:
            await client.post(f"{at}/cancel")


async def test_the_gateways_calls_count_too(tmp_path: Path) -> None:
    key = await mint(tmp_path, max_parallel_agents=2)
    chat = {"model": "m", "messages": [{"role": "user", "content": '## Task\n{"id": "c"}'}]}
    async with serving(tmp_path, hang) as (client, provider):
        client.headers.update(key)
        asked = [asyncio.create_task(client.post("/v1/chat/completions", json=chat)) for _ in range(3)]
        await until(lambda: len(provider.running) == 2)
        at = await start(client, many(2))
        await until(lambda: len(provider.running) == 2)
        assert provider.most_running == 2
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await until(lambda: sorted(provider.running) == ["t0", "t1"])

        assert provider.most_running == 2
        await client.post(f"{at}/cancel")


async def test_a_raised_limit_holds_at_once_for_what_goes_on(tmp_path: Path) -> None:
    key = await mint(tmp_path, max_parallel_agents=1)
    admin = await mint(tmp_path)
    async with serving(tmp_path, hang) as (client, provider):
        at = await client.post("/v1/swarms", json={"tasks": many(4)}, headers=key)
        await until(lambda: len(provider.running) == 1)

        key_id = await key_id_of(client, key)
        accepted(await client.patch(f"/v1/keys/{key_id}", json={"max_parallel_agents": 3}, headers=admin))

        await until(lambda: len(provider.running) == 3)
        accepted(await client.patch(f"/v1/keys/{key_id}", json={"max_parallel_agents": None}, headers=admin))
        await until(lambda: len(provider.running) == 4)
        await client.post(f"/v1/swarms/{at.json()['swarm_id']}/cancel", headers=admin)


async def test_the_limit_holds_for_what_a_restart_goes_on_with(tmp_path: Path) -> None:
    """No request of the key has come by then."""
    key = await mint(tmp_path, max_parallel_agents=2)
    async with serving(tmp_path, hang) as (client, provider):
        await client.post("/v1/swarms", json={"tasks": many(5)}, headers=key)
        await until(lambda: len(provider.running) == 2)
    async with serving(tmp_path, hang) as (_, provider):
        await until(lambda: len(provider.running) == 2)
        for _ in range(20):
            await asyncio.sleep(0.002)

        assert provider.most_running == 2


async def test_a_raised_budget_of_the_day_lets_paused_work_go_on_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowances, "_LOOK_S", 600.0)  # without a word to those who wait it would be seen then
    key = await mint(tmp_path, max_cost_per_day_usd=Decimal(TASK_CALL) / 10**9)
    admin = await mint(tmp_path)
    async with serving(tmp_path, hang) as (client, provider):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE, headers=admin))
        for number in range(2):
            await client.post("/v1/swarms", json={"tasks": [{"id": f"a{number}", **TASK}]}, headers=key)
        await until(lambda: len(provider.running) == 1)

        key_id = await key_id_of(client, admin)
        raised = {"max_cost_per_day_usd": 2 * TASK_CALL / 10**9}
        accepted(await client.patch(f"/v1/keys/{key_id}", json=raised, headers=admin))

        await until(lambda: len(provider.running) == 2)
