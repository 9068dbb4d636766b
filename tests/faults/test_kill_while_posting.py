"""Row 1, what the client was acknowledged: the service is killed while runs are being posted; each 201 is a promise."""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.support.figures import report
from tests.support.ledger import calls_of, read_record
from tests.support.service import MockModelProcess, ServiceProcess, poll

SEED = 20_260_103
POSTERS = 4


class Poster(threading.Thread):
    """Posts one run after the other until it is told to stop; keeps the ids that were acknowledged."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.url = ""
        self.stop = threading.Event()
        self.acknowledged: list[str] = []
        self.unanswered = 0

    def run(self) -> None:
        with httpx2.Client(timeout=10) as client:
            while not self.stop.is_set():
                task = {"id": f"p{self.number}_{len(self.acknowledged)}"}
                try:
                    answer = client.post(f"{self.url}/v1/swarms", json={"tasks": [task]})
                except httpx2.TransportError:
                    self.unanswered += 1
                    self.stop.wait(0.05)
                    continue
                assert answer.status_code == 201, answer.text
                self.acknowledged.append(answer.json()["swarm_id"])


@pytest.mark.parametrize("kills", [2, pytest.param(15, marks=pytest.mark.long)], ids=["everyday", "figures"])
def test_every_acknowledged_run_survives_kills(tmp_path: Path, kills: int) -> None:
    rng = random.Random(SEED)
    posters = [Poster(number) for number in range(POSTERS)]
    with (
        MockModelProcess(tmp_path / "mock", "--latency-ms", "20") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
    ):
        for poster in posters:
            poster.url = service.url
            poster.start()
        for _ in range(kills):
            poll(partial(has_grown, posters, len(acknowledged(posters)) + 5), every_s=0.001, what="some posts")
            time.sleep(rng.uniform(0, 0.1))  # the kill comes anywhere in a post
            service.kill()
            known = acknowledged(posters)
            held = [read_record(service.data_dir, swarm_id).status for swarm_id in known[-3:]]
            assert None not in held, f"of {known[-3:]} the database held {held} at a kill"
            service.start()
            for poster in posters:
                poster.url = service.url
        for poster in posters:
            poster.stop.set()
        for poster in posters:
            poster.join(30)
        swarm_ids = acknowledged(posters)
        with service.client() as client:
            poll(lambda: set(statuses(client).values()) <= {"completed"}, every_s=0.1, what="the end of all runs")
            listed = statuses(client)
        calls = sum(call["event"] == "received" for call in calls_of(model))

    unanswered = sum(poster.unanswered for poster in posters)
    lost = [swarm_id for swarm_id in swarm_ids if swarm_id not in listed]
    report(
        1,
        f"{len(swarm_ids)} runs acknowledged through {kills} kills while posting, seed {SEED}: {len(lost)} lost, all "
        f"completed; {unanswered} posts unanswered, {len(listed) - len(swarm_ids)} of them accepted all the same; "
        f"{calls} calls",
    )
    assert not lost
    assert len(set(swarm_ids)) == len(swarm_ids)
    assert len(swarm_ids) <= len(listed) <= len(swarm_ids) + unanswered


def acknowledged(posters: list[Poster]) -> list[str]:
    return [swarm_id for poster in posters for swarm_id in poster.acknowledged]


def has_grown(posters: list[Poster], count: int) -> bool:
    return len(acknowledged(posters)) >= count


def statuses(client: httpx2.Client) -> dict[str, str]:
    """Every run there is, by id."""
    found: dict[str, str] = {}
    query: dict[str, str | int] = {"limit": 1000}
    while True:
        page = client.get("/v1/swarms", params=query).json()
        found.update({swarm["swarm_id"]: swarm["status"] for swarm in page["items"]})
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]
