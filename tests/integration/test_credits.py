"""Prepaid credits: what is left decides what starts, and no work ever takes more than there is."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.accounts import bearer, mint, problem
from tests.support.driving import ended, many, serving, start, until
from tests.support.money import OFFLINE_PRICE, TASK, TASK_BILL, TASK_CALL, usd_of
from tests.support.providers import hang
from tests.support.service import in_process
from tests.support.stage import accepted, pointers

pytestmark = pytest.mark.anyio


async def top_up(client: httpx2.AsyncClient, nano_usd: int, reference: str, tenant: str = "default") -> Any:
    body = {"tenant_id": tenant, "amount_usd": str(Decimal(nano_usd) / 10**9), "reference": reference}
    return accepted(await client.post("/v1/credits", json=body), 201)


async def account(client: httpx2.AsyncClient, **params: Any) -> Any:
    return accepted(await client.get("/v1/credits", params=params))


async def test_nobody_prepays_unless_the_operator_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, _):
        accepted(await client.post("/v1/swarms", json={"tasks": many(1)}), 201)
        found = await account(client)

    assert (found["enabled"], found["balance_usd"], found["items"]) == (False, 0, [])


STARTS = [
    ("/v1/swarms", {"tasks": [{}]}),
    ("/v1/swarms", {"goal": "x"}),
    ("/v1/swarms", {"decompose": {"strategy": "map", "prompt": "{item}", "items": ["a"]}}),
    ("/v1/graphs/g/runs", {}),
    ("/v1/agents/boss/spawn", {"task_type": "x"}),
    ("/v1/agents/execute", {"data": {}}),
    ("/v1/agents/batch-execute", {"tasks": [{}]}),
    ("/v1/agents/batch-execute", {"tasks": [{}], "wait": False}),
    ("/v1/agents/barrier-execute", {"tasks": [{}], "barrier_id": "b"}),
]


async def test_without_credits_every_start_is_a_402_that_says_how_to_get_some(tmp_path: Path) -> None:
    async with serving(tmp_path, credits=True) as (client, provider):
        accepted(await client.post("/v1/agents/create", json={"model": "m", "name": "boss"}), 201)
        assert (await client.put("/v1/graphs/g", json={"tasks": [{"id": "a"}]})).status_code in {200, 201}
        for path, body in STARTS:
            refused = problem(await client.post(path, json=body), 402, "insufficient_credits")
            assert "POST /v1/credits" in refused["detail"]
            assert "swarmd credits add --tenant default" in refused["detail"]
        assert accepted(await client.get("/v1/swarms"))["items"] == []
        assert accepted(await client.post("/v1/swarms/simulate", json={"tasks": [{}]}))
        assert provider.calls == []


async def test_chat_without_credits_is_a_402_in_openais_envelope(tmp_path: Path) -> None:
    chat = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    async with serving(tmp_path, credits=True) as (client, provider):
        accepted(await client.post("/v1/agents/create", json={"model": "m", "name": "boss"}), 201)
        sent = [chat, chat | {"stream": True}, chat | {"model": "swarm/boss"}]
        refused = [await client.post("/v1/chat/completions", json=body) for body in sent]

    for response in refused:
        assert response.status_code == 402
        error = response.json()["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_credits")
    assert provider.calls == []


async def test_credits_buy_work_and_the_rows_of_the_ledger_add_up(tmp_path: Path) -> None:
    async with serving(tmp_path, credits=True) as (client, _):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        made = await top_up(client, 10 * TASK_CALL, "pay_1")
        assert (made["kind"], made["tenant_id"], made["balance_usd"]) == ("top_up", "default", usd_of(10 * TASK_CALL))

        assert (await ended(client, await start(client, many(3, **TASK))))["status"] == "completed"

        found = await account(client)
        spent = 3 * TASK_BILL
        assert found["balance_usd"] == usd_of(10 * TASK_CALL)
        assert (found["pending_usd"], found["reserved_usd"]) == (usd_of(spent), 0)
        assert found["available_usd"] == usd_of(10 * TASK_CALL - spent)
    async with serving(tmp_path, credits=True) as (client, _):  # the service enters what was used when it starts
        await entered(client)
        found = await account(client)

    assert [row["kind"] for row in found["items"]] == ["usage", "top_up", "opening"]
    assert [row["amount_usd"] for row in found["items"]] == [-usd_of(spent), usd_of(10 * TASK_CALL), 0]
    assert found["balance_usd"] == found["available_usd"] == usd_of(10 * TASK_CALL - spent)
    assert found["pending_usd"] == 0


async def entered(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while (await account(client))["pending_usd"]:
            await asyncio.sleep(0.005)


async def test_a_refused_start_may_be_sent_again_with_its_key_once_there_are_credits(tmp_path: Path) -> None:
    once = {"Idempotency-Key": "once"}
    async with serving(tmp_path, credits=True) as (client, _):
        problem(await client.post("/v1/swarms", json={"tasks": [{}]}, headers=once), 402, "insufficient_credits")
        await top_up(client, 10**9, "pay_1")

        accepted(await client.post("/v1/swarms", json={"tasks": [{}]}, headers=once), 201)


async def test_a_replay_costs_nothing_and_a_fork_that_costs_something_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, credits=True) as (client, _):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await top_up(client, 2 * TASK_CALL, "pay_1")
        at = await start(client, many(2, **TASK))
        assert (await ended(client, at))["status"] == "completed"
        left = str(Decimal(-2 * TASK_CALL + 2 * TASK_BILL) / 10**9)
        back = {"tenant_id": "default", "amount_usd": left, "reference": "back"}
        accepted(await client.post("/v1/credits", json=back), 201)
        assert (await account(client))["available_usd"] == 0

        changed = {"tasks": [{"task_id": "t0", "prompt": "again"}]}
        problem(await client.post(f"{at}/fork", json=changed), 402, "insufficient_credits")
        accepted(await client.post(f"{at}/fork"), 202)


async def test_a_chat_call_is_paid_too(tmp_path: Path) -> None:
    content = '## Task\n{"id": "c"}'
    chat = {"model": "m", "messages": [{"role": "user", "content": content}], "max_tokens": 50}
    async with serving(tmp_path, credits=True) as (client, _):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await top_up(client, 600_000, "pay_1")  # the prompt alone may cost 128,000 and more, the answer 500,000
        refused = await client.post("/v1/chat/completions", json=chat)
        assert (refused.status_code, refused.json()["error"]["code"]) == (402, "insufficient_credits")
        assert (await account(client))["available_usd"] == usd_of(600_000)

        await top_up(client, 600_000, "pay_2")
        accepted(await client.post("/v1/chat/completions", json=chat))

        found = await account(client)
    assert found["available_usd"] == usd_of(1_200_000 - TASK_BILL)
    assert found["reserved_usd"] == 0


async def test_work_never_takes_more_than_there_is_and_goes_on_after_a_top_up(tmp_path: Path) -> None:
    calls = 3
    async with serving(tmp_path, hang, credits=True) as (client, provider):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await top_up(client, calls * TASK_CALL + TASK_CALL - 1, "pay_1")
        runs = [await start(client, many(5, **TASK)) for _ in range(2)]
        await until(lambda: len(provider.running) == calls)
        found = await account(client)
        assert found["reserved_usd"] == usd_of(calls * TASK_CALL)
        assert found["available_usd"] == usd_of(TASK_CALL - 1)
        await paused(client, runs)

        await top_up(client, 2 * TASK_CALL, "pay_2")

        await until(lambda: len(provider.running) == calls + 2)
        assert provider.most_running == calls + 2
        for at in runs:
            await client.post(f"{at}/cancel")


async def paused(client: httpx2.AsyncClient, runs: list[str]) -> None:
    """Until those that have no call of their own are paused for want of credits."""
    async with asyncio.timeout(30):
        while True:
            found = [accepted(await client.get(at)) for at in runs]
            waiting = [run for run in found if not run["counts"]["running"]]
            if all(run["pause_reason"] == "credits" for run in waiting):
                return
            await asyncio.sleep(0.005)


async def test_a_run_that_came_to_the_end_of_the_credits_says_so_and_goes_on_by_itself(tmp_path: Path) -> None:
    async with serving(tmp_path, credits=True) as (client, provider):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await top_up(client, TASK_CALL + TASK_BILL, "pay_1")
        at = await start(client, many(4, **TASK), limits={"max_parallel_agents": 1})
        found = await ended(client, at)
        assert (found["status"], found["pause_reason"]) == ("paused", "credits")
        assert found["counts"]["completed"] == 2
        events = accepted(await client.get(f"{at}/events"))["items"]
        [detail] = [event["detail"] for event in events if event["type"] == "swarm_paused"]
        assert "prepaid credits are free" in detail

        await top_up(client, 2 * TASK_CALL, "pay_2")

        async with asyncio.timeout(30):
            while accepted(await client.get(at))["status"] != "completed":
                await asyncio.sleep(0.005)
        assert sorted(provider.asked) == ["t0", "t1", "t2", "t3"]


async def test_what_is_reserved_and_spent_outlives_the_service(tmp_path: Path) -> None:
    """A call that a stop of the service cut off stays on the account at its worst case."""
    async with serving(tmp_path, hang, credits=True) as (client, provider):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await top_up(client, 2 * TASK_CALL, "pay_1")
        at = await start(client, many(1, **TASK))
        await until(lambda: len(provider.running) == 1)
    async with serving(tmp_path, credits=True) as (client, _):
        assert (await ended(client, at))["status"] == "completed"
        found = await account(client)
        assert found["available_usd"] == usd_of(2 * TASK_CALL - TASK_CALL - TASK_BILL)
        other = await start(client, [{"id": "u0", **TASK}])

        assert (await ended(client, other))["pause_reason"] == "credits"


async def test_the_same_reference_counts_once_and_another_amount_is_a_conflict(tmp_path: Path) -> None:
    body = {"tenant_id": "acme", "amount_usd": "0.000000001", "reference": "pay_1"}
    async with in_process(tmp_path, credits=True) as client:
        answers = await asyncio.gather(*(client.post("/v1/credits", json=body) for _ in range(20)))
        found = await account(client, tenant_id="acme")
        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
        assert len({answer.json()["entry_id"] for answer in answers}) == 1
        assert found["balance_usd"] == 1e-9

        conflict = problem(await client.post("/v1/credits", json=body | {"amount_usd": 2}), 409, "conflict")
        assert "pay_1" in conflict["detail"]
        accepted(await client.post("/v1/credits", json=body | {"tenant_id": "other"}), 201)


async def test_what_is_free_can_be_taken_back_and_no_more(tmp_path: Path) -> None:
    async with serving(tmp_path, hang, credits=True) as (client, provider):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await top_up(client, 3 * TASK_CALL, "pay_1")
        at = await start(client, many(1, **TASK))
        await until(lambda: len(provider.running) == 1)
        back = {"tenant_id": "default", "reference": "refund_1"}
        too_much = str(Decimal(-2 * TASK_CALL - 1) / 10**9)
        fits = str(Decimal(-2 * TASK_CALL) / 10**9)

        problem(await client.post("/v1/credits", json=back | {"amount_usd": too_much}), 409, "conflict")
        made = accepted(await client.post("/v1/credits", json=back | {"amount_usd": fits}), 201)

        assert (made["kind"], made["balance_usd"]) == ("correction", usd_of(TASK_CALL))
        assert (await account(client))["available_usd"] == 0
        await client.post(f"{at}/cancel")


async def test_a_tenant_cannot_top_itself_up_nor_make_its_models_cost_nothing(tmp_path: Path) -> None:
    acme, operator = await mint(tmp_path, "acme"), await mint(tmp_path)
    body = {"tenant_id": "acme", "amount_usd": 5, "reference": "gift"}
    async with in_process(tmp_path, credits=True) as client:
        for method, path, sent in (("POST", "/v1/credits", body), ("PUT", "/v1/prices", OFFLINE_PRICE)):
            refused = problem(await client.request(method, path, json=sent, headers=acme), 403, "forbidden")
            assert "'default'" in refused["detail"]
        accepted(await client.post("/v1/credits", json=body, headers=operator), 201)

        own = accepted(await client.get("/v1/credits", headers=acme))
        assert (own["tenant_id"], own["balance_usd"]) == ("acme", 5)
        theirs = await client.get("/v1/credits?tenant_id=default", headers=acme)
        problem(theirs, 404, "not_found")
        assert accepted(await client.get("/v1/credits?tenant_id=acme", headers=operator)) == own


async def test_a_new_tenant_begins_with_the_free_credits(tmp_path: Path) -> None:
    acme = await mint(tmp_path, "acme")
    async with serving(tmp_path, credits=True, free_credits_usd="0.5") as (client, _):
        client.headers.update(acme)
        assert (await account(client))["available_usd"] == 0.5
        assert (await ended(client, await start(client, many(1))))["status"] == "completed"
        found = await account(client)

    assert [(row["kind"], row["amount_usd"], row["note"]) for row in found["items"]] == [
        ("opening", 0.5, "free credits")
    ]


async def test_what_was_used_before_credits_were_turned_on_is_not_charged(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, _):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await ended(client, await start(client, many(3, **TASK)))
    async with serving(tmp_path, credits=True) as (client, _):
        await top_up(client, 10**9, "pay_1")

        assert (await account(client))["available_usd"] == 1


async def test_with_credits_a_model_without_a_price_starts_nothing(tmp_path: Path) -> None:
    config = {"default_model": "dark", "providers": {"mine": {"base_url": "http://127.0.0.1:9/v1", "models": ["dark"]}}}
    async with serving(tmp_path, credits=True, **config) as (client, _):
        await top_up(client, 10**9, "pay_1")

        assert pointers(await client.post("/v1/swarms", json={"tasks": many(1)})) == ["/model"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_usd", 0),
        ("amount_usd", "NaN"),
        ("amount_usd", "1e400"),
        ("amount_usd", "0.0000000001"),
        ("amount_usd", True),
        ("amount_usd", "1_000"),
        ("amount_usd", "٣"),
        ("amount_usd", " 5"),
        ("amount_usd", 1_000_001),
        ("amount_usd", None),
        ("reference", ""),
        ("tenant_id", ""),
        ("kind", "opening"),
    ],
)
async def test_a_wrong_field_is_named(tmp_path: Path, field: str, value: Any) -> None:
    body = {"tenant_id": "acme", "amount_usd": 5, "reference": "x"} | {field: value}
    async with in_process(tmp_path) as client:
        assert pointers(await client.post("/v1/credits", json=body)) == [f"/{field}"]


async def test_the_ledger_comes_page_by_page_newest_first(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        for number in range(5):
            await top_up(client, 10**9, f"pay_{number}")
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await account(client, limit=2, **({} if cursor is None else {"cursor": cursor}))
            found += [row["reference"] for row in page["items"]]
            assert page["balance_usd"] == 5
            cursor = page["next_cursor"]
            if cursor is None:
                break

        assert found == ["pay_4", "pay_3", "pay_2", "pay_1", "pay_0", None]
        assert pointers(await client.get("/v1/credits?cursor=-1")) == ["/cursor"]


async def test_who_reads_sees_the_own_balance(tmp_path: Path) -> None:
    reader = await mint(tmp_path, "acme", "read")
    async with in_process(tmp_path) as client:
        assert accepted(await client.get("/v1/credits", headers=reader))["tenant_id"] == "acme"
        assert (await client.get("/v1/credits", headers=bearer("x"))).status_code == 401
