"""Which worker does what: tags, a sandbox that only one has, priorities, and what is seen where nobody can."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Cluster, cluster, independent
from tests.support.documented import faults
from tests.support.mcp_driving import ROOT, SERVER
from tests.support.service import events_of, poll

pytestmark = pytest.mark.long

ADDING = {"name": "tickets_add", "arguments": {"a": 40, "b": 2}}


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the MCP server of whichever process writes what it is asked."""
    return tmp_path_factory.mktemp("mcp") / "journal"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, journal: Path) -> Iterator[Cluster]:
    """The first worker has the tags gpu and fast; the second eu and fast, no bubblewrap, and no MCP server ``tickets``:
    it is told of the same one as all, but has not its program."""
    env = {"MCP_JOURNAL": str(journal), "PYTHONPATH": ROOT}
    there, missing = (
        json.dumps({"tickets": {"command": command, "env": env}}) for command in (SERVER, ("/nowhere/tickets",))
    )
    each = [
        {"SWARMD_WORKER_TAGS": '["gpu", "fast"]'},
        {"SWARMD_WORKER_TAGS": '["eu", "fast"]', "SWARMD_MCP": missing},
    ]
    folder = tmp_path_factory.mktemp("nodes")
    with cluster(
        folder, latency_ms=10, concurrency=40, worker_env=each, without_sandbox={1}, SWARMD_MCP=there
    ) as found:
        yield found


def done_by(nodes: Cluster, tasks: list[dict[str, Any]], **body: Any) -> tuple[dict[str, Any], list[int]]:
    """Run tasks; return the results, and how many jobs each worker did meanwhile."""
    before = [worker.jobs() for worker in nodes.workers]
    swarm_id = nodes.post({"tasks": tasks, **body})
    found = nodes.until_ended(swarm_id, node=1)
    assert found["status"] == "completed", found
    return nodes.results(swarm_id), [worker.jobs() - old for worker, old in zip(nodes.workers, before, strict=True)]


@pytest.mark.parametrize(("tags", "by"), [(["gpu"], 0), (["eu"], 1), (["gpu", "fast", "some-topic"], 0)])
def test_tasks_go_to_workers_that_have_their_tags(nodes: Cluster, tags: list[str], by: int) -> None:
    tasks = [task | {"capability_tags": tags} for task in independent(20)]

    _, jobs = done_by(nodes, tasks)

    assert (jobs[by], jobs[1 - by]) == (20, 0)


def test_tags_that_nobody_has_are_no_condition(nodes: Cluster) -> None:
    _, jobs = done_by(nodes, [task | {"capability_tags": ["filings"]} for task in independent(100)])

    assert sum(jobs) == 100
    assert min(jobs) > 0


def test_code_runs_only_where_there_is_a_sandbox(nodes: Cluster) -> None:
    code = {"name": "code_interpreter", "arguments": {"code": "print(6 * 7)"}}
    nodes.model.script(
        {"match": "Compute it", "when_tools": True, "times": 4, "tool_calls": [code]},
        {"match": "Compute it", "times": 4, "content": "It is 42."},
    )
    tasks = [task | {"tools": ["code_interpreter"]} for task in independent(4, "Compute it")]

    results, jobs = done_by(nodes, tasks)

    assert {output["output"] for output in results["outputs"]} == {"It is 42."}
    assert jobs == [12, 0]
    detail = nodes.get(f"/v1/swarms/{results['swarm_id']}/tasks/i0", node=1)
    assert "42" in str(detail["steps"])


def added(nodes: Cluster, tasks: int) -> list[dict[str, Any]]:
    """Return tasks whose model has the MCP server add, and then answers."""
    found = []
    for index in range(tasks):
        words = f"Add them for {index}."
        nodes.model.script(
            {"match": words, "when_tools": True, "tool_calls": [ADDING]}, {"match": words, "content": "They are 42."}
        )
        found.append({"task_id": f"i{index}", "prompt": words, "tools": ["tickets_add", "memory_read"]})
    return found


def assert_added(nodes: Cluster, swarm_id: str, tasks: int) -> None:
    assert {one["output"] for one in nodes.results(swarm_id)["outputs"]} == {"They are 42."}
    for index in range(tasks):
        steps = nodes.get(f"/v1/swarms/{swarm_id}/tasks/i{index}", node=1)["steps"]
        assert [list(one["record"]["results"].values()) for one in steps if one["kind"] == "results"] == [["42"]]


def test_tools_of_an_mcp_server_run_only_where_it_is(nodes: Cluster, journal: Path) -> None:
    results, jobs = done_by(nodes, added(nodes, 8))

    assert jobs == [24, 0]
    assert_added(nodes, results["swarm_id"], 8)
    assert journal.read_text().splitlines() == ["add 40 2"] * 8


def test_a_task_waits_for_a_worker_with_its_mcp_server_and_says_which(nodes: Cluster) -> None:
    assert nodes.workers[0].terminate() == 0
    poll(lambda: {nodes.readiness(node=node)["workers"] for node in (0, 1)} == {1}, what="that one worker is left")
    before = nodes.workers[1].jobs()
    swarm_id = nodes.post({"tasks": added(nodes, 4)})

    told = poll(
        lambda: [event for event in nodes.events(swarm_id, node=1) if event["type"] == "swarm_throttled"] or None,
        what="the word that nobody has the server",
    )
    assert (told[0]["reason"], told[0]["mcp_servers"]) == ("no_worker", ["tickets"])
    assert faults(told[0], "swarmEvents") == []
    assert any("jobs_held" in serve.output and '"mcp_servers": ["tickets"]' in serve.output for serve in nodes.serves)
    other = nodes.post({"tasks": independent(10)})  # which has no such tools and waits for nobody
    assert nodes.until_ended(other)["status"] == "completed"
    assert nodes.workers[1].jobs() == before + 10

    nodes.workers[0].start()
    assert nodes.until_ended(swarm_id)["status"] == "completed"
    assert_added(nodes, swarm_id, 4)
    assert nodes.workers[0].jobs() == 12


def test_an_urgent_run_overtakes_what_waits_for_workers(nodes: Cluster) -> None:
    nodes.slow_down("Plod", 1_000)
    limits = {"max_parallel_agents": 1_000}
    plodding = [nodes.post({"tasks": independent(1_000, "Plod"), "limits": limits}, node=node) for node in (0, 1)]
    poll(lambda: sum(worker.health()["running"] for worker in nodes.workers) == 80, what="all hands full")

    urgent = nodes.post({"tasks": [task | {"priority": 10} for task in independent(20)]}, node=1)
    ended = nodes.until_ended(urgent, node=0)

    assert ended["status"] == "completed"
    assert sum(nodes.completed(swarm_id) for swarm_id in plodding) < 1_000
    for swarm_id in plodding:
        nodes.act(swarm_id, "cancel", node=0)
        nodes.until_ended(swarm_id, node=1)


def test_a_run_says_that_nobody_is_there_and_goes_on_as_soon_as_one_is(nodes: Cluster) -> None:
    for worker in nodes.workers:
        assert worker.terminate() == 0
    swarm_id = nodes.post({"tasks": independent(20)})

    told = poll(
        lambda: [event for event in nodes.events(swarm_id, node=1) if event["type"] == "swarm_throttled"] or None,
        what="the word that nobody is there",
    )
    assert (told[0]["reason"], told[0]["limit"], told[0]["wait_ms"]) == ("no_worker", None, None)
    assert re.search(r"no_worker.*jobs_held", "".join(serve.output for serve in nodes.serves))
    assert nodes.swarm(swarm_id)["status"] == "running"

    nodes.workers[1].start()
    assert nodes.until_ended(swarm_id)["status"] == "completed"
    nodes.workers[0].start()
    with nodes.serves[0].client() as client:
        assert [event["type"] for event in events_of(client, swarm_id)][-1] == "swarm_completed"
