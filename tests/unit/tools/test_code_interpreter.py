"""The tool without a sandbox: what it says of itself and of runs, and that it is off where it cannot be had."""

import json
import os
import platform
import shutil
from pathlib import Path

import pytest

from app.ports.tools import ToolContext, ToolRefused
from app.tools.code_interpreter import CodeInterpreter
from app.tools.sandbox import bubblewrap
from app.tools.sandbox.cell import Ended, Stop
from app.tools.sandbox.limits import Limits
from app.tools.sandbox.report import Finished, Written, from_json, result, to_json

CONTEXT = ToolContext(
    tenant_id="tenant", agent_id="agent", swarm_id="swarm", task_id="a", index=0, sub_agent_id="one", run_key="key"
)


def told(output: bytes, stop: Stop = Stop.EXITED, status: int | None = 0) -> str:
    return result(Finished(ended=Ended(stop, output, status)), 5, Limits()).content


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("bwrap", "bubblewrap (bwrap) is missing; install it, for example with: apt-get install bubblewrap"),
        ("setpriv", "setpriv (of util-linux) is missing, and the sandbox must not start as root"),
    ],
)
async def test_it_is_off_where_a_program_is_missing(
    missing: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name, path: None if name == missing else f"/usr/bin/{name}")

    async with CodeInterpreter(tmp_path) as tool:
        assert tool.unavailable() == reason
        with pytest.raises(ToolRefused, match="code cannot be run here"):
            await tool.run(CONTEXT, {"code": "1"})


@pytest.mark.anyio
async def test_it_is_off_on_processors_without_a_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    async with CodeInterpreter(tmp_path) as tool:
        assert tool.unavailable() == "there is no filter of system calls for riscv64 processors"


@pytest.mark.anyio
async def test_it_is_off_where_bubblewrap_does_not_start_a_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho bwrap: no namespaces for you >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    programs = bubblewrap.Programs(str(broken), "/usr/bin/python3", None)
    monkeypatch.setattr("app.tools.sandbox.sandbox.find_programs", lambda: programs)

    async with CodeInterpreter(tmp_path) as tool:
        reason = tool.unavailable() or ""

    assert reason.startswith("a sandbox cannot be started here: bwrap: no namespaces for you (ordinary users must be")
    assert "a Docker container needs --security-opt seccomp=unconfined" in reason


@pytest.mark.anyio
async def test_it_is_off_where_bubblewrap_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = tmp_path / "bwrap"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    hanging.chmod(0o755)
    programs = bubblewrap.Programs(str(hanging), "/usr/bin/python3", None)
    monkeypatch.setattr("app.tools.sandbox.sandbox.find_programs", lambda: programs)

    async with CodeInterpreter(tmp_path, Limits(start_s=0.2)) as tool:
        assert tool.unavailable() == "a sandbox cannot be started here: bubblewrap was not ready within 0.2 s"


@pytest.mark.anyio
async def test_it_is_off_where_its_directory_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async with CodeInterpreter(tmp_path / "file") as tool:
        assert (tool.unavailable() or "").startswith("its directory cannot be used:")


def test_it_is_off_before_it_is_started(tmp_path: Path) -> None:
    assert CodeInterpreter(tmp_path).unavailable() == "the service has not started it"


def test_what_stopped_it_is_told() -> None:
    assert told(b"a\n", Stop.TIMEOUT, None) == "a\n[stopped: it ran longer than 5 s]"
    assert told(b"a\n", Stop.OUTPUT, None) == "a\n[stopped: it printed more than 1,048,576 bytes]"
    assert told(b"", status=137) == "(nothing was printed)\n[ended by SIGKILL]"
    assert told(b"", status=255) == "(nothing was printed)\n[exit status 255]"
    assert told(b"a\n") == "a"


def test_long_output_is_cut_in_the_middle() -> None:
    text = told(b"BEGIN" + b"x" * 20_000 + b"END")

    assert len(text) < 16_100
    assert text.startswith("BEGINx")
    assert text.endswith("xEND")
    assert "\n[... 4,008 characters left out ...]\n" in text


def test_output_that_is_no_text_is_told() -> None:
    assert told(b"\xff\x00ok") == "\ufffd\x00ok"


def test_many_files_are_named_in_part_and_listed_in_full() -> None:
    files = tuple(Written("f" * 100, 1) for _ in range(50))

    said = result(Finished(ended=Ended(Stop.EXITED, b"", 0), written=files), 5, Limits())

    # 100 letters and " (1 bytes)" are 110: 13 of them are 1,430.
    assert said.content.endswith("f (1 bytes) and 37 more]")
    assert len(said.details["files"]) == 50


def test_a_result_is_the_same_after_it_was_kept() -> None:
    said = result(Finished(ended=Ended(Stop.EXITED, b"\xff", 1), not_kept="full"), 5, Limits())

    assert from_json(to_json(said)) == said


def test_its_arguments_are_described() -> None:
    spec = CodeInterpreter(Path("unused")).spec

    assert spec.name == "code_interpreter"
    assert spec.parameters["required"] == ["code"]
    assert json.loads(json.dumps(spec.parameters))["properties"]["timeout_s"]["maximum"] == 60
    assert spec.timeout_s > 60
