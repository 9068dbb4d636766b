"""Budgets over HTTP: what a run does at its cap, and what is refused before it starts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.domain.usage import Usage
from app.ports.provider import ChatResult, Unavailable
from tests.support.driving import ended, many, run, serving, start, until
from tests.support.money import OFFLINE_PRICE, TASK, TASK_BILL, TASK_CALL, usd_of
from tests.support.providers import Call, hang
from tests.support.stage import accepted, pointers

pytestmark = pytest.mark.anyio

ONE_AFTER_ANOTHER = {"max_parallel_agents": 1}


async def price(client: httpx2.AsyncClient) -> None:
    accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))


async def refusal(client: httpx2.AsyncClient, tasks: list[dict[str, Any]] | None = None, **body: Any) -> list[str]:
    return pointers(await client.post("/v1/swarms", json={"tasks": tasks or many(1), **body}))


# --- at the cap ------------------------------------------------------------------------------------------------------


async def test_a_run_pauses_at_its_cap_and_ends_once_it_is_raised(tmp_path: Path) -> None:
    cap = TASK_CALL + 3 * TASK_BILL  # the fourth task starts with three settled, the fifth no longer fits
    async with serving(tmp_path) as (client, provider):
        await price(client)
        budget = {"max_cost_usd": usd_of(cap)}
        at = await start(client, many(10, **TASK), limits=ONE_AFTER_ANOTHER, budget=budget)
        found = await ended(client, at)

        assert (found["status"], found["pause_reason"]) == ("paused", "budget")
        assert (found["counts"]["completed"], found["counts"]["queued"], len(provider.calls)) == (4, 6, 4)
        assert found["cost_usd"] == usd_of(4 * TASK_BILL)
        assert found["budget"] == {
            "max_cost_usd": usd_of(cap),
            "max_tokens": None,
            "per_agent_tokens": None,
            "on_exceeded": "pause",
            "spent_usd": usd_of(4 * TASK_BILL),
            "spent_tokens": 48,
            "unsettled_usd": 0.0,
        }
        [told] = [event for event in await events(client, at) if event["type"] == "swarm_paused"]
        assert (told["reason"], told["spent_usd"]) == ("budget", usd_of(4 * TASK_BILL))
        assert "may cost up to 0.000676 USD" in told["detail"]
        assert "0.00012 USD of 0.000766 USD is spent" in told["detail"]

        raised = accepted(await client.patch(at, json={"budget": {"max_cost_usd": 1}}))
        assert raised["budget"]["max_cost_usd"] == 1
        assert (await ended(client, at))["status"] == "completed"
        assert sorted(provider.asked) == sorted(f"t{nth}" for nth in range(10))
        types = [event["type"] for event in await events(client, at)]
        assert (types.count("swarm_paused"), types.count("swarm_resumed")) == (1, 1)


async def events(client: httpx2.AsyncClient, at: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = accepted(await client.get(f"{at}/events"))["items"]
    assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
    return found


async def test_a_run_that_shall_fail_at_its_cap_fails(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, provider):
        await price(client)
        budget = {"max_cost_usd": usd_of(TASK_CALL), "on_exceeded": "fail"}
        found = await run(client, many(3, **TASK), limits=ONE_AFTER_ANOTHER, budget=budget)

        assert (found["status"], found["counts"]["completed"], found["counts"]["cancelled"]) == ("failed", 1, 2)
        assert "may cost up to 0.000676 USD" in found["error"]
        assert len(provider.calls) == 1
        at = f"/v1/swarms/{found['swarm_id']}"
        assert accepted(await client.get(f"{at}/tasks/t1"))["error"]["type"] == "budget_exceeded"
        assert (await client.patch(at, json={"budget": {"max_cost_usd": 1}})).status_code == 409


async def test_calls_at_once_are_reserved_for_together(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def behaviour(_: Call) -> None:
        await gate.wait()

    async with serving(tmp_path, behaviour) as (client, provider):
        await price(client)
        at = await start(client, many(9, **TASK), budget={"max_cost_usd": usd_of(3 * TASK_CALL)})
        await until(lambda: len(provider.running) == 3)
        assert (await client.get(at)).json()["counts"]["running"] == 3
        gate.set()

        assert (await ended(client, at))["status"] == "completed"
        assert provider.most_running == 3


async def test_tokens_are_capped_without_any_price(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, provider):
        found = await run(
            client,
            many(3, **TASK),
            limits=ONE_AFTER_ANOTHER,
            budget={"max_tokens": 176 + 50 + 12, "on_exceeded": "fail"},
        )

        assert (found["status"], len(provider.calls)) == ("failed", 2)


async def test_a_sub_agent_out_of_tokens_is_not_called_again(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id == "t0":
            raise Unavailable("away", may_be_billed=True)

    async with serving(tmp_path, behaviour) as (client, provider):
        found = await run(client, many(2, **TASK), budget={"per_agent_tokens": 300})

        assert found["status"] == "partial"
        assert sorted(provider.asked) == ["t0", "t1"]
        task = accepted(await client.get(f"/v1/swarms/{found['swarm_id']}/tasks/t0"))
        assert (task["status"], task["error"]["type"]) == ("skipped", "token_budget")
        assert "226 are used of the sub-agent's 300" in task["error"]["message"]


# --- bills that nobody knows -----------------------------------------------------------------------------------------


async def test_an_answer_without_usage_keeps_its_worst_case(tmp_path: Path) -> None:
    async def behaviour(_: Call) -> ChatResult:
        return ChatResult(content="x", model="m", usage=Usage(), usage_reported=False)

    async with serving(tmp_path, behaviour) as (client, provider):
        await price(client)
        at = await start(client, many(3, **TASK), budget={"max_cost_usd": usd_of(2 * TASK_CALL)})
        found = await ended(client, at)

        assert (found["status"], len(provider.calls)) == ("paused", 2)
        assert (found["cost_usd"], found["budget"]["unsettled_usd"]) == (0, usd_of(2 * TASK_CALL))
        told = (await events(client, at))[-1]
        assert "the most that calls with an unknown bill may have cost" in told["detail"]
        usage = accepted(await client.get("/v1/usage", params={"group_by": "day"}))
        assert usage["items"][0]["unsettled_cost_usd"] == usd_of(2 * TASK_CALL)


async def test_calls_that_die_with_the_service_stay_on_the_account(tmp_path: Path) -> None:
    async with serving(tmp_path, hang) as (client, provider):
        await price(client)
        at = await start(client, many(2, **TASK), budget={"max_cost_usd": usd_of(3 * TASK_CALL + 2 * TASK_BILL)})
        await until(lambda: len(provider.running) == 2)
    async with serving(tmp_path) as (client, provider):  # the price was stored
        found = await ended(client, at)

        assert found["status"] == "completed"
        assert found["budget"]["unsettled_usd"] == usd_of(2 * TASK_CALL)
        assert found["budget"]["spent_usd"] == usd_of(2 * TASK_CALL + 2 * TASK_BILL)
        assert provider.most_running == 1  # of three calls' worth of money two are gone


async def test_a_price_that_rises_meanwhile_is_reserved_for(tmp_path: Path) -> None:
    gate = asyncio.Semaphore(0)

    async def behaviour(_: Call) -> None:
        await gate.acquire()

    async with serving(tmp_path, behaviour) as (client, provider):
        await price(client)
        budget = {"max_cost_usd": usd_of(3 * TASK_CALL)}
        at = await start(client, many(2, **TASK), limits=ONE_AFTER_ANOTHER, budget=budget)
        await until(lambda: len(provider.running) == 1)
        dearer = {"offline": {"input_per_mtok": 4, "output_per_mtok": 40}}
        accepted(await client.put("/v1/prices", json=dearer))
        gate.release()

        found = await ended(client, at)

        assert (found["status"], len(provider.calls)) == ("paused", 1)
        accepted(await client.patch(at, json={"budget": {"max_cost_usd": 1}}))
        gate.release()
        assert (await ended(client, at))["status"] == "completed"


# --- refused before anything starts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "pointer"),
    [
        ({}, "/budget"),
        ({"max_cost_usd": 0}, "/budget/max_cost_usd"),
        ({"max_cost_usd": -1}, "/budget/max_cost_usd"),
        ({"max_cost_usd": 1e-12}, "/budget/max_cost_usd"),
        ({"max_cost_usd": 1e300}, "/budget/max_cost_usd"),
        ({"max_cost_usd": "1"}, "/budget/max_cost_usd"),
        ({"max_tokens": 0}, "/budget/max_tokens"),
        ({"max_tokens": 1.5}, "/budget/max_tokens"),
        ({"per_agent_tokens": -5}, "/budget/per_agent_tokens"),
        ({"on_exceeded": "explode"}, "/budget/on_exceeded"),
        ({"max_costs": 1}, "/budget/max_costs"),
    ],
)
async def test_a_budget_that_means_nothing_is_refused(tmp_path: Path, budget: dict[str, Any], pointer: str) -> None:
    async with serving(tmp_path, hang) as (client, _):
        assert await refusal(client, budget=budget) == [pointer]
        at = await start(client, many(1))

        assert pointers(await client.patch(at, json={"budget": budget})) == [pointer]
        assert (await client.get("/v1/swarms")).json()["items"][1:] == []


async def test_nan_is_no_budget(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, _):
        body = '{"tasks":[{"id":"a"}],"budget":{"max_cost_usd":NaN}}'
        response = await client.post("/v1/swarms", content=body, headers={"Content-Type": "application/json"})

        assert response.status_code in {400, 422}


async def test_a_call_that_cannot_fit_even_alone_is_refused_with_its_figures(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, provider):
        await price(client)
        tasks = [*many(1, max_output_tokens=1), {"id": "t1", **TASK}]
        body = {"tasks": tasks, "budget": {"max_cost_usd": usd_of(TASK_CALL - 1)}}
        response = await client.post("/v1/swarms", json=body)

        assert pointers(response) == ["/tasks/1"]
        assert "0.000676 USD, budget.max_cost_usd is 0.000675999 USD" in response.json()["errors"][0]["detail"]
        body = {"tasks": tasks, "budget": {"max_tokens": 225}}
        response = await client.post("/v1/swarms", json=body)
        assert "176 + 50 tokens" in response.json()["errors"][0]["detail"]
        assert await refusal(client, [{"id": "t0", "token_budget": 200, **TASK}]) == ["/tasks/0"]
        assert provider.calls == []
        assert (await client.get("/v1/swarms")).json()["items"] == []


async def test_money_cannot_be_capped_where_a_price_is_unknown(tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "default_model": "m1",
        "prices": {"m1": {"input_per_mtok": 1, "output_per_mtok": 2}},
        "providers": {"mine": {"base_url": "http://127.0.0.1:9/v1", "models": ["m1", "dark"]}},
    }
    async with serving(tmp_path, **config) as (client, _):
        response = await client.post(
            "/v1/swarms", json={"tasks": [{"id": "a"}, {"id": "b", "model": "dark"}], "budget": {"max_cost_usd": 1}}
        )

        assert pointers(response) == ["/budget/max_cost_usd"]
        assert "'dark' has no price" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("retry", "timeout_s", "fits"),
    [
        ({"max_retries": 3, "base_delay_s": 1.0, "jitter": 0.5}, 3.5, False),  # (1 + 2 + 4) x 0.5
        ({"max_retries": 3, "base_delay_s": 1.0, "jitter": 0.5}, 3.6, True),
        ({"max_retries": 100, "base_delay_s": 3600}, 86_400, True),  # no delay is above a minute
        (None, 1.0, True),  # nobody asked for the default's delays
    ],
)
async def test_retries_that_outlive_the_run_are_refused(
    tmp_path: Path, retry: dict[str, Any] | None, timeout_s: float, fits: bool
) -> None:
    async with serving(tmp_path) as (client, _):
        body: dict[str, Any] = {"tasks": many(1), "limits": {"timeout_s": timeout_s}}
        response = await client.post("/v1/swarms", json=body if retry is None else body | {"retry": retry})

        if fits:
            accepted(response, 201)
        else:
            assert pointers(response) == ["/retry"]
            assert "3.5 s or more" in response.json()["errors"][0]["detail"]


async def test_limits_of_an_ended_run_cannot_be_changed(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, _):
        found = await run(client, many(1))
        at = f"/v1/swarms/{found['swarm_id']}"

        for body in ({"budget": {"max_tokens": 10}}, {"priority": 3}, {"max_parallel_agents": 3}):
            response = await client.patch(at, json=body)
            assert (response.status_code, response.json()["code"]) == (409, "conflict")
        assert (await client.patch(at, json={})).status_code == 422
