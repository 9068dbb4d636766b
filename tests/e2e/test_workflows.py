"""Workflow-shaped DAGs through a real service; every dependency order is checked from the events.

``SWARMD_WORKFLOWS_DIR`` names a folder of further DAGs, one JSON file each: ``{"tasks": [{"id", "depends_on"}]}``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.dags import Dag, body_of, chain, check_order, fork_join, layered, mosaic, pipelines
from tests.support.service import ServiceProcess, events_of

_FOLDER = os.environ.get("SWARMD_WORKFLOWS_DIR")
_FILES = sorted(Path(_FOLDER).glob("*.json")) if _FOLDER else []

SHAPES: dict[str, Dag] = {
    "one task": {"alone": []},
    "chain of 50": chain(50),
    "fork and join of 200": fork_join(200),
    "pipelines": pipelines(lanes=12, stages=5, merges=3),
    "mosaic": mosaic(40),
    **{f"layered {seed}": layered(seed, layers=6, width=15, fan_in=4) for seed in range(3)},
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with ServiceProcess(tmp_path_factory.mktemp("workflows")) as service, service.client() as client:
        yield client


def run(client: httpx2.Client, dag: Dag) -> None:
    response = client.post("/v1/swarms", params={"wait": 300}, json=body_of(dag), timeout=310)
    assert response.status_code == 201, response.text
    found = response.json()
    assert (found["status"], found["counts"]["completed"]) == ("completed", len(dag)), found["error"]
    events = list(events_of(client, found["swarm_id"]))
    assert events[-1]["type"] == "swarm_completed"
    check_order(dag, events)


@pytest.mark.parametrize(
    "workflow",
    [*SHAPES, *(pytest.param(path, marks=pytest.mark.long) for path in _FILES)],
    ids=lambda workflow: workflow.stem if isinstance(workflow, Path) else workflow,
)
def test_a_workflow_runs_in_the_order_of_its_dependencies(client: httpx2.Client, workflow: str | Path) -> None:
    if isinstance(workflow, Path):
        run(client, {task["id"]: task["depends_on"] for task in json.loads(workflow.read_text())["tasks"]})
    else:
        run(client, SHAPES[workflow])
