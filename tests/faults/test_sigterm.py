"""SIGTERM under load: the service takes nothing new, lets what runs end, writes it, and exits with 0."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, events_of, poll
from tests.support.streaming import Watched, open_stream, read

TASKS = 300
PARALLEL = 120


@contextmanager
def loaded(
    folder: Path, latency_ms: int, *flags: str, jitter_ms: int = 0
) -> Iterator[tuple[MockModelProcess, ServiceProcess]]:
    """A service at work on a model whose calls take ``latency_ms``."""
    latency = ("--latency-ms", str(latency_ms), "--latency-jitter-ms", str(jitter_ms))
    with (
        MockModelProcess(folder / "mock", *latency) as model,
        ServiceProcess(folder / "service", *model.as_provider(), *flags) as service,
    ):
        yield model, service


def start(service: ServiceProcess, tasks: int, parallel: int = PARALLEL) -> str:
    body = {"tasks": [{"id": f"t{index}"} for index in range(tasks)], "limits": {"max_parallel_agents": parallel}}
    with service.client() as client:
        created = client.post("/v1/swarms", json=body)
    assert created.status_code == 201, created.text
    return str(created.json()["swarm_id"])


def received(model: MockModelProcess) -> list[str]:
    return [call["task_id"] for call in model.calls() if call["event"] == "received"]


def exit_of(service: ServiceProcess, deadline_s: float) -> int:
    """The status the service ends with by itself."""
    assert service._process is not None
    return service._process.wait(deadline_s)


def statuses(service: ServiceProcess) -> dict[str, str]:
    """What the database of the dead service holds of each task."""
    connection = sqlite3.connect(service.data_dir / "swarmd.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return dict(connection.execute("SELECT task_id, status FROM tasks").fetchall())
    finally:
        connection.close()


def went_on(service: ServiceProcess, swarm_id: str, tasks: int) -> None:
    """Start the service again, after which the run ends with every task completed and no gap in its events."""
    service.kill()
    service.start()
    with service.client() as client:
        ended = poll(
            lambda: found if (found := client.get(f"/v1/swarms/{swarm_id}").json())["ended_at"] else None,
            deadline_s=60,
            what="the end",
        )
        assert (ended["status"], ended["counts"]["completed"]) == ("completed", tasks), ended
        counts = Counter(event["type"] for event in events_of(client, swarm_id))
    assert counts["agent_completed"] == tasks


def test_a_stop_under_load_loses_and_repeats_nothing(tmp_path: Path) -> None:
    with loaded(tmp_path, 2000, jitter_ms=500) as (model, service):
        swarm_id = start(service, TASKS)
        poll(lambda: len(received(model)) >= PARALLEL, what="the load")

        began = time.monotonic()
        os.kill(service.pid, signal.SIGTERM)
        with service.client() as client:
            ready = poll(lambda: answer if (answer := client.get("/readyz")).status_code != 200 else None)
            refused = client.post("/v1/swarms", json={"tasks": [{}]})
            chat = client.post("/v1/chat/completions", json={"model": "mock", "messages": []})
            seen = client.get(f"/v1/swarms/{swarm_id}").json()
        status = exit_of(service, 30)
        took_s = time.monotonic() - began

        assert (ready.status_code, ready.json()["code"]) == (503, "draining")
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert refused.headers["retry-after"]
        assert (chat.status_code, chat.json()["error"]["code"]) == (503, "draining")
        assert seen["counts"]["running"] > 100
        assert status == 0
        kept = statuses(service)
        calls = received(model)
        assert sorted(calls) == sorted(task_id for task_id, state in kept.items() if state == "completed")
        assert set(kept.values()) == {"completed", "queued"}

        went_on(service, swarm_id, TASKS)

        repeated = len(received(model)) - TASKS
        lost = TASKS - len(set(received(model)))
        report(16, f"seconds from SIGTERM under {len(calls)} calls to the exit = {took_s:.1f}")
        report(16, f"tasks lost = {lost}, calls repeated = {repeated}")
        assert (lost, repeated) == (0, 0)


def test_calls_that_outlast_the_drain_are_cut_off_and_made_again(tmp_path: Path) -> None:
    with loaded(tmp_path, 4000, "--drain-s", "1") as (model, service):
        swarm_id = start(service, 100)
        poll(lambda: len(received(model)) == 100, what="the load")

        began = time.monotonic()
        os.kill(service.pid, signal.SIGTERM)
        status = exit_of(service, 30)
        took_s = time.monotonic() - began

        assert status == 0
        assert took_s < 4
        assert set(statuses(service).values()) == {"running"}
        went_on(service, swarm_id, 100)
        assert max(Counter(received(model)).values()) == 2
        report(16, f"seconds to the exit where no call ends within a drain of 1 s = {took_s:.1f}")


def test_a_second_signal_ends_the_service_at_once(tmp_path: Path) -> None:
    with loaded(tmp_path, 3000) as (model, service):
        swarm_id = start(service, 20)
        poll(lambda: len(received(model)) == 20, what="the load")
        os.kill(service.pid, signal.SIGTERM)
        with service.client() as client:
            poll(lambda: client.get("/readyz").status_code == 503, what="the drain")

        began = time.monotonic()
        os.kill(service.pid, signal.SIGINT)
        status = exit_of(service, 10)

        assert status == 128 + signal.SIGINT
        assert time.monotonic() - began < 2  # the calls would have taken 3
        assert not (service.data_dir / "service.json").exists()
        went_on(service, swarm_id, 20)


def test_whoever_waits_is_answered_and_streams_can_resume(tmp_path: Path) -> None:
    with loaded(tmp_path, 60_000, "--drain-s", "1") as (model, service), ThreadPoolExecutor(8) as threads:
        swarm_id = start(service, 3)

        def post(path: str, body: dict[str, Any]) -> Future[httpx2.Response]:
            return threads.submit(httpx2.post, service.url + path, json=body, timeout=60)

        def sse() -> str:
            url = f"{service.url}/v1/swarms/{swarm_id}/events"
            return httpx2.get(url, headers={"Accept": "text/event-stream"}, timeout=60).text

        def socket() -> Watched:
            with open_stream(service.url, f"/swarms/{swarm_id}/stream") as connection:
                return read(connection)

        waiting = [
            post("/v1/swarms?wait=300", {"tasks": [{"id": "waited"}]}),
            post("/v1/agents/execute", {"id": "executed"}),
            post("/v1/agents/batch-execute", {"tasks": [{"id": "batched"}]}),
            post("/v1/chat/completions", {"model": "mock", "messages": [{"role": "user", "content": "hi"}]}),
        ]
        events, frames = threads.submit(sse), threads.submit(socket)
        poll(lambda: len(received(model)) == 7, what="all calls")

        began = time.monotonic()
        os.kill(service.pid, signal.SIGTERM)
        status = exit_of(service, 30)
        took_s = time.monotonic() - began

        assert status == 0
        assert took_s < 5
        answers = [future.result() for future in waiting]
        assert [answer.status_code for answer in answers] == [503] * 4
        assert all(answer.headers["retry-after"] for answer in answers)
        assert [answer.json().get("code") for answer in answers[:3]] == ["draining"] * 3
        assert events.result().count("event: agent_spawned") == 3
        assert frames.result().code == 1012
        assert "Traceback" not in service.output
        report(16, f"seconds to the exit with waiting requests and streams, drain 1 s = {took_s:.1f}")
