"""The service is killed in the middle of a run, as often as it takes, and goes on as if nothing had happened.

Three ledgers are compared: what the database held while the service was dead, the model server's own call log, and the
events. ``SWARMD_WORKFLOWS_DIR`` adds the largest DAG of a folder (see ``test_workflows``).
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.dags import Dag, body_of, check_order, layered, mosaic
from tests.support.service import MockModelProcess, ServiceProcess, events_of, poll

LATENCY = ("--latency-ms", "60", "--latency-jitter-ms", "50")
PARALLEL = 100

_FOLDER = os.environ.get("SWARMD_WORKFLOWS_DIR")


@dataclass(frozen=True, slots=True)
class Grave:
    """What was known at a kill.

    Attributes:
        outputs: of the tasks recorded as completed.
        running: tasks with an attempt under way; only these may be called again.
        calls: lines in the model server's log.
    """

    outputs: dict[str, str]
    running: set[str]
    calls: int


def bury(service: ServiceProcess, model: MockModelProcess) -> Grave:
    """Kill the service and read its database while nobody else does."""
    service.kill()
    connection = sqlite3.connect(service.data_dir / "swarmd.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT task_id, status, output FROM tasks").fetchall()
    finally:
        connection.close()
    return Grave(
        outputs={task_id: output for task_id, status, output in rows if status == "completed"},
        running={task_id for task_id, status, _ in rows if status == "running"},
        calls=len(model.calls()),
    )


def largest(folder: str) -> Dag:
    tasks = max((json.loads(path.read_text())["tasks"] for path in Path(folder).glob("*.json")), key=len)
    return {task["id"]: task["depends_on"] for task in tasks}


def survives(tmp_path: Path, dag: Dag, kills: int) -> None:
    """Run ``dag``, killing the service ``kills`` times at random places, and compare the ledgers."""
    rng = random.Random(len(dag))
    with (
        MockModelProcess(tmp_path / "mock", *LATENCY) as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
    ):
        with service.client() as client:
            created = client.post("/v1/swarms", json=body_of(dag) | {"limits": {"max_parallel_agents": PARALLEL}})
            assert created.status_code == 201, created.text
        at = f"/v1/swarms/{created.json()['swarm_id']}"
        graves: list[Grave] = []
        for kill in range(1, kills + 1):
            wait_for_progress(service, at, int(len(dag) * (kill - 1 + rng.random()) / (kills + 1)))
            time.sleep(rng.random() * 0.1)  # the kill may come anywhere in a turn
            graves.append(bury(service, model))
            began = time.monotonic()
            service.start()
            poll(lambda: len(model.calls()) > graves[-1].calls, what="a call after the restart")
            assert time.monotonic() - began < 30
        with service.client() as client:
            found = poll(lambda: ended(client, at), deadline_s=180, what="the end")
            assert (found["status"], found["counts"]["completed"]) == ("completed", len(dag)), found["error"]
            events = list(events_of(client, found["swarm_id"]))
            results = client.get(f"{at}/results").json()
        calls = [call["task_id"] for call in model.calls() if call["event"] == "received"]

        check_order(dag, events)
        assert set(calls) == set(dag)
        log = model.calls()
        for grave in graves:
            later = {call["task_id"] for call in log[grave.calls :] if call["event"] == "received"}
            assert not later & set(grave.outputs), "a call was repeated for a task recorded as completed"
            final = {output["task_id"]: output["output"] for output in results["outputs"]}
            assert all(json.loads(output) == final[task_id] for task_id, output in grave.outputs.items())
        repeated = len(calls) - len(set(calls))
        assert repeated <= sum(len(grave.running) for grave in graves)
        assert sum(event["type"] == "agent_retrying" for event in events) == sum(len(grave.running) for grave in graves)
        assert all(0 < len(grave.outputs) < len(dag) for grave in graves[1:])
        print(
            f"{len(dag)} tasks, {kills} kills: {len(calls)} calls, {repeated} repeated; completed at the kills: "
            f"{[len(grave.outputs) for grave in graves]}, running: {[len(grave.running) for grave in graves]}"
        )


def wait_for_progress(service: ServiceProcess, at: str, completed: int) -> None:
    with service.client() as client:
        poll(
            lambda: client.get(at).json()["counts"]["completed"] >= completed,
            deadline_s=120,
            every_s=0.005,
            what=f"{completed} completed tasks",
        )


def ended(client: httpx2.Client, at: str) -> dict[str, Any] | None:
    found: dict[str, Any] = client.get(at).json()
    return None if found["status"] == "running" else found


def test_a_run_survives_two_kills(tmp_path: Path) -> None:
    survives(tmp_path, layered(seed=5, layers=12, width=40, fan_in=3), kills=2)


@pytest.mark.long
def test_a_run_of_2100_tasks_survives_five_kills(tmp_path: Path) -> None:
    survives(tmp_path, mosaic(630), kills=5)


if _FOLDER:

    @pytest.mark.long
    def test_the_largest_workflow_of_the_given_folder_survives_five_kills(tmp_path: Path) -> None:
        survives(tmp_path, largest(str(_FOLDER)), kills=5)


def test_a_hundred_to_ten_to_one_ends_complete_although_two_percent_of_the_calls_fail(tmp_path: Path) -> None:
    first: Dag = {f"read_{index}": [] for index in range(100)}
    second = {f"merge_{index}": [f"read_{n}" for n in range(index * 10, index * 10 + 10)] for index in range(10)}
    dag: Dag = {**first, **second, "report": list(second)}
    with (
        MockModelProcess(tmp_path / "mock", "--error-rate", "0.02", "--latency-ms", "100", "--seed", "1") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
        service.client() as client,
    ):
        body = json.dumps(body_of(dag) | {"limits": {"max_parallel_agents": 100}})
        response = client.post("/v1/swarms?wait=60", content=body, headers={"Content-Type": "application/json"})
        found = response.json()

        assert (response.status_code, found["status"]) == (201, "completed"), found
        assert found["counts"]["completed"] == 111
        events = list(events_of(client, found["swarm_id"]))
        check_order(dag, events)
        stats = httpx2.get(f"{model.root_url}/mock/stats").json()
        assert stats["max_in_flight"] == 100
        assert stats["by_status"]["500"] == sum(event["type"] == "agent_retrying" for event in events) > 0
