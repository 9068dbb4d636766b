"""``/v1/audit``: who did what, written before the answer, without a secret, for the admins of the tenant."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.accounts import bearer, mint, problem
from tests.support.databases import execute
from tests.support.driving import many, serving
from tests.support.money import OFFLINE_PRICE
from tests.support.providers import hang
from tests.support.service import in_process
from tests.support.stage import accepted, pointers

pytestmark = pytest.mark.anyio


async def log(client: httpx2.AsyncClient, **params: Any) -> list[Any]:
    found: list[Any] = accepted(await client.get("/v1/audit", params=params))["items"]
    return found


async def test_every_change_of_what_others_rely_on_is_noted(tmp_path: Path) -> None:
    async with serving(tmp_path, hang) as (client, _):
        client.headers.update(await mint(tmp_path))
        me = accepted(await client.get("/v1/keys"))["items"][0]["key_id"]
        made = accepted(await client.post("/v1/keys", json={"name": "ci", "scopes": ["read"]}), 201)
        at = f"/v1/keys/{made['key_id']}"
        accepted(await client.patch(at, json={"max_parallel_agents": 2}))
        turned = accepted(await client.post(f"{at}/rotate", json={"grace_s": 60}))
        await client.delete(at)
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        accepted(await client.put("/v1/roles", json={"poet": {"system_prompt": "Rhyme."}}))
        credit = {"tenant_id": "acme", "amount_usd": "2.50", "reference": "pay_1"}
        accepted(await client.post("/v1/credits", json=credit), 201)
        signing = accepted(await client.post("/v1/webhooks/secret/rotate"))
        agent = accepted(await client.post("/v1/agents/create", json={"model": "m", "name": "boss"}), 201)["agent_id"]
        accepted(await client.patch("/v1/agents/boss", json={"model": "n"}))
        swarm = accepted(await client.post("/v1/swarms", json={"tasks": many(2)}), 201)["swarm_id"]
        for verb in ("pause", "resume"):
            accepted(await client.post(f"/v1/swarms/{swarm}/{verb}"), 202)
        accepted(await client.patch(f"/v1/swarms/{swarm}", json={"max_parallel_agents": 1}))
        accepted(await client.post(f"/v1/swarms/{swarm}/tasks/t0/cancel"), 202)
        accepted(await client.post(f"/v1/swarms/{swarm}/cancel"), 202)
        accepted(await client.post(f"/v1/swarms/{swarm}/retry"), 409)
        await client.delete(f"/v1/swarms/{swarm}")
        assert (await client.delete("/v1/agents/boss")).status_code == 204
        rows = list(reversed(await log(client)))

    assert [(row["action"], row["object"]) for row in rows] == [
        ("key.created", made["key_id"]),
        ("key.changed", made["key_id"]),
        ("key.rotated", made["key_id"]),
        ("key.revoked", made["key_id"]),
        ("prices.changed", None),
        ("roles.changed", None),
        ("credits.added", "acme"),
        ("webhook_secret.rotated", None),
        ("agent.configured", agent),
        ("agent.configured", "boss"),
        ("swarm.paused", swarm),
        ("swarm.resumed", swarm),
        ("swarm.changed", swarm),
        ("swarm.task_cancelled", swarm),
        ("swarm.cancelled", swarm),
        ("swarm.deleted", swarm),
        ("agent.deleted", "boss"),
    ]
    assert {row["key_id"] for row in rows} == {me}
    assert {row["remote"] for row in rows} == {"127.0.0.1"}
    details = {row["action"]: row["detail"] for row in rows[:7]}
    assert details["key.created"] == {"name": "ci", "scopes": ["read"]}
    assert details["key.changed"] == {"max_parallel_agents": 2}
    assert details["key.rotated"] == {"grace_s": 60}
    assert details["prices.changed"] == {"models": ["offline"]}
    assert details["credits.added"] == {"amount_usd": "2.50", "reference": "pay_1", "new": True}
    for secret in (made["key"], turned["key"], signing["secret"]):
        assert secret not in json.dumps(rows)


async def test_what_only_looks_or_was_refused_is_not_in_it(tmp_path: Path) -> None:
    acme, other = await mint(tmp_path, "acme"), await mint(tmp_path, "other")
    async with in_process(tmp_path) as client:
        made = accepted(await client.post("/v1/keys", json={"name": "x"}, headers=acme), 201)["key_id"]
        for method, path, body in (
            ("GET", "/v1/keys", None),
            ("POST", "/v1/keys", {"name": ""}),
            ("DELETE", f"/v1/keys/{made}", None),
            ("PATCH", f"/v1/keys/{made}", {"name": "y"}),
        ):
            await client.request(method, path, json=body, headers=other)

        assert accepted(await client.get("/v1/audit", headers=other))["items"] == []
        assert [row["action"] for row in accepted(await client.get("/v1/audit", headers=acme))["items"]] == [
            "key.created"
        ]


async def test_it_is_filtered_and_comes_page_by_page(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        for name in ("a", "b"):
            accepted(await client.post("/v1/agents/create", json={"model": "m", "name": name}), 201)
        body, key = {"model": "m", "name": "c"}, {"Idempotency-Key": "once"}
        for _ in range(2):
            accepted(await client.post("/v1/agents/create", json=body, headers=key), 201)
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        rows = await log(client)
        assert [row["action"] for row in rows] == ["prices.changed", *["agent.configured"] * 3]
        assert {row["key_id"] for row in rows} == {None}

        first = accepted(await client.get("/v1/audit", params={"limit": 3}))
        rest = accepted(await client.get("/v1/audit", params={"limit": 3, "cursor": first["next_cursor"]}))
        assert first["items"] + rest["items"] == rows
        assert rest["next_cursor"] is None
        assert await log(client, action="prices") == rows[:1]
        assert await log(client, since=rows[0]["at"], action="agent") == []
        assert await log(client, until="2020-01-01T00:00:00Z") == []
        assert await log(client, key_id="key_x") == []
        assert pointers(await client.get("/v1/audit?cursor=x")) == ["/cursor"]
        assert pointers(await client.get("/v1/audit?since=yesterday")) == ["/since"]


async def test_old_rows_go_and_nothing_else_removes_one(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        accepted(await client.post("/v1/agents/create", json={"model": "m", "name": "a"}), 201)
        accepted(await client.post("/v1/agents/create", json={"model": "m", "name": "b"}), 201)
        old = (await log(client))[1]["audit_id"]
    await execute(tmp_path, f"UPDATE audit SET at_ms = at_ms - 3 * 86400000 WHERE id = '{old}'")
    async with in_process(tmp_path, audit_days=2) as client:
        async with asyncio.timeout(30):
            while old in {row["audit_id"] for row in await log(client)}:
                await asyncio.sleep(0.005)
        assert len(await log(client)) == 1
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await client.request(method, "/v1/audit")).status_code == 405


async def test_only_admins_read_it(tmp_path: Path) -> None:
    plain = await mint(tmp_path, "acme", "read", "run")
    async with in_process(tmp_path) as client:
        assert "'admin'" in problem(await client.get("/v1/audit", headers=plain), 403, "forbidden")["detail"]
        assert (await client.get("/v1/audit", headers=bearer("x"))).status_code == 401
