"""Row 10: answers that the provider gave and the service never got, or never kept: every attempt is in the ledger.

The model server's own log is the other side of the account: what it was asked and what it answered.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.figures import report
from tests.support.ledger import audit_of, bury, calls_of
from tests.support.service import MockModelProcess, ServiceProcess, poll

SEED = 20_260_110
NEVER = "1000000000"
"""Failures in a row that open the breaker, which would only make the run longer."""


@pytest.mark.parametrize("size", [60, pytest.param(400, marks=pytest.mark.long)], ids=["everyday", "figures"])
def test_an_answer_lost_on_its_way_is_an_attempt_on_record(tmp_path: Path, size: int) -> None:
    """A third of the answers is cut off by a reset, one service is killed right after answers were given."""
    rng = random.Random(SEED)
    graph: dict[str, list[str]] = {f"t{n}": [] for n in range(size)}
    lost = [task_id for task_id in graph if rng.random() < 1 / 3]
    with (
        MockModelProcess(tmp_path / "mock", "--latency-ms", "40") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider(), SWARMD_BREAKER_FAILURES=NEVER) as service,
    ):
        scripts = [{"match": f'"id":"{task_id}"', "fault": "reset"} for task_id in lost]
        httpx2.post(f"{model.root_url}/mock/script", json=scripts).raise_for_status()
        body = {
            "tasks": [{"id": task_id} for task_id in graph],
            "limits": {"max_parallel_agents": 20},
            "retry": {"base_delay_s": 0.05},
        }
        with service.client() as client:
            swarm_id = client.post("/v1/swarms", json=body).json()["swarm_id"]
        poll(lambda: len(answered(model)) > size // 4, every_s=0.001, what="some answers")
        grave = bury(service, model, swarm_id)
        service.start()
        with service.client() as client:
            at = f"/v1/swarms/{swarm_id}"
            poll(lambda: client.get(at).json()["status"] not in {"running", "aggregating"}, what="the end")
            tasks = {task_id: client.get(f"{at}/tasks/{task_id}").json() for task_id in graph}
        audit = audit_of(service, model, swarm_id, graph, graves=[grave])

    calls = Counter(call["task_id"] for call in audit.ledgers.calls if call["event"] == "received")
    attempts = {task_id: task["attempt_log"] for task_id, task in tasks.items()}
    given = len(answered(model))
    report(
        10,
        f"{size} tasks, seed {SEED}: {calls.total()} calls, {given} answered, {len(lost)} answers cut off, "
        f"{len(grave.record.of_status('running'))} in flight at a kill: {sum(map(len, attempts.values()))} attempts on "
        f"record, {len(audit.unrecorded)} calls without one",
    )
    assert [task_id for task_id, task in tasks.items() if task["status"] != "completed"] == []
    assert audit.unrecorded == []
    assert audit.called_again == audit.replaced == audit.lost == []
    for task_id, log in attempts.items():
        assert [attempt["attempt"] for attempt in log] == list(range(1, len(log) + 1)), task_id
        assert calls[task_id] <= len(log), task_id
        assert [attempt["status"] for attempt in log].count("completed") == 1
    failed = {task_id for task_id, log in attempts.items() for attempt in log if attempt["status"] == "failed"}
    assert failed <= set(lost)
    # A cut-off answer that the kill overtook was met by a process that could no longer tell of it.
    assert set(lost) - failed <= grave.record.of_status("running")


def answered(model: MockModelProcess) -> list[dict[str, Any]]:
    return [call for call in calls_of(model) if call["event"] == "answered"]
