"""``/v1/prices``: merged over the configured and the kept ones, kept over a restart, changed by admins only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.keys import mint
from tests.support.problems import pointers, problem
from tests.support.service import ServiceProcess, in_process

pytestmark = pytest.mark.anyio

PRICE = {"input_per_mtok": 0.6, "cached_input_per_mtok": 0.1, "output_per_mtok": 2.5}
CONFIG: dict[str, Any] = {
    "default_model": "m1",
    "prices": {
        "m1": {"input_per_mtok": 1, "output_per_mtok": 2},
        "unused": {"input_per_mtok": 0, "output_per_mtok": 0},
    },
    # Nobody listens there: the list of its models is not to be had, its prices are.
    "providers": {
        "mine": {"base_url": "http://127.0.0.1:9/v1", "models": ["m1", "kimi-k2.5"]},
        "moon": {"base_url": "http://127.0.0.1:9/v1", "kind": "moonshot", "models": ["kimi-k2.6"]},
        "gateway": {"base_url": "http://gateway.invalid/v1", "kind": "moonshot", "models": ["kimi-k2-thinking"]},
    },
}


async def prices(client: httpx2.AsyncClient) -> dict[str, Any]:
    response = await client.get("/v1/prices")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


async def test_the_table_says_where_each_price_comes_from(tmp_path: Path) -> None:
    """``kimi-k2.5`` and ``kimi-k2.6`` are served by nobody's vendor here, so what they cost is not guessed."""
    async with in_process(tmp_path, **CONFIG) as client:
        found = await prices(client)

    assert found == {
        "kimi-k2-thinking": {
            "input_per_mtok": 0.6,
            "cached_input_per_mtok": 0.15,
            "output_per_mtok": 2.5,
            "source": "kept",
        },
        "m1": {"input_per_mtok": 1, "cached_input_per_mtok": None, "output_per_mtok": 2, "source": "config"},
        "offline": {"input_per_mtok": 0, "cached_input_per_mtok": None, "output_per_mtok": 0, "source": "kept"},
        "unused": {"input_per_mtok": 0, "cached_input_per_mtok": None, "output_per_mtok": 0, "source": "config"},
    }


async def test_a_put_merges_over_the_table_and_null_removes_what_was_set(tmp_path: Path) -> None:
    async with in_process(tmp_path, **CONFIG) as client:
        before = await prices(client)
        body = {"m1": PRICE, "kimi-k2.5": {"input_per_mtok": 1e-9, "output_per_mtok": 99999.123456789}}
        answer = await client.put("/v1/prices", json=body)
        assert answer.status_code == 200
        assert answer.json() == await prices(client)
        assert answer.json() == before | {
            "m1": PRICE | {"source": "api"},
            "kimi-k2.5": body["kimi-k2.5"] | {"cached_input_per_mtok": None, "source": "api"},
        }

        assert (await client.put("/v1/prices", json={"m1": None, "kimi-k2.5": None, "never": None})).json() == before
        assert (await client.put("/v1/prices", json={})).json() == before


async def test_what_was_set_outlives_the_service(tmp_path: Path) -> None:
    async with in_process(tmp_path, **CONFIG) as client:
        await client.put("/v1/prices", json={"m1": PRICE, "else": PRICE, "gone": PRICE})
        await client.put("/v1/prices", json={"gone": None})
    async with in_process(tmp_path, **CONFIG) as client:
        found = await prices(client)

    assert {model for model, price in found.items() if price["source"] == "api"} == {"m1", "else"}


async def test_the_next_call_costs_the_new_price(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        await client.put("/v1/prices", json={"offline": {"input_per_mtok": 1000, "output_per_mtok": 1000}})
        call = {"model": "offline", "messages": [{"role": "user", "content": "Hello"}]}
        usage = (await client.post("/v1/chat/completions", json=call)).json()["usage"]
        await client.put("/v1/prices", json={"offline": None})
        after = (await client.post("/v1/chat/completions", json=call)).json()["usage"]

    assert usage["cost"] == pytest.approx(usage["total_tokens"] / 1000)
    assert (after["total_tokens"], after["cost"]) == (usage["total_tokens"], 0)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"a": PRICE | {"input_per_mtok": -0.1}}, "/a/input_per_mtok"),
        ({"a": PRICE | {"output_per_mtok": 100_000.5}}, "/a/output_per_mtok"),
        ({"a": PRICE | {"output_per_mtok": 1e300}}, "/a/output_per_mtok"),
        ({"a": PRICE | {"output_per_mtok": 10**18}}, "/a/output_per_mtok"),
        ({"a": PRICE | {"cached_input_per_mtok": 1e-10}}, "/a/cached_input_per_mtok"),
        ({"a": PRICE | {"input_per_mtok": 0.1234567891}}, "/a/input_per_mtok"),
        ({"a": PRICE | {"input_per_mtok": "0.6"}}, "/a/input_per_mtok"),
        ({"a": PRICE | {"input_per_mtok": True}}, "/a/input_per_mtok"),
        ({"a": PRICE | {"input_per_mtok": None}}, "/a/input_per_mtok"),
        ({"a": PRICE | {"source": "api"}}, "/a/source"),
        ({"a": PRICE, "b": {"input_per_mtok": 1}}, "/b/output_per_mtok"),
        ({"a/b": {"output_per_mtok": 1}}, "/a~1b/input_per_mtok"),
        ({"a": 0.6}, "/a"),
        ({"a": []}, "/a"),
        ({"": PRICE}, "/"),
        ({"x" * 201: PRICE}, f"/{'x' * 201}"),
    ],
)
async def test_of_a_wrong_body_nothing_is_set(tmp_path: Path, body: Any, pointer: str) -> None:
    async with in_process(tmp_path) as client:
        before = await prices(client)

        document = problem(await client.put("/v1/prices", json=body), 422)

        assert pointers(document) == [pointer]
        assert await prices(client) == before


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1"])
async def test_a_body_that_is_no_object_is_refused(tmp_path: Path, body: bytes) -> None:
    async with in_process(tmp_path) as client:
        problem(await client.put("/v1/prices", content=body), 422)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": {"input_per_mtok": NaN, "output_per_mtok": 1}}', b'{"a": Infinity}', b"\xff"]
)
async def test_a_body_that_is_no_json_is_refused(tmp_path: Path, body: bytes) -> None:
    async with in_process(tmp_path) as client:
        problem(await client.put("/v1/prices", content=body), 400)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("prices")
    keys = {scopes: mint(folder / "data", "acme", scopes)["key"] for scopes in ("read", "read,run", "admin")}
    keys["the operator's admin"] = mint(folder / "data", "default", "admin")["key"]
    with ServiceProcess(folder, "--host", "127.0.0.1") as service:
        yield service, keys


@pytest.mark.parametrize(
    ("scopes", "get", "put"),
    [
        ("read", 200, 403),
        ("read,run", 200, 403),
        ("admin", 200, 403),
        ("the operator's admin", 200, 200),
        (None, 401, 401),
    ],
)
def test_only_the_operator_sets_prices(
    guarded: tuple[ServiceProcess, dict[str, str]], scopes: str | None, get: int, put: int
) -> None:
    service, keys = guarded
    headers = {} if scopes is None else {"Authorization": f"Bearer {keys[scopes]}"}
    with service.client() as client:
        assert client.get("/v1/prices", headers=headers).status_code == get
        answer = client.put("/v1/prices", json={"a": PRICE}, headers=headers)
        if put == 200:
            assert answer.json()["a"] == PRICE | {"source": "api"}
        else:
            problem(answer, put)
