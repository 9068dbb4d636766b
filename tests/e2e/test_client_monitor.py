"""A client as users write them: a monitor on websocket-client that knows four event types and keeps its own figures."""

from __future__ import annotations

import json
import statistics
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket

from tests.support.service import MockModelProcess, ServiceProcess

# --- the program -----------------------------------------------------------------------------------------------------


class SwarmMonitor:
    """Counts sub-agents as they come and go; prints nothing, stops after ``expected`` have ended."""

    def __init__(self, url: str, expected: int) -> None:
        self.expected = expected
        self.active: set[str] = set()
        self.most_active = 0
        self.completed: dict[str, float] = {}
        self.failed: dict[str, str] = {}
        self.cost_usd = 0.0
        self.tokens = 0
        self.snapshots: list[dict[str, Any]] = []
        self.unknown = 0
        self.errors: list[Exception] = []
        self.opened = threading.Event()
        self.app = websocket.WebSocketApp(
            url,
            header=["Authorization: Bearer local"],
            on_open=lambda app: self.opened.set(),
            on_message=self.on_message,
            on_error=lambda app, error: self.errors.append(error),
        )

    def on_message(self, app: websocket.WebSocketApp, message: str) -> None:
        event = json.loads(message)
        kind = event["type"]
        if kind == "agent_spawned":
            self.active.add(event["agent_id"])
            self.most_active = max(self.most_active, len(self.active))
        elif kind == "agent_completed":
            self.active.remove(event["agent_id"])
            self.completed[event["task_id"]] = event["latency_ms"]
            self.cost_usd += event["cost_usd"]
            self.tokens += event["tokens_in"] + event["tokens_out"]
        elif kind == "agent_failed":
            self.active.discard(event["agent_id"])
            self.failed[event["task_id"]] = event["error"]
        elif kind == "metrics_snapshot":
            self.snapshots.append(event)
        else:
            self.unknown += 1
        counts = self.snapshots[-1]["counts"] if self.snapshots else None
        if counts and len(self.completed) + len(self.failed) >= self.expected == counts["total"] - open_tasks(counts):
            app.close()

    def run(self) -> None:
        self.app.run_forever()

    def report(self) -> dict[str, Any]:
        latencies = sorted(self.completed.values())
        return {
            "active": len(self.active),
            "completed": len(self.completed),
            "failed": len(self.failed),
            "mean": statistics.fmean(latencies),
            "p50": latencies[-(-len(latencies) * 50 // 100) - 1],
            "p95": latencies[-(-len(latencies) * 95 // 100) - 1],
            "p99": latencies[-(-len(latencies) * 99 // 100) - 1],
        }


def open_tasks(counts: dict[str, int]) -> int:
    return counts["waiting"] + counts["queued"] + counts["running"] + counts["retrying"]


# --- its tests -------------------------------------------------------------------------------------------------------

TASKS = 120


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    faults = ("--latency-ms", "40", "--latency-jitter-ms", "35", "--error-rate", "0.15", "--error-status", "400")
    with MockModelProcess(tmp_path_factory.mktemp("mock"), *faults, "--seed", "7") as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess) -> Iterator[ServiceProcess]:
    prices = {"SWARMD_PRICES": '{"mock": {"input_per_mtok": 0.6, "output_per_mtok": 2.5}}'}
    with ServiceProcess(tmp_path_factory.mktemp("monitor"), *mock.as_provider(), **prices) as process:
        yield process


def watch(service: ServiceProcess, path: str, expected: int) -> tuple[SwarmMonitor, threading.Thread]:
    monitor = SwarmMonitor(f"{service.url.replace('http://', 'ws://')}/v1{path}", expected)
    thread = threading.Thread(target=monitor.run)
    thread.start()
    assert monitor.opened.wait(10)
    return monitor, thread


def ended(monitor: SwarmMonitor, thread: threading.Thread) -> dict[str, Any]:
    thread.join(30)
    if thread.is_alive():
        monitor.app.close()
        thread.join(10)
        raise AssertionError(f"still waiting: {monitor.report()}, {len(monitor.snapshots)} snapshots")
    assert monitor.errors == []
    return monitor.report()


def test_the_monitor_agrees_with_rest(service: ServiceProcess) -> None:
    """``agent_completed`` (``latency_ms`` number …), ``agent_failed`` (``error``), ``metrics_snapshot`` (… once at the
    end; authoritative counts, percentiles, cost, rates)."""
    base_url = f"{service.url}/v1"
    config = {"max_parallel_agents": 25}
    body: dict[str, Any] = {"name": "watched", "model": "mock", "swarm_config": config}
    requests.post(f"{base_url}/agents/create", json=body, timeout=30).raise_for_status()
    live = watch(service, "/agents/watched/stream", TASKS)
    tasks = [{"id": f"t{number}", "data": {"n": number}} for number in range(TASKS)]
    work = {"tasks": tasks, "orchestrator_id": "watched", "wait": False}
    swarm_id = requests.post(f"{base_url}/agents/batch-execute", json=work, timeout=30).json()["swarm_id"]
    report = ended(*live)
    results = requests.get(f"{base_url}/agents/watched/results?timeout=30", timeout=60).json()
    summary = results["summary"]
    late = ended(*watch(service, "/agents/watched/stream", TASKS))
    own = ended(*watch(service, f"/swarms/{swarm_id}/stream", TASKS))

    assert report["active"] == 0
    assert report["completed"] == summary["successful"]
    assert report["failed"] == summary["failed"] > 0
    assert report["completed"] + report["failed"] == TASKS
    assert report["mean"] == pytest.approx(summary["avg_latency_ms"], abs=0.001)
    assert (report["p50"], report["p95"], report["p99"]) == (summary["p50_ms"], summary["p95_ms"], summary["p99_ms"])
    monitor = live[0]
    assert 1 < monitor.most_active <= 25
    assert monitor.cost_usd == pytest.approx(summary["total_cost_usd"])
    assert monitor.tokens == summary["total_tokens"]
    assert monitor.failed == {failure["task_id"]: failure["error"] for failure in summary["failures"]}
    by_task = {output["task_id"]: output["latency_ms"] for output in results["outputs"] if not output["error"]}
    assert monitor.completed == by_task
    last = monitor.snapshots[-1]
    assert (last["counts"]["completed"], last["counts"]["failed"]) == (report["completed"], report["failed"])
    assert (last["avg_latency_ms"], last["p99_ms"]) == (summary["avg_latency_ms"], summary["p99_ms"])
    assert last["active_agents"] == 0
    assert late == own == report


def test_spawned_agents_are_counted_too(service: ServiceProcess) -> None:
    """``/agents/{id}/stream`` merges all swarms of the orchestrator and stays open."""
    base_url = f"{service.url}/v1"
    body = {"name": "spawner", "model": "mock"}
    requests.post(f"{base_url}/agents/create", json=body, timeout=30).raise_for_status()
    url = f"{service.url.replace('http://', 'ws://')}/v1/agents/spawner/stream"
    socket = websocket.create_connection(url, timeout=20)
    spawned = [
        requests.post(f"{base_url}/agents/spawner/spawn", json={"task_type": f"kind {n}"}, timeout=30).json()
        for n in range(10)
    ]
    over: dict[str, str] = {}
    while len(over) < 10:
        event = json.loads(socket.recv())
        if event["type"] in {"agent_completed", "agent_failed"}:
            assert event["agent_id"] not in over
            over[event["agent_id"]] = event["type"]
    socket.close()

    assert set(over) == {each["agent_id"] for each in spawned}
