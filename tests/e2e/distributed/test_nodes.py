"""Two services and two workers on one PostgreSQL and one NATS server: a run goes through all of them."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest

from tests.support.cluster import cluster, independent, layered

pytestmark = pytest.mark.long

DEPLOY = Path(__file__).parents[3] / "scripts" / "deploy" / "README.md"


def test_a_run_is_done_by_both_workers_and_seen_on_both_nodes(tmp_path: Path) -> None:
    tasks = layered(1000, 100)
    with cluster(tmp_path) as nodes:
        swarm_id = nodes.post({"tasks": tasks})
        other = nodes.post({"tasks": layered(100, 20)}, node=1)

        nodes.until_ended(swarm_id, node=1)
        nodes.until_ended(other, node=0)

        nodes.check(swarm_id, [task["id"] for task in tasks], repeats=100)
        assert all('recorded="true"} 0' not in _metrics(worker.url) for worker in nodes.workers)
        measured = set(re.findall(r"^# TYPE (swarmd_\w+) (\w+)$", _metrics(nodes.workers[0].url), re.MULTILINE))
    rows = re.findall(r"^\| `(swarmd_worker_\w+)` \| (\w+) \|", DEPLOY.read_text(encoding="utf-8"), re.MULTILINE)
    assert {(name, kind) for name, kind in measured if not name.endswith("_created")} == set(rows)


def test_two_services_keep_one_limit_of_a_provider_together(tmp_path: Path) -> None:
    """Each has a share, and what one does not need the other gets."""
    with cluster(tmp_path, flags=("--provider-max-concurrency", "20")) as nodes:
        runs = [nodes.post({"tasks": independent(200, prefix=f"n{number}-")}, node=number) for number in (0, 1)]
        for swarm_id in runs:
            nodes.until_ended(swarm_id)
        lone = nodes.post({"tasks": independent(300, prefix="lone")})
        nodes.until_ended(lone)

        under_way: set[int] = set()
        most: dict[str, int] = {}
        for call in nodes.model.calls():
            (under_way.add if call["event"] == "received" else under_way.discard)(call["n"])
            most[call["task_id"][:2]] = max(len(under_way), most.get(call["task_id"][:2], 0))
    assert max(most.values()) <= 20
    assert most["lo"] >= 15, "the other one's share was left unused"


def _metrics(url: str) -> str:
    return httpx2.get(f"{url}/metrics").text
