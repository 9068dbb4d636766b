"""What one process does holds when it is several: sub-agents at unlike workers, clients at either service."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.support.cluster import Cluster, independent
from tests.support.receivers import receiver
from tests.support.service import poll

pytestmark = pytest.mark.long

AT_FIRST, AT_SECOND = {"capability_tags": ["gpu"]}, {"capability_tags": ["eu"]}


def uses(nodes: Cluster, words: str, tool: str, **arguments: Any) -> None:
    """Let the sub-agent whose prompt has these words use a tool, then answer with what it was told last."""
    call = {"name": tool, "arguments": arguments}
    nodes.model.script({"match": words, "when_tools": True, "tool_calls": [call]})


def told(nodes: Cluster, swarm_id: str, task_id: str, *, node: int) -> str:
    """What tools said to a sub-agent, as its task's steps show it."""
    detail = nodes.get(f"/v1/swarms/{swarm_id}/tasks/{task_id}", node=node)
    assert detail["status"] == "completed", detail
    return json.dumps(detail["steps"])


def test_sub_agents_at_unlike_workers_write_to_each_other(nodes: Cluster) -> None:
    uses(nodes, "Wait for news", "receive_messages", wait_s=30)
    uses(nodes, "Send the news", "send_message", to="hears", message="the press is stopped")
    hears = {"id": "hears", "prompt": "Wait for news.", "tools": ["receive_messages"], **AT_FIRST}
    swarm_id = nodes.post({"tasks": [hears]} | {"tasks": [hears, _task("says", "Send the news.", "send_message")]})

    assert nodes.until_ended(swarm_id, node=1)["status"] == "completed"

    assert "the press is stopped" in told(nodes, swarm_id, "hears", node=1)
    [message] = nodes.get(f"/v1/swarms/{swarm_id}/messages", node=1)["items"]
    assert message["body"] == "the press is stopped"


def _task(task_id: str, prompt: str, tool: str, **fields: Any) -> dict[str, Any]:
    return {"id": task_id, "prompt": prompt, "tools": [tool], **AT_SECOND, **fields}


def test_memory_uploads_and_artifacts_are_the_same_everywhere(nodes: Cluster) -> None:
    with nodes.serves[1].client() as client:
        made = client.post("/v1/files", params={"name": "minutes.txt"}, content=b"The bridge was opened in 1932.")
        assert made.status_code == 201, made.text
    uses(nodes, "Read the minutes", "file_reader", path="minutes.txt")
    uses(nodes, "Keep the year", "memory_write", key="year", value=1932)
    uses(nodes, "Look the year up", "memory_read", key="year")
    uses(nodes, "Draw up a table", "save_artifact", name="table.csv", content="year\n1932\n")
    copy = "import pathlib; pathlib.Path('copy.csv').write_text(pathlib.Path('table.csv').read_text() * 2)"
    uses(nodes, "Copy the table", "code_interpreter", code=copy, files=["table.csv"], artifacts=["copy.csv"])
    tasks = [
        _task("reads", "Read the minutes.", "file_reader"),
        _task("keeps", "Keep the year.", "memory_write", depends_on=["reads"]),
        _task("looks", "Look the year up.", "memory_read", depends_on=["keeps"], **AT_FIRST),
        _task("draws", "Draw up a table.", "save_artifact"),
        _task("copies", "Copy the table.", "code_interpreter", depends_on=["draws"], **AT_FIRST),
    ]
    swarm_id = nodes.post({"tasks": tasks})

    assert nodes.until_ended(swarm_id, node=1)["status"] == "completed"

    assert "opened in 1932" in told(nodes, swarm_id, "reads", node=0)
    assert "1932" in told(nodes, swarm_id, "looks", node=1)
    for node in (0, 1):
        assert nodes.get(f"/v1/swarms/{swarm_id}/memory/year", node=node)["value"] == 1932
        with nodes.serves[node].client() as client:
            assert client.get(f"/v1/swarms/{swarm_id}/artifacts/table.csv").content == b"year\n1932\n"
            assert client.get(f"/v1/swarms/{swarm_id}/artifacts/copy.csv").content == b"year\n1932\n" * 2


def test_both_services_stream_the_same_events_while_they_happen(nodes: Cluster) -> None:
    nodes.slow_down("Take", 200)
    swarm_id = nodes.post({"tasks": independent(60, "Take"), "limits": {"max_parallel_agents": 10}})

    def watch(node: int) -> list[dict[str, Any]]:
        headers = {"Accept": "text/event-stream"}
        with (
            nodes.serves[node].client() as client,
            client.stream("GET", f"/v1/swarms/{swarm_id}/events", headers=headers) as stream,
        ):
            lines = [line.removeprefix("data: ") for line in stream.iter_lines() if line.startswith("data: ")]
        found = [json.loads(line) for line in lines]
        return [event for event in found if event["type"] != "metrics_snapshot"]

    with ThreadPoolExecutor(2) as watching:
        first, second = watching.map(watch, (0, 1))

    assert [event["seq"] for event in first] == list(range(1, len(first) + 1))
    assert first == second == nodes.events(swarm_id)
    assert first[-1]["type"] == "swarm_completed"


def test_a_run_is_steered_at_the_service_that_does_not_run_it(nodes: Cluster) -> None:
    nodes.slow_down("Steer", 300)
    tasks = [*independent(300, "Steer"), {"id": "alone", "prompt": "Steer alone."}]
    swarm_id = nodes.post({"tasks": tasks, "limits": {"max_parallel_agents": 2}})
    nodes.until_completed(swarm_id, 2, node=1)
    with nodes.serves[1].client() as client:
        wider = client.patch(f"/v1/swarms/{swarm_id}", json={"max_parallel_agents": 40})
        assert wider.status_code == 200, wider.text
    poll(lambda: nodes.swarm(swarm_id)["counts"]["running"] == 40, what="forty at once")

    nodes.act(swarm_id, "tasks/alone/cancel", node=1)
    nodes.act(swarm_id, "pause", node=1)
    poll(lambda: nodes.swarm(swarm_id)["counts"]["running"] == 0, what="the pause")
    paused = nodes.swarm(swarm_id, node=1)
    assert paused["status"] == "paused"
    nodes.act(swarm_id, "resume", node=1)
    found = nodes.until_ended(swarm_id, node=1)

    assert (found["status"], found["counts"]["completed"], found["counts"]["cancelled"]) == ("partial", 300, 1)
    nodes.act(swarm_id, "retry", {"task_ids": ["alone"]}, node=1)
    poll(lambda: nodes.swarm(swarm_id)["status"] == "completed", what="the retried task")
    assert nodes.started_calls()["alone"] <= 2


def test_a_budget_is_exact_and_usage_is_told_alike(nodes: Cluster) -> None:
    with nodes.serves[1].client() as client:
        price = {"mock": {"input_per_mtok": 1000, "output_per_mtok": 1000}}
        assert client.put("/v1/prices", json=price).status_code == 200
    tasks = [task | {"max_output_tokens": 50} for task in independent(60, "Spend")]
    swarm_id = nodes.post({"tasks": tasks, "budget": {"max_cost_usd": 0.5}})
    poll(lambda: nodes.swarm(swarm_id, node=1)["status"] == "paused", what="the pause")
    spent = nodes.swarm(swarm_id)

    assert 0 < spent["cost_usd"] <= 0.5
    assert spent["counts"]["completed"] < 60
    with nodes.serves[1].client() as client:
        assert client.patch(f"/v1/swarms/{swarm_id}", json={"budget": {"max_cost_usd": 1000}}).status_code == 200
    found = nodes.until_ended(swarm_id, node=1)
    assert found["status"] == "completed"
    assert nodes.started_calls()["i0"] >= 1
    [mine] = [
        row for row in nodes.get("/v1/usage", group_by="swarm", limit=1000)["items"] if row["swarm_id"] == swarm_id
    ]
    assert mine["cost_usd"] == found["cost_usd"]
    day = [nodes.get("/v1/usage", node=node, group_by="day")["items"] for node in (0, 1)]
    assert day[0] == day[1]


def test_a_webhook_is_delivered_once(nodes: Cluster) -> None:
    async def deliver() -> list[str]:
        async with receiver() as hook:
            body = {"tasks": independent(5), "webhook": hook.url}
            swarm_id = await asyncio.to_thread(nodes.post, body, node=1)
            await asyncio.to_thread(nodes.until_ended, swarm_id)
            await hook.take(1)
            for _ in range(5):  # whoever else would send it looks every second
                await asyncio.sleep(1)
            return [json.loads(received.body)["type"] for received in hook.got]

    assert asyncio.run(deliver()) == ["swarm_completed"]


def test_answers_are_repaired_judged_voted_on_and_planned_for(nodes: Cluster) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    nodes.model.script(
        {"match": "Count them", "content": "I count to nine."},
        {"match": "Count them", "content": '{"n": 9}'},
    )
    counted = nodes.post({"tasks": [{"id": "c", "prompt": "Count them.", "output_schema": schema}]})
    votes = nodes.post(
        {"tasks": independent(5, "Name a colour"), "aggregate": {"strategy": "hierarchical", "batch_size": 2}}, node=1
    )
    goal = nodes.post({"goal": "1. List the causes of floods.\n2. Compare two of them.", "name": "planned"}, node=1)

    assert nodes.until_ended(counted, node=1)["status"] == "completed"
    assert nodes.results(counted, node=1)["outputs"][0]["output"] == {"n": 9}
    assert nodes.until_ended(votes)["aggregation"]["status"] == "completed"
    planned = nodes.until_ended(goal)
    assert planned["status"] == "completed", planned
    assert planned["counts"]["total"] > 1
    assert planned["aggregated"]
    fork = httpx2.post(
        f"{nodes.serves[1].url}/v1/swarms/{counted}/fork", json={"tasks": [{"task_id": "c", "prompt": "Count."}]}
    )
    assert fork.status_code in {201, 202}, fork.text
    assert nodes.until_ended(fork.json()["swarm_id"])["status"] == "completed"
    for kind in ("tasks", "events", "attempts"):
        exported = [
            httpx2.get(f"{serve.url}/v1/swarms/{goal}/export", params={"kind": kind, "format": "csv"}).text
            for serve in nodes.serves
        ]
        assert exported[0] == exported[1]
        assert exported[0].count("\n") > 1
