"""Second calls for stragglers, over HTTP: the first answer counts, slots and money permitting."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.driving import many, run, serving, start, until
from tests.support.money import OFFLINE_PRICE, TASK, TASK_BILL, TASK_CALL, usd_of
from tests.support.providers import Call, hang
from tests.support.stage import accepted, pointers

pytestmark = pytest.mark.anyio

HEDGED = {"hedge_percentile": 90, "base_delay_s": 0.001, "jitter": 0, "max_retries": 0}
QUICK_ONES = 20
"""From so many completed attempts on it is known how long most take."""


def with_straggler(**fields: Any) -> list[dict[str, Any]]:
    """Twenty quick tasks, and one behind them that is slow."""
    quick = [{"id": f"q{nth:02}", **fields} for nth in range(QUICK_ONES)]
    return [
        *quick,
        {"id": "zz", "depends_on": [task["id"] for task in quick], "allow_failed_dependencies": True} | fields,
    ]


async def first_call_hangs(call: Call) -> None:
    if call.task_id == "zz" and call.number == 1:
        await hang(call)


async def test_a_straggler_gets_a_second_call_and_the_first_answer_counts(tmp_path: Path) -> None:
    async with serving(tmp_path, first_call_hangs) as (client, provider):
        found = await run(client, with_straggler(), retry=HEDGED)

        assert (found["status"], found["steps"]) == ("completed", QUICK_ONES + 2)
        assert (provider.asked.count("zz"), provider.cancelled, provider.running) == (2, ["zz"], [])
        at = f"/v1/swarms/{found['swarm_id']}"
        events = accepted(await client.get(f"{at}/events"))["items"]
        assert [event["type"] for event in events if event["task_id"] == "zz"] == [
            *("task_waiting", "task_queued", "agent_spawned", "agent_hedged", "agent_completed")
        ]
        task = accepted(await client.get(f"{at}/tasks/zz"))
        assert [attempt["status"] for attempt in task["attempt_log"]] == ["completed"]


async def test_without_being_asked_for_nothing_is_called_twice(tmp_path: Path) -> None:
    async with serving(tmp_path, first_call_hangs) as (client, provider):
        tasks = with_straggler()
        tasks[-1]["timeout_s"] = 0.2
        found = await run(client, tasks, retry=HEDGED | {"hedge_percentile": None})

        assert found["status"] == "partial"
        assert provider.asked.count("zz") == 1


async def test_where_no_slot_is_to_spare_the_straggler_goes_on_alone(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def behaviour(call: Call) -> None:
        if call.task_id == "zz":
            await gate.wait()

    async with serving(tmp_path, behaviour, max_agents=1) as (client, provider):
        at = await start(client, with_straggler(), retry=HEDGED)
        await until(lambda: provider.running == ["zz"])
        async with asyncio.timeout(30):
            while "agent_hedged" not in (await client.get(f"{at}/events")).text:
                await asyncio.sleep(0.005)
        gate.set()
        response = await client.get(f"{at}/events", headers={"Accept": "text/event-stream"})
        assert "swarm_completed" in response.text

        found = accepted(await client.get(at))
        assert (found["status"], found["steps"]) == ("completed", QUICK_ONES + 1)
        assert provider.most_running == 1


async def test_both_calls_are_on_the_account(tmp_path: Path) -> None:
    async with serving(tmp_path, first_call_hangs) as (client, provider):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        found = await run(client, with_straggler(**TASK), retry=HEDGED, budget={"max_cost_usd": 1})

        assert provider.asked.count("zz") == 2
        assert found["cost_usd"] == usd_of((QUICK_ONES + 1) * TASK_BILL)
        input_bytes = len('"done q00"') + len("q00") * 6 + 8
        expected = TASK_CALL + QUICK_ONES * input_bytes * 1_000
        assert found["budget"]["unsettled_usd"] == usd_of(expected)
        usage = accepted(await client.get("/v1/usage", params={"group_by": "day"}))["items"][0]
        assert usage["unsettled_cost_usd"] == usd_of(expected)
        assert usage["cost_usd"] == found["cost_usd"]


async def test_two_calls_that_fail_are_one_failure(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def behaviour(call: Call) -> None:
        if call.task_id != "zz":
            return
        if call.number == 2:
            gate.set()
        if call.number <= 2:
            await gate.wait()
            raise ValueError("a bug")

    async with serving(tmp_path, behaviour) as (client, provider):
        found = await run(client, with_straggler(), retry=HEDGED | {"max_retries": 1})

        assert found["status"] == "completed"
        assert provider.asked.count("zz") == 3
        task = accepted(await client.get(f"/v1/swarms/{found['swarm_id']}/tasks/zz"))
        assert [attempt["status"] for attempt in task["attempt_log"]] == ["failed", "completed"]


async def test_a_cancel_closes_both_connections(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id == "zz":
            await hang(call)

    async with serving(tmp_path, behaviour) as (client, provider):
        at = await start(client, with_straggler(), retry=HEDGED)
        await until(lambda: provider.running == ["zz", "zz"])

        assert accepted(await client.post(f"{at}/cancel"), 202)["status"] == "cancelled"
        assert (provider.running, provider.cancelled) == ([], ["zz", "zz"])


@pytest.mark.parametrize("percentile", [49.9, 100, -1, "90"])
async def test_a_percentile_that_says_nothing_is_refused(tmp_path: Path, percentile: Any) -> None:
    async with serving(tmp_path) as (client, _):
        response = await client.post("/v1/swarms", json={"tasks": many(1), "retry": {"hedge_percentile": percentile}})

        assert pointers(response) == ["/retry/hedge_percentile"]
