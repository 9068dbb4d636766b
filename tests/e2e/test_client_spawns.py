"""A client as users write them: a hundred spawns on a hundred threads, the results fetched later."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.service import MockModelProcess, ServiceProcess

# --- the program -----------------------------------------------------------------------------------------------------


class Spawner:
    def __init__(self, base_url: str, model: str) -> None:
        self.base_url = base_url
        config = {"max_parallel_agents": 40, "async_result_fetch": True, "aggregation_strategy": "first-past-the-post"}
        body = {"name": "spawner", "model": model, "tools": ["web_search"], "swarm_config": config}
        created = requests.post(f"{base_url}/agents/create", json=body, timeout=30)
        self.agent_id = created.json()["agent_id"]

    def spawn(self, number: int) -> dict[str, Any]:
        body = {
            "task_type": "research",
            "input_data": {"topic": f"topic {number}"},
            "capability_tags": ["search", "read"],
            "priority": number % 10 + 1,
        }
        response = requests.post(f"{self.base_url}/agents/{self.agent_id}/spawn", json=body, timeout=30)
        response.raise_for_status()
        spawned: dict[str, Any] = response.json()
        return spawned

    def spawn_all(self, count: int) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(max_workers=count) as pool:
            return list(pool.map(self.spawn, range(count)))

    def results(self) -> dict[str, Any]:
        url = f"{self.base_url}/agents/{self.agent_id}/results?timeout=180"
        found: dict[str, Any] = requests.get(url, timeout=200).json()
        return found


# --- its tests -------------------------------------------------------------------------------------------------------

COUNT = 100


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("mock"), "--latency-ms", "100") as process:
        yield process


def test_a_hundred_spawns_on_a_hundred_threads(
    tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess
) -> None:
    """202 ``{"agent_id": <the sub-agent>, "task_id", "swarm_id", "orchestrator_id", "status": "queued", …}``; … The
    sub-agent's id works in ``GET /agents/{id}`` and ``/results``."""
    with ServiceProcess(tmp_path_factory.mktemp("spawns"), *mock.as_provider()) as service:
        client = Spawner(f"{service.url}/v1", "mock")
        spawned = client.spawn_all(COUNT)
        results = client.results()
        own = []
        for each in spawned:
            agent = requests.get(f"{client.base_url}/agents/{each['agent_id']}", timeout=30).json()
            assert (agent["agent_id"], agent["status"]) == (each["agent_id"], "completed")
            own += requests.get(f"{client.base_url}/agents/{each['agent_id']}/results", timeout=30).json()["outputs"]
        stats = requests.get(f"{mock.root_url}/mock/stats", timeout=10).json()

    assert {each["status"] for each in spawned} == {"queued"}
    assert {each["orchestrator_id"] for each in spawned} == {client.agent_id}
    for field in ("agent_id", "task_id", "swarm_id"):
        assert len({each[field] for each in spawned}) == COUNT
    assert (results["status"], results["pending"]) == ("completed", 0)
    assert {output["task_id"] for output in results["outputs"]} == {each["task_id"] for each in spawned}
    assert all(output["status"] == "completed" and output["output"] for output in results["outputs"])
    assert sorted(output["task_id"] for output in own) == sorted(each["task_id"] for each in spawned)
    assert results["summary"]["successful"] == stats["received"] == COUNT
    assert stats["max_in_flight"] <= 40


@pytest.mark.long
def test_keyless_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ServiceProcess(tmp_path_factory.mktemp("keyless")) as service:
        client = Spawner(f"{service.url}/v1", "kimi-k2.5")
        client.spawn_all(COUNT)
        outputs = client.results()["outputs"]

    assert len(outputs) == COUNT
    assert all(output["model"] == "offline" and output["requested_model"] == "kimi-k2.5" for output in outputs)
