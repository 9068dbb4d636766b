"""The service killed while code of a sub-agent runs: it runs again on the same files, and is saved once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from tests.support.sandboxes import need_sandbox, processes_of, wait_for
from tests.support.scripted_model import MODEL, calling, scripted_model
from tests.support.service import ServiceProcess, poll

MARK = f"84.{os.getpid()}"


def code(seconds: float) -> str:
    """Code that says what it was given, once, after a while in which its process can be seen."""
    return f"""
import subprocess, time
with open('log', 'a') as log:
    log.write(open('in.txt').read())
waiting = subprocess.Popen(['env', 'sleep', '{MARK}'])
time.sleep({seconds})
waiting.kill()
waiting.wait()
"""


def said(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    answers = [str(message["content"]) for message in messages if message["role"] == "tool"]
    if answers:
        return {"content": answers[-1]}
    return calling(("code_interpreter", {"code": code(2), "files": ["in.txt"], "artifacts": ["log"]}))


def test_code_that_was_cut_off_runs_again_on_the_same_files(tmp_path: Path) -> None:
    need_sandbox()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "in.txt").write_text("first")
    with scripted_model(said) as url:
        flags = ("--workspace", str(workspace), "--provider-base-url", url, "--default-model", MODEL)
        with ServiceProcess(tmp_path, *flags) as service:
            with service.client() as client:
                body = {"tasks": [{"id": "t", "prompt": "Run it.", "tools": ["code_interpreter", "file_reader"]}]}
                swarm = client.post("/v1/swarms", json=body).json()["swarm_id"]
                wait_for(MARK)
            service.kill()
            assert poll(lambda: not processes_of(MARK), what="the end of the sandbox")
            (workspace / "in.txt").write_text("changed")
            service.start()
            with service.client() as client:
                ended = poll(lambda: completed(client, swarm), what="the end of the run")
                saved = client.get(f"/v1/swarms/{swarm}/artifacts").json()["items"]
                content = client.get(f"/v1/swarms/{swarm}/artifacts/log").text

    assert "[saved as artifacts: log (version 1, 5 bytes)]" in ended["output"]
    assert [(item["name"], item["version"]) for item in saved] == [("log", 1)]
    assert content == "first"


def completed(client: httpx2.Client, swarm: str) -> dict[str, Any] | None:
    task: dict[str, Any] = client.get(f"/v1/swarms/{swarm}/tasks/t").json()
    assert task["status"] != "failed", task
    return task if task["status"] == "completed" else None
