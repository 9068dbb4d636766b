"""``GET /v1/usage``: sums of one tenant, by model, key, day or swarm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from app.ports.usage import UsageRow
from app.storage.engine import open_database
from tests.support.databases import database_in
from tests.support.keys import mint
from tests.support.problems import pointers, problem
from tests.support.service import ServiceProcess
from tests.support.stage import accepted

SUMS = {
    "calls",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "total_tokens",
    "cost_usd",
    "unpriced_calls",
} | {"unsettled_cost_usd"}


def row(day: str, key_id: str, model: str, calls: int, tenant: str = "acme") -> UsageRow:
    return UsageRow(
        tenant_id=tenant,
        day=day,
        key_id=key_id,
        model=model,
        calls=calls,
        prompt_tokens=100 * calls,
        completion_tokens=10 * calls,
        cached_tokens=50 * calls,
        cost_nano_usd=1_500_000_000 * calls,
        unpriced_calls=1,
        unsettled_nano_usd=250_000_000,
    )


ROWS = [
    row("2025-01-30", "key_b", "m", 1),
    row("2025-01-31", "key_a", "m", 2),
    row("2025-01-31", "key_b", "n", 4),
    row("2025-02-01", "", "", 8),
    row("2025-02-01", "key_c", "theirs", 16, tenant="other"),
]


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx2.Client]]:
    folder = tmp_path_factory.mktemp("usage")
    keys = {tenant: mint(folder / "data", tenant, "read,run")["key"] for tenant in ("acme", "other", "third")}
    keys["runner"] = mint(folder / "data", "acme", "run")["key"]

    async def store() -> None:
        async with open_database(await database_in(folder / "data")) as database:
            await database.usage.add(ROWS)

    asyncio.run(store())
    with ServiceProcess(folder, "--host", "127.0.0.1") as service:
        found = {}
        for name, key in keys.items():
            found[name] = service.client()
            found[name].headers["Authorization"] = f"Bearer {key}"
        accepted(
            found["third"].post("/v1/swarms?wait=20", json={"name": "s", "tasks": [{"id": "a"}, {"id": "b"}]}), 201
        )
        yield found
        for client in found.values():
            client.close()


def usage(client: httpx2.Client, **params: Any) -> dict[str, Any]:
    response = client.get("/v1/usage", params=params)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("model", {None: 8, "m": 3, "n": 4}),
        ("key", {None: 8, "key_a": 2, "key_b": 5}),
        ("day", {"2025-02-01": 8, "2025-01-31": 6, "2025-01-30": 1}),
    ],
)
def test_calls_are_summed_up_by_each_group(
    clients: dict[str, httpx2.Client], group: str, expected: dict[str | None, int]
) -> None:
    page = usage(clients["acme"], group_by=group)

    assert [item[group] for item in page["items"]] == list(expected)
    assert {item[group]: item["calls"] for item in page["items"]} == expected
    assert all(set(item) == {group} | SUMS for item in page["items"])
    assert page["next_cursor"] is None
    assert page["total"] == {
        "calls": 15,
        "prompt_tokens": 1500,
        "completion_tokens": 150,
        "cached_tokens": 750,
        "total_tokens": 1650,
        "cost_usd": 22.5,
        "unpriced_calls": 4,
        "unsettled_cost_usd": 1.0,
    }


def test_a_period_and_pages(clients: dict[str, httpx2.Client]) -> None:
    period = {"from": "2025-01-31", "to": "2025-02-01"}
    whole = usage(clients["acme"], group_by="key", **period)
    assert whole["total"]["calls"] == 14
    items: list[Any] = []
    cursor: dict[str, str | None] = {}
    for _ in range(3):
        page = usage(clients["acme"], group_by="key", limit=1, **period, **cursor)
        assert page["total"] == whole["total"]
        items += page["items"]
        cursor = {"cursor": page["next_cursor"]}

    assert (items, cursor) == (whole["items"], {"cursor": None})


def test_without_a_group_it_is_by_model(clients: dict[str, httpx2.Client]) -> None:
    assert usage(clients["acme"]) == usage(clients["acme"], group_by="model")


@pytest.mark.parametrize("group", ["model", "key", "day", "swarm"])
def test_nothing_of_another_tenant_is_counted(clients: dict[str, httpx2.Client], group: str) -> None:
    acme, other, third = (usage(clients[name], group_by=group) for name in ("acme", "other", "third"))

    assert "theirs" not in str(acme)
    assert "key_c" not in str(acme)
    assert other["total"]["calls"] == (0 if group == "swarm" else 16)
    assert acme["total"]["calls"] == (0 if group == "swarm" else 15)
    assert len(third["items"]) <= 1
    assert not {str(item) for item in third["items"]} & {str(item) for item in acme["items"] + other["items"]}


def test_a_swarm_is_told_by_its_id(clients: dict[str, httpx2.Client]) -> None:
    [swarm] = clients["third"].get("/v1/swarms").json()["items"]

    page = usage(clients["third"], group_by="swarm")

    [item] = page["items"]
    assert set(item) == {"swarm_id"} | SUMS
    assert item["swarm_id"] == swarm["swarm_id"]
    assert item["calls"] == swarm["steps"] >= 2
    assert item["total_tokens"] == swarm["tokens"]["in"] + swarm["tokens"]["out"] > 0
    assert item["unpriced_calls"] is None
    assert page["total"] == {name: item[name] for name in SUMS}


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"group_by": "tenant"}, "/group_by"),
        ({"group_by": ""}, "/group_by"),
        ({"from": "yesterday"}, "/from"),
        ({"from": "20250131"}, "/from"),
        ({"from": "2025-02-30"}, "/from"),
        ({"to": "0000-00-00"}, "/to"),
        ({"to": "2025-01-31T00:00:00Z"}, "/to"),
        ({"from": "2025-02-01", "to": "2025-01-31"}, "/to"),
        ({"limit": "0"}, "/limit"),
        ({"limit": "1001"}, "/limit"),
        ({"limit": "x"}, "/limit"),
        ({"cursor": "key:a"}, "/cursor"),
        ({"cursor": ""}, "/cursor"),
        ({"cursor": "x" * 1001}, "/cursor"),
    ],
)
def test_a_wrong_query_is_refused_by_name(clients: dict[str, httpx2.Client], params: Any, pointer: str) -> None:
    document = problem(clients["acme"].get("/v1/usage", params=params), 422)

    assert [place.removeprefix("/query") for place in pointers(document)] == [pointer]


def test_the_first_and_the_last_day_there_is_are_taken(clients: dict[str, httpx2.Client]) -> None:
    for group in ("day", "swarm"):
        usage(clients["third"], group_by=group, **{"from": "0001-01-01", "to": "9999-12-31"})


def test_reading_it_needs_the_scope_read(clients: dict[str, httpx2.Client]) -> None:
    problem(clients["runner"].get("/v1/usage"), 403)
