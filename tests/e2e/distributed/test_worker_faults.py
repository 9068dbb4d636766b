"""Workers that are killed, frozen, slow or asked to end, and runs that are cancelled: what each may cost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, cluster, independent, layered, names
from tests.support.figures import report
from tests.support.service import events_of, poll

pytestmark = pytest.mark.long

LIMIT_S = 0.25


def test_a_killed_worker_costs_at_most_the_calls_it_had_in_flight(tmp_path: Path) -> None:
    tasks = layered(1000, 100)
    with cluster(tmp_path, latency_ms=300) as nodes:
        swarm_id = nodes.post({"tasks": tasks})
        nodes.until_completed(swarm_id, 200)
        in_flight = nodes.workers[0].health()["running"]
        assert in_flight
        nodes.workers[0].kill()
        killed_at = time.monotonic()

        nodes.until_ended(swarm_id)
        took_s = time.monotonic() - killed_at

        repeats = nodes.check(swarm_id, names(tasks), repeats=50)
    report(3, f"worker killed with {in_flight} calls in flight: 0 lost, {repeats} repeated, ended {took_s:.1f} s later")


def test_a_worker_frozen_past_its_lease_replaces_no_outcome(tmp_path: Path) -> None:
    """It goes on with what it was doing when others have done it long ago."""
    tasks = independent(100)
    with cluster(tmp_path, latency_ms=2000) as nodes:
        swarm_id = nodes.post({"tasks": tasks})
        poll(lambda: nodes.workers[0].health()["running"] == 50, what="work for the first worker")
        nodes.workers[0].freeze()
        nodes.until_ended(swarm_id, deadline_s=60)
        before = _outcomes(nodes, swarm_id)

        nodes.workers[0].thaw()
        poll(lambda: nodes.workers[0].health()["running"] == 0, what="the end of its old jobs")

        assert _outcomes(nodes, swarm_id) == before
        repeats = nodes.check(swarm_id, names(tasks), repeats=50)
        # And it is of use again.
        again = nodes.post({"tasks": independent(100, prefix="again")})
        nodes.until_ended(again)
    report(4, f"worker frozen past its lease with 50 calls in flight: 0 of 100 outcomes replaced, {repeats} repeated")


def test_a_job_longer_than_the_lease_is_done_once(tmp_path: Path) -> None:
    tasks = independent(20)
    with cluster(tmp_path, serves=1, latency_ms=24_000) as nodes:
        swarm_id = nodes.post({"tasks": tasks})
        nodes.until_ended(swarm_id)

        repeats = nodes.check(swarm_id, names(tasks), repeats=0)
    report(4, f"20 calls of 24 s under a lease of 10 s: {20 + repeats} calls made")


def test_a_cancel_reaches_the_sockets_of_all_workers_at_once(tmp_path: Path) -> None:
    """The quickest of three, as the machine may be busy with something else."""
    with cluster(tmp_path) as nodes:
        nodes.slow_down("Be slow", 60_000)
        closed_s: list[float] = []
        while not closed_s or (min(closed_s) > LIMIT_S and len(closed_s) < 3):
            closed_s.append(_cancelled_after_s(nodes))
    report(22, f"100 calls at two workers: the last connection closed after {min(closed_s) * 1000:.0f} ms")
    assert min(closed_s) <= LIMIT_S


def _cancelled_after_s(nodes: Cluster) -> float:
    swarm_id = nodes.post({"tasks": independent(200, "Be slow")})
    poll(lambda: len(nodes.open_calls()) == 100, what="100 calls under way")
    began = time.time()
    with nodes.serves[1].client() as client:  # not where the run is
        client.post(f"/v1/swarms/{swarm_id}/cancel").raise_for_status()
    poll(lambda: not nodes.open_calls(), what="the end of every call")
    time.sleep(1.0)  # for calls that must not come
    since = [call for call in nodes.model.calls() if call["t"] > began]
    dropped = [call["t"] for call in since if call["event"] == "dropped"]
    assert len(dropped) == 100
    assert not [call for call in since if call["event"] == "received"]
    assert not any(worker.health()["running"] for worker in nodes.workers)
    return float(max(dropped)) - began


def test_a_worker_that_is_asked_to_end_ends_what_it_has_and_gives_the_rest_back(tmp_path: Path) -> None:
    tasks = independent(100)
    with cluster(tmp_path, flags=("--drain-s", "3")) as nodes:
        nodes.slow_down("Be slow", 15_000)
        slow = nodes.post({"tasks": independent(40, "Be slow", "s")})
        poll(lambda: len(nodes.open_calls()) == 40, what="40 slow calls")
        quick = nodes.post({"tasks": tasks})
        nodes.until_completed(quick, 20)
        had = nodes.workers[0].health()["running"]

        began = time.monotonic()
        assert nodes.workers[0].terminate() == 0
        took_s = time.monotonic() - began
        nodes.until_ended(slow)
        nodes.until_ended(quick)

        assert took_s < 8
        nodes.check(quick, names(tasks), repeats=40)
    report(16, f"worker asked to end with {had} jobs in hand: gone after {took_s:.1f} s, 0 lost")


def _outcomes(nodes: Cluster, swarm_id: str) -> list[tuple[object, ...]]:
    with nodes.serves[0].client() as client:
        log = list(events_of(client, swarm_id))
    return [(event["seq"], event["type"], event.get("task_id"), event.get("latency_ms")) for event in log]
