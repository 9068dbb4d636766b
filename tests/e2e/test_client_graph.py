"""A client as users write them: a dependency graph in networkx, sent level by level with requests.

It knows of the service only its base URL, and of the answers only what the contract names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import networkx as nx
import pytest
import requests

from tests.support.service import MockModelProcess, ServiceProcess

# --- the program -----------------------------------------------------------------------------------------------------


class GraphClient:
    def __init__(self, base_url: str, orchestrator: str, max_parallel: int = 50) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.headers["Authorization"] = "Bearer local"
        created = self.session.post(
            f"{base_url}/agents/create",
            json={
                "name": orchestrator,
                "model": "kimi-k2.5",
                "swarm_config": {"max_parallel_agents": max_parallel, "timeout_per_agent": 30},
            },
            timeout=30,
        )
        created.raise_for_status()
        self.orchestrator_id = created.json()["agent_id"]

    def run(self, graph: nx.DiGraph[str]) -> dict[str, dict[str, Any]]:
        """Run every node of the graph, one level at a time, and return the outputs by node."""
        outputs: dict[str, dict[str, Any]] = {}
        for level in nx.topological_generations(graph):
            nodes = sorted(level)
            tasks = [
                {
                    "task_id": node,
                    "type": graph.nodes[node]["kind"],
                    "data": {"node": node, "level": graph.nodes[node]["level"]},
                    "depends_on": sorted(graph.predecessors(node)),
                    "sources": [*sorted(graph.predecessors(node)), "https://example.com/data"],
                }
                for node in nodes
            ]
            response = self.session.post(
                f"{self.base_url}/agents/batch-execute",
                json={"tasks": tasks, "orchestrator_id": self.orchestrator_id, "parallelism": len(tasks)},
                timeout=120,
            )
            response.raise_for_status()
            outputs |= dict(zip(nodes, response.json()["outputs"], strict=True))
        return outputs


def build_graph(levels: int, width: int) -> nx.DiGraph[str]:
    """Every node depends on up to three of the level above."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for level in range(levels):
        for place in range(width):
            node = f"n{level}_{place}"
            graph.add_node(node, level=level, kind="analyze" if level else "fetch")
            for step in range(3 if level else 0):
                graph.add_edge(f"n{level - 1}_{(place * 7 + step * 3) % width}", node)
    assert nx.is_directed_acyclic_graph(graph)
    return graph


# --- its tests -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("mock"), "--latency-ms", "10") as process:
        yield process


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess) -> Iterator[str]:
    with ServiceProcess(
        tmp_path_factory.mktemp("graph"), *mock.as_provider(), SWARMD_ALIASES='{"kimi-k2.5": "mock"}'
    ) as service:
        yield f"{service.url}/v1"


def test_the_whole_graph_is_run_level_by_level(base_url: str, mock: MockModelProcess) -> None:
    """Every node once, its output under its own name, each level after the one above: what the model server saw."""
    graph = build_graph(levels=5, width=12)
    outputs = GraphClient(base_url, "levels").run(graph)

    assert set(outputs) == set(graph)
    assert all(output["task_id"] == output["id"] == node for node, output in outputs.items())
    assert {output["status"] for output in outputs.values()} == {"completed"}
    arrived = {call["task_id"]: call["n"] for call in mock.calls() if call["event"] == "received"}
    assert all(arrived[before] < arrived[after] for before, after in graph.edges)


def test_more_tasks_a_level_than_the_ceiling(base_url: str, mock: MockModelProcess) -> None:
    """``parallelism`` above the ceiling is lowered, not refused: the client sends the number of its tasks."""
    requests.post(f"{mock.root_url}/mock/reset", timeout=10).raise_for_status()
    graph = nx.relabel_nodes(build_graph(levels=2, width=40), lambda node: f"narrow_{node}")
    outputs = GraphClient(base_url, "narrow", max_parallel=4).run(graph)

    assert len(outputs) == 80
    assert requests.get(f"{mock.root_url}/mock/stats", timeout=10).json()["max_in_flight"] == 4


def test_a_failed_node_takes_only_its_descendants_with_it(base_url: str, mock: MockModelProcess) -> None:
    """Each later level is answered with 200 and says which of its tasks could not run."""
    graph = nx.relabel_nodes(build_graph(levels=3, width=6), lambda node: f"doomed_{node}")
    script = {"match": '"id":"doomed_n0_2"', "status": 400, "times": None}
    requests.post(f"{mock.root_url}/mock/script", json=script, timeout=10).raise_for_status()
    outputs = GraphClient(base_url, "doomed").run(graph)
    lost = {node for node, output in outputs.items() if output["status"] != "completed"}

    assert lost == {"doomed_n0_2"} | nx.descendants(graph, "doomed_n0_2")
    assert lost < set(graph)
    assert all(isinstance(outputs[node]["error"], str) for node in lost)
