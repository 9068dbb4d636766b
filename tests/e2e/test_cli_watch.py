"""``swarmd watch`` and ``logs --follow``: on a terminal, in a pipe, interrupted, and across a crash of the service."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.service import MockModelProcess, ServiceProcess, clean_environment, poll
from tests.support.terminal import DEADLINE_S, Start, run_swarmd

TASKS = 24
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("model"), "--latency-ms", "1000") as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: MockModelProcess) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    with ServiceProcess(folder, "--port", str(free_port()), *model.as_provider()) as process:
        yield process


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def started(service: ServiceProcess, **more: object) -> str:
    """A run of some seconds: eight calls at a time, of a second each."""
    tasks = [{"id": f"read-{n}", "prompt": f"Read page {n}."} for n in range(TASKS)]
    body = {"name": "reading", "tasks": tasks, "limits": {"max_parallel_agents": 8}, **more}
    return str(httpx2.post(f"{service.url}/v1/swarms", json=body).raise_for_status().json()["swarm_id"])


def test_a_run_is_watched_in_lines_and_its_status_is_the_exit_code(start: Start, service: ServiceProcess) -> None:
    swarm_id = started(service)
    command = start("watch", swarm_id, SWARMD_URL=service.url)

    assert command.end() == 0, command.err
    lines = command.out.splitlines()
    assert "\x1b" not in command.out
    assert lines[-1].endswith("tasks/s -- completed")
    assert "24/24 done (100 %): 0 running, 0 waiting, 0 failed" in lines[-1]
    assert re.search(r"p50 1\d\d\d ms p95 1\d\d\d ms p99 1\d\d\d ms", lines[-1])
    assert any("8 running" in line for line in lines[:-1])


def test_json_lines_are_every_event_once_and_the_figures_between(start: Start, service: ServiceProcess) -> None:
    swarm_id = started(service)
    command = start("watch", swarm_id, "--json", SWARMD_URL=service.url)

    assert command.end() == 0, command.err
    frames = [json.loads(line) for line in command.out.splitlines()]
    logged = [frame["seq"] for frame in frames if frame["type"] != "metrics_snapshot"]
    assert logged == list(range(1, len(logged) + 1))
    assert frames[-1]["type"] == "swarm_completed"
    assert sum(frame["type"] == "agent_completed" for frame in frames) == TASKS
    assert [frame for frame in frames if frame["type"] == "metrics_snapshot"][-1]["counts"]["completed"] == TASKS


@pytest.mark.parametrize("arguments", [("watch",), ("logs", "--follow")])
def test_an_interruption_leaves_the_run_going(
    start: Start, service: ServiceProcess, arguments: tuple[str, ...]
) -> None:
    swarm_id = started(service)
    command = start(*arguments, swarm_id, SWARMD_URL=service.url)
    poll(lambda: bool(command.out), what="a line")
    command.process.send_signal(signal.SIGINT)

    assert command.end() == 130, command.err
    assert "Traceback" not in command.err
    if arguments == ("watch",):
        assert f"the run goes on: `swarmd watch {swarm_id}` shows it again" in command.err
    status = httpx2.get(f"{service.url}/v1/swarms/{swarm_id}").json()["status"]
    assert status == "running"
    httpx2.post(f"{service.url}/v1/swarms/{swarm_id}/cancel").raise_for_status()


def test_a_crash_of_the_service_loses_no_event_and_repeats_none(start: Start, service: ServiceProcess) -> None:
    swarm_id = started(service)
    watching = start("watch", swarm_id, "--json", SWARMD_URL=service.url)
    following = start("logs", swarm_id, "--follow", "--json", SWARMD_URL=service.url)
    poll(lambda: '"agent_completed"' in watching.out and '"agent_completed"' in following.out, what="a first answer")
    service.restart()

    assert (watching.end(), following.end()) == (0, 0), watching.err + following.err
    assert "lost the connection" in watching.err
    assert "connected again, going on after event" in watching.err
    kept = [event["seq"] for event in events(service, swarm_id)]
    for command in (watching, following):
        frames = [json.loads(line) for line in command.out.splitlines()]
        assert [frame["seq"] for frame in frames if frame["type"] != "metrics_snapshot"] == kept


def events(service: ServiceProcess, swarm_id: str) -> list[dict[str, int]]:
    items: list[dict[str, int]] = httpx2.get(f"{service.url}/v1/swarms/{swarm_id}/events?limit=1000").json()["items"]
    return items


def test_on_a_terminal_the_sub_agents_are_a_grid(service: ServiceProcess, tmp_path: Path) -> None:
    code, screen = on_a_terminal(tmp_path, "watch", started(service), SWARMD_URL=service.url)

    assert code == 0
    assert "▶▶▶▶▶▶▶▶□□□□□□□□" in screen  # eight at a time, the others queued
    assert re.search(r"\d\.\d s  read-\d", screen)
    assert "24/24" in screen
    assert screen.rstrip().splitlines()[-2].strip() == "■" * TASKS
    assert screen.rstrip().splitlines()[-1].strip() == "■ completed"


def on_a_terminal(cwd: Path, *arguments: str, **env: str) -> tuple[int, str]:
    """The exit code of a command whose stdout is a terminal, and what it wrote there, without its escape sequences."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**clean_environment(), "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm-256color", **env},
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := read(ours):
            written += chunk
        return process.wait(DEADLINE_S), ESCAPE.sub("", written.decode().replace("\r", ""))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says when the other side has closed
        return b""


def test_a_run_that_ended_is_told_at_once_in_one_line(service: ServiceProcess, tmp_path: Path) -> None:
    body = {"tasks": [{"id": "a", "prompt": "x"}]}
    swarm_id = httpx2.post(f"{service.url}/v1/swarms?wait=20", json=body, timeout=30).json()["swarm_id"]

    done = run_swarmd("watch", swarm_id, cwd=tmp_path, SWARMD_URL=service.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.endswith("-- completed\n")


def test_a_pipe_that_is_closed_ends_the_command_quietly(service: ServiceProcess, tmp_path: Path) -> None:
    swarm_id = started(service)
    piped = subprocess.run(
        f"{sys.executable} -m app.cli logs {swarm_id} --follow | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
        cwd=tmp_path,
        env={**clean_environment(), "PYTHONPATH": str(Path(__file__).parents[2]), "SWARMD_URL": service.url},
    )

    assert piped.stdout.split()[1:3] == ["1", "swarm_started"]
    assert "Traceback" not in piped.stderr
