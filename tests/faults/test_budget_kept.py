"""Row 21: 300 sub-agents on a budget for 120 calls are billed no more than it, whatever becomes of their calls.

The provider keeps its own books and bills every call from its arrival on: those that fail, that report no usage, whose
answer is lost in a timeout, and those under way when the service is dropped.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from app.domain.usage import Price, Usage
from app.ports.provider import ChatResult, Unavailable
from tests.support.driving import start
from tests.support.figures import report
from tests.support.providers import Call, ScriptedProvider
from tests.support.service import in_process
from tests.support.stage import accepted

pytestmark = [pytest.mark.anyio, pytest.mark.long]

SEEDS = 50
AGENTS = 300
BUDGET_CALLS = 120
PRICE = Price(
    input_nano_per_mtok=600_000_000, output_nano_per_mtok=2_500_000_000, cached_input_nano_per_mtok=100_000_000
)
PRICE_JSON = {"offline": {"input_per_mtok": 0.6, "cached_input_per_mtok": 0.1, "output_per_mtok": 2.5}}
OUTPUT = 200
CALL_NANO_USD = (500 * 600_000_000 + OUTPUT * 2_500_000_000) // 10**6
RETRY = {"max_retries": 3, "base_delay_s": 0.001, "jitter": 0, "hedge_percentile": 95}


class Vendor:
    """Bills by the tokens of the request's bytes at the most, and by its cap on the completion."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.billed_nano_usd = 0
        self.calls: list[str] = []
        self.provider = ScriptedProvider(self.answer)

    async def answer(self, call: Call) -> ChatResult:
        random, request = self.random, call.request
        self.calls.append(call.task_id)
        size = sum(len(message["content"].encode()) for message in request.messages) + 8
        assert request.max_output_tokens == OUTPUT
        full = random.random() < 0.4
        prompt = size if full else random.randint(1, size)
        usage = Usage(
            prompt_tokens=prompt,
            completion_tokens=OUTPUT if full else random.randint(0, OUTPUT),
            cached_tokens=random.randint(0, prompt),
        )
        self.billed_nano_usd += PRICE.cost_nano_usd(usage)
        await asyncio.sleep(random.choice([0, 0, 0.001, 0.003]))
        fate = random.random()
        if fate < 0.03:
            raise Unavailable("the answer is lost", may_be_billed=True)
        if fate < 0.04:
            await asyncio.sleep(10)  # longer than the task waits
        answer = f"done {call.task_id} " + "x" * random.randint(0, 100)
        if fate < 0.07:
            return ChatResult(content=answer, model="m", usage=Usage(), usage_reported=False)
        return ChatResult(content=answer, model="m", usage=usage)


def dag(random: Random) -> list[dict[str, Any]]:
    tasks = []
    for nth in range(AGENTS):
        names = [f"t{random.randrange(nth)}" for _ in range(random.choice([0, 0, 0, 1, 2]) if nth else 0)]
        data = "ä\u2028" * random.randint(0, 30)
        tasks.append(
            {
                "id": f"t{nth}",
                "prompt": "Go on.",
                "data": {"text": data},
                "depends_on": sorted(set(names)),
                "allow_failed_dependencies": True,
                "max_output_tokens": OUTPUT,
                "timeout_s": 0.25,
            }
        )
    return tasks


async def settled(client: httpx2.AsyncClient, at: str) -> dict[str, Any]:
    """The run once it has ended or is paused with nothing under way."""
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = accepted(await client.get(at))
            if found["status"] != "running" and not found["counts"]["running"]:
                return found
            await asyncio.sleep(0.01)


async def completed(client: httpx2.AsyncClient, at: str) -> set[str]:
    items = accepted(await client.get(f"{at}/tasks", params={"state": "completed", "limit": 1000}))["items"]
    return {item["task_id"] for item in items}


async def one(folder: Path, seed: int) -> tuple[float, int, int]:
    """Return the share of the budget that was billed, the tasks done by then, and calls of tasks already recorded."""
    random = Random(seed)
    vendor = Vendor(random)
    cap = BUDGET_CALLS * CALL_NANO_USD
    drops = random.choice([0, 0, 1, 2])
    body = {"budget": {"max_cost_usd": cap / 10**9}, "retry": RETRY}
    limits = {"max_parallel_agents": random.choice([5, 40, 300])}
    done: set[str] = set()
    recorded = 0

    async def look(client: httpx2.AsyncClient, at: str) -> None:
        """What is recorded by now must not be called again."""
        nonlocal done, recorded
        again = Counter(vendor.calls[recorded:])
        assert not done & set(again), f"seed {seed}: called again: {sorted(done & set(again))}"
        done = await completed(client, at)
        recorded = len(vendor.calls)

    at = ""
    while True:
        async with in_process(folder, provider=vendor.provider) as client:
            if not at:
                accepted(await client.put("/v1/prices", json=PRICE_JSON))
                at = await start(client, dag(random), limits=limits, **body)
            if drops:
                drops -= 1
                goal = len(vendor.calls) + random.randint(10, 60)
                while len(vendor.calls) < goal and accepted(await client.get(at))["status"] == "running":
                    await asyncio.sleep(0.001)
                continue  # with calls under way
            paused = await settled(client, at)
            assert (paused["status"], paused["pause_reason"]) == ("paused", "budget"), f"seed {seed}: {paused}"
            assert vendor.billed_nano_usd <= round(paused["budget"]["spent_usd"] * 10**9) <= cap, f"seed {seed}"
            share = vendor.billed_nano_usd / cap
            await look(client, at)
            by_then = len(done)
            raised = 20 * cap
            accepted(await client.patch(at, json={"budget": {"max_cost_usd": raised / 10**9}}))
            found = await settled(client, at)
            assert found["status"] in {"completed", "partial"}, f"seed {seed}: {found}"
            assert vendor.billed_nano_usd <= round(found["budget"]["spent_usd"] * 10**9) <= raised, f"seed {seed}"
            repeated = len(done & set(vendor.calls[recorded:]))
            return share, by_then, repeated


async def test_300_agents_on_a_budget_for_120_calls_50_times(tmp_path: Path) -> None:
    results = [await one(tmp_path / str(seed), seed) for seed in range(SEEDS)]
    shares, by_then, repeated = zip(*results, strict=True)

    assert max(shares) <= 1
    assert sum(repeated) == 0
    report(21, f"billed at most = {max(shares):.1%} of the budget ({SEEDS} seeds, {AGENTS} agents, caps passed: 0)")
    report(21, f"tasks completed within it = {min(by_then)}-{max(by_then)}; recorded calls repeated = {sum(repeated)}")
