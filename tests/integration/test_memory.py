"""``…/memory`` and ``/v1/agents/clear-memory``: the shared memory of an orchestrator, over a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.keys import mint
from tests.support.problems import pointers, problem
from tests.support.service import in_process
from tests.support.sharing import ended_swarm

pytestmark = pytest.mark.anyio

VALUES: list[Any] = [None, False, 0, -1.5, "", "ünï\n", [], {}, {"a": [1, {"b": None}]}, 2**63 - 1]


async def orchestrator(client: httpx2.AsyncClient, name: str = "boss") -> str:
    response = await client.post("/v1/agents/create", json={"model": "offline", "name": name})
    return str(response.json()["agent_id"])


async def keys(client: httpx2.AsyncClient, path: str) -> list[str]:
    return [item["key"] for item in (await client.get(path)).json()["items"]]


@pytest.mark.parametrize("value", VALUES)
async def test_any_json_is_kept_over_a_restart_and_seen_by_every_swarm(tmp_path: Path, value: Any) -> None:
    async with in_process(tmp_path) as client:
        agent = await orchestrator(client)
        swarm = (await client.post("/v1/swarms?wait=30", json={"agent": agent, "tasks": [{}]})).json()["swarm_id"]
        written = await client.put(f"/v1/swarms/{swarm}/memory/plans/a b%3F/ü", json={"value": value})
        assert written.status_code == 200
    async with in_process(tmp_path) as client:
        found = await client.get("/v1/agents/boss/memory/plans/a b%3F/ü")
        listed = (await client.get(f"/v1/swarms/{swarm}/memory")).json()

    assert found.status_code == 200
    entry = found.json()
    assert (entry["key"], entry["value"], entry["version"]) == ("plans/a b?/ü", value, 1)
    assert found.headers["ETag"] == written.headers["ETag"] == '"1"'
    assert (entry["expires_at"], entry["updated_at"]) == (None, written.json()["updated_at"])
    assert listed == {"items": [entry], "next_cursor": None}


async def test_a_write_on_top_of_another_version_is_refused_and_names_the_present_one(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        path = f"/v1/agents/{await orchestrator(client)}/memory/k"
        first = await client.put(path, json={"value": 1, "if_version": 0})
        refused = problem(await client.put(path, json={"value": 2, "if_version": 0}), 409)
        failed = problem(await client.put(path, json={"value": 2}, headers={"If-None-Match": "*"}), 412)
        second = await client.put(path, json={"value": 2}, headers={"If-Match": first.headers["ETag"]})
        late = problem(await client.put(path, json={"value": 3}, headers={"If-Match": first.headers["ETag"]}), 412)
        kept = problem(await client.delete(path, params={"if_version": 1}), 409)
        value = (await client.get(path)).json()["value"]
        gone = await client.delete(path, headers={"If-Match": second.headers["ETag"]})
        problem(await client.delete(path), 404)
        problem(await client.get(path), 404)
        absent = problem(await client.put(path, json={"value": 3, "if_version": 2}), 409)

    assert [document["code"] for document in (refused, failed, late, kept, absent)] == ["version_conflict"] * 5
    assert [document["version"] for document in (refused, failed, late, kept, absent)] == [1, 1, 2, 2, 0]
    assert (value, gone.status_code) == (2, 204)


async def test_fifty_clients_count_with_compare_and_set_and_lose_nothing(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        path = f"/v1/agents/{await orchestrator(client)}/memory/n"
        await client.put(path, json={"value": 0})

        async def increment() -> None:
            while True:
                entry = (await client.get(path)).json()
                body = {"value": entry["value"] + 1, "if_version": entry["version"]}
                if (await client.put(path, json=body)).status_code == 200:
                    return

        await asyncio.gather(*(increment() for _ in range(50)))
        total = (await client.get(path)).json()["value"]

    assert total == 50


async def test_an_entry_is_forgotten_when_its_time_is_up(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        path = f"/v1/agents/{await orchestrator(client)}/memory"
        brief = (await client.put(f"{path}/brief", json={"value": 1, "ttl_s": 0.001})).json()
        lasting = (await client.put(f"{path}/lasting", json={"value": 1, "ttl_s": 3600})).json()
        async with asyncio.timeout(30):
            while (await client.get(f"{path}/brief")).status_code != 404:
                pass
        left = await keys(client, path)

    assert brief["expires_at"] > brief["updated_at"]
    assert lasting["expires_at"] > lasting["updated_at"]
    assert left == ["lasting"]


async def test_pages_and_prefixes(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        path = f"/v1/agents/{await orchestrator(client)}/memory"
        for key in ("x/1", "x/2", "x/3", "y"):
            await client.put(f"{path}/{key}", json={"value": key})
        first = (await client.get(path, params={"prefix": "x/", "limit": 2})).json()
        rest = (await client.get(path, params={"prefix": "x/", "limit": 2, "cursor": first["next_cursor"]})).json()

    assert [item["value"] for item in first["items"] + rest["items"]] == ["x/1", "x/2", "x/3"]
    assert rest["next_cursor"] is None


async def test_clearing_counts_what_it_removed(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        for name in ("one", "two", "three"):
            await orchestrator(client, name)
            for key in "ab":
                await client.put(f"/v1/agents/{name}/memory/{key}", json={"value": 1})
        answers = [
            (await client.post("/v1/agents/clear-memory", json={"orchestrator_id": "one"})).json(),
            (await client.delete("/v1/agents/two/memory")).json(),
            (await client.post("/v1/agents/clear-memory")).json(),
            (await client.post("/v1/agents/clear-memory", json={})).json(),
        ]
        problem(await client.post("/v1/agents/clear-memory", json={"orchestrator_id": "nobody"}), 404)

    assert answers == [{"cleared": 2}, {"cleared": 2}, {"cleared": 2}, {"cleared": 0}]


@pytest.mark.parametrize(
    ("path", "body", "status", "pointer"),
    [
        ("k", {}, 422, "/value"),
        ("k", {"value": 1, "if_version": -1}, 422, "/if_version"),
        ("k", {"value": 1, "if_version": "1"}, 422, "/if_version"),
        ("k", {"value": 1, "ttl_s": 0}, 422, "/ttl_s"),
        ("k", {"value": 1, "ttl_s": 1e300}, 422, "/ttl_s"),
        ("k", {"value": "x" * 256 * 1024}, 422, "/value"),
        ("k", {"value": 1, "unheard": 1}, 422, "/unheard"),
        ("k" * 257, {"value": 1}, 422, "/key"),
        ("a%00b", {"value": 1}, 422, "/key"),
        ("a%7Fb", {"value": 1}, 422, "/key"),
        ("", {"value": 1}, 422, "/key"),
    ],
)
async def test_bad_input_is_refused_by_name_and_nothing_is_kept(
    tmp_path: Path, path: str, body: Any, status: int, pointer: str
) -> None:
    async with in_process(tmp_path) as client:
        agent = await orchestrator(client)
        refused = problem(await client.put(f"/v1/agents/{agent}/memory/{path}", json=body), status)
        left = await keys(client, f"/v1/agents/{agent}/memory")

    assert (pointers(refused), left) == ([pointer], [])


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"If-Match": "*"}, "/If-Match"),
        ({"If-Match": "1"}, "/If-Match"),
        ({"If-Match": 'W/"1"'}, "/If-Match"),
        ({"If-None-Match": '"1"'}, "/If-None-Match"),
        ({"If-Match": '"1"', "If-None-Match": "*"}, "/If-None-Match"),
    ],
)
async def test_conditions_that_cannot_be_met_are_refused(tmp_path: Path, headers: dict[str, str], pointer: str) -> None:
    async with in_process(tmp_path) as client:
        agent = await orchestrator(client)
        path = f"/v1/agents/{agent}/memory/k"
        refused = problem(await client.put(path, json={"value": 1}, headers=headers), 422)

    assert pointers(refused) == [pointer]


async def test_memory_is_a_tenants_own(tmp_path: Path) -> None:
    keys_of = [mint(tmp_path, *who)["key"] for who in (("acme", "read,run"), ("other", "read,run"), ("acme", "read"))]
    mine, theirs, reader = ({"Authorization": f"Bearer {key}"} for key in keys_of)
    async with in_process(tmp_path) as client:
        client.headers.update(mine)
        await orchestrator(client)
        swarm = (await ended_swarm(client, "a"))["swarm_id"]
        for path in ("/v1/agents/boss/memory", f"/v1/swarms/{swarm}/memory"):
            await client.put(f"{path}/k", json={"value": 1})
            assert (await client.get(f"{path}/k", headers=reader)).status_code == 200
            problem(await client.put(f"{path}/k", json={"value": 2}, headers=reader), 403)
            for method in ("GET", "PUT", "DELETE"):
                body = {"value": 2} if method == "PUT" else None
                problem(await client.request(method, f"{path}/k", json=body, headers=theirs), 404)
            for method in ("GET", "DELETE"):
                problem(await client.request(method, path, headers=theirs), 404)
        cleared = (await client.post("/v1/agents/clear-memory", headers=theirs)).json()
        left = await keys(client, "/v1/agents/boss/memory")

    assert (cleared, left) == ({"cleared": 0}, ["k"])


async def test_a_key_that_ends_in_a_line_break_is_not_another_one(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        swarm = (await ended_swarm(client, "a"))["swarm_id"]
        path = f"/v1/swarms/{swarm}/memory"
        await client.put(f"{path}/k", json={"value": 1})
        for method in ("PUT", "GET", "DELETE"):
            body = {"value": 2} if method == "PUT" else None
            assert (await client.request(method, f"{path}/k%0a", json=body)).status_code == 422
        found = (await client.get(f"{path}/k")).json()

    assert (found["value"], found["version"]) == (1, 1)
