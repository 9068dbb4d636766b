"""Row 11: a provider that is down for a minute, answering 503 to everything or with nobody behind its port.

The breaker opens, no more probes than configured run at once, every task completes afterwards, the API answers all the
while, and the streams tell. With fallbacks the tasks go elsewhere meanwhile; a provider that never comes back ends a
run within the breaker's patience and the run's own retries.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, events_of, poll
from tests.support.streaming import Frame, read, start
from tests.support.streaming import open_stream as stream_of

PROBES = 3
PARALLEL = 20
BASE_DELAY_S = 0.2
ON_ITS_WAY_S = 0.5
"""A call that was sent before the breaker opened may arrive so much later."""

ANSWERS_WITHIN_S, ANSWERS_AT_ALL_WITHIN_S = 1.0, 10.0
"""The API, but for one answer in a hundred, and always: the machine does other things too."""

OUTAGES: dict[str, tuple[Callable[[MockModelProcess], None], Callable[[MockModelProcess], None]]] = {
    "503": (lambda model: model.configure(error_rate=1, error_status=503), lambda model: model.configure(error_rate=0)),
    "refused": (MockModelProcess.kill, MockModelProcess.start),
}
"""How a provider goes down and how it comes back."""


@dataclass(frozen=True, slots=True)
class Setting:
    service: ServiceProcess
    client: httpx2.Client
    models: dict[str, MockModelProcess]
    """By the name of the provider, which is that of its one model."""


@contextmanager
def running(folder: Path, *names: str, latency_ms: int = 200, **env: str) -> Iterator[Setting]:
    flags = ("--latency-ms", str(latency_ms), "--latency-jitter-ms", str(latency_ms // 4))
    models = {name: MockModelProcess(folder / name, *flags) for name in names}
    try:
        for model in models.values():
            model.start()
        entries = [
            f'[providers.{name}]\nbase_url = "{model.url}"\nmodels = ["{name}"]' for name, model in models.items()
        ]
        config = folder / "swarmd.toml"
        config.write_text("\n".join(entries), encoding="utf-8")
        with (
            ServiceProcess(folder / "service", "--config", str(config), **env) as service,
            service.client() as client,
        ):
            yield Setting(service, client, models)
    finally:
        for model in models.values():
            model.kill()


def tasks(model: str, count: int) -> list[Frame]:
    return [{"id": f"{model}-{n}", "prompt": f"word {n}", "model": model} for n in range(count)]


def post(setting: Setting, model: str, count: int, **fields: Any) -> str:
    retry = {"max_retries": 1, "base_delay_s": BASE_DELAY_S}
    return start(setting.client, tasks(model, count), limits={"max_parallel_agents": PARALLEL}, retry=retry, **fields)


def counts(setting: Setting, swarm_id: str) -> dict[str, int]:
    found: dict[str, int] = setting.client.get(f"/v1/swarms/{swarm_id}").json()["counts"]
    return found


def completed(setting: Setting, swarm_id: str, least: int, deadline_s: float = 60.0) -> None:
    poll(
        lambda: counts(setting, swarm_id)["completed"] >= least, deadline_s=deadline_s, what=f"{least} completed tasks"
    )


@pytest.mark.parametrize(
    ("down_s", "size", "recovery_s"),
    [(6.0, 300, 1.0), pytest.param(60.0, 1_000, 10.0, marks=pytest.mark.long)],
    ids=["everyday", "figures"],
)
def test_nothing_is_lost_while_providers_are_down(tmp_path: Path, down_s: float, size: int, recovery_s: float) -> None:
    """Both kinds of outage at once, each of a provider of its own."""
    with running(tmp_path, "p503", "refused", SWARMD_BREAKER_RECOVERY_S=str(recovery_s)) as setting:
        kinds = {"p503": OUTAGES["503"], "refused": OUTAGES["refused"]}
        runs = {name: post(setting, name, size) for name in kinds}
        for swarm_id in runs.values():
            completed(setting, swarm_id, 30)
        for name, (goes_down, _) in kinds.items():
            goes_down(setting.models[name])
        late = {name: post(setting, name, 5) for name in kinds}
        answered_s = ask_while_down(setting, [*runs.values(), *late.values()], down_s)
        before = {name: counts(setting, swarm_id)["completed"] for name, swarm_id in runs.items()}
        back_at = time.time()
        for name, (_, comes_back) in kinds.items():
            comes_back(setting.models[name])
        for name, swarm_id in (*runs.items(), *late.items()):
            whole = size if swarm_id == runs[name] else 5
            completed(setting, swarm_id, whole, deadline_s=60.0 + size / 50)
            assert counts(setting, swarm_id)["failed"] == 0
        for name, swarm_id in runs.items():
            look_at(setting, name, swarm_id, down_s=down_s, back_at=back_at, size=size, slowest_s=answered_s[-1])
            assert before[name] < size, "the run was over before the outage was"
    assert answered_s[-1 - len(answered_s) // 100] <= ANSWERS_WITHIN_S
    assert answered_s[-1] <= ANSWERS_AT_ALL_WITHIN_S


def ask_while_down(setting: Setting, swarm_ids: list[str], down_s: float) -> list[float]:
    """Read the API for so long; return how long each answer took, the slowest last."""
    answered_s: list[float] = []
    until = time.monotonic() + down_s
    while time.monotonic() < until:
        for path in ("/readyz", *(f"/v1/swarms/{swarm_id}" for swarm_id in swarm_ids), "/v1/providers"):
            began = time.monotonic()
            assert setting.client.get(path).status_code == 200
            answered_s.append(time.monotonic() - began)
        time.sleep(0.05)
    return sorted(answered_s)


def look_at(
    setting: Setting, name: str, swarm_id: str, *, down_s: float, back_at: float, size: int, slowest_s: float
) -> None:
    with stream_of(setting.service.url, f"/swarms/{swarm_id}/stream") as socket:
        frames = read(socket).logged
    breaker = [frame for frame in frames if frame["type"] == "breaker_changed"]
    states = [frame["state"] for frame in breaker]
    throttled = [frame for frame in frames if frame["type"] == "swarm_throttled" and frame["reason"] == "breaker"]
    opened_at, closed_at = at(breaker[0]), at(breaker[-1])
    spans = calls_of(setting, name)
    probes = [span for span in spans if opened_at + ON_ITS_WAY_S <= span[0] < back_at]
    failed, counted = failures(setting.service, name)
    answered = {call["task_id"] for call in setting.models[name].calls() if call.get("status") == 200}
    report(
        11,
        f"{name}, down {down_s:g} s, {size} tasks: opened, {states.count('half_open')} times half open, {len(probes)} "
        f"probes while down, at most {most_at_once(probes)} at once; closed {closed_at - back_at:.1f} s after it was "
        f"back; {failed} attempts failed, of which {counted} counted; {size} of {size} tasks completed; slowest answer "
        f"of the API {slowest_s * 1000:.0f} ms",
    )
    assert (states[0], states[-1]) == ("open", "closed")
    assert {"open", "half_open", "closed"} == set(states)
    assert throttled
    assert probes
    assert most_at_once(probes) <= PROBES
    assert len(probes) <= PROBES * states.count("half_open")
    assert counted <= failed - len(probes)
    assert counted <= 3 * PARALLEL
    assert answered >= {f"{name}-{n}" for n in range(size)}


def at(frame: Frame) -> float:
    return datetime.fromisoformat(frame["ts"]).timestamp()


def calls_of(setting: Setting, name: str) -> list[tuple[float, float]]:
    """When calls of a provider began and ended: by its own log, where there is nobody to log by the failed attempts."""
    ends: dict[tuple[int, str], float] = {}
    begins: dict[tuple[int, str], float] = {}
    for call in setting.models[name].calls():
        key = call["n"], call["messages_sha256"]  # a server that was started again counts from 1
        (begins if call["event"] == "received" else ends)[key] = call["t"]
    spans = [(began, ends.get(key, began)) for key, began in begins.items()]
    with reading(setting.service) as database:
        query = (
            "SELECT attempts.started_at_ms, attempts.ended_at_ms FROM attempts JOIN tasks USING (swarm_id, ix)"
            " WHERE tasks.requested_model = ? AND attempts.error LIKE '%connect%'"
        )
        spans += [(began / 1000, ended / 1000) for began, ended in database.execute(query, [name])]
    return spans


def failures(service: ServiceProcess, name: str) -> tuple[int, int]:
    """How many attempts failed, and how many of them counted as retries of their tasks."""
    of_tasks = "FROM tasks WHERE requested_model = ?"
    with reading(service) as database:
        query = f"SELECT count(*) FROM attempts WHERE (swarm_id, ix) IN (SELECT swarm_id, ix {of_tasks})"
        [failed] = database.execute(query, [name]).fetchone()
        [counted] = database.execute(f"SELECT sum(failures) {of_tasks}", [name]).fetchone()
    return failed, counted


@contextmanager
def reading(service: ServiceProcess) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{service.data_dir}/swarmd.db?mode=ro", uri=True)) as database:
        yield database


def most_at_once(spans: list[tuple[float, float]]) -> int:
    steps = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    most = now = 0
    for _, change in steps:
        now += change
        most = max(most, now)
    return most


def test_tasks_go_to_the_fallback_while_the_provider_is_down_and_come_back(tmp_path: Path) -> None:
    env = {"SWARMD_FALLBACKS": json.dumps({"own": ["other"]}), "SWARMD_BREAKER_RECOVERY_S": "1"}
    with running(tmp_path, "own", "other", latency_ms=100, **env) as setting:
        goes_down, comes_back = OUTAGES["503"]
        goes_down(setting.models["own"])
        swarm_id = post(setting, "own", 1_500)
        completed(setting, swarm_id, 300)
        completed(setting, post(setting, "own", 5), 5)  # one that begins while the breaker is open goes there, too
        own_before = [call for call in setting.models["own"].calls() if call.get("status") == 200]
        comes_back(setting.models["own"])
        came_back_at = time.time()
        completed(setting, swarm_id, 1_500)
        found = setting.client.get(f"/v1/swarms/{swarm_id}/tasks", params={"limit": 1000}).json()["items"]
        rerouted = [event for event in events_of(setting.client, swarm_id) if event["type"] == "agent_rerouted"]
        calls = {name: model.calls() for name, model in setting.models.items()}

    served = {
        name: [call["t"] for call in log if call["event"] == "answered" and call["status"] == 200]
        for name, log in calls.items()
    }
    back = min((t for t in served["own"]), default=float("inf")) - came_back_at
    report(
        11,
        f"fallbacks, 1,500 tasks: {len(served['other'])} served by the fallback while the breaker was open, "
        f"{len(served['own'])} by their own provider from {back:.1f} s after it was back; 0 failed",
    )
    assert not own_before
    assert {event["model"] for event in rerouted} >= {"other"}
    assert len(served["other"]) >= 300
    assert {task["model"] for task in found} <= {"own", "other"}
    assert [task["model"] for task in found].count("other") > 200
    assert len(served["own"]) >= 100


def test_a_provider_that_never_comes_back_ends_the_run(tmp_path: Path) -> None:
    """Patience 3 s, first probes after 1 s: the breaker gives up with the first probe after 3 s, at 3 or at 7."""
    patience_s, latest_probe_s, spread_s = 3.0, 7.0, 1.0
    env = {"SWARMD_BREAKER_RECOVERY_S": "1", "SWARMD_BREAKER_PATIENCE_S": str(patience_s)}
    with running(tmp_path, "gone", latency_ms=50, **env) as setting:
        setting.models["gone"].kill()
        began = time.monotonic()
        swarm_id = post(setting, "gone", 100)
        ended = setting.client.get(f"/v1/swarms/{swarm_id}", params={"wait": 60}).json()
        poll(lambda: counts(setting, swarm_id)["failed"] == 100, deadline_s=60, what="the end of the run")
        took_s = time.monotonic() - began
        status = setting.client.get(f"/v1/swarms/{swarm_id}").json()["status"]
    assert ended
    report(11, f"never back, patience {patience_s:g} s, 1 retry: 100 of 100 tasks failed after {took_s:.1f} s")
    assert status == "failed"
    assert patience_s <= took_s <= latest_probe_s + spread_s + 2 * BASE_DELAY_S + 5.0
