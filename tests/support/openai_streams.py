"""A service whose one model is the mock, as tests with OpenAI's package see it: what it is to say, what it has held."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.support.service import MockModelProcess, ServiceProcess

WORDS = " ".join(f"word{number}" for number in range(40))
PRICES = {"SWARMD_PRICES": '{"mock": {"input_per_mtok": 1, "output_per_mtok": 2}}'}


def script(mock: MockModelProcess, *entries: dict[str, Any]) -> None:
    """Let the mock answer the next requests that match as the entries say."""
    httpx2.post(f"{mock.root_url}/mock/script", json=list(entries)).raise_for_status()


def user(content: str) -> list[Any]:
    return [{"role": "user", "content": content}]


def in_flight(mock: MockModelProcess) -> int:
    """Calls that the mock has not answered."""
    stats: dict[str, Any] = httpx2.get(f"{mock.root_url}/mock/stats").json()
    return int(stats["in_flight"])


def held(service: ServiceProcess) -> int:
    """Slots that are held, of all models together."""
    with service.client() as client:
        found = client.get("/v1/providers").json()["items"]
    return sum(model["in_flight"] for provider in found for model in provider["models"])
