"""The wall clock jumps by an hour and by 400 days, forwards and back, while a run goes on and across a restart.

libfaketime stands between the service and its clock; the jump is a change of the file that it reads.
"""

from __future__ import annotations

import shutil
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx2
import pytest

from tests.support.dags import Dag, body_of, check_order, layered
from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, events_of, poll

HOUR_S = 3600
DAYS_400_S = 400 * 24 * HOUR_S
DAG = layered(seed=7, layers=16, width=36, fan_in=3)
RETRY = {"base_delay_s": 0.2, "max_retries": 8}


class Clock:
    """What the service takes for the time: ours, off by ``jump``."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("faketime")
        libraries = Path(program).parents[1].glob("lib/**/faketime/libfaketimeMT.so.1") if program else iter(())
        library = next(libraries, None)
        if library is None:
            pytest.skip("libfaketime is missing: apt-get install faketime")
        self._file = folder / "clock"
        self.jump(0)
        self.env = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",  # no machine's monotonic clock jumps
        }

    def jump(self, offset_s: int) -> None:
        scratch = self._file.with_suffix(".new")
        scratch.write_text(f"{offset_s:+d}\n")
        scratch.replace(self._file)


def has_seen(client: httpx2.Client, offset_s: int) -> bool:
    """Whether the service's clock has jumped: its answers are dated by it, anew every second."""
    date = parsedate_to_datetime(client.get("/healthz").headers["date"])
    return abs(date.timestamp() - time.time() - offset_s) < 60


def start(client: httpx2.Client, dag: Dag) -> str:
    body = body_of(dag) | {"retry": RETRY, "limits": {"max_parallel_agents": 40, "timeout_s": 600}}
    created = client.post("/v1/swarms", json=body)
    assert created.status_code == 201, created.text
    return f"/v1/swarms/{created.json()['swarm_id']}"


def wait_for(client: httpx2.Client, at: str, completed: int) -> None:
    poll(lambda: client.get(at).json()["counts"]["completed"] >= completed, what=f"{completed} completed tasks")


def went_well(client: httpx2.Client, at: str, dag: Dag) -> int:
    """Wait for the end, check the log, and return the number of attempts that were failed or lost."""
    ended = poll(lambda: found if (found := client.get(at).json())["ended_at"] else None, what="the end")
    assert (ended["status"], ended["counts"]["completed"]) == ("completed", len(dag)), ended
    events = list(events_of(client, ended["swarm_id"]))
    check_order(dag, [event for event in events if event["type"] != "agent_retrying"])
    return sum(event["type"] == "agent_retrying" for event in events)


def received(model: MockModelProcess) -> int:
    return sum(call["event"] == "received" for call in model.calls())


@pytest.mark.long
def test_a_run_goes_on_through_jumps_of_the_clock(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    jumps = [HOUR_S, -HOUR_S, 0, DAYS_400_S, 0]
    with (
        MockModelProcess(tmp_path / "mock", "--latency-ms", "100", "--error-rate", "0.1", "--seed", "3") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider(), **clock.env) as service,
        service.client() as client,
    ):
        at = start(client, DAG)
        began = time.monotonic()
        for number, offset_s in enumerate(jumps, 1):
            wait_for(client, at, len(DAG) * number // (len(jumps) + 2))
            clock.jump(offset_s)
            poll(lambda offset_s=offset_s: has_seen(client, offset_s), what="the jump")  # type: ignore[misc]
            assert client.get("/readyz").status_code == 200
        retried = went_well(client, at, DAG)
        took_s = time.monotonic() - began

        repeated = received(model) - len(DAG) - retried
        report(14, f"tasks stuck in a run of {len(DAG)} with jumps of 1 h and 400 d = 0, calls repeated = {repeated}")
        assert retried > 0
        assert repeated == 0
        assert took_s < 30


@pytest.mark.long
@pytest.mark.parametrize("before_s", [DAYS_400_S, -DAYS_400_S], ids=["back", "forwards"])
def test_a_run_goes_on_after_a_restart_with_another_time(tmp_path: Path, before_s: int) -> None:
    """What is written as due in 400 days must be due soon."""
    clock = Clock(tmp_path)
    clock.jump(before_s)
    dag: Dag = {f"t{index}": [] for index in range(60)}
    retry = {"base_delay_s": 4}
    with (
        MockModelProcess(tmp_path / "mock", "--latency-ms", "50") as model,
        ServiceProcess(tmp_path / "service", *model.as_provider(), **clock.env) as service,
    ):
        fail_once = [{"match": f'"id":"t{index}"', "status": 500} for index in range(0, 60, 3)]
        httpx2.post(f"{model.root_url}/mock/script", json=fail_once).raise_for_status()
        with service.client() as client:
            assert has_seen(client, before_s)
            at = f"/v1/swarms/{client.post('/v1/swarms', json=body_of(dag) | {'retry': retry}).json()['swarm_id']}"
            poll(lambda: client.get(at).json()["counts"]["retrying"] == len(fail_once), what="the back-offs")
        service.kill()
        clock.jump(0)
        began = time.monotonic()
        service.start()
        with service.client() as client:
            assert has_seen(client, 0)
            retried = went_well(client, at, dag)
        took_s = time.monotonic() - began

        report(14, f"seconds to the end after a restart with the clock {-before_s // 86400:+d} d = {took_s:.1f}")
        assert received(model) <= len(dag) + retried
        assert took_s < 15
