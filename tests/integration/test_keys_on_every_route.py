"""Every route of the OpenAPI document and every socket: no answer without a key, none beyond the scopes of one.

What is public is named here; a route that is added is held to the rules without being named anywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.accounts import bearer, mint
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

PUBLIC = {"/healthz", "/readyz", "/docs", "/openapi.json", "/asyncapi.json"}
ADMIN = re.compile(r"/v1/(keys|audit)(/|$)")
"""Of the own tenant."""
OPERATOR = {("PUT", "/v1/prices"), ("POST", "/v1/credits")}
READ_BY_POST = {"/v1/stream-tickets"}


def routes() -> list[tuple[str, str]]:
    document = create_app(Settings()).openapi()
    return sorted(
        (method.upper(), re.sub(r"\{[^}]*\}", "x", path))
        for path, methods in document["paths"].items()
        for method in methods
        if path not in PUBLIC
    )


ROUTES = routes()
CHANGING = [(method, path) for method, path in ROUTES if method != "GET" and path not in READ_BY_POST]


@dataclass
class Gatehouse:
    client: httpx2.AsyncClient
    keys: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gatehouse]:
    folder: Path = tmp_path_factory.mktemp("gate")
    keys = {scope: await mint(folder, "acme", scope) for scope in ("read", "run", "admin")}
    keys["operator"] = await mint(folder)
    async with in_process(folder) as client:
        yield Gatehouse(client, keys)


def code_of(response: httpx2.Response) -> Any:
    document = response.json()
    return (
        document["error"]["code"] if "error" in document and isinstance(document["error"], dict) else document["code"]
    )


def detail_of(response: httpx2.Response) -> str:
    document = response.json()
    found = document["error"]["message"] if isinstance(document.get("error"), dict) else document["detail"]
    return str(found)


def test_the_routes_are_all_there() -> None:
    assert len(ROUTES) > 60
    assert {"/v1/keys", "/v1/keys/x/rotate", "/v1/credits", "/v1/audit"} <= {path for _, path in ROUTES}


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_a_key_nothing_is_answered(gate: Gatehouse, method: str, path: str) -> None:
    response = await gate.client.request(method, path, content=b"not even JSON")

    assert (response.status_code, code_of(response)) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_who_may_read_changes_nothing_and_hears_what_is_missing(gate: Gatehouse, method: str, path: str) -> None:
    response = await gate.client.request(method, path, headers=gate.keys["read"], content=b"not even JSON")

    assert (response.status_code, code_of(response)) == (403, "forbidden")
    needed = "admin" if (method, path) == ("PUT", "/v1/prices") else "run"
    assert f"{needed!r}" in detail_of(response)


@pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "GET"])
async def test_who_may_only_run_reads_nothing(gate: Gatehouse, path: str) -> None:
    response = await gate.client.get(path, headers=gate.keys["run"])

    assert (response.status_code, code_of(response)) == (403, "forbidden")
    assert "'read'" in detail_of(response)


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if ADMIN.match(route[1])])
async def test_keys_and_the_audit_log_need_an_admin(gate: Gatehouse, method: str, path: str) -> None:
    for scope in ("read", "run"):
        response = await gate.client.request(method, path, headers=gate.keys[scope], content=b"not even JSON")
        assert (response.status_code, code_of(response)) == (403, "forbidden")
    allowed = await gate.client.request(method, path, headers=gate.keys["admin"], content=b"not even JSON")
    assert allowed.status_code not in {401, 403}


@pytest.mark.parametrize(("method", "path"), sorted(OPERATOR))
async def test_what_concerns_all_tenants_needs_the_operators_admin(gate: Gatehouse, method: str, path: str) -> None:
    refused = await gate.client.request(method, path, headers=gate.keys["admin"], content=b"not even JSON")
    assert (refused.status_code, code_of(refused)) == (403, "forbidden")
    assert "'default'" in detail_of(refused)
    allowed = await gate.client.request(method, path, headers=gate.keys["operator"], content=b"not even JSON")
    assert allowed.status_code == 400  # the body is looked at now


BEARERS = [
    "",
    "null",
    "[]",
    "{}",
    "x" * 1_000_000,
    "' OR '1'='1' --",
    "'; DROP TABLE keys; --",
    "sk-swarmd-" + "0" * 64,
]


@pytest.mark.parametrize("token", BEARERS, ids=[token[:20] or "empty" for token in BEARERS])
async def test_no_invented_token_is_a_key(gate: Gatehouse, token: str) -> None:
    for path in ("/v1/swarms", "/v1/models", "/v1/keys"):
        response = await gate.client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401


async def test_a_refusal_takes_as_long_whatever_is_wrong(gate: Gatehouse) -> None:
    """No guess learns from the time how near it is: a token that shares all but its last digit with a live one takes as
    long as one that shares nothing. Both are looked up by their hash, which has nothing of the token's order."""
    secret = gate.keys["read"]["Authorization"].removeprefix("Bearer ")
    near = [secret[:-5] + f"{number:05x}" for number in range(200)]
    far = [f"{number:074x}" for number in range(200)]
    times: dict[str, list[float]] = {"near": [], "far": []}
    for one, other in zip(near, far, strict=True):
        for kind, token in (("near", one), ("far", other)):
            started = time.perf_counter()
            response = await gate.client.get("/v1/swarms", headers=bearer(token))
            times[kind].append(time.perf_counter() - started)
            assert response.status_code == 401 or token == secret

    # The quickest of each: whatever else the machine does only adds to a time.
    assert 0.5 < min(times["near"]) / min(times["far"]) < 2
