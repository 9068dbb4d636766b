"""Streams that are cut at random points, across kill -9 of the service: complete, in order, nothing twice."""

from __future__ import annotations

import json
import random
import resource
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.sync.client import ClientConnection

from tests.support.figures import report
from tests.support.service import DEADLINE_S, MockModelProcess, ServiceProcess, events_of, poll
from tests.support.streaming import (
    NOT_LOGGED,
    Footprint,
    Frame,
    check_let_go,
    check_log,
    check_order,
    open_stream,
    orchestrator,
    raw_stream,
    read,
    script,
    spawn,
    start,
)

RESET = struct.pack("ii", 1, 0)
"""As SO_LINGER: closing resets the connection."""


@contextmanager
def running(folder: Path, *, latency_ms: int, **env: str) -> Iterator[tuple[ServiceProcess, MockModelProcess]]:
    jitter = ("--latency-jitter-ms", str(latency_ms / 2), "--error-rate", "0.02")
    with (
        MockModelProcess(folder, "--latency-ms", str(latency_ms), *jitter) as model,
        ServiceProcess(folder, *model.as_provider(), **env) as service,
    ):
        yield service, model
        check_log(service)


class Follower:
    """A client whose connection breaks, and which goes on behind the last frame it has read.

    Attributes:
        frames: everything it has read, whatever connection it came by.
        cuts: how often it broke the connection itself, by a close, a reset or without a word.
    """

    def __init__(self, service: ServiceProcess, path: str, runs: int, rng: random.Random) -> None:
        self._service, self._path, self._rng = service, path, rng
        self._runs = runs
        self.frames: list[Frame] = []
        self.cuts = 0
        self.last = ""

    @property
    def over(self) -> bool:
        return self._runs == 0

    def follow(self, frames: int, *, cut: bool = True) -> None:
        """Connect, read so many frames or to the end, and break the connection."""
        after = f"?after={self.last}" if self.last else ""
        with (
            suppress(ConnectionError, InvalidMessage, ConnectionClosed),
            open_stream(self._service.url, self._path + after) as stream,
        ):
            try:
                for _ in range(frames):
                    self._take(json.loads(stream.recv(DEADLINE_S)))
                    if self.over:
                        break
            finally:
                self._break(stream)
                self.cuts += cut

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.last = str(frame.get("cursor", frame["seq"]))
        self._runs -= frame["type"] == "swarm_completed"

    def _break(self, stream: ClientConnection) -> None:
        match self._rng.choice(("close", "reset", "silence")):
            case "close":
                stream.close()
            case "reset":
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                stream.socket.shutdown(socket.SHUT_RD)  # wakes the client's own reader, which closes
            case _:
                stream.socket.shutdown(socket.SHUT_RDWR)


def check_complete(client: httpx2.Client, follower: Follower, swarm_ids: set[str]) -> None:
    """Contiguous per run, nothing twice, the same as the log; every sub-agent began once and ended once."""
    assert check_order(follower.frames).keys() == swarm_ids
    for swarm_id in swarm_ids:
        logged = [
            {name: value for name, value in frame.items() if name != "cursor"}
            for frame in follower.frames
            if frame["swarm_id"] == swarm_id and frame["type"] != NOT_LOGGED
        ]
        assert logged == list(events_of(client, swarm_id))
        assert (logged[0]["type"], logged[-1]["type"]) == ("swarm_started", "swarm_completed")
        once = Counter((frame["type"], frame["task_id"]) for frame in logged)
        for frame in logged:
            if frame["type"] == "agent_spawned":
                task_id = frame["task_id"]
                assert once["agent_spawned", task_id] == 1
                assert once["agent_completed", task_id] + once["agent_failed", task_id] == 1


def dag(size: int, rng: random.Random) -> list[Frame]:
    return [
        {
            "id": f"t{n}",
            "prompt": f"word {n}",
            "depends_on": [f"t{m}" for m in rng.sample(range(n), k=min(n, rng.choice((0, 0, 1, 2))))],
        }
        for n in range(size)
    ]


def follow_through(service: ServiceProcess, follower: Follower, rng: random.Random, *, cuts: int, kills: int) -> int:
    """Follow to the end through so many cuts and kills, spread over the run; return the kills."""
    killed = 0
    while not follower.over or follower.cuts < cuts:
        if follower.over:
            follower.follow(0)  # what is left of the cuts meets a stream that has nothing more to say
            continue
        follower.follow(rng.randint(0, 25) if follower.cuts < cuts else 10_000, cut=follower.cuts < cuts)
        if killed < kills and follower.cuts >= cuts * (killed + 1) // (kills + 1):
            killed += 1
            service.restart()
    return killed


@pytest.mark.parametrize(
    ("size", "cuts", "kills"),
    [(80, 20, 1), pytest.param(600, 100, 5, marks=pytest.mark.long)],
    ids=["everyday", "figures"],
)
def test_a_run_s_stream_survives_cuts_and_kills(tmp_path: Path, size: int, cuts: int, kills: int) -> None:
    """Sockets cut at 100 random points and across kill -9: sequences contiguous 100 of 100, nothing twice."""
    rng = random.Random(20_260_101)
    with running(tmp_path, latency_ms=100) as (service, _):
        with service.client() as client:
            swarm_id = start(client, dag(size, rng), limits={"max_parallel_agents": 20}, retry={"base_delay_s": 0.1})
        follower = Follower(service, f"/swarms/{swarm_id}/stream", 1, rng)
        killed = follow_through(service, follower, rng, cuts=cuts, kills=kills)
        with service.client() as client:
            check_complete(client, follower, {swarm_id})
        assert (killed, follower.cuts >= cuts) == (kills, True)
        told = f"{follower.cuts} cuts, {killed} kills, {len(follower.frames)} frames of a run"
        report(13, f"{told}: contiguous, nothing missing, nothing twice, as logged")


@pytest.mark.parametrize(
    ("spawns", "batch", "cuts", "kills"),
    [(10, 40, 20, 1), pytest.param(60, 300, 100, 5, marks=pytest.mark.long)],
    ids=["everyday", "figures"],
)
def test_an_orchestrator_s_stream_survives_cuts_and_kills(
    tmp_path: Path, spawns: int, batch: int, cuts: int, kills: int
) -> None:
    """There `?after=<cursor>` resumes, with the same guarantees per swarm, across restarts of the service."""
    rng = random.Random(20_260_102)
    with running(tmp_path, latency_ms=100) as (service, _):
        with service.client() as client:
            agent_id = orchestrator(client, "survivor", max_parallel_agents=20)
            swarm_ids = {spawn(client, agent_id, f"word {n}")["swarm_id"] for n in range(spawns)}
            for _ in range(2):
                body = {"orchestrator_id": agent_id, "tasks": dag(batch, rng), "wait": False}
                swarm_ids.add(client.post("/v1/agents/batch-execute", json=body).json()["swarm_id"])
        follower = Follower(service, f"/agents/{agent_id}/stream", len(swarm_ids), rng)
        killed = follow_through(service, follower, rng, cuts=cuts, kills=kills)
        with service.client() as client:
            check_complete(client, follower, swarm_ids)
        assert (killed, follower.cuts >= cuts) == (kills, True)
        told = f"{follower.cuts} cuts, {killed} kills, {len(follower.frames)} frames of an orchestrator's"
        report(13, f"{told} {len(swarm_ids)} runs: contiguous, nothing missing, nothing twice, as logged")


@pytest.mark.long
def test_1000_sockets_at_once(tmp_path: Path) -> None:
    """They all get the whole run, and nothing of them stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4000 if hard == resource.RLIM_INFINITY else min(4000, hard)
    if wanted < 2500:
        pytest.skip(f"needs 2,500 descriptors, the limit is {hard} (ulimit -Hn 4000)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, soft), hard))
    try:
        with running(tmp_path, latency_ms=50) as (service, model), service.client() as client:
            for turn in range(2):
                watch_with(client, service, model, 1000, turn)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def watch_with(client: httpx2.Client, service: ServiceProcess, model: MockModelProcess, count: int, turn: int) -> None:
    script(model, {"match": f"first-{turn}", "hang": True, "times": 1})
    tasks = [{"id": "first", "prompt": f"first-{turn}"}, {"id": "other", "prompt": "word"}]
    swarm_id = start(client, tasks)
    agent_id = client.get(f"/v1/swarms/{swarm_id}").json()["agent_id"]
    before = Footprint.of(service.pid)
    with ExitStack() as stack:
        paths = (f"/swarms/{swarm_id}/stream", f"/agents/{agent_id}/stream?after=latest")
        streams = [stack.enter_context(raw_stream(service.url, paths[n % 2])) for n in range(count)]
        for stream in streams:
            assert stream.recv(12) == b"HTTP/1.1 101"
        open_now = Footprint.of(service.pid)
        assert open_now.sockets >= before.sockets + count
        with open_stream(service.url, paths[0]) as one:
            client.post(f"/v1/swarms/{swarm_id}/cancel")
            check_order(read(one).frames)
        for stream in streams:
            received = b""
            while b"swarm_completed" not in received:
                chunk = stream.recv(65_536)
                assert chunk
                received += chunk
    check_let_go(service.pid, before)
    after = Footprint.of(service.pid)
    print(f"before {before}, with {count} {open_now}, after {after}")
    assert open_now.rss_mib - before.rss_mib < 150
    if turn:  # the first thousand fill caches and pools
        assert after.rss_mib - before.rss_mib < 20
        assert after.descriptors <= before.descriptors + 20


def test_100_watchers_of_one_run_see_the_same(tmp_path: Path) -> None:
    """Events are serialised once whatever the number of watchers: each gets the very same text."""
    with running(tmp_path, latency_ms=20) as (service, _), service.client() as client, ExitStack() as stack:
        swarm_id = start(client, dag(60, random.Random(3)))
        streams = [stack.enter_context(open_stream(service.url, f"/swarms/{swarm_id}/stream")) for _ in range(100)]
        logs = [read(stream).logged for stream in streams]
        assert logs.count(list(events_of(client, swarm_id))) == 100


def test_a_restart_in_the_middle_closes_with_1012(tmp_path: Path) -> None:
    """SIGTERM ends streams with a code that says: come again."""
    with running(tmp_path, latency_ms=60_000, SWARMD_DRAIN_S="0") as (service, _), service.client() as client:
        swarm_id = start(client, [{"id": "a", "prompt": "word"}])
        with open_stream(service.url, f"/swarms/{swarm_id}/stream") as stream:
            stream.recv(DEADLINE_S)
            service.terminate()
            watched = read(stream)
        assert watched.code == 1012


def test_streams_let_go_of_what_they_watched(tmp_path: Path) -> None:
    """An orchestrator's stream that sees hundreds of runs come and go keeps nothing of them."""
    with running(tmp_path, latency_ms=5) as (service, _), service.client() as client:
        agent_id = orchestrator(client, "busy", max_parallel_agents=100)
        with open_stream(service.url, f"/agents/{agent_id}/stream") as stream:
            swarm_ids = {spawn(client, agent_id, f"word {n}")["swarm_id"] for n in range(150)}
            ended: list[Frame] = []
            frames: list[Frame] = []
            while len(ended) < len(swarm_ids):
                frames.append(json.loads(stream.recv(DEADLINE_S)))
                ended += [frames[-1]] if frames[-1]["type"] == "swarm_completed" else []
            check_order(frames)
            finals = Counter(frame["swarm_id"] for frame in frames if frame["type"] == NOT_LOGGED)
            assert finals.keys() == swarm_ids
        poll(lambda: client.get("/healthz").status_code == 200)
