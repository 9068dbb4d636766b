"""Keys and credits for tests of a service in the test's own loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

from app.services.keys import KeyService
from app.storage.engine import open_accounts
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.databases import database_in

ALL_SCOPES = ("read", "run", "admin")


async def mint(folder: Path, tenant: str = "default", *scopes: str, **limits: Any) -> dict[str, str]:
    """Headers of a new key, minted as on the command line, beside the service or before it."""
    async with open_accounts(await database_in(folder)) as accounts:
        service = KeyService(accounts.keys, SystemClock(), SystemEntropy())
        _, secret = await service.create(tenant, "test", scopes or ALL_SCOPES, **limits)
    return bearer(secret)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def problem(response: httpx2.Response, status: int, code: str) -> Any:
    """The problem document of a refusal."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert (document["status"], document["code"]) == (status, code)
    return document
