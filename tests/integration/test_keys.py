"""``/v1/keys``: an admin mints, lists, changes, rotates and revokes the keys of its own tenant, and of no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.accounts import bearer, mint, problem
from tests.support.databases import execute, kept_in
from tests.support.service import in_process
from tests.support.stage import accepted, pointers

pytestmark = pytest.mark.anyio

HOUR = "2999-01-01T00:00:00Z"


@dataclass
class Office:
    """A service, and clients with keys: an admin of ``acme``, one of ``other``, and who may only read or run."""

    folder: Path
    client: httpx2.AsyncClient
    acme: dict[str, str]
    other: dict[str, str]
    plain: dict[str, str]

    async def make(self, **fields: Any) -> Any:
        body = {"name": "made"} | fields
        return accepted(await self.client.post("/v1/keys", json=body, headers=self.acme), 201)

    async def status(self, secret: str, path: str = "/v1/agents") -> int:
        return (await self.client.get(path, headers=bearer(secret))).status_code


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    acme, other = await mint(tmp_path, "acme"), await mint(tmp_path, "other")
    plain = await mint(tmp_path, "acme", "read", "run")
    async with in_process(tmp_path) as client:
        yield Office(tmp_path, client, acme, other, plain)


async def test_a_minted_key_works_and_its_secret_is_shown_once(office: Office) -> None:
    made = await office.make(
        name="ci",
        scopes=["read"],
        max_cost_per_day_usd=2.5,
        max_requests_per_minute=100,
        max_parallel_agents=3,
        expires_at=HOUR,
    )

    assert made["key"].startswith(made["prefix"])
    assert await office.status(made["key"]) == 200
    listed = accepted(await office.client.get("/v1/keys", headers=office.acme))["items"]
    [shown] = [row for row in listed if row["key_id"] == made["key_id"]]
    assert shown == {
        "key_id": made["key_id"],
        "name": "ci",
        "prefix": made["key"][:16],
        "scopes": ["read"],
        "max_cost_per_day_usd": 2.5,
        "max_requests_per_minute": 100,
        "max_parallel_agents": 3,
        "created_at": made["created_at"],
        "last_used_at": None,
        "expires_at": "2999-01-01T00:00:00.000Z",
        "revoked_at": None,
        "old_secret_works_until": None,
    }
    assert accepted(await office.client.get(f"/v1/keys/{made['key_id']}", headers=office.acme)) == shown


async def test_nothing_of_a_secret_but_its_first_characters_is_kept(office: Office) -> None:
    made = await office.make()
    again = accepted(await office.client.post(f"/v1/keys/{made['key_id']}/rotate", headers=office.acme))
    accepted(await office.client.get("/v1/agents", headers=bearer(again["key"])))

    kept = await kept_in(office.folder)
    assert made["key_id"].encode() in kept
    for secret in (made["key"], again["key"]):
        assert secret[16:].encode() not in kept


async def test_the_list_comes_page_by_page_and_holds_the_own_tenants_only(office: Office) -> None:
    made = [(await office.make(name=f"k{number}"))["key_id"] for number in range(3)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = accepted(await office.client.get("/v1/keys", params=params, headers=office.acme))
        found += [row["key_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert found == sorted(found)
    assert found[2:] == made  # after the two of the fixture
    theirs = accepted(await office.client.get("/v1/keys", headers=office.other))["items"]
    assert len(theirs) == 1
    assert pointers(await office.client.get("/v1/keys?cursor=x", headers=office.acme)) == ["/cursor"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "mine now"}),
        ("DELETE", "", None),
        ("POST", "/rotate", None),
    ],
)
async def test_another_tenants_key_does_not_exist(office: Office, method: str, path: str, body: Any) -> None:
    made = await office.make()

    theirs = await office.client.request(method, f"/v1/keys/{made['key_id']}{path}", json=body, headers=office.other)
    nobodys = await office.client.request(
        method, f"/v1/keys/key_01ARZ3NDEKTSV4RRFFQ69G5FAV{path}", json=body, headers=office.other
    )

    assert problem(theirs, 404, "not_found").keys() == problem(nobodys, 404, "not_found").keys()
    assert await office.status(made["key"]) == 200


async def test_without_the_scope_admin_keys_are_out_of_reach_and_the_answer_says_so(office: Office) -> None:
    made = await office.make()
    at = f"/v1/keys/{made['key_id']}"
    for method, path, body in (
        ("GET", "/v1/keys", None),
        ("POST", "/v1/keys", {"name": "x"}),
        ("GET", at, None),
        ("PATCH", at, {"name": "x"}),
        ("POST", f"{at}/rotate", None),
        ("DELETE", at, None),
        ("GET", "/v1/audit", None),
    ):
        refused = problem(await office.client.request(method, path, json=body, headers=office.plain), 403, "forbidden")
        assert "'admin'" in refused["detail"]


async def test_a_rotated_key_has_another_secret_and_the_old_one_ends_at_once(office: Office) -> None:
    made = await office.make(name="ci", max_parallel_agents=7)

    turned = accepted(await office.client.post(f"/v1/keys/{made['key_id']}/rotate", headers=office.acme))

    assert turned["key"] != made["key"]
    same = ("key_id", "name", "scopes", "max_parallel_agents", "created_at", "old_secret_works_until")
    assert {name: turned[name] for name in same} == {name: made[name] for name in same}
    assert (await office.status(made["key"]), await office.status(turned["key"])) == (401, 200)


async def test_in_a_period_of_grace_both_secrets_work_and_one_from_before_it_no_longer(office: Office) -> None:
    made = await office.make()
    at = f"/v1/keys/{made['key_id']}/rotate"

    second = accepted(await office.client.post(at, json={"grace_s": 3600}, headers=office.acme))
    assert second["old_secret_works_until"] is not None
    assert (await office.status(made["key"]), await office.status(second["key"])) == (200, 200)
    third = accepted(await office.client.post(at, json={"grace_s": 3600}, headers=office.acme))

    secrets = (made["key"], second["key"], third["key"])
    assert [await office.status(secret) for secret in secrets] == [401, 200, 200]


async def test_a_revoked_key_is_refused_and_still_listed(office: Office) -> None:
    made = await office.make()
    at = f"/v1/keys/{made['key_id']}"

    for _ in range(2):  # a second time changes nothing
        assert (await office.client.delete(at, headers=office.acme)).status_code == 204

    assert await office.status(made["key"]) == 401
    assert accepted(await office.client.get(at, headers=office.acme))["revoked_at"] is not None
    problem(await office.client.patch(at, json={"name": "x"}, headers=office.acme), 404, "not_found")
    problem(await office.client.post(f"{at}/rotate", headers=office.acme), 404, "not_found")


async def test_what_is_not_named_in_a_change_stays_and_null_lifts_a_limit(office: Office) -> None:
    made = await office.make(max_cost_per_day_usd=1, max_parallel_agents=3, expires_at=HOUR)
    at = f"/v1/keys/{made['key_id']}"

    changed = accepted(
        await office.client.patch(at, json={"max_parallel_agents": None, "name": "b"}, headers=office.acme)
    )

    assert (changed["name"], changed["max_parallel_agents"], changed["max_cost_per_day_usd"]) == ("b", None, 1.0)
    assert changed["expires_at"] == made["expires_at"]
    assert accepted(await office.client.get(at, headers=office.acme)) == changed


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["root"]}, "/scopes/0"),
        ({"name": "x", "max_cost_per_day_usd": -1}, "/max_cost_per_day_usd"),
        ({"name": "x", "max_cost_per_day_usd": 1e-10}, "/max_cost_per_day_usd"),
        ({"name": "x", "max_requests_per_minute": 0}, "/max_requests_per_minute"),
        ({"name": "x", "max_parallel_agents": 0}, "/max_parallel_agents"),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "x", "expires_at": "soon"}, "/expires_at"),
        ({"name": "x", "expires_at": 32503680000}, "/expires_at"),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59-12:00"}, "/expires_at"),
        ({"name": "x", "expires_at": "0001-01-01T00:00:00+14:00"}, "/expires_at"),
        ({"name": "x", "max_parallel_agents": "5"}, "/max_parallel_agents"),
        ({"name": "x", "tenant_id": "other"}, "/tenant_id"),
        ({"name": "x", "key": "mine"}, "/key"),
    ],
)
async def test_a_wrong_field_is_named(office: Office, body: Any, pointer: str) -> None:
    assert pointers(await office.client.post("/v1/keys", json=body, headers=office.acme)) == [pointer]


async def test_a_limited_admin_cannot_mint_change_or_rotate_its_way_around_its_limits(tmp_path: Path) -> None:
    limited = await mint(tmp_path, "acme", max_requests_per_minute=1_000, max_parallel_agents=5)
    free = await mint(tmp_path, "acme")
    async with in_process(tmp_path) as client:
        strong = accepted(await client.post("/v1/keys", json={"name": "strong"}, headers=free), 201)["key_id"]
        fitting = {"name": "x", "max_requests_per_minute": 1_000, "max_parallel_agents": 4}
        made = accepted(await client.post("/v1/keys", json=fitting, headers=limited), 201)["key_id"]
        for method, path, body in (
            ("POST", "/v1/keys", {"name": "x"}),
            ("POST", "/v1/keys", fitting | {"max_parallel_agents": 6}),
            ("PATCH", f"/v1/keys/{made}", {"max_parallel_agents": None}),
            ("PATCH", f"/v1/keys/{strong}", {"name": "x"}),
            ("POST", f"/v1/keys/{strong}/rotate", None),
        ):
            refused = problem(await client.request(method, path, json=body, headers=limited), 403, "forbidden")
            assert "gives no key more" in refused["detail"]
        own = accepted(await client.get("/v1/keys", headers=limited))["items"][0]["key_id"]
        raised = await client.patch(f"/v1/keys/{own}", json={"max_parallel_agents": 9}, headers=limited)
        problem(raised, 403, "forbidden")


async def test_an_expired_key_is_refused_and_does_not_open_the_service_to_everybody(tmp_path: Path) -> None:
    key = await mint(tmp_path, expires_at_ms=10**13)
    async with in_process(tmp_path) as client:
        assert (await client.get("/v1/agents", headers=key)).status_code == 200
    await execute(tmp_path, "UPDATE keys SET expires_at_ms = 1000")
    async with in_process(tmp_path) as client:
        assert (await client.get("/v1/agents", headers=key)).status_code == 401
        assert (await client.get("/v1/agents")).status_code == 401


async def test_when_a_key_was_used_last_is_kept(tmp_path: Path) -> None:
    key = await mint(tmp_path)
    async with in_process(tmp_path) as client:
        accepted(await client.get("/v1/agents", headers=key))
    async with in_process(tmp_path) as client:
        [row] = accepted(await client.get("/v1/keys", headers=key))["items"]

    assert row["last_used_at"] >= row["created_at"]


async def test_in_local_mode_the_first_key_can_be_minted_over_http_and_shuts_the_door(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        made = accepted(await client.post("/v1/keys", json={"name": "x", "scopes": ["admin"]}), 201)

        assert (await client.get("/v1/agents")).status_code == 401
        assert (await client.get("/v1/keys", headers=bearer(made["key"]))).status_code == 200
