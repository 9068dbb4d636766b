"""Row 3, the database's half: PostgreSQL is stopped, killed and frozen again and again while a run goes on.

Meanwhile a client asks and posts all the time: what it was told is there at the end, what it was refused came with
when to ask again, and no answer took longer than five seconds.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.support.cluster import check_outcomes
from tests.support.figures import report
from tests.support.outages import MOST_S, asking
from tests.support.postgres import PostgresServer
from tests.support.service import MockModelProcess, ServiceProcess, poll

_PARALLEL = 40


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
