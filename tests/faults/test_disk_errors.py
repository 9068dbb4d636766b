"""Row 6, its second half: fsync answers EIO, as a dying disk does.

strace makes every fsync and fdatasync of the running service fail, and lets go of it again. What was acknowledged
before, while and after that must be there, also after a kill -9 in the middle of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.support.figures import report
from tests.support.ledger import audit_of, bury
from tests.support.service import MockModelProcess, ServiceProcess, poll

NEEDED = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt-get install strace")
SYNCS = "fsync,fdatasync"
TASKS = 40


@contextmanager
def failing_syncs(pid: int, folder: Path) -> Iterator[None]:
    """EIO for every sync of all threads of a process, for as long as the block lasts."""
    said = folder / "strace.err"
    flags = ["-f", "-o", str(folder / "strace.out"), "-e", f"trace={SYNCS}", "-e", f"inject={SYNCS}:error=EIO"]
    with said.open("wb") as err:
        tracer = subprocess.Popen(["strace", *flags, "-p", str(pid)], stderr=err)
    try:
        poll(lambda: "attached" in said.read_text() or tracer.poll() is not None, what="strace")
        if tracer.poll() is not None:
            pytest.skip(f"strace may not attach here: {said.read_text()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)  # detaches; the process goes on untouched
        tracer.wait(30)


def is_red(client: httpx2.Client) -> bool:
    return client.get("/readyz").status_code == 503


def has_completed(client: httpx2.Client, swarm_id: str) -> bool:
    return bool(client.get(f"/v1/swarms/{swarm_id}").json()["status"] == "completed")


@NEEDED
@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed meanwhile"])
def test_syncs_that_fail_lose_nothing_acknowledged(tmp_path: Path, killed: bool) -> None:
    graph = {f"t{n}": [f"t{n - 10}"] if n >= 10 else [] for n in range(TASKS)}
    body = {
        "tasks": [{"id": task_id, "depends_on": names} for task_id, names in graph.items()],
        "limits": {"max_parallel_agents": 10},
    }
    accepted: list[str] = []
    refused = 0
    graves = []
    with (
        MockModelProcess(tmp_path / "mock", "--latency-ms", "300", "--latency-jitter-ms", "200") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
    ):
        with service.client() as client:
            swarm_id = client.post("/v1/swarms", json=body).json()["swarm_id"]
            accepted.append(swarm_id)
            with failing_syncs(service.pid, tmp_path):
                poll(lambda: is_red(client), what="red readiness")
                red_until = time.monotonic() + 2
                while time.monotonic() < red_until:
                    answer = client.post("/v1/swarms", json={"tasks": [{}]})
                    if answer.status_code == 201:
                        accepted.append(answer.json()["swarm_id"])
                    else:
                        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
                        refused += 1
                shown = client.get(f"/v1/swarms/{swarm_id}").json()["counts"]["completed"]
                assert client.get("/healthz").status_code == 200
                if killed:
                    os.kill(service.pid, signal.SIGKILL)
                    graves.append(bury(service, model, swarm_id))
        if killed:
            assert len(graves[0].record.of_status("completed")) >= shown
            service.start()
        with service.client() as client:
            began = time.monotonic()
            poll(lambda: not is_red(client), what="green readiness")
            green_s = time.monotonic() - began
            assert client.post("/v1/swarms", params={"wait": 30}, json={"tasks": [{}]}).json()["status"] == "completed"
            for accepted_id in accepted:
                poll(partial(has_completed, client, accepted_id), what="the end of an accepted run")
        audit = audit_of(service, model, swarm_id, graph, graves=graves)

    what = "killed meanwhile" if killed else "let go on"
    report(
        6,
        f"EIO on every fsync for 2 s, {what}: {len(accepted)} runs acknowledged and all of them completed, {refused} "
        f"refused with 503, green again after {green_s:.2f} s, {len(audit.lost)} tasks lost, {len(audit.replaced)} "
        f"outcomes replaced, {len(audit.called_again)} recorded calls repeated, integrity ok",
    )
    assert refused > 0
    assert audit.lost == audit.replaced == audit.called_again == audit.unexplained == audit.broken == []
