"""Requests that are refused: what every one of them must leave behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.problems import problem
from tests.support.service import ServiceProcess

GOOD = {"tasks": [{"id": "a", "prompt": "Say one word."}]}


@pytest.fixture(autouse=True)
def unharmed(client: httpx2.Client, service: ServiceProcess) -> Iterator[None]:
    """After each test: nothing was stored, no fault was logged, and a good run still completes."""
    yield
    assert client.get("/v1/swarms").json() == {"items": [], "next_cursor": None}
    assert client.get("/healthz").status_code == 200
    run = client.post("/v1/swarms", params={"wait": 20}, json=GOOD)
    assert (run.status_code, run.json()["status"]) == (201, "completed")
    assert client.delete(f"/v1/swarms/{run.json()['swarm_id']}").status_code == 204
    assert "Traceback" not in service.output


def refused(client: httpx2.Client, body: Any, *, status: int = 422, **options: Any) -> dict[str, Any]:
    """Post ``body`` (bytes as they are) and return the problem document."""
    content = body if isinstance(body, bytes) or hasattr(body, "__next__") else json.dumps(body).encode()
    return problem(client.post("/v1/swarms", content=content, **options), status)
