"""Two services and two workers on one PostgreSQL and one NATS server: a run goes through all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cluster import cluster, layered

pytestmark = pytest.mark.long


def test_a_run_is_done_by_both_workers_and_seen_on_both_nodes(tmp_path: Path) -> None:
    tasks = layered(1000, 100)
    with cluster(tmp_path) as nodes:
        swarm_id = nodes.post({"tasks": tasks})
        other = nodes.post({"tasks": layered(100, 20)}, node=1)

        nodes.until_ended(swarm_id, node=1)
        nodes.until_ended(other, node=0)

        nodes.check(swarm_id, [task["id"] for task in tasks], repeats=100)
        assert all(b'recorded="true"} 0' not in _metrics(worker.url) for worker in nodes.workers)


def _metrics(url: str) -> bytes:
    import httpx2

    return httpx2.get(f"{url}/metrics").content
