"""The tool ``code_interpreter``: Python in a sandbox, with a folder of files for each task.

Every call is a fresh interpreter; only files last. They are replaced in one step with the record of what the call said,
so a call that is repeated after a crash either finds the files that the first found or is answered from the record.
How files come in and go out as artifacts without harm by a crash, ``sandbox.staging`` tells.

Decided 2026-11: both are arguments of the call, ``files`` and ``artifacts``, and no tools of their own. A model then
needs no step before or after to move files, names each in the way it knows already (as ``file_reader`` takes it, as its
code opened it), and learns of everything that went wrong in one answer. Who may call this tool so may read the
workspace and the tenant's uploads; a task that must not, must not have it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.ports.tools import ToolContext, ToolRefused, ToolResult, ToolSpec
from app.tools.sandbox.folders import Quota, TaskFolders
from app.tools.sandbox.limits import Limits
from app.tools.sandbox.sandbox import (
    Cancellation,
    Cancelled,
    Sandbox,
    SandboxUnavailable,
    open_sandbox,
)
from app.tools.sandbox.threads import ended, in_thread
from app.tools.task_files import TaskFiles
from app.tools.transfers import PARAMETERS, Transfers

MAX_CODE_CHARS = 100_000
MAX_TIMEOUT_S = 60.0
DEFAULT_TIMEOUT_S = 30.0
_MAX_OUTPUT_CHARS = 25_000
"""Above what ``sandbox.report`` shows at most, so that nothing is cut in the middle of its notes."""
_NOT_STARTED = "the service has not started it"


class CodeInterpreter:
    """A ``ports.tools.Tool``; an async context manager that tries the sandbox out when it is entered.

    Args:
        root: directory for the tasks' files; its own, made where it is missing.
        concurrency: sandboxes at once; each may take ``limits.memory_bytes`` and its two file systems, and the
            service ``limits.work_bytes`` for files that are brought in.
        files: where files come from and go to; None where they do neither.
    """

    def __init__(
        self,
        root: Path,
        limits: Limits | None = None,
        concurrency: int | None = None,
        files: TaskFiles | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._folders = TaskFolders(root, Quota(self._limits.work_bytes, self._limits.files))
        self._concurrency = concurrency or max(2, min(8, 2 * (os.cpu_count() or 1)))
        self._sandbox: Sandbox | None = None
        self._why_not: str | None = _NOT_STARTED
        self._threads: ThreadPoolExecutor | None = None
        self._transfers = Transfers(files, self._limits.work_bytes)
        self._running: set[Cancellation] = set()
        self._turns = _Turns()

    async def __aenter__(self) -> Self:
        self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="sandbox")
        await self._transfers.__aenter__()
        try:
            self._sandbox = await in_thread(self._threads, self._opened)
            self._why_not = None
        except SandboxUnavailable as exc:
            self._why_not = str(exc)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._why_not = _NOT_STARTED
        for cancellation in self._running:
            cancellation.set()
        threads, self._threads = self._threads, None
        if threads is not None:
            await ended(threads)
        await self._transfers.__aexit__(kind, error, at)

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name="code_interpreter",
            description=(
                "Runs Python code and returns what it prints and the value of its last expression. Every call starts "
                "anew; only the files in the current folder last (not empty folders). There is no network and no "
                "input: name in files what the code is to read, and in artifacts what it is to hand over."
            ),
            parameters={
                "type": "object",
                "properties": {
                    "code": {"type": "string", "minLength": 1, "maxLength": MAX_CODE_CHARS, "description": "Python 3"},
                    "timeout_s": {
                        "type": "number",
                        "minimum": 0.1,
                        "maximum": MAX_TIMEOUT_S,
                        "default": DEFAULT_TIMEOUT_S,
                        "description": "seconds after which the code is stopped",
                    },
                    **PARAMETERS,
                },
                "required": ["code"],
                "additionalProperties": False,
            },
            # Beyond the longest run there is a start, a wait for the task's other calls, and copying.
            timeout_s=MAX_TIMEOUT_S + 30,
            max_output_chars=_MAX_OUTPUT_CHARS,
            concurrency=self._concurrency,
        )

    def unavailable(self) -> str | None:
        return self._why_not

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        code, timeout_s = str(arguments["code"]), float(arguments.get("timeout_s", DEFAULT_TIMEOUT_S))
        if any("\ud800" <= char <= "\udfff" for char in code):
            raise ToolRefused("the code holds half of a surrogate pair; write such characters as escapes")
        wanted = self._transfers.wanted(arguments.get("artifacts", ()))
        folder = self._folders.of(context.swarm_id, context.task_id)
        async with self._turns.of(context.swarm_id, context.task_id):
            await self._transfers.bring(context, folder, arguments.get("files", ()))
            # Looked at now: the service may have begun to stop while this call waited for its turn.
            sandbox, threads = self._sandbox, self._threads
            if sandbox is None or threads is None or self._why_not is not None:
                raise ToolRefused(f"code cannot be run here: {self._why_not}")
            cancellation = Cancellation()
            self._running.add(cancellation)
            try:
                work = partial(sandbox.run, code, timeout_s, folder, context.run_key, cancellation, wanted)
                told = await in_thread(threads, work, cancellation)
            except Cancelled:
                raise ToolRefused("the service is stopping") from None
            finally:
                self._running.discard(cancellation)
                cancellation.close()
            return await self._transfers.save(context, folder, told)

    def _opened(self) -> Sandbox:
        try:
            self._folders.prepare()
        except OSError as exc:
            raise SandboxUnavailable(f"its directory cannot be used: {exc}") from exc
        return open_sandbox(self._limits)


class _Turns:
    """The calls of one task one after the other: each takes the folder as the one before left it."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, swarm_id: str, task_id: str) -> AsyncIterator[None]:
        key = (swarm_id, task_id)
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            _, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)
