"""Row 22: a cancel with 300 sub-agents running, three levels deep: real sockets, by the model server's own log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, poll

RUNNING = 300
WIDTH = 20
LIMIT_S = 0.25


def deep() -> list[dict[str, Any]]:
    """Twenty tasks, twenty that need them, 300 that need those and are slow, and 300 that wait for the slow ones."""
    tasks: list[dict[str, Any]] = [{"id": f"a{nth}"} for nth in range(WIDTH)]
    tasks += [{"id": f"b{nth}", "depends_on": [f"a{nth}"]} for nth in range(WIDTH)]
    tasks += [{"id": f"c{nth}", "depends_on": [f"b{nth % WIDTH}"], "prompt": "slow"} for nth in range(RUNNING)]
    return tasks + [{"id": f"d{nth}", "depends_on": [f"c{nth}"]} for nth in range(RUNNING)]


def named(calls: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [call for call in calls if call["event"] == event]


@pytest.mark.long
def test_a_cancel_closes_300_connections_at_once_and_starts_nothing(tmp_path: Path) -> None:
    with (
        MockModelProcess(tmp_path / "mock") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
        service.client() as client,
    ):
        import httpx2

        body = {"tasks": deep(), "limits": {"max_parallel_agents": RUNNING, "task_timeout_s": 120}}
        body["retry"] = {"max_retries": 0}
        at = f"/v1/swarms/{client.post('/v1/swarms', json=body).json()['swarm_id']}"
        del httpx2
        poll(lambda: client.get(at).json()["counts"]["running"] == RUNNING, what="300 running")
        began = time.time()

        found = client.post(f"{at}/cancel")

        answered_s = time.time() - began
        assert found.json()["status"] == "cancelled"
