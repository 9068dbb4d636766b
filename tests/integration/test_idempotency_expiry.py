"""For how long and for whom an ``Idempotency-Key`` stands for its request."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest

from app.services.keys import KeyService
from app.storage.engine import open_accounts
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.databases import database_in
from tests.support.problems import problem
from tests.support.service import in_process
from tests.support.stage import Stage, accepted

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000
RUN = {"tasks": [{"prompt": "Say hello."}]}


async def send(client: httpx2.AsyncClient, path: str, body: dict[str, Any], key: str) -> httpx2.Response:
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


def conflict(response: httpx2.Response) -> None:
    assert problem(response, 409)["code"] == "idempotency_conflict"


class Watch(SystemClock):
    """A clock that a test puts forward."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


async def test_a_key_expires_after_the_hours_that_are_set(tmp_path: Path) -> None:
    watch = Watch()
    with mock.patch("app.main.SystemClock", return_value=watch):
        async with in_process(tmp_path, provider=Stage().provider, idempotency_hours=2) as client:
            path, body = "/v1/swarms?wait=20", RUN
            first = accepted(await send(client, path, body, "k"), 201)
            watch.ahead_ms = 2 * HOUR_MS - 60_000
            assert accepted(await send(client, path, body, "k"), 201) == first
            conflict(await send(client, path, body | {"name": "n"}, "k"))

            watch.ahead_ms = 2 * HOUR_MS + 60_000
            second = accepted(await send(client, path, body | {"name": "n"}, "k"), 201)

            assert second["swarm_id"] != first["swarm_id"]
            assert accepted(await send(client, path, body | {"name": "n"}, "k"), 201) == second
            conflict(await send(client, path, body, "k"))
            assert len(accepted(await client.get("/v1/swarms"))["items"]) == 2


async def test_keys_are_per_tenant(tmp_path: Path) -> None:
    secrets = {}
    async with open_accounts(await database_in(tmp_path)) as accounts:
        service = KeyService(accounts.keys, SystemClock(), SystemEntropy())
        for tenant in ("acme", "other"):
            secrets[tenant] = (await service.create(tenant, tenant, ["read", "run"]))[1]
    async with in_process(tmp_path, provider=Stage().provider) as client:
        path, body = "/v1/swarms", RUN
        found = {}
        for tenant, secret in secrets.items():
            headers = {"Idempotency-Key": "k", "Authorization": f"Bearer {secret}"}
            found[tenant] = accepted(await client.post(path, json=body, headers=headers), 201)
            again = await client.post(path, json=body, headers=headers)
            assert accepted(again, 201) == found[tenant]

        assert found["acme"]["swarm_id"] != found["other"]["swarm_id"]
        conflict(await client.post(path, json=body | {"name": "n"}, headers=headers))
