"""Runs of a tenant on shared credits are billed no more than was prepaid, across stops with calls under way.

The provider keeps its own books (``test_budget_kept``). After a stop the lost calls of all runs hold their worst case
before any run may spend again, whichever is taken up first.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from tests.faults.test_budget_kept import CALL_NANO_USD, PRICE_JSON, RETRY, Vendor, dag
from tests.support.driving import start, until
from tests.support.money import OFFLINE_PRICE, TASK, TASK_CALL, usd_of
from tests.support.providers import ScriptedProvider, hang
from tests.support.service import in_process
from tests.support.stage import accepted

pytestmark = [pytest.mark.anyio]

SEEDS = 8
RUNS = 3
CALLS = 120


async def top_up(client: httpx2.AsyncClient, nano_usd: int, reference: str) -> None:
    body = {"tenant_id": "default", "amount_usd": str(Decimal(nano_usd) / 10**9), "reference": reference}
    accepted(await client.post("/v1/credits", json=body), 201)


async def left_nano_usd(client: httpx2.AsyncClient) -> int:
    found = accepted(await client.get("/v1/credits"))
    assert found["balance_usd"] == pytest.approx(sum(row["amount_usd"] for row in found["items"]), abs=1e-9)
    left: float = found["available_usd"]
    return round(left * 10**9)


async def settled(client: httpx2.AsyncClient, runs: list[str]) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while True:
            found = [accepted(await client.get(at)) for at in runs]
            if all(run["status"] != "running" and not run["counts"]["running"] for run in found):
                return found
            await asyncio.sleep(0.01)


async def test_what_was_lost_is_held_before_any_run_spends_again(tmp_path: Path) -> None:
    """Two runs, each with a call under way at the stop, and credits for a third: there is no fourth and no fifth."""
    provider = ScriptedProvider(hang)
    async with in_process(tmp_path, provider=provider, credits=True) as client:
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await top_up(client, 3 * TASK_CALL, "pay_1")
        for name in ("a", "b"):
            await start(client, [{"id": f"{name}{n}", **TASK} for n in range(3)], limits={"max_parallel_agents": 1})
        await until(lambda: len(provider.running) == 2)
    async with in_process(tmp_path, provider=provider, credits=True) as client:
        await until(lambda: len(provider.calls) == 3)
        for _ in range(50):
            await asyncio.sleep(0.002)
        assert accepted(await client.get("/v1/credits"))["available_usd"] == usd_of(0)

    assert len(provider.calls) == 3


@pytest.mark.long
async def test_runs_on_shared_credits_across_stops(tmp_path: Path) -> None:
    for seed in range(SEEDS):
        await one(tmp_path / str(seed), seed)


async def one(folder: Path, seed: int) -> None:
    random = Random(seed)
    vendor = Vendor(random)
    credits_nano_usd = CALLS * CALL_NANO_USD
    drops = random.choice([0, 1, 2])
    runs: list[str] = []
    while True:
        async with in_process(folder, provider=vendor.provider, credits=True) as client:
            if not runs:
                accepted(await client.put("/v1/prices", json=PRICE_JSON))
                await top_up(client, credits_nano_usd, "pay_1")
                for _ in range(RUNS):
                    limits = {"max_parallel_agents": random.choice([5, 40])}
                    runs.append(await start(client, dag(random), limits=limits, retry=RETRY))
            if drops:
                drops -= 1
                goal = len(vendor.calls) + random.randint(10, 60)
                while len(vendor.calls) < goal and accepted(await client.get(runs[0]))["status"] == "running":
                    await asyncio.sleep(0.001)
                continue  # with calls under way
            paused = await settled(client, runs)
            assert {run["pause_reason"] for run in paused} == {"credits"}, f"seed {seed}: {paused}"
            left = await left_nano_usd(client)
            assert left >= 0, f"seed {seed}"
            assert vendor.billed_nano_usd <= credits_nano_usd - left, f"seed {seed}"

            await top_up(client, 60 * credits_nano_usd, "pay_2")

            found = await settled(client, runs)
            assert {run["status"] for run in found} <= {"completed", "partial"}, f"seed {seed}: {found}"
            assert vendor.billed_nano_usd <= 61 * credits_nano_usd - await left_nano_usd(client), f"seed {seed}"
            return
