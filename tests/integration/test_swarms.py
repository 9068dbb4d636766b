"""Swarms over HTTP, in-process: run, look, page, and every answer in the shape the document promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.api.schemas.events import EventPage
from app.api.schemas.swarms import ResultsOut, SnapshotOut, SwarmCreated, SwarmGraphOut, SwarmOut, SwarmPage
from app.api.schemas.tasks import TaskDetailOut, TaskPage
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

DIAMOND = {
    "name": "diamond",
    "model": "any-name",
    "metadata": {"ticket": 7},
    "aggregate": "concat",
    "tasks": [
        {"id": "left", "prompt": "Say left.", "role": "coder"},
        {"id": "right", "prompt": "Say right.", "role": "critic", "priority": "high"},
        {"id": "join", "prompt": "Join them.", "depends_on": ["right", "left"], "data": {"k": 0}, "source": "x"},
        {"id": "last", "type": "closing", "depends_on": ["join"]},
    ],
}


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    async with in_process(tmp_path_factory.mktemp("data"), metrics=True) as client:
        yield client


@pytest.fixture(scope="module")
async def run(client: httpx2.AsyncClient) -> dict[str, Any]:
    """The diamond, run to its end by the offline model."""
    response = await client.post("/v1/swarms", params={"wait": 20}, json=DIAMOND)
    assert response.status_code == 201, response.text
    SwarmCreated.model_validate_json(response.content)
    found: dict[str, Any] = response.json()
    return found


async def get(client: httpx2.AsyncClient, path: str, **params: Any) -> Any:
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_waiting_answers_with_the_ended_run_and_its_results(run: dict[str, Any]) -> None:
    assert run["status"] == "completed"
    assert run["counts"]["completed"] == run["counts"]["total"] == 4
    assert run["steps"] == 4
    assert run["metadata"] == {"ticket": 7}
    assert run["cost_usd"] == 0
    assert run["tokens"]["in"] > 0
    outputs = run["results"]["outputs"]
    assert [output["task_id"] for output in outputs] == ["left", "right", "join", "last"]
    assert all(output["model"] == "offline" and output["requested_model"] == "any-name" for output in outputs)
    assert run["aggregated"] == "\n\n".join(output["output"] for output in outputs)
    assert run["aggregation"]["status"] == "completed"
    assert run["created_at"] <= run["started_at"] <= run["ended_at"]


async def test_without_waiting_the_answer_is_the_run_as_it_starts(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/swarms", json={"tasks": [{}, {"depends_on": ["task_0"]}]})

    SwarmOut.model_validate_json(response.content)
    assert response.status_code == 201
    assert response.json()["counts"]["total"] == 2
    assert "results" not in response.json()


async def test_a_run_is_got_as_it_was_answered(client: httpx2.AsyncClient, run: dict[str, Any]) -> None:
    got = await get(client, f"/v1/swarms/{run['swarm_id']}")

    SwarmOut.model_validate(got)
    assert got == {name: value for name, value in run.items() if name not in {"results", "warnings"}}


async def test_results_graph_and_snapshot_tell_the_same_story(client: httpx2.AsyncClient, run: dict[str, Any]) -> None:
    at = f"/v1/swarms/{run['swarm_id']}"
    results, graph, snapshot = [await get(client, f"{at}/{view}") for view in ("results", "graph", "snapshot")]
    ResultsOut.model_validate(results)
    SwarmGraphOut.model_validate(graph)
    SnapshotOut.model_validate(snapshot)

    assert results == run["results"]
    assert snapshot["tasks"] == results["outputs"]
    swarm = await get(client, at)
    assert swarm["critical_path"]["critical_tasks"][1:] == ["join", "last"]  # left or right: whichever took longer
    assert snapshot["swarm"] == swarm | {"critical_path": None}  # which is worked out where it is asked for
    assert [node["task_id"] for node in graph["nodes"]] == ["left", "right", "join", "last"]
    assert [(edge["source"], edge["target"]) for edge in graph["edges"]] == [
        ("right", "join"),
        ("left", "join"),
        ("join", "last"),
    ]
    summary = results["summary"]
    assert (summary["total_agents"], summary["successful"], summary["failed"]) == (4, 4, 0)
    assert summary["success_rate"] == 1
    assert summary["total_tokens"] == run["tokens"]["in"] + run["tokens"]["out"]
    assert 0 <= summary["p50_ms"] <= summary["p95_ms"] <= summary["p99_ms"]
    assert (summary["failures"], summary["missing"], results["missing"]) == ([], [], [])


async def test_a_task_is_told_with_its_input_and_attempts(client: httpx2.AsyncClient, run: dict[str, Any]) -> None:
    task = await get(client, f"/v1/swarms/{run['swarm_id']}/tasks/join")

    TaskDetailOut.model_validate(task)
    assert task["input"] == {"prompt": "Join them.", "data": {"k": 0}, "extra": {"source": "x"}}
    [attempt] = task["attempt_log"]
    assert (attempt["attempt"], attempt["status"], attempt["model"]) == (1, "completed", "offline")
    assert attempt["usage"] == task["usage"]
    assert task["depends_on"] == ["right", "left"]
    assert task["priority"] == 5
    assert task["latency_ms"] >= 0
    assert task["queue_ms"] >= 0


async def test_tasks_are_filtered_and_paged(client: httpx2.AsyncClient, run: dict[str, Any]) -> None:
    at = f"/v1/swarms/{run['swarm_id']}/tasks"
    ids: list[str] = []
    cursor = None
    for _ in range(2):
        page = await get(client, at, limit=2, **({"cursor": cursor} if cursor else {}))
        TaskPage.model_validate(page)
        ids += [task["task_id"] for task in page["items"]]
        cursor = page["next_cursor"]
    assert (ids, cursor) == (["left", "right", "join", "last"], None)

    for params, expected in (
        ({"role": "critic"}, ["right"]),
        ({"state": "completed", "attempt": 1}, ids),
        ({"state": "failed"}, []),
        ({"error": "timeout"}, []),
    ):
        page = await get(client, at, **params)
        assert [task["task_id"] for task in page["items"]] == expected, params


async def test_the_list_is_filtered_and_paged_newest_first(client: httpx2.AsyncClient, run: dict[str, Any]) -> None:
    body = {"name": "many", "tasks": [{}]}
    ids = [(await client.post("/v1/swarms", params={"wait": 20}, json=body)).json()["swarm_id"] for _ in range(5)]
    found: list[str] = []
    cursor = None
    while True:
        page = await get(client, "/v1/swarms", name="many", limit=2, **({"cursor": cursor} if cursor else {}))
        SwarmPage.model_validate(page)
        assert all("aggregated" not in item for item in page["items"])
        found += [item["swarm_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert found == ids[::-1]
    [item] = (await get(client, "/v1/swarms", name="diamond", status="completed"))["items"]
    assert item["swarm_id"] == run["swarm_id"]
    assert (await get(client, "/v1/swarms", status="cancelled"))["items"] == []
    assert (await get(client, "/v1/swarms", name="many", created_before=run["created_at"]))["items"] == []
    assert len((await get(client, "/v1/swarms", agent=run["agent_id"]))["items"]) >= 6


async def test_events_frame_the_run_and_follow_its_dependencies(
    client: httpx2.AsyncClient, run: dict[str, Any]
) -> None:
    page = await get(client, f"/v1/swarms/{run['swarm_id']}/events")

    EventPage.model_validate(page)
    events = page["items"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("swarm_started", "swarm_completed")
    assert events[-1]["status"] == "completed"
    at = {(event["type"], event["task_id"]): event["seq"] for event in events}
    for before, after in (("left", "join"), ("right", "join"), ("join", "last")):
        assert at["agent_completed", before] < at["task_queued", after] < at["agent_spawned", after]
    assert at["aggregate_completed", None] == len(events) - 1
    kinds = [event["type"] for event in events]
    assert kinds.count("agent_spawned") == kinds.count("agent_completed") == 4
    completed = next(event for event in events if event["type"] == "agent_completed")
    assert {"latency_ms", "queue_ms", "tokens_in", "tokens_out", "tokens_cached", "cost_usd", "model"} <= set(completed)
    assert all(event["swarm_id"] == run["swarm_id"] and event["ts"].endswith("Z") for event in events)
    later = await get(client, f"/v1/swarms/{run['swarm_id']}/events", after=3, limit=2)
    assert later["items"] == events[3:5]


async def test_a_task_without_an_id_gets_one_that_nobody_gave(client: httpx2.AsyncClient) -> None:
    body = {"tasks": [{"prompt": "x"}, {"id": "task_0", "depends_on": []}]}

    response = await client.post("/v1/swarms", params={"wait": 20}, json=body)

    assert response.status_code == 201, response.text
    ids = [output["task_id"] for output in response.json()["results"]["outputs"]]
    assert ids[1] == "task_0"
    assert len(set(ids)) == 2


async def test_an_ended_run_is_deleted_with_all_that_is_its(client: httpx2.AsyncClient) -> None:
    run = (await client.post("/v1/swarms", params={"wait": 20}, json={"tasks": [{"id": "a"}]})).json()
    at = f"/v1/swarms/{run['swarm_id']}"

    response = await client.delete(at)

    assert (response.status_code, response.content) == (204, b"")
    for path in ("", "/tasks", "/tasks/a", "/results", "/events", "/graph", "/snapshot"):
        assert (await client.get(at + path)).status_code == 404
    assert (await client.delete(at)).status_code == 404


async def test_metrics_tell_of_tasks_with_bounded_labels(client: httpx2.AsyncClient, run: dict[str, Any]) -> None:
    text = (await client.get("/metrics")).text

    assert 'swarmd_tasks_ended_total{status="completed"}' in text
    assert "swarmd_active_agents 0.0" in text
    assert "swarmd_queue_wait_seconds_count" in text
    assert run["swarm_id"] not in text


async def test_the_documents_are_served(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    document = await get(client, "/openapi.json")

    assert "/v1/swarms/{swarm_id}/tasks/{task_id}" in document["paths"]
    assert "SwarmCreate" in document["components"]["schemas"]
    assert (await client.get("/docs")).status_code == 200
    assert (await get(client, "/readyz"))["status"] == "ready"
