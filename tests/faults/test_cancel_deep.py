"""Row 22: a cancel with 300 sub-agents running, three levels deep: real sockets, by the model server's own log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx2

from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, events_of, poll

RUNNING = 300
WIDTH = 20
LIMIT_S = 0.25


def deep() -> list[dict[str, Any]]:
    """Twenty tasks, twenty that need them, 300 that need those and are slow, and 300 that wait for the slow ones."""
    tasks: list[dict[str, Any]] = [{"id": f"a{nth}"} for nth in range(WIDTH)]
    tasks += [{"id": f"b{nth}", "depends_on": [f"a{nth}"]} for nth in range(WIDTH)]
    tasks += [{"id": f"c{nth}", "depends_on": [f"b{nth % WIDTH}"], "prompt": "Be slow."} for nth in range(RUNNING)]
    return tasks + [{"id": f"d{nth}", "depends_on": [f"c{nth}"]} for nth in range(RUNNING)]


def test_a_cancel_closes_300_connections_at_once_and_starts_nothing(tmp_path: Path) -> None:
    with (
        MockModelProcess(tmp_path / "mock") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
        service.client() as client,
    ):
        script = {"match": "Be slow.", "times": None, "latency_ms": 60_000}
        httpx2.post(f"{model.root_url}/mock/script", json=script).raise_for_status()
        body = {"tasks": deep(), "limits": {"max_parallel_agents": RUNNING}}
        swarm_id = client.post("/v1/swarms", json=body).json()["swarm_id"]
        at = f"/v1/swarms/{swarm_id}"

        def open_calls() -> set[int]:
            calls = model.calls()
            return {call["n"] for call in calls if call["event"] == "received"} - {
                call["n"] for call in calls if call["event"] in {"answered", "dropped"}
            }

        poll(lambda: len(open_calls()) == RUNNING, what="300 calls under way")
        began = time.time()

        found = client.post(f"{at}/cancel").json()

        assert (found["status"], found["counts"]["cancelled"]) == ("cancelled", 2 * RUNNING)
        poll(lambda: not open_calls(), what="the end of every call")
        time.sleep(1.0)  # for calls that must not come
        calls = model.calls()
        dropped = [call["t"] for call in calls if call["event"] == "dropped"]
        closed_s = max(dropped) - began
        late = [call for call in calls if call["event"] == "received" and call["t"] > began]

        assert len(dropped) == RUNNING
        assert closed_s <= LIMIT_S
        assert late == []
        told = [event["type"] for event in events_of(client, swarm_id)]
        assert (told.count("agent_failed"), told.count("task_cancelled")) == (RUNNING, RUNNING)
        report(22, f"last of {RUNNING} connections closed after = {closed_s * 1000:.0f} ms; calls after = {len(late)}")
