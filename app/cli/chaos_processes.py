"""The processes of ``swarmd chaos``: a model server and the service, as real as a user's own, and ended for certain."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import orjson

import app
from app.cli.chaos_ledger import Json
from app.cli.failures import Failure

START_DEADLINE_S = 60.0
_EVERY_S = 0.005
_CONFIGURES = re.compile(r"SWARMD_|.*_API_KEY$")
"""Variables that would lead the service elsewhere: to a user's own provider, which costs money, or database."""

Value = TypeVar("Value")
Held = Callable[[], AbstractContextManager[None]]


class Stuck(Failure):
    """Something that had to happen did not; the promise it belongs to is broken."""


def until(question: Callable[[], Value | None], what: str, deadline_s: float) -> Value:
    """Ask until the answer is neither None nor False.

    Raises:
        Stuck: the deadline passed.
    """
    give_up_at = time.monotonic() + deadline_s
    while True:
        answer = question()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > give_up_at:
            raise Stuck(f"{what} did not happen within {deadline_s:g} s")
        time.sleep(_EVERY_S)


class Child:
    """A command of this program as a process in a session of its own, so that a Ctrl-C reaches its parent alone.

    Everything its processes say is appended to ``log``; no pipe can fill up and block one.

    Args:
        held: puts interruptions off (``Interrupts.held``): one between the fork and its note would leave an orphan.
    """

    def __init__(self, folder: Path, name: str, held: Held = nullcontext) -> None:
        self._folder = folder
        self._held = held
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()

    def start(self, *arguments: str) -> None:
        """Start the command; return at once."""
        with self.log.open("ab") as log, self._held():
            self._said_before = log.tell()
            self._process = subprocess.Popen(  # noqa: S603  # this very program
                [sys.executable, "-m", "app.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=_environment(),
                start_new_session=True,
            )

    def url(self) -> str:
        """Where it listens, once it says so.

        Raises:
            Stuck: it ended, or did not say so in time.
        """
        return until(self._url, f"the start of a process (see {self.log})", START_DEADLINE_S)

    def _url(self) -> str | None:
        process = self._process
        with self.log.open("rb") as log:
            log.seek(self._said_before)
            said = log.read().decode(errors="replace")
        match = re.search(r"listening on (http://\S+)", said)
        if match is None and process is not None and process.poll() is not None:
            raise Stuck(f"a process ended with status {process.returncode}: {said.strip()[-500:]}")
        return match and match.group(1)

    def kill(self) -> None:
        """SIGKILL to the process and whatever it started; nothing of it runs any more on return."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class CallLog:
    """The model server's log, read as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._entries: list[Json] = []

    def entries(self) -> list[Json]:
        """All entries so far; a line that is being written is left for the next time."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                grown = file.read()
            whole = grown[: grown.rfind(b"\n") + 1]
            self._read += len(whole)
            self._entries += [orjson.loads(line) for line in whole.splitlines()]
        return self._entries


def _environment() -> dict[str, str]:
    """The environment without anything that configures the service, and with this very program importable."""
    kept = {name: value for name, value in os.environ.items() if not _CONFIGURES.match(name)}
    here = str(Path(str(app.__file__)).parents[1])
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (here, kept.get("PYTHONPATH"))))}
