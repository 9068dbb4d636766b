"""One sandbox from its first process to its last. Everything blocks and belongs to one thread.

The thread must be the one that started the sandbox, to the end: bubblewrap's ``--die-with-parent`` is about the thread.
"""

from __future__ import annotations

import json
import math
import os
import platform
import select
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from app.tools.sandbox import seccomp
from app.tools.sandbox.bubblewrap import Programs, command
from app.tools.sandbox.folders import Stored
from app.tools.sandbox.limits import Limits
from app.tools.sandbox.watch import Watch, descendants

_WATCH_S = 0.05
_GONE_S = 10.0
_CHUNK_BYTES = 256 * 1024
_SHOWN_BYTES = 2_000


class Stop(StrEnum):
    """Why a run ended."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    OUTPUT = "output"
    MEMORY = "memory"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class Ended:
    """``status`` is the exit status, 128 + the signal for one that was killed; None unless it exited by itself."""

    stop: Stop
    output: bytes
    status: int | None


class Cancelled(Exception):
    """Told by ``Cancellation``."""


class SandboxFailed(Exception):
    """The sandbox did not start or did not end as it should; nothing the code could do."""


class Cancellation:
    """Tells a thread that waits for a sandbox to end it. ``close`` after the thread is done."""

    def __init__(self) -> None:
        self.handle = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def set(self) -> None:
        os.eventfd_write(self.handle, 1)

    def close(self) -> None:
        os.close(self.handle)


class Cell:
    """Use as a context manager: at its end every process is gone; ``work`` can still be read until ``close``."""

    def __init__(self, programs: Programs, limits: Limits, cancellation: Cancellation) -> None:
        self._programs = programs
        self._limits = limits
        self._cancellation = cancellation
        self._handles = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor = self._first = self.work = self.tmp = -1
        self._first_number = 0
        self._deadline = 0.0

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.kill()
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def close(self) -> None:
        self._handles.close()

    def send_file(self, name: str, stored: Stored) -> None:
        """Put a file into the working folder."""
        with open(stored.path, "rb") as file:
            if os.fstat(file.fileno()).st_size != stored.size:
                raise SandboxFailed(f"the kept file {name!r} is damaged")
            self._send_header({"file": name, "bytes": stored.size})
            while chunk := file.read(_CHUNK_BYTES):
                self._send(chunk)

    def files_are_there(self) -> None:
        """Wait until all files that were sent are written."""
        self._send_header({})
        self._wait(self._control.fileno(), select.POLLIN)
        if self._control.recv(1) != b"W":
            raise SandboxFailed("the interpreter took no files")

    def execute(self, code: str, timeout_s: float) -> Ended:
        """Run the code to its end, and everything that it started.

        Raises:
            Cancelled, SandboxFailed: see there.
        """
        text = code.encode()
        self._send_header({"code": len(text), "limits": self._resource_limits(timeout_s)})
        self._send(text)
        self._control.close()
        output = bytearray()
        stop = self._until_stopped(output, time.monotonic() + timeout_s)
        self.kill()
        while len(output) <= self._limits.output_bytes and (chunk := _read(self._output)):
            output += chunk
        status = self._process.returncode if self._process is not None and stop is Stop.EXITED else None
        if len(output) > self._limits.output_bytes:
            stop = Stop.OUTPUT
        return Ended(stop, bytes(output[: self._limits.output_bytes]), status)

    def kill(self) -> None:
        """Kill every process, and wait until the last is gone. Does nothing the second time.

        Raises:
            SandboxFailed: the kernel does not let go of one.
        """
        if self._process is None:
            return
        self._process.kill()
        if self._first >= 0:
            # Also directly: the monitor may have died before it told its child to die with it.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        try:
            self._process.wait(_GONE_S)
        except subprocess.TimeoutExpired:
            raise SandboxFailed("the sandbox's process does not end") from None
        # The first process of a process namespace ends last: its handle tells that all others are gone.
        if self._first >= 0 and not _poll({self._first: select.POLLIN}, _GONE_S):
            raise SandboxFailed("the sandbox's processes do not end")
        if self._first >= 0:
            # bubblewrap leaves it to the machine's first process to reap, and in a container that is the service.
            with suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, self._first, os.WEXITED | os.WNOHANG)

    def _start(self) -> None:
        self._deadline = time.monotonic() + self._limits.start_s
        with ExitStack() as passed:
            self._control, inner = socket.socketpair()
            self._handles.callback(self._control.close)
            passed.enter_context(inner)
            self._output, printed = self._pipe(passed)
            told, telling = self._pipe(passed)
            filter_read = self._filter(passed)
            argv = command(self._programs, self._limits, filter_read, telling)
            try:
                # Without an environment from the start: what bubblewrap clears, its own /proc/1/environ still shows.
                self._process = subprocess.Popen(  # noqa: S603 no shell, and no word of the command comes from a request
                    argv,
                    stdin=inner.fileno(),
                    stdout=printed,
                    stderr=printed,
                    env=dict[str, str](),
                    cwd="/",
                    pass_fds=(filter_read, telling),
                    start_new_session=True,
                )
            except OSError as exc:
                raise SandboxFailed(f"bubblewrap cannot be started: {os.strerror(exc.errno or 0)}") from exc
        self._monitor = self._keep(os.pidfd_open(self._process.pid))
        self._control.setblocking(False)
        os.set_blocking(self._output, False)
        self._first_number = self._told_number(told)
        self._first = self._keep(os.pidfd_open(self._first_number))
        self._take_folders()
        self._offer_to_the_oom_killer()

    def _pipe(self, passed: ExitStack) -> tuple[int, int]:
        ours, theirs = os.pipe()
        self._keep(ours)
        passed.callback(os.close, theirs)
        return ours, theirs

    def _filter(self, passed: ExitStack) -> int:
        """A pipe that holds the filter; it is shorter than what a pipe takes at once."""
        read, write = os.pipe()
        passed.callback(os.close, read)
        with open(write, "wb") as file:
            file.write(seccomp.program(platform.machine()) or b"")
        return read

    def _keep(self, handle: int) -> int:
        self._handles.callback(os.close, handle)
        return handle

    def _told_number(self, told: int) -> int:
        """The first process's number, as bubblewrap tells it while that process waits for its go-ahead.

        No cancellation before this: until it is known, killing bubblewrap might leave the process waiting for ever.
        """
        text = b""
        while True:
            if not _poll({told: select.POLLIN}, self._deadline - time.monotonic()):
                raise SandboxFailed(f"bubblewrap was not ready within {self._limits.start_s:g} s")
            chunk = os.read(told, _CHUNK_BYTES)
            text += chunk
            with suppress(ValueError, KeyError):
                return int(json.loads(text)["child-pid"])
            if not chunk:
                raise SandboxFailed(self._said())

    def _take_folders(self) -> None:
        self._wait(self._control.fileno(), select.POLLIN)
        message, handles, _, _ = socket.recv_fds(self._control, 1, 2, socket.MSG_CMSG_CLOEXEC)
        for handle in handles:
            self._keep(handle)
        if message != b"R" or len(handles) != 2:
            raise SandboxFailed(self._said())
        self.work, self.tmp = handles

    def _offer_to_the_oom_killer(self) -> None:
        """Where memory of the machine runs out, the sandbox goes before the service; its children inherit this."""
        for process in descendants(self._first_number):
            with suppress(OSError):
                Path(f"/proc/{process}/oom_score_adj").write_text("1000", encoding="ascii")

    def _until_stopped(self, output: bytearray, deadline: float) -> Stop:
        watch = Watch(self._first_number, (self.work, self.tmp), self._limits)
        waiting = {self._output: select.POLLIN, self._monitor: select.POLLIN, self._cancellation.handle: select.POLLIN}
        next_watch = time.monotonic() + _WATCH_S
        while True:
            now = time.monotonic()
            if now >= deadline:
                return Stop.TIMEOUT
            if now >= next_watch:
                if watch.too_much_memory():
                    return Stop.MEMORY
                if watch.too_many_files():
                    return Stop.FILES
                next_watch = time.monotonic() + _WATCH_S
            ready = _poll(waiting, min(deadline, next_watch) - now)
            if self._cancellation.handle in ready:
                raise Cancelled
            if self._output in ready:
                chunk = _read(self._output)
                output += chunk
                if not chunk:  # closed by all processes, which need not have ended
                    del waiting[self._output]
                if len(output) > self._limits.output_bytes:
                    return Stop.OUTPUT
            elif self._monitor in ready:
                return Stop.EXITED

    def _resource_limits(self, timeout_s: float) -> dict[str, int]:
        limits = self._limits
        return {
            "RLIMIT_AS": limits.address_space_bytes,
            "RLIMIT_CORE": 0,
            "RLIMIT_CPU": math.ceil(timeout_s) + 1,
            "RLIMIT_FSIZE": limits.work_bytes,
            "RLIMIT_MEMLOCK": 0,
            "RLIMIT_MSGQUEUE": 0,
            "RLIMIT_NOFILE": limits.open_files,
            "RLIMIT_NPROC": limits.processes,
        }

    def _send_header(self, header: dict[str, object]) -> None:
        self._send(json.dumps(header).encode() + b"\n")

    def _send(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            try:
                left = left[self._control.send(left) :]
            except BlockingIOError:
                self._wait(self._control.fileno(), select.POLLOUT)
            except OSError as exc:
                raise SandboxFailed(self._said()) from exc

    def _wait(self, handle: int, event: int) -> None:
        waiting = {handle: event, self._monitor: select.POLLIN, self._cancellation.handle: select.POLLIN}
        ready = _poll(waiting, self._deadline - time.monotonic())
        if self._cancellation.handle in ready:
            raise Cancelled
        if not ready:
            raise SandboxFailed(f"the sandbox was not ready within {self._limits.start_s:g} s")
        if handle not in ready:
            raise SandboxFailed(self._said())

    def _said(self) -> str:
        """What bubblewrap, or the interpreter before any code, printed: the reason where a start failed."""
        _poll({self._monitor: select.POLLIN}, self._deadline - time.monotonic())
        text = _read(self._output)[-_SHOWN_BYTES:].decode(errors="replace").strip()
        return text or "the sandbox ended before it was ready"


def _poll(handles: dict[int, int], timeout_s: float) -> set[int]:
    """Wait for events of handles (hang-ups count), at most so long; return those that are ready."""
    poller = select.poll()
    for handle, events in handles.items():
        poller.register(handle, events)
    return {handle for handle, _ in poller.poll(max(0, math.ceil(timeout_s * 1000)))}


def _read(handle: int) -> bytes:
    """What is there; nothing at the end, or where nothing is there now."""
    try:
        return os.read(handle, _CHUNK_BYTES)
    except BlockingIOError:
        return b""
