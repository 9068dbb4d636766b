"""A client as users write them: phases behind barriers, each polled every 500 ms until it is through."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.service import MockModelProcess, ServiceProcess

# --- the program -----------------------------------------------------------------------------------------------------


class BarrierFailed(Exception):
    pass


class PhasedClient:
    """Runs one phase after the other; looks only at ``state`` and ``error`` of what it is answered."""

    def __init__(self, base_url: str, orchestrator: str) -> None:
        self.base_url = base_url
        self.orchestrator = orchestrator
        self.states: list[str] = []
        body = {"name": orchestrator, "model": "mock", "swarm_config": {"max_retries": 0}}
        requests.post(f"{base_url}/agents/create", json=body, timeout=30).raise_for_status()

    def run_phase(self, number: int, tasks: list[dict[str, Any]], dependency_check: str = "strict") -> dict[str, Any]:
        body = {
            "tasks": tasks,
            "barrier_id": f"barrier_{number}",
            "wait_for_completion": False,
            "dependency_check": dependency_check,
            "orchestrator_id": self.orchestrator,
        }
        requests.post(f"{self.base_url}/agents/barrier-execute", json=body, timeout=30)
        return self.wait_for_barrier(number)

    def wait_for_barrier(self, number: int, timeout_s: float = 30) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            url = f"{self.base_url}/agents/barrier-status/{number}"
            status: dict[str, Any] = requests.get(url, timeout=30).json()
            self.states.append(status["state"])
            if status["state"] == "completed":
                return status
            if status["state"] == "failed":
                raise BarrierFailed(status["error"])
            time.sleep(0.5)
        raise TimeoutError(f"barrier {number}")


# --- its tests -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("mock"), "--latency-ms", "600", "--reply", "ok") as process:
        yield process


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess) -> Iterator[str]:
    with ServiceProcess(tmp_path_factory.mktemp("barriers"), *mock.as_provider()) as service:
        yield f"{service.url}/v1"


def test_three_phases_one_after_the_other(base_url: str) -> None:
    """``{"barrier_id","state": "pending"|"running"|"completed"|"failed","error","total","completed","failed"}``."""
    client = PhasedClient(base_url, "phases")
    for phase in range(3):
        depends_on = [f"p{phase - 1}_{n}" for n in range(4)] if phase else []
        tasks = [{"task_id": f"p{phase}_{n}", "depends_on": depends_on} for n in range(4)]
        status = client.run_phase(phase, tasks)
        assert (status["total"], status["completed"], status["failed"]) == (4, 4, 0)
        assert status["error"] is None

    assert client.states.count("completed") == 3
    assert set(client.states) <= {"pending", "running", "completed"}
    assert "running" in client.states


def test_a_failed_phase_stops_the_client_and_a_strict_next_one(base_url: str, mock: MockModelProcess) -> None:
    """A barrier with any failed task is ``failed``; every earlier barrier's tasks … must have completed."""
    script = {"match": '"id":"rotten"', "status": 400, "times": None, "latency_ms": 0}
    requests.post(f"{mock.root_url}/mock/script", json=script, timeout=10).raise_for_status()
    client = PhasedClient(base_url, "rotten phases")
    with pytest.raises(BarrierFailed, match="1 of 2 tasks"):
        client.run_phase(1, [{"id": "fine"}, {"id": "rotten"}])
    with pytest.raises(BarrierFailed, match="barrier_1"):
        client.run_phase(2, [{"id": "next"}])

    assert client.run_phase(2, [{"id": "next"}], dependency_check="lenient")["state"] == "completed"


def test_a_barrier_that_nobody_ran_ends_the_wait(base_url: str) -> None:
    """Unknown: 404 whose problem body *also* has ``"state": "failed"`` and ``"error"``."""
    with pytest.raises(BarrierFailed, match="barrier_99"):
        PhasedClient(base_url, "phases").wait_for_barrier(99)
