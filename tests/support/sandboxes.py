"""Starts sandboxes for tests: as the tests' own user and, where that is root, as an ordinary one."""

from __future__ import annotations

import functools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.tools.sandbox.bubblewrap import SandboxUnavailable
from app.tools.sandbox.folders import Quota, TaskFolders
from app.tools.sandbox.limits import Limits
from app.tools.sandbox.sandbox import Cancellation, open_sandbox

ROOT = Path(__file__).parents[2]
NOBODY = 65534
USERS = ["root", "an ordinary user"] if os.geteuid() == 0 else ["an ordinary user"]
"""The first is who runs the tests."""


@functools.cache
def why_not() -> str | None:
    try:
        open_sandbox(Limits())
    except SandboxUnavailable as exc:
        return str(exc)
    return None


def need_sandbox() -> None:
    """Skip the test where there can be no sandbox."""
    if (reason := why_not()) is not None:
        pytest.skip(f"no sandbox here: {reason} (apt-get install bubblewrap; user namespaces must be allowed)")


@dataclass(frozen=True)
class Ran:
    content: str
    is_error: bool
    details: dict[str, Any]
    seconds: float
    kept: dict[str, bytes]
    uid: int
    left: list[int]


@contextmanager
def place(user: str) -> Iterator[Path]:
    """A folder that the user can write to, with what the driver imports: the checkout may be hidden from others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("domain", "ports", "tools"):
            shutil.copytree(ROOT / "app" / part, folder / "app" / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "app" / "__init__.py", folder / "app")
        # ``ports.tools`` imports it, nothing of the sandbox calls it, and the system's Python has no packages of ours.
        (folder / "orjson.py").touch()
        (folder / "tests" / "support").mkdir(parents=True)
        for script in ("sandbox_driver.py", "code_interpreter_driver.py"):
            shutil.copy(ROOT / "tests" / "support" / script, folder / "tests" / "support")
        root = folder / "root"
        root.mkdir(mode=0o700)
        if user != "root" and os.geteuid() == 0:
            os.chown(root, NOBODY, NOBODY)
        yield folder


def driver(user: str, folder: Path, name: str = "sandbox_driver.py") -> list[str]:
    """The driver's command line, as the user."""
    script = str(folder / "tests" / "support" / name)
    if user == USERS[0]:
        return [sys.executable, "-B", script]
    return [*_as_nobody(), _python_of_others(), "-B", script]


def driver_inside(folder: Path, *options: str) -> list[str]:
    """The driver of an ordinary user, in a container that bubblewrap makes with the options; it sees all files."""
    walled = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", *options, "--"]
    script = str(folder / "tests" / "support" / "sandbox_driver.py")
    if os.geteuid() != 0:
        return [*walled, sys.executable, "-B", script]
    return [*_as_nobody(), *walled, _python_of_others(), "-B", script]


def run_as(user: str, code: str, timeout_s: float = 10, **limits: int) -> Ran:
    """Run code as the user; DRIVER_PID in it becomes the number of the process that stands for the service."""
    if user == USERS[0]:
        return _run_here(code, timeout_s, Limits(**limits))
    with place(user) as folder:
        job = {"code": code, "timeout_s": timeout_s, "limits": limits, "root": str(folder / "root")}
        done = subprocess.run(
            driver(user, folder), input=json.dumps(job), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    told["kept"] = {name: bytes.fromhex(content) for name, content in told["kept"].items()}
    return Ran(**told)


def _run_here(code: str, timeout_s: float, limits: Limits) -> Ran:
    cancellation = Cancellation()
    with tempfile.TemporaryDirectory() as root:
        folder = TaskFolders(Path(root), Quota(limits.work_bytes, limits.files)).of("swarm", "task")
        begin = time.monotonic()
        aimed = code.replace("DRIVER_PID", str(os.getpid()))
        told = open_sandbox(limits).run(aimed, timeout_s, folder, "run", cancellation)
        seconds = time.monotonic() - begin
        kept = {name: stored.path.read_bytes() for name, stored in folder.files().items()}
    cancellation.close()
    return Ran(told.content, told.is_error, dict(told.details), seconds, kept, os.getuid(), [])


def _as_nobody() -> list[str]:
    return ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--"]


@functools.cache
def _python_of_others() -> str:
    """A Python that an ordinary user can start: the tests' own may lie in root's home."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in ("/usr/bin/python3", "/usr/local/bin/python3", sys.executable):
        done = subprocess.run([*_as_nobody(), python, "-c", check], capture_output=True, check=False, cwd="/")
        if done.returncode == 0:
            return python
    pytest.skip("an ordinary user has no Python 3.11 here; apt-get install python3")


def processes_of(mark: str) -> list[int]:
    """The processes of this machine that have the text among their arguments."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with suppress(OSError):
                if mark.encode() in (path / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(path.name))
    return found


def wait_for(mark: str, seconds: float = 20) -> int:
    """The number of the first such process, once there is one."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := processes_of(mark):
            return found[0]
    raise AssertionError(f"no process {mark} within {seconds:g} s")


def gone(handle: int, seconds: float = 10) -> bool:
    """Whether the process that ``os.pidfd_open`` gave the handle of ends in time."""
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
