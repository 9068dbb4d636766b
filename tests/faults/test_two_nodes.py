"""Rows 4, 5 and 14 on PostgreSQL: a frozen node, two schedulers on one database, clocks that go wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.cluster import check_outcomes
from tests.support.figures import report
from tests.support.postgres import server
from tests.support.service import MockModelProcess, ServiceProcess, poll

LEASE_S = 3


@dataclass
class Nodes:
    url: str
    model: MockModelProcess
    serves: list[ServiceProcess]

    def rows(self, query: str) -> list[Any]:
        async def ask() -> list[Any]:
            connection = await asyncpg.connect(self.url)
            try:
                return list(await connection.fetch(query))
            finally:
                await connection.close()

        return asyncio.run(ask())


@contextmanager
def two_nodes(folder: Path, *, latency_ms: int, env: Sequence[dict[str, str]] = ({}, {})) -> Iterator[Nodes]:
    """Two services on one database, without a bell between them."""
    with ExitStack() as stack:
        url = stack.enter_context(server().database())
        model = stack.enter_context(MockModelProcess(folder, "--latency-ms", str(latency_ms)))
        serves = []
        for number, more in enumerate(env):
            settings = {"SWARMD_DATABASE_URL": url, "SWARMD_LEASE_S": str(LEASE_S)} | more
            serve = ServiceProcess(folder / f"node{number}", *model.as_provider(), **settings)
            stack.callback(serve.kill)
            serve.start()
            serves.append(serve)
        yield Nodes(url, model, serves)


def independent(prefix: str, count: int) -> list[dict[str, str]]:
    return [{"id": f"{prefix}{index}", "prompt": "Say it."} for index in range(count)]


def test_a_node_that_was_frozen_past_its_lease_replaces_nothing(tmp_path: Path) -> None:
    ids = [f"t{index}" for index in range(100)]
    with two_nodes(tmp_path, latency_ms=1500) as nodes, nodes.serves[1].client() as client:
        frozen, other = nodes.serves
        with frozen.client() as first:
            swarm_id = first.post("/v1/swarms", json={"tasks": independent("t", 100)}).json()["swarm_id"]
        poll(lambda: client.get(f"/v1/swarms/{swarm_id}").json()["counts"]["running"] == 100, what="the start")
        assert "swarm_claimed" not in other.output

        os.kill(frozen.pid, signal.SIGSTOP)
        began = time.monotonic()
        poll(lambda: "swarm_claimed" in other.output, what="the take-over")
        taken_s = time.monotonic() - began
        poll(lambda: client.get(f"/v1/swarms/{swarm_id}").json()["ended_at"], what="the end")
        before = nodes.rows("SELECT ix, attempt, output, ended_at_ms FROM tasks ORDER BY ix")
        os.kill(frozen.pid, signal.SIGCONT)
        poll(lambda: "lease_lost" in frozen.output, what="the frozen node's notice")

        after = nodes.rows("SELECT ix, attempt, output, ended_at_ms FROM tasks ORDER BY ix")
        replaced = sum(row != then for row, then in zip(after, before, strict=True))
        report(
            4, f"frozen for {LEASE_S} s and more, 100 calls under way: {replaced} outcomes replaced, {taken_s:.1f} s"
        )
        assert replaced == 0
        assert taken_s <= LEASE_S
        check_outcomes(client, nodes.model, swarm_id, ids, repeats=100)
        # The node goes on as a member.
        with frozen.client() as first:
            again = first.post("/v1/swarms", json={"tasks": independent("u", 3)}).json()["swarm_id"]
            poll(lambda: first.get(f"/v1/swarms/{again}").json()["ended_at"], what="a further run")


@pytest.mark.parametrize(
    ("swarms", "tasks"), [(40, 25), pytest.param(200, 50, marks=pytest.mark.long)], ids=["everyday", "figures"]
)
def test_two_schedulers_claim_every_run_once(tmp_path: Path, swarms: int, tasks: int) -> None:
    with two_nodes(tmp_path, latency_ms=50) as nodes, ExitStack() as stack:
        clients = [stack.enter_context(serve.client()) for serve in nodes.serves]
        ids = [
            clients[number % 2].post("/v1/swarms", json={"tasks": independent(f"s{number}t", tasks)}).json()["swarm_id"]
            for number in range(swarms)
        ]
        for swarm_id in ids:
            poll(lambda one=swarm_id: clients[0].get(f"/v1/swarms/{one}").json()["ended_at"], deadline_s=120)  # type: ignore[misc]

        claims = Counter(
            swarm_id for serve in nodes.serves for swarm_id in ids if f'"{swarm_id}"' in _claimed(serve.output)
        )
        tokens = nodes.rows("SELECT count(*) FILTER (WHERE lease_token <> 1), count(*) FROM swarms")
        calls = Counter(call["task_id"] for call in nodes.model.calls() if call["event"] == "received")
    twice = sum(count - 1 for count in claims.values())
    report(5, f"two schedulers, {swarms} runs, {swarms * tasks} tasks: {twice} claimed twice")
    assert claims == Counter(dict.fromkeys(ids, 1))
    assert tuple(tokens[0]) == (0, swarms)
    assert set(calls.values()) == {1}
    assert len(calls) == swarms * tasks


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs faketime: apt-get install faketime")
@pytest.mark.parametrize("shift", ["+1h", "-1h"])
def test_a_clock_that_is_an_hour_off_steals_no_lease_and_stops_nothing(tmp_path: Path, shift: str) -> None:
    off = {"LD_PRELOAD": _faketime(), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with two_nodes(tmp_path, latency_ms=400, env=({}, off)) as nodes, ExitStack() as stack:
        clients = [stack.enter_context(serve.client()) for serve in nodes.serves]
        posted = []
        for number, client in enumerate(clients):
            body = {"limits": {"max_parallel_agents": 10}, "tasks": independent(f"n{number}t", 150)}
            posted.append(client.post("/v1/swarms", json=body).json()["swarm_id"])

        for swarm_id in posted:
            poll(lambda one=swarm_id: clients[0].get(f"/v1/swarms/{one}").json()["ended_at"], what="the end")  # type: ignore[misc]

        tokens = [row["lease_token"] for row in nodes.rows("SELECT lease_token FROM swarms")]
        report(14, f"a node's clock {shift}, runs of twice the lease: {sum(token != 1 for token in tokens)} stolen")
        assert tokens == [1, 1]
        for number, swarm_id in enumerate(posted):
            check_outcomes(clients[0], nodes.model, swarm_id, [f"n{number}t{i}" for i in range(150)], repeats=0)


def _claimed(output: str) -> str:
    return "\n".join(line for line in output.splitlines() if "swarm_claimed" in line)


def _faketime() -> str:
    [found, *_] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return str(found)
