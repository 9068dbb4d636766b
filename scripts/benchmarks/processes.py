"""Child processes: started in a session of their own, measured and ended by process id, never by name."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]

ROOT = Path(__file__).resolve().parents[2]
_STOP_S = 20.0
_KILL_S = 5.0
_LOG_TAIL_BYTES = 2000


class ProcessFailure(Exception):
    """A child ended or did not answer; the message ends with its log."""


class Child:
    """A running child process; its standard error goes to ``log``."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log
        self._stats = psutil.Process(process.pid)

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    def cpu_s(self) -> float:
        """User and system time used so far, in seconds (ticks of 10 ms)."""
        try:
            times = self._stats.cpu_times()
        except psutil.Error as exc:
            raise self.failure("is gone") from exc
        return float(times.user + times.system)

    def rss_bytes(self) -> int:
        try:
            return int(self._stats.memory_info().rss)
        except psutil.Error as exc:
            raise self.failure("is gone") from exc

    def failure(self, what: str) -> ProcessFailure:
        tail = self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
        return ProcessFailure(f"{self.name} {what}" + (f"; its log ends with:\n{tail}" if tail else ""))

    async def ask(self, line: bytes, timeout_s: float) -> bytes:
        """Write one line to its standard input, if there is any, and return the line it answers with."""
        assert self.process.stdout is not None
        if line:
            assert self.process.stdin is not None
            self.process.stdin.write(line + b"\n")
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self.process.stdout.readline()
        except TimeoutError:
            raise self.failure(f"did not answer within {timeout_s:g} s") from None
        if not answer:
            raise self.failure("ended early")
        return answer

    async def stop(self) -> None:
        """Ask it to end, then make it; returns when it is gone."""
        for number, wait_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _KILL_S)):
            if not self.running:
                return
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self.process.wait()

    def kill(self) -> None:
        """Without waiting: for the very end of a benchmark that was itself interrupted."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()


class Children:
    """All children of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Child] = []

    @asynccontextmanager
    async def started(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> AsyncIterator[Child]:
        """Run ``command`` in the project's root for as long as the block lasts, with pipes for input and output."""
        log = self._folder / f"{len(self._started):03d}-{name}.log"
        with log.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                env=clean_environment() | dict(environment or {}),
                start_new_session=True,  # Ctrl-C reaches this process alone, which then ends them in order
            )
        child = Child(name, process, log)
        self._started.append(child)
        try:
            yield child
        finally:
            await child.stop()

    def kill_all(self) -> None:
        for child in self._started:
            child.kill()


def clean_environment() -> dict[str, str]:
    """The environment without settings or keys of this user: no benchmark may reach a paid model."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SWARMD_") and not name.endswith("_API_KEY")
    }


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def listening(child: Child, port: int, timeout_s: float) -> None:
    """Return once ``port`` takes connections.

    Raises:
        ProcessFailure: ``child`` ended, or the time is up.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    while loop.time() < end:
        if not child.running:
            raise child.failure("ended while it started")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return
    raise child.failure(f"does not listen after {timeout_s:g} s")
