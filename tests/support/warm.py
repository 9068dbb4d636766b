"""Commands of ``swarmd`` that start at once: forked from a process that has its modules already.

Importing the service takes longer than most tests that start one. So one process of this run, that of the start method
"forkserver" of ``multiprocessing``, imports it and is forked for each command. What runs is a process as any other: it
has an environment, a folder and files of its own, and ends by signals as any other does.
"""

from __future__ import annotations

import atexit
import functools
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

_NEEDS_A_START = ("PYTHON", "LD_")
"""Variables that only say something to a process while it starts."""


def takes(env: Mapping[str, str]) -> bool:
    """Whether a command with these further variables can be forked."""
    return not any(name.startswith(_NEEDS_A_START) for name in env)


class WarmProcess:
    """What tests use of ``subprocess.Popen``, for ``swarmd`` with these arguments.

    Args:
        out, err: files that its output goes to.
        cwd: the folder it runs in.
        env: its whole environment.
    """

    def __init__(self, arguments: Sequence[str], *, out: Path, err: Path, cwd: Path, env: Mapping[str, str]) -> None:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)  # a child has the limit of its parent, which tests raise
        self._process = _context().Process(  # a daemon: one that a test forgets ends with this process
            target=_become, args=(list(arguments), out, err, cwd, dict(env), files), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status.

        Raises:
            subprocess.TimeoutExpired: it still runs after that many seconds.
        """
        self._process.join(timeout)
        status = self.returncode
        if status is None:
            raise subprocess.TimeoutExpired("swarmd", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


@functools.cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["app.cli.hosting", "app.cli.serve", "app.cli.mock_model"])
    return context


def _become(arguments: list[str], out: Path, err: Path, cwd: Path, env: dict[str, str], files: tuple[int, int]) -> None:
    """Runs in the child, to its end."""
    from app.cli import main

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, number)
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    sys.argv = ["swarmd", *arguments]
    try:
        main(arguments)
    finally:
        atexit._run_exitfuncs()
