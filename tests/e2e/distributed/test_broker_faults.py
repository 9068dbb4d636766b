"""The broker is killed, with its data and without: it costs time and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.cluster import cluster, independent, layered, names
from tests.support.figures import report

pytestmark = pytest.mark.long


@pytest.mark.parametrize("wiped", [False, True], ids=["restarted", "wiped"])
def test_a_killed_broker_costs_time_and_nothing_else(tmp_path: Path, wiped: bool) -> None:
    tasks = layered(1000, 100)
    with cluster(tmp_path, latency_ms=300) as nodes:
        swarm_id = nodes.post({"tasks": tasks})
        nodes.until_completed(swarm_id, 200)
        nodes.broker.kill()
        if wiped:
            nodes.broker.wipe()
        killed_at = time.monotonic()
        meanwhile = nodes.post({"tasks": independent(50)}, node=1)  # the API takes work all the time
        time.sleep(4)  # so that everybody has noticed
        assert nodes.readiness()["broker"] == "disconnected"

        nodes.broker.start()
        nodes.until_ended(swarm_id)
        took_s = time.monotonic() - killed_at
        nodes.until_ended(meanwhile)

        repeats = nodes.check(swarm_id, names(tasks), repeats=0)
        assert nodes.readiness()["broker"] == "connected"
    how = "killed and its data wiped" if wiped else "killed and started again"
    report(3, f"broker {how}, away 4 s: 0 lost, {repeats} repeated, ended {took_s:.1f} s after the kill")
