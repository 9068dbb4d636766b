"""Services that are killed or restarted: their runs go on elsewhere, with the calls that are out at workers."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.cluster import WorkerProcess, cluster, independent, layered, names
from tests.support.figures import report
from tests.support.service import ServiceProcess, poll

pytestmark = pytest.mark.long


def test_runs_of_a_killed_service_go_on_at_another_and_no_call_is_repeated(tmp_path: Path) -> None:
    tasks = layered(1000, 100)
    with cluster(tmp_path, latency_ms=2000) as nodes:
        swarm_id = nodes.post({"tasks": tasks})
        nodes.until_completed(swarm_id, 100, node=1)
        poll(lambda: len(nodes.open_calls()) >= 50, what="calls in flight")
        owner = 0 if "swarm_claimed" in nodes.serves[0].output else 1
        other = 1 - owner
        before, in_flight = nodes.completed(swarm_id, node=other), len(nodes.open_calls())
        nodes.serves[owner].kill()
        killed_at = time.monotonic()

        nodes.until_completed(swarm_id, before + 1, node=other)
        going_again_s = time.monotonic() - killed_at
        nodes.until_ended(swarm_id, node=other)

        repeats = nodes.check(swarm_id, names(tasks), repeats=0, node=other)
    report(
        3,
        f"service killed with {in_flight} calls out at workers: going on elsewhere after {going_again_s:.1f} s, "
        f"0 lost, {repeats} repeated",
    )
    assert going_again_s <= 15


def test_every_process_is_restarted_during_a_run(tmp_path: Path) -> None:
    tasks = independent(10_000)
    limits = {"max_parallel_agents": 100, "max_steps": 100_000}
    with cluster(tmp_path, latency_ms=400, flags=("--drain-s", "5")) as nodes:
        took_s = [time.monotonic()]
        swarm_id = nodes.post({"tasks": tasks, "limits": limits})
        took_s.append(time.monotonic())
        nodes.until_completed(swarm_id, 200, node=1)
        took_s.append(time.monotonic())
        processes: list[WorkerProcess | ServiceProcess] = [*nodes.workers, *nodes.serves]
        for process in processes:
            assert process.terminate() == 0
            process.start()
            took_s.append(time.monotonic())
        slow = [round(after - before, 1) for before, after in pairwise(took_s)]
        assert nodes.completed(swarm_id) < len(tasks), f"it was over too soon: {slow} s; {nodes.refusals}"

        nodes.until_ended(swarm_id, deadline_s=300)

        repeats = nodes.check(swarm_id, names(tasks), repeats=0)
    report(16, f"rolling restart of 2 services and 2 workers during 10,000 tasks: 0 lost, 0 double, {repeats} repeated")
