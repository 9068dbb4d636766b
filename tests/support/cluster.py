"""Several nodes as processes, as an operator runs them: one PostgreSQL, one NATS server, services and workers.

This is what the profile ``distributed`` of compose.yaml starts, step by step.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.support.brokers import NatsServer, nats_server
from tests.support.postgres import PostgresServer, server
from tests.support.service import MockModelProcess, ServiceProcess, _Process, events_of, poll

_NO_BUBBLEWRAP = """
import runpy, app.tools.sandbox.bubblewrap as bubblewrap
bubblewrap.SEARCHED = "/nowhere"
runpy.run_module("app.cli", run_name="__main__")
"""


class WorkerProcess(_Process):
    """``swarmd worker`` on a free health port."""

    def __init__(self, folder: Path, *flags: str, **env: str) -> None:
        super().__init__(folder, "worker")
        self.data_dir = folder / "data"
        self._flags, self._env = flags, env
        self.url = ""

    def start(self) -> None:
        """Return once ``/readyz`` says so."""
        where = ("--data-dir", str(self.data_dir), "--health-port", "0")
        self.url = self._run("worker", *where, *self._flags, ready=r"\((http://\S+)/readyz\)", **self._env)
        poll(lambda: self.health().get("status") == "ready", what="a worker's /readyz")

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx2.get(f"{self.url}/readyz", timeout=10).json()
        return found

    def jobs(self) -> int:
        """How many jobs it has done and recorded."""
        metrics = httpx2.get(f"{self.url}/metrics", timeout=10).text
        [count] = re.findall(r'^swarmd_worker_jobs_total{recorded="true"} (\S+)$', metrics, re.MULTILINE)
        return round(float(count))

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


@dataclass
class Cluster:
    model: MockModelProcess
    postgres: PostgresServer
    database_url: str
    broker: NatsServer
    serves: list[ServiceProcess] = field(default_factory=list)
    workers: list[WorkerProcess] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def post(self, body: Mapping[str, Any], *, node: int = 0) -> str:
        """Start a swarm at a node and return its id."""
        with self.serves[node].client() as client:
            answer = client.post("/v1/swarms", json=body)
            assert answer.status_code == 201, answer.text
            swarm_id: str = answer.json()["swarm_id"]
            return swarm_id

    def swarm(self, swarm_id: str, *, node: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/v1/swarms/{swarm_id}", node=node)
        return found

    def get(self, path: str, *, node: int = 0, **params: Any) -> Any:
        with self.serves[node].client() as client:
            answer = client.get(path, params=params)
            assert answer.status_code == 200, answer.text
            return answer.json()

    def act(self, swarm_id: str, action: str, body: Any = None, *, node: int = 0) -> dict[str, Any]:
        """Ask a node for something of a run, of whichever node it is."""
        with self.serves[node].client() as client:
            answer = client.post(f"/v1/swarms/{swarm_id}/{action}", json=body)
            assert answer.status_code == 202, answer.text
            found: dict[str, Any] = answer.json()
            return found

    def results(self, swarm_id: str, *, node: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/v1/swarms/{swarm_id}/results", node=node)
        return found

    def events(self, swarm_id: str, *, node: int = 0) -> list[dict[str, Any]]:
        with self.serves[node].client() as client:
            return list(events_of(client, swarm_id))

    def readiness(self, *, node: int = 0) -> dict[str, Any]:
        with self.serves[node].client() as client:
            found: dict[str, Any] = client.get("/readyz").json()
            return found

    def completed(self, swarm_id: str, *, node: int = 0) -> int:
        count: int = self.swarm(swarm_id, node=node)["counts"]["completed"]
        return count

    def until_completed(self, swarm_id: str, least: int, *, node: int = 0, deadline_s: float = 120.0) -> None:
        what = f"{least} completed tasks"
        self._until(swarm_id, lambda found: found["counts"]["completed"] >= least, node, deadline_s, what)

    def until_ended(self, swarm_id: str, *, node: int = 0, deadline_s: float = 120.0) -> dict[str, Any]:
        return self._until(swarm_id, lambda found: bool(found["ended_at"]), node, deadline_s, "the end of the run")

    def _until(
        self, swarm_id: str, is_so: Callable[[dict[str, Any]], bool], node: int, deadline_s: float, what: str
    ) -> dict[str, Any]:
        """As a client waits that does as it is told: a 503 with Retry-After, of a disk that is busy, is no end."""
        with self.serves[node].client() as client:

            def look() -> dict[str, Any] | None:
                answer = client.get(f"/v1/swarms/{swarm_id}")
                if answer.status_code == 503 and "retry-after" in answer.headers:
                    self.refusals.append(f"{time.monotonic():.1f} s, node {node}: {answer.json()['detail']}")
                    return None
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                return found if is_so(found) else None

            return poll(look, deadline_s=deadline_s, every_s=0.05, what=what)

    def started_calls(self) -> Counter[str]:
        """Calls that arrived at the model, by task."""
        return Counter(call["task_id"] for call in self.model.calls() if call["event"] == "received")

    def open_calls(self) -> set[int]:
        """Calls that the model has received and neither answered nor seen closed."""
        found: set[int] = set()
        for call in self.model.calls():
            (found.add if call["event"] == "received" else found.discard)(call["n"])
        return found

    def slow_down(self, words: str, latency_ms: int) -> None:
        """Let calls whose prompt has these words take their time."""
        script = {"match": words, "times": None, "latency_ms": latency_ms}
        httpx2.post(f"{self.model.root_url}/mock/script", json=script).raise_for_status()

    def check(self, swarm_id: str, tasks: Sequence[str], *, repeats: int, node: int = 0) -> int:
        """Nothing was lost or counted twice, and no more calls than ``repeats`` were repeated; return how many were."""
        with self.serves[node].client() as client:
            return check_outcomes(client, self.model, swarm_id, tasks, repeats=repeats)


def check_outcomes(
    client: httpx2.Client, model: MockModelProcess, swarm_id: str, tasks: Sequence[str], *, repeats: int
) -> int:
    """Every task has one outcome, and no more calls than ``repeats`` were repeated; return how many were."""
    outputs = client.get(f"/v1/swarms/{swarm_id}/results").json()["outputs"]
    log = list(events_of(client, swarm_id))
    assert sorted(one["task_id"] for one in outputs) == sorted(tasks)
    assert {one["status"] for one in outputs} == {"completed"}
    ends = Counter(event["task_id"] for event in log if event["type"] == "agent_completed")
    assert ends == Counter(dict.fromkeys(tasks, 1))
    calls = Counter(call["task_id"] for call in model.calls() if call["event"] == "received")
    assert calls.keys() >= set(tasks)
    repeated = sum(calls[task_id] - 1 for task_id in tasks)
    assert repeated <= repeats, calls.most_common(5)
    return repeated


@contextmanager
def cluster(
    folder: Path,
    *,
    serves: int = 2,
    workers: int = 2,
    concurrency: int = 50,
    latency_ms: int = 100,
    flags: Sequence[str] = (),
    local_agents: int = 0,
    model_flags: Sequence[str] = (),
    worker_env: Sequence[Mapping[str, str]] = (),
    without_sandbox: Container[int] = (),
    through: Callable[[str, str, str], str] = lambda process, server, url: url,
    **more: str,
) -> Iterator[Cluster]:
    """Start all of it, on private servers and free ports.

    Args:
        worker_env: variables of the first workers, which the others do not have; they win over ``more``.
        without_sandbox: workers on whose machine there is no bubblewrap.
        through: returns the URL by which a process (``serve0``, ``worker1``) reaches a server (``database``,
            ``broker``), given the server's own.
        more: further variables of all processes.
    """
    with ExitStack() as stack:
        postgres = server()
        broker = stack.enter_context(nats_server(folder))
        model = stack.enter_context(MockModelProcess(folder, "--latency-ms", str(latency_ms), *model_flags))
        url = stack.enter_context(postgres.database())
        found = Cluster(model, postgres, url, broker)

        def env(process: str) -> dict[str, str]:
            return more | {
                "SWARMD_DATABASE_URL": through(process, "database", url),
                "SWARMD_NATS_URL": through(process, "broker", broker.url),
            }

        found.serves = [
            ServiceProcess(
                folder / f"serve{number}",
                *model.as_provider(),
                *flags,
                SWARMD_LOCAL_AGENTS=str(local_agents),
                **env(f"serve{number}"),
            )
            for number in range(serves)
        ]
        found.workers = [
            WorkerProcess(
                folder / f"worker{number}",
                *model.as_provider(),
                "--concurrency",
                str(concurrency),
                *flags,
                **{**env(f"worker{number}"), **(worker_env[number] if number < len(worker_env) else {})},
            )
            for number in range(workers)
        ]
        for number, worker in enumerate(found.workers):
            if number in without_sandbox:
                worker.command = (sys.executable, "-c", _NO_BUBBLEWRAP)
        processes: list[ServiceProcess | WorkerProcess] = [*found.serves, *found.workers]
        for process in processes:
            stack.callback(process.kill)
        with ThreadPoolExecutor(2) as starting:
            for started in [starting.submit(process.start) for process in processes]:
                started.result()
        known = workers + (serves if local_agents else 0)
        poll(
            lambda: {found.readiness(node=node)["workers"] for node in range(serves)} == {known},
            what="that all services know all workers",
        )
        yield found


def layered(tasks: int, width: int) -> list[dict[str, Any]]:
    """A DAG: layers of ``width`` tasks, each of which needs two of the layer before."""
    found = []
    for index in range(tasks):
        layer, place = divmod(index, width)
        needs = [f"t{(layer - 1) * width + other % width}" for other in (place, place + 1)] if layer else []
        found.append({"id": f"t{index}", "prompt": f"Say {index}.", "depends_on": sorted(set(needs))})
    return found


def independent(tasks: int, words: str = "Say", prefix: str = "i") -> list[dict[str, Any]]:
    return [{"id": f"{prefix}{index}", "prompt": f"{words} {index}."} for index in range(tasks)]


def names(tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    return [task["id"] for task in tasks]
