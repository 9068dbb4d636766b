"""The daily budget of an API key: all runs that it started share it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from app.services.keys import KeyService
from app.storage.engine import open_database
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.databases import database_in
from tests.support.driving import ended, many, serving, start, until
from tests.support.money import OFFLINE_PRICE, TASK, TASK_BILL, TASK_CALL, usd_of
from tests.support.providers import Call, hang
from tests.support.stage import accepted, pointers

pytestmark = pytest.mark.anyio


async def mint(folder: Path, cap_nano_usd: int) -> dict[str, str]:
    """Headers of a key that may spend so much a day; the service must not be running."""
    folder.mkdir(exist_ok=True)
    async with open_database(await database_in(folder)) as database:
        service = KeyService(database.keys, SystemClock(), SystemEntropy())
        cap = Decimal(cap_nano_usd) / 10**9
        _, secret = await service.create("default", "k", ["read", "run", "admin"], max_cost_per_day_usd=cap)
    return {"Authorization": f"Bearer {secret}"}


async def test_two_runs_of_a_key_pass_its_day_no_more_than_one(tmp_path: Path) -> None:
    calls = 3
    cap = calls * TASK_CALL + TASK_CALL - 1
    key = await mint(tmp_path, cap)

    async def behaviour(_: Call) -> None:
        await hang(_)

    async with serving(tmp_path, behaviour) as (client, provider):
        client.headers.update(key)
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        runs = [await start(client, many(5, **TASK)) for _ in range(2)]
        await until(lambda: len(provider.running) == calls)
        async with asyncio.timeout(30):
            while True:  # each has its share of the calls, or was refused one
                found = [accepted(await client.get(at)) for at in runs]
                if all(run["counts"]["running"] or run["status"] == "paused" for run in found):
                    break
                await asyncio.sleep(0.005)

        assert sum(run["counts"]["running"] for run in found) == calls == provider.most_running
        assert all(run["pause_reason"] == "key_budget" for run in found if run["status"] == "paused")
        for at in runs:
            await client.post(f"{at}/cancel")
        assert len(provider.calls) == calls


async def test_a_run_that_waits_for_its_keys_money_goes_on_when_another_gives_back(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def behaviour(call: Call) -> None:
        if call.task_id == "t0":
            await gate.wait()

    key = await mint(tmp_path, TASK_CALL + TASK_BILL)
    async with serving(tmp_path, behaviour) as (client, provider):
        client.headers.update(key)
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        first = await start(client, many(1, **TASK))
        await until(lambda: provider.running == ["t0"])
        second = await start(client, [{"id": "u0", **TASK}])
        found = await ended(client, second)
        assert (found["status"], found["pause_reason"]) == ("paused", "key_budget")

        gate.set()

        assert (await ended(client, first))["status"] == "completed"
        await until(lambda: provider.asked == ["t0", "u0"])
        async with asyncio.timeout(30):
            while accepted(await client.get(second))["status"] != "completed":
                await asyncio.sleep(0.005)


async def test_what_a_key_spent_today_outlives_the_service(tmp_path: Path) -> None:
    key = await mint(tmp_path, 2 * TASK_CALL)
    async with serving(tmp_path, hang) as (client, provider):
        client.headers.update(key)
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        at = await start(client, many(1, **TASK))
        await until(lambda: len(provider.running) == 1)
    async with serving(tmp_path) as (client, provider):
        client.headers.update(key)
        found = await ended(client, at)
        assert found["status"] == "completed"  # the lost call, and the one that repeats it
        other = await start(client, [{"id": "u0", **TASK}])

        assert (await ended(client, other))["pause_reason"] == "key_budget"
        usage = accepted(await client.get("/v1/usage", params={"group_by": "day"}))["items"][0]
        assert (usage["cost_usd"], usage["unsettled_cost_usd"]) == (usd_of(TASK_BILL), usd_of(TASK_CALL))


async def test_a_capped_key_starts_nothing_on_a_model_without_a_price(tmp_path: Path) -> None:
    key = await mint(tmp_path, 10**9)
    config = {"default_model": "dark", "providers": {"mine": {"base_url": "http://127.0.0.1:9/v1", "models": ["dark"]}}}
    async with serving(tmp_path, **config) as (client, _):
        client.headers.update(key)

        assert pointers(await client.post("/v1/swarms", json={"tasks": many(1)})) == ["/model"]
