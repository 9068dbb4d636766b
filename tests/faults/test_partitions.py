"""Row 18: the network between one process and one server loses what is sent over it, and comes back.

Nothing is closed and nobody is told, as when a switch fails; the rest of the cluster sees each other all the time.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.dispatch.broker import Broker
from app.dispatch.connecting import BrokerSettings
from tests.support.brokers import nats_server
from tests.support.cluster import Cluster, cluster, independent, names
from tests.support.figures import report
from tests.support.outages import MOST_S, asking
from tests.support.partitions import Link, kind_of_link, links
from tests.support.service import poll

LEASE_S = 4
CUT_S = 12.0
"""Longer than any lease (a worker's is 10 s) and than what any command may take."""

CALM_S = 3.0
"""So long after the healing nobody is refused any more."""

AT_ONCE = 25
TASKS = 400
WAYS = {"both": (True, True), "there": (True, False), "back": (False, True)}


def test_a_cut_link_loses_in_silence_and_goes_on_when_healed() -> None:
    kinds: set[type[Link]] = {Link, kind_of_link()}
    for kind in kinds:
        with socket.create_server(("127.0.0.1", 0)) as server, kind(server.getsockname()) as link:
            host, port = link.address.split(":")
            for there, back in WAYS.values():
                with socket.create_connection((host, int(port)), timeout=10) as near, server.accept()[0] as far:
                    link.cut(there=there, back=back)
                    near.sendall(b"asked")
                    far.sendall(b"answered")
                    for lost, end in ((there, far), (back, near)):
                        end.settimeout(0.3 if lost else 10)
                        with pytest.raises(TimeoutError) if lost else nullcontext():
                            assert end.recv(9)
                    link.heal()
                    for lost, end in ((there, far), (back, near)):
                        end.settimeout(10)
                        assert not lost or end.recv(9)


@pytest.mark.anyio
async def test_a_cut_is_noticed_also_with_much_on_its_way(tmp_path: Path) -> None:
    """More than the kernels take: what cannot be sent must not hold up the end of the connection."""
    with nats_server(tmp_path) as server, links(kind_of_link()) as network:
        settings = BrokerSettings(url=network.through("node", "broker", server.url))
        async with Broker(settings, "node").running() as broker:
            assert broker.connected
            network["node", "broker"].cut()
            cut_at = time.monotonic()
            for _ in range(60):
                broker.send(broker.subject("elsewhere"), b"x" * 500_000)
            async with asyncio.timeout(30):
                while broker.connected:
                    await asyncio.sleep(0.05)
            noticed_s = time.monotonic() - cut_at

            network["node", "broker"].heal()
            healed_at = time.monotonic()
            async with asyncio.timeout(30):
                while not broker.connected:
                    await asyncio.sleep(0.05)
            again_s = time.monotonic() - healed_at
    report(18, f"30 MB on their way to NATS: noticed after {noticed_s:.1f} s, {again_s:.1f} s after the healing back")


@dataclass(frozen=True)
class Case:
    """Which link is cut and which way.

    Attributes:
        workers: beside two services; with none these do the jobs themselves.
        least: so many tasks are done elsewhere meanwhile; with all of them the cut lasts until then.
        repeats: the most calls that it may cost.
    """

    process: str
    server: str
    way: str = "both"
    workers: int = 2
    least: int = 0
    repeats: int = 0

    def __str__(self) -> str:
        return f"{self.process}-{self.server}-{self.way}"


CASES = [
    Case("serve", "database", workers=0, least=1, repeats=AT_ONCE),
    Case("serve", "database", "back", least=1),
    Case("serve", "broker"),
    Case("worker", "broker", least=AT_ONCE),
    Case("worker", "broker", "back", least=AT_ONCE),
    Case("worker", "database", least=TASKS, repeats=AT_ONCE),
]


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_partition_costs_time_and_nothing_else(tmp_path: Path, case: Case) -> None:
    tasks = independent(TASKS)
    there, back = WAYS[case.way]
    kind = kind_of_link()
    with (
        links(kind) as network,
        cluster(
            tmp_path,
            workers=case.workers,
            concurrency=AT_ONCE,
            local_agents=0 if case.workers else AT_ONCE,
            latency_ms=1000,
            through=network.through,
            SWARMD_LEASE_S=str(LEASE_S),
        ) as nodes,
    ):
        swarm_id = nodes.post({"tasks": tasks})
        nodes.until_completed(swarm_id, 50)
        owner = 0 if "swarm_claimed" in nodes.serves[0].output else 1
        number = owner if case.process == "serve" else 0
        watched = number if case.process == "serve" else 1 - owner
        other = 1 - watched
        link = network[f"{case.process}{number}", case.server]

        with asking(nodes.serves[watched], swarm_id) as seen:
            link.cut(there=there, back=back)
            before = nodes.completed(swarm_id, node=other)
            cut_at = time.monotonic()
            time.sleep(CUT_S)
            if case.least == len(tasks):
                nodes.until_ended(swarm_id, node=other)
            away_s = time.monotonic() - cut_at
            meanwhile = nodes.completed(swarm_id, node=other) - (before if case.least < len(tasks) else 0)
            link.heal()
            healed_at = time.monotonic()
            poll(lambda: _is_well(nodes, case, number), deadline_s=60, what="being well again")
            well_s = time.monotonic() - healed_at
            nodes.until_ended(swarm_id, node=other)
            ended_s = time.monotonic() - healed_at
            # A connection that was asked for just before the healing takes its time to fail.
            poll(lambda: time.monotonic() - max(healed_at, seen.refused_at) > CALM_S, what="an end of the refusals")

        repeats = nodes.check(swarm_id, names(tasks), repeats=case.repeats, node=other)
        with nodes.serves[other].client() as client:
            lost = [one for one in seen.accepted if not client.get(f"/v1/swarms/{one}").is_success]
        again = nodes.post({"tasks": independent(50, prefix="again")}, node=watched)
        nodes.until_ended(again, node=watched)
    report(
        18,
        f"{case.process} cut off from the {case.server} ({case.way}) for {away_s:.0f} s: {meanwhile} tasks meanwhile,"
        f" well {well_s:.1f} s, refusing {max(0, seen.refused_at - healed_at):.1f} s and ended {ended_s:.1f} s after"
        f" the healing, 0 lost, 0 twice, {repeats} calls repeated;"
        f" slowest answer {seen.slowest_s:.1f} s, {seen.refused} of {seen.answers} refused ({kind.__name__})",
    )
    assert lost == []
    assert seen.wrong == []
    assert seen.slowest_s < MOST_S
    assert meanwhile >= case.least
    assert seen.refused_at - healed_at <= CALM_S
    if (case.process, case.server) == ("serve", "database"):
        assert seen.refused
        assert seen.red


def _is_well(nodes: Cluster, case: Case, number: int) -> bool:
    if case.process == "worker":
        return bool(nodes.workers[number].health()["status"] == "ready")
    with nodes.serves[number].client() as client:
        answer = client.get("/readyz")
        return answer.is_success and answer.json()["broker"] == "connected"
