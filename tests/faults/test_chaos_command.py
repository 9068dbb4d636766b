"""``swarmd chaos`` as a user runs it: the ledger on stdout, the verdict as exit code, and nothing left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from app.cli.chaos_ledger import Ledgers
from tests.faults.test_ledger import lose_a_task, story
from tests.support.service import ROOT, clean_environment, poll

SMALL = ("--tasks", "12", "--kills", "1", "--parallel", "4", "--latency-ms", "50")


def started(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """As from a shell of the user, somewhere else and with a provider configured that must not be called."""
    env = clean_environment() | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "OPENAI_API_KEY": "sk-not-used"}
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "chaos", *arguments],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_prints_the_ledger_as_json(tmp_path: Path) -> None:
    out, err = started(tmp_path, *SMALL, "--seed", "7", "--json").communicate(timeout=90)

    report = json.loads(out)
    assert report["kept"], (report, err)
    assert (report["seed"], report["tasks"], report["kills"], report["tasks_lost"]) == (7, 12, 1, 0)
    assert "kill 1/1" in err
    assert list(tmp_path.iterdir()) == []


def test_it_keeps_the_given_folder(tmp_path: Path) -> None:
    process = started(tmp_path, *SMALL, "--data-dir", "kept", "--no-progress")
    out, err = process.communicate(timeout=90)

    assert (process.returncode, err) == (0, ""), out
    assert "every promise was kept" in out
    assert {"data", "calls.jsonl", "service.log", "model.log"} <= {path.name for path in (tmp_path / "kept").iterdir()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    process = started(tmp_path, "--tasks", "50", "--kills", "10", "--latency-ms", "500")
    poll(lambda: len(children(process.pid)) == 2, what="the two processes")
    mine = children(process.pid)
    process.send_signal(number)
    process.communicate(timeout=30)

    assert process.returncode == 128 + number
    assert not [pid for pid in mine if Path(f"/proc/{pid}").exists()]
    assert list(tmp_path.iterdir()) == []


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def test_a_folder_with_anything_in_it_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "swarmd.db").touch()

    assert status_of("--data-dir", str(tmp_path)) == 2
    assert "is not empty" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["swarmd.db"]


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["table", "json"])
def test_a_broken_promise_is_a_failure(
    flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def run(*_: object) -> Ledgers:
        ledgers = story()
        lose_a_task(ledgers)
        return ledgers

    monkeypatch.setattr("app.cli.chaos_run.run_chaos", run)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert status_of("--seed", "9", *flags) == 1
    out, err = capsys.readouterr()
    assert "c is not there" in out
    assert "--seed 9" in err
    assert str(next(tmp_path.iterdir())) in err, "what is left to look at is not told"


def test_kept_promises_are_a_success(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made: Callable[..., Ledgers] = lambda *_: story()  # noqa: E731
    monkeypatch.setattr("app.cli.chaos_run.run_chaos", made)

    assert status_of() == 0
    assert "verdict: every promise was kept" in capsys.readouterr().out


def status_of(*flags: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["chaos", *flags])
    return ended.value.code
