"""Commands of ``swarmd`` as a user starts them: processes of their own, with nothing of the test's environment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import warm
from tests.support.warm import WarmProcess

DEADLINE_S = 120.0

_SERVING = {"serve", "mock-model", "demo"}
"""Commands that import the service, which others do not."""


class Command:
    """A running ``swarmd`` command; its output goes to files, so that no pipe can fill up and block it."""

    def __init__(self, folder: Path, *arguments: str, stdin: str | None = None, **env: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.out_file, self.err_file = folder / "stdout", folder / "stderr"
        clean = {name: value for name, value in os.environ.items() if not re.match(r"SWARMD_|.*_API_KEY$", name)}
        whole = {**clean, "PYTHONPATH": str(Path(__file__).parents[2]), **env}
        self.process: subprocess.Popen[bytes] | WarmProcess
        if arguments[0] in _SERVING and warm.takes(env):
            self.out_file.write_bytes(b"")
            self.err_file.write_bytes(b"")
            self.process = WarmProcess(arguments, out=self.out_file, err=self.err_file, cwd=folder, env=whole)
            return
        with self.out_file.open("wb") as out, self.err_file.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *arguments],
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=whole,
            )
        if stdin is not None and self.process.stdin is not None:
            self.process.stdin.write(stdin.encode())
            self.process.stdin.close()

    @property
    def out(self) -> str:
        return self.out_file.read_text()

    @property
    def err(self) -> str:
        return self.err_file.read_text()

    def wait_for(self, pattern: str) -> str:
        """The first group of ``pattern`` once it shows up on stderr."""
        found = poll(lambda: re.search(pattern, self.err) or (self.process.poll() is not None and "ended"), self)
        match = re.search(pattern, self.err)
        assert match is not None, f"{found}: {self.err}"
        return match.group(match.lastindex or 0)

    def end(self) -> int:
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"did not end: {self.err}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def poll(condition: Callable[[], Any], command: Command) -> Any:
    give_up_at = time.monotonic() + DEADLINE_S
    while not (result := condition()):
        assert time.monotonic() < give_up_at, f"nothing within {DEADLINE_S} s: {command.err}"
        time.sleep(0.02)
    return result


Start = Callable[..., Command]
"""Starts a command, in a folder of its own: the fixture ``start``."""


@contextmanager
def serving(start: Start, data_dir: Path, *flags: str, **env: str) -> Iterator[str]:
    """The URL of a ``swarmd serve``; it must end by itself and cleanly when asked to."""
    command = start("serve", "--port", "0", "--data-dir", str(data_dir), *flags, **env)
    yield command.wait_for(r"listening on (http://\S+)")
    command.process.send_signal(signal.SIGTERM)
    assert command.end() == 0, command.err
    assert "Traceback" not in command.err


@contextmanager
def mock_model(start: Start, *flags: str) -> Iterator[str]:
    command = start("mock-model", "--port", "0", *flags)
    text = r"(http://127\.0\.0\.1:\d+)"
    poll(lambda: re.search(text, command.err + command.out), command)
    match = re.search(text, command.err + command.out)
    assert match is not None
    yield f"{match.group(1)}/v1"


def run_swarmd(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A command run to its end."""
    clean = {name: value for name, value in os.environ.items() if not re.match(r"SWARMD_|.*_API_KEY$", name)}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(Path(__file__).parents[2]), **env},
    )
