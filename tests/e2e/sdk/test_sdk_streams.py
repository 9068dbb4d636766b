"""The stream of each SDK: cut again and again, across ``kill -9`` of the service, by a reader that is too slow.

What comes out of it is the event log: in order, without a gap, nothing twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.accounts import bearer
from tests.support.cutting_proxy import CuttingProxy
from tests.support.keys import mint
from tests.support.sdks import Guarded, Sdk
from tests.support.service import DEADLINE_S, MockModelProcess, ServiceProcess, events_of, poll
from tests.support.streaming import NOT_LOGGED, Frame, check_order, orchestrator, script, spawn, start

SLOW_CLIENT_S = 0.5


HELD: Frame = {"id": "held", "prompt": "still-word"}
"""A task whose first call gets no answer: its run goes on until the service is killed, and ends after that."""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    with MockModelProcess(tmp_path, "--latency-ms", "60", "--latency-jitter-ms", "30") as model:
        script(model, {"match": HELD["prompt"], "hang": True, "times": 1})
        service = ServiceProcess(tmp_path, *model.as_provider(), SWARMD_SLOW_CLIENT_S=str(SLOW_CLIENT_S))
        key = mint(service.data_dir, "default", "read,run")["key"]
        with service:
            yield Guarded(service, key)


def client_of(guarded: Guarded) -> httpx2.Client:
    return httpx2.Client(base_url=guarded.url, headers=bearer(guarded.key), timeout=DEADLINE_S)


class Follower:
    """A program that follows a stream with an SDK and prints what it gets, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.frames: list[Frame] = []
        self.end: Frame | None = None
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            value = json.loads(line)
            if "type" in value:
                self.frames.append(value)
            else:
                self.end = value

    def wait_for(self, count: int) -> None:
        """Until it has printed so many frames, or the stream has ended."""
        poll(lambda: len(self.frames) >= count or self.end, what=f"frame {count}")

    def finish(self) -> Frame:
        """Wait for the end of the program, which must be a good one; return what it said of the stream's end."""
        assert self.process.wait(DEADLINE_S) == 0
        self._reader.join()
        assert self.end is not None
        return self.end


@contextmanager
def following(sdk: Sdk, *arguments: str) -> Iterator[Follower]:
    with sdk.running("follow", *arguments) as process:
        yield Follower(process)


def logged(frames: Sequence[Frame], swarm_id: str) -> list[dict[str, Any]]:
    """The events of a run, without what an SDK writes in its own way, and without the cursor that the log lacks."""
    return [
        {name: value for name, value in frame.items() if name not in {"ts", "cursor"}}
        for frame in frames
        if frame["swarm_id"] == swarm_id and frame["type"] != NOT_LOGGED
    ]


def check_complete(guarded: Guarded, frames: Sequence[Frame], swarm_ids: set[str]) -> None:
    assert check_order(frames).keys() == swarm_ids
    with client_of(guarded) as client:
        for swarm_id in swarm_ids:
            events = list(events_of(client, swarm_id))
            assert events[-1]["type"] == "swarm_completed"
            assert logged(frames, swarm_id) == logged(events, swarm_id)


def tasks(count: int) -> list[Frame]:
    """A wide layer, and tasks that each wait for two of it."""
    first = [{"id": f"a{n}", "prompt": f"word {n}"} for n in range(count // 2)]
    later = [{"id": f"b{n}", "prompt": "more", "depends_on": [f"a{n}", f"a{n // 2}"]} for n in range(count // 2)]
    return [*first, *later]


def kill_at(guarded: Guarded, proxy: CuttingProxy, follower: Follower, count: int) -> None:
    """``kill -9`` the service once so many frames have come, and start it again, on another port."""
    follower.wait_for(count)
    guarded.service.restart()
    proxy.aim(guarded.url)


def test_a_run_s_stream_survives_cuts_and_a_kill(sdk: Sdk, guarded: Guarded) -> None:
    with client_of(guarded) as client:
        swarm_id = start(client, [HELD, *tasks(80)], limits={"max_parallel_agents": 8}, retry={"base_delay_s": 0.1})
    with (
        CuttingProxy(guarded.url, wanted=12) as proxy,
        following(sdk, proxy.url, guarded.key, "swarm", swarm_id) as follower,
    ):
        kill_at(guarded, proxy, follower, 90)
        assert follower.finish() == {"ended": True}
        assert proxy.cuts == 12
    check_complete(guarded, follower.frames, {swarm_id})


@pytest.mark.long
def test_an_orchestrator_s_stream_survives_cuts_and_a_kill(sdk: Sdk, guarded: Guarded) -> None:
    with client_of(guarded) as client:
        agent_id = orchestrator(client, "survivor", max_parallel_agents=8)
        swarm_ids = {spawn(client, agent_id, f"word {n}")["swarm_id"] for n in range(10)}
        body = {"orchestrator_id": agent_id, "tasks": [HELD, *tasks(60)], "wait": False}
        swarm_ids.add(client.post("/v1/agents/batch-execute", json=body).json()["swarm_id"])
    with (
        CuttingProxy(guarded.url, wanted=12) as proxy,
        following(sdk, proxy.url, guarded.key, "agent", agent_id) as follower,
    ):
        kill_at(guarded, proxy, follower, 110)

        def all_ended() -> bool:
            ended = [frame["swarm_id"] for frame in tuple(follower.frames) if frame["type"] == "swarm_completed"]
            return len(ended) >= len(swarm_ids)

        poll(all_ended, what="the end of all runs")
        assert follower.end is None
        follower.process.kill()
        assert proxy.cuts == 12
    check_complete(guarded, follower.frames, swarm_ids)


@pytest.mark.long
def test_a_stream_gives_up_and_another_one_goes_on(sdk: Sdk, guarded: Guarded) -> None:
    """A service that stays away is told of, with the place, at which a later process begins."""
    with client_of(guarded) as client:
        swarm_id = start(client, [HELD, *tasks(40)], limits={"max_parallel_agents": 4})
    with (
        CuttingProxy(guarded.url) as proxy,
        following(sdk, proxy.url, guarded.key, "swarm", swarm_id, "", "1") as first,
    ):
        first.wait_for(30)
        guarded.service.kill()
        proxy.cut()
        lost = first.finish()
    assert lost.keys() == {"lost", "after"}
    guarded.service.start()
    with following(sdk, guarded.url, guarded.key, "swarm", swarm_id, str(lost["after"])) as second:
        assert second.finish() == {"ended": True}
    check_complete(guarded, [*first.frames, *second.frames], {swarm_id})


@pytest.mark.long
def test_a_reader_that_is_too_slow_goes_on_where_it_was(sdk: Sdk, guarded: Guarded) -> None:
    """The service closes its connection with 4008, and the stream takes that for a cut."""
    with client_of(guarded) as client:
        swarm_id = start(client, [{"id": f"t{n}", "prompt": "word"} for n in range(3000)])
    with (
        CuttingProxy(guarded.url) as proxy,
        following(sdk, proxy.url, guarded.key, "swarm", swarm_id) as follower,
    ):
        follower.wait_for(100)
        before = proxy.connections
        os.kill(follower.process.pid, signal.SIGSTOP)
        try:
            with client_of(guarded) as client:
                poll(lambda: client.get(f"/v1/swarms/{swarm_id}").json()["ended_at"], what="the end of the run")
            given_up_at = time.monotonic() + 3 * SLOW_CLIENT_S
            poll(lambda: time.monotonic() > given_up_at)
        finally:
            os.kill(follower.process.pid, signal.SIGCONT)
        assert follower.finish() == {"ended": True}
        assert proxy.connections > before
    check_complete(guarded, follower.frames, {swarm_id})
