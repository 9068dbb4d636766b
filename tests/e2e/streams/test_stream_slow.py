"""Clients that stop reading: closed with 4008, never a burden to the run, and complete once they resume."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import httpx2
import pytest

from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, poll
from tests.support.streaming import (
    Footprint,
    Frame,
    Watched,
    check_let_go,
    check_log,
    check_order,
    open_stream,
    orchestrator,
    raw_stream,
    read,
    seen,
    start,
    watch,
)

SLOW_CLIENT_S = 0.5
PATIENCE_S = 3 * SLOW_CLIENT_S
"""After so long without reading the server has given a client up."""

SMALL_BUFFER = 4096
LIMITS = {"max_parallel_agents": 100}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("model"), "--latency-ms", "5") as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: MockModelProcess) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    with ServiceProcess(folder, *model.as_provider(), SWARMD_SLOW_CLIENT_S=str(SLOW_CLIENT_S)) as process:
        yield process
        check_log(process)


@pytest.fixture(scope="module")
def client(service: ServiceProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=service.url, timeout=120) as client:
        yield client


def tasks(count: int) -> list[Frame]:
    return [{"id": f"task-{number}", "prompt": f"word {number}"} for number in range(count)]


def wait_for_the_end(client: httpx2.Client, swarm_id: str) -> None:
    poll(
        lambda: client.get(f"/v1/swarms/{swarm_id}").json()["status"] == "completed",
        deadline_s=90,
        every_s=0.1,
        what="the end of the run",
    )


def wait_until_given_up() -> None:
    """Until the server has lost its patience, which a client that does not read cannot see."""
    given_up_at = time.monotonic() + PATIENCE_S
    poll(lambda: time.monotonic() > given_up_at)


def check_given_up(watched: Watched) -> str:
    """Check that the server closed with 4008 and its last place in the reason; return that place."""
    assert watched.code == 4008, (watched.code, watched.reason)
    match = re.search(r"resume after (?:seq|cursor) (\S+)$", watched.reason)
    assert match, watched.reason
    last = watched.frames[-1]
    assert match.group(1) == str(last.get("cursor", last["seq"]))
    return match.group(1)


def test_a_client_that_stops_reading_is_closed_and_can_resume(client: httpx2.Client, service: ServiceProcess) -> None:
    """A client that reads too slowly … is closed with code 4008 and its last `seq` in the reason."""
    swarm_id = start(client, tasks(1000), limits=LIMITS)
    with open_stream(service.url, f"/swarms/{swarm_id}/stream", receive_buffer=SMALL_BUFFER) as stalled:
        wait_for_the_end(client, swarm_id)
        wait_until_given_up()
        head = read(stalled)
    place = check_given_up(head)
    tail = watch(service.url, f"/swarms/{swarm_id}/stream?after={place}")

    assert 0 < len(head.logged) < 4000
    check_order(tail.frames, after=check_order(head.frames))
    assert (tail.code, tail.logged[-1]["type"]) == (1000, "swarm_completed")
    assert len(head.logged) + len(tail.logged) == tail.logged[-1]["seq"]


def test_on_an_orchestrator_s_stream_the_reason_is_a_cursor(client: httpx2.Client, service: ServiceProcess) -> None:
    agent_id = orchestrator(client, "stalled", max_parallel_agents=100)
    with open_stream(service.url, f"/agents/{agent_id}/stream", receive_buffer=SMALL_BUFFER) as stalled:
        batch = {"orchestrator_id": agent_id, "tasks": [{"id": f"t{n}", "data": n} for n in range(500)]}
        for _ in range(2):
            assert len(client.post("/v1/agents/batch-execute", json=batch).json()["outputs"]) == 500
        wait_until_given_up()
        head = read(stalled)
    place = check_given_up(head)
    left = 2 - len(head.of_type("swarm_completed"))
    tail = watch(service.url, f"/agents/{agent_id}/stream?after={place}", until=seen("swarm_completed", left))

    check_order(tail.frames, after=check_order(head.frames))
    assert sum(len(part.of_type("agent_completed")) for part in (head, tail)) == 1000


def test_a_client_that_reads_slowly_but_steadily_is_kept(client: httpx2.Client, service: ServiceProcess) -> None:
    """Slow is who takes nothing, not who takes little."""
    swarm_id = start(client, tasks(1000), limits=LIMITS)

    def dawdle(frame: Frame) -> bool:
        if frame["seq"] % 3 == 0:
            time.sleep(0.001)  # about as fast as the run
        return False

    with open_stream(service.url, f"/swarms/{swarm_id}/stream", receive_buffer=32 * SMALL_BUFFER) as steady:
        watched = read(steady, dawdle)
    check_order(watched.frames)
    assert (watched.code, watched.logged[-1]["type"]) == (1000, "swarm_completed")


@pytest.mark.long
def test_a_client_that_never_answers_the_close_is_cut(client: httpx2.Client, service: ServiceProcess) -> None:
    swarm_id = start(client, tasks(200), limits=LIMITS)
    wait_for_the_end(client, swarm_id)
    before = Footprint.of(service.pid)
    stuck = [raw_stream(service.url, f"/swarms/{swarm_id}/stream?after=500") for _ in range(20)]
    try:
        poll(lambda: Footprint.of(service.pid).sockets >= before.sockets + 20, what="the connections")
        check_let_go(service.pid, before)
    finally:
        for connection in stuck:
            connection.close()


@pytest.mark.alone
@pytest.mark.long
def test_100_clients_that_stop_reading(client: httpx2.Client, service: ServiceProcess, model: MockModelProcess) -> None:
    """Run time ≤ +10 %, memory bounded, closed with 4008, replay complete.

    Five pairs of runs, and up to ten more while their medians are further apart: the machine may be busy otherwise.
    """
    httpx2.patch(f"{model.root_url}/mock/config", json={"latency_ms": 250}).raise_for_status()
    alone: list[float] = []
    watched: list[float] = []
    grown: list[float] = []
    ratio = math.inf
    for turn in count():
        if turn >= 10 and turn % 10 == 0:
            ratio = statistics.median(watched) / statistics.median(alone)
            if ratio <= 1.10 or turn == 30:
                break
        swarm_id = start(client, tasks(1000), limits=LIMITS)
        before = Footprint.of(service.pid)
        with ExitStack() as stack:
            path = f"/swarms/{swarm_id}/stream"
            stalled = [
                stack.enter_context(open_stream(service.url, path, receive_buffer=SMALL_BUFFER))
                for _ in range(100 * (turn % 2))
            ]
            wait_for_the_end(client, swarm_id)
            swarm = client.get(f"/v1/swarms/{swarm_id}").json()
            (watched if stalled else alone).append(seconds_of(swarm))
            if not stalled:
                continue
            grown.append(Footprint.of(service.pid).rss_mib - before.rss_mib)
            wait_until_given_up()
            heads = [read(one) for one in stalled]
        if turn == 1:
            for head in heads:
                tail = watch(service.url, f"{path}?after={check_given_up(head)}")
                last = check_order(tail.frames, after=check_order(head.frames))
                assert last == {swarm_id: tail.logged[-1]["seq"]}
                assert tail.logged[-1]["type"] == "swarm_completed"
        else:
            for head in heads:
                check_given_up(head)
    report(
        12,
        f"100 clients that stop reading, {len(watched)} runs of 1,000 tasks with and {len(alone)} without: run time "
        f"{ratio:.3f} x, memory +{max(grown):.0f} MiB at most, all closed with 4008, replay complete",
    )
    assert ratio <= 1.10
    assert max(grown) < 60
    check_let_go(service.pid, before)


def seconds_of(swarm: Frame) -> float:
    from datetime import datetime

    began, ended = (datetime.fromisoformat(swarm[name]) for name in ("started_at", "ended_at"))
    return (ended - began).total_seconds()
