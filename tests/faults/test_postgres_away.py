"""Row 3, the database's half: PostgreSQL is stopped, killed and frozen again and again while a run goes on.

Meanwhile a client asks and posts all the time: what it was told is there at the end, what it was refused came with
when to ask again, and no answer took longer than five seconds.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.support.cluster import check_outcomes
from tests.support.figures import report
from tests.support.postgres import PostgresServer
from tests.support.service import MockModelProcess, ServiceProcess, poll

MOST_S = 5.0
_PARALLEL = 40


@dataclass
class Seen:
    """What the client was told."""

    slowest_s: float = 0.0
    answers: int = 0
    refused: int = 0
    red: int = 0
    accepted: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def asking(service: ServiceProcess, swarm_id: str) -> Iterator[Seen]:
    """A client that reads, posts and looks at the readiness, one after the other, until the block ends."""
    seen, over = Seen(), threading.Event()

    def ask(client: httpx2.Client, method: str, path: str, body: object = None) -> httpx2.Response:
        began = time.monotonic()
        answer = client.request(method, path, json=body)
        seen.slowest_s = max(seen.slowest_s, time.monotonic() - began)
        seen.answers += 1
        if answer.status_code == 503:
            seen.refused += 1
            if "retry-after" not in answer.headers:
                seen.wrong.append(f"{method} {path}: 503 without Retry-After")
        elif not answer.is_success:
            seen.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def go() -> None:
        with service.client() as client:
            while not over.wait(0.05):
                ask(client, "GET", f"/v1/swarms/{swarm_id}")
                posted = ask(client, "POST", "/v1/swarms", {"tasks": [{"id": "only", "prompt": "Say it."}]})
                if posted.status_code == 201:
                    seen.accepted.append(posted.json()["swarm_id"])
                seen.red += ask(client, "GET", "/readyz").status_code == 503

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def trouble(server: PostgresServer, chance: random.Random, kind: str, most_s: float) -> None:
    """Take the database away for up to ``most_s`` seconds."""
    away_s = chance.uniform(0, most_s)
    if kind == "frozen":
        server.freeze()
        time.sleep(away_s)
        server.thaw()
        return
    (server.kill if kind == "killed" else server.stop)()
    time.sleep(away_s)
    server.start()


@pytest.mark.parametrize(
    ("tasks", "latency_ms", "rests_s", "most_s", "kinds"),
    [
        (120, 400, (1, 2), 2.0, ["stopped", "killed"]),
        pytest.param(
            1000,
            3000,
            (5, 20),
            5.0,
            ["stopped", "killed", "stopped", "frozen", "stopped", "killed"],
            marks=pytest.mark.long,
        ),
    ],
    ids=["everyday", "figures"],
)
def test_a_run_survives_a_database_that_comes_and_goes(
    tmp_path: Path, tasks: int, latency_ms: int, rests_s: tuple[float, float], most_s: float, kinds: list[str]
) -> None:
    chance = random.Random(20_261_122)
    ids = [f"t{index}" for index in range(tasks)]
    body = {
        "limits": {"max_parallel_agents": _PARALLEL},
        "tasks": [
            {"id": task_id, "prompt": "Say it.", "depends_on": [f"t{index - _PARALLEL}"] if index >= _PARALLEL else []}
            for index, task_id in enumerate(ids)
        ],
    }
    with (
        PostgresServer(fsync=True) as server,
        MockModelProcess(tmp_path, "--latency-ms", str(latency_ms)) as model,
        ServiceProcess(
            tmp_path / "service", *model.as_provider(), SWARMD_DATABASE_URL=server.create_database()
        ) as service,
        service.client() as client,
    ):
        swarm_id = client.post("/v1/swarms", json=body).json()["swarm_id"]
        outages = 0
        with asking(service, swarm_id) as seen:
            for kind in kinds:
                time.sleep(chance.uniform(*rests_s))
                trouble(server, chance, kind, most_s)
                outages += 1
            poll(lambda: client.get("/readyz").is_success, what="readiness")
            poll(
                lambda: (answer := client.get(f"/v1/swarms/{swarm_id}")).is_success and answer.json()["ended_at"],
                deadline_s=240,
                what="the end of the run",
            )

        for accepted in seen.accepted:
            assert client.get(f"/v1/swarms/{accepted}").is_success, f"{accepted} was acknowledged and is lost"
        check_outcomes(client, model, swarm_id, ids, repeats=_PARALLEL * outages)
    report(
        3,
        f"PostgreSQL away {outages} times ({', '.join(kinds)}), {tasks} tasks: all ended, 0 outcomes twice,"
        f" {len(seen.accepted)} acknowledged runs there, {seen.refused} of {seen.answers} answers 503, slowest"
        f" {seen.slowest_s:.2f} s",
    )
    assert seen.wrong == []
    assert seen.slowest_s < MOST_S
    assert seen.refused
    assert seen.red, "readiness was never red"
