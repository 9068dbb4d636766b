"""The tool ``code_interpreter``: Python in a sandbox, with a folder of files for each task.

Every call is a fresh interpreter; only files last. They are replaced in one step with the record of what the call said,
so a call that is repeated after a crash either finds the files that the first found or is answered from the record.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self, TypeVar

from app.domain.workspace_paths import parts_of
from app.ports.tools import ToolContext, ToolRefused, ToolResult, ToolSpec
from app.tools.sandbox.folders import FolderFull, Quota, TaskFolder, TaskFolders
from app.tools.sandbox.limits import Limits
from app.tools.sandbox.report import Written
from app.tools.sandbox.sandbox import (
    Cancellation,
    Cancelled,
    Sandbox,
    SandboxUnavailable,
    open_sandbox,
)
from app.tools.sandbox.tree import MAX_DEPTH, MAX_NAME_CHARS

MAX_CODE_CHARS = 100_000
MAX_TIMEOUT_S = 60.0
DEFAULT_TIMEOUT_S = 30.0
_NOT_STARTED = "the service has not started it"

Value = TypeVar("Value")


class CodeInterpreter:
    """A ``ports.tools.Tool``; an async context manager that tries the sandbox out when it is entered.

    Args:
        root: directory for the tasks' files; its own, made where it is missing.
        concurrency: sandboxes at once; each may take ``limits.memory_bytes`` and its two file systems.
    """

    def __init__(self, root: Path, limits: Limits | None = None, concurrency: int | None = None) -> None:
        self._limits = limits or Limits()
        self._folders = TaskFolders(root, Quota(self._limits.work_bytes, self._limits.files))
        self._concurrency = concurrency or max(2, min(8, 2 * (os.cpu_count() or 1)))
        self._sandbox: Sandbox | None = None
        self._why_not: str | None = _NOT_STARTED
        self._threads: ThreadPoolExecutor | None = None
        self._disk: ThreadPoolExecutor | None = None
        self._running: set[Cancellation] = set()
        self._turns = _Turns()

    async def __aenter__(self) -> Self:
        self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="sandbox")
        # Apart, so that reading a file does not wait for code that runs.
        self._disk = ThreadPoolExecutor(2, thread_name_prefix="sandbox-files")
        try:
            self._sandbox = await _in_thread(self._threads, self._opened)
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
        pools, self._threads, self._disk = (self._threads, self._disk), None, None
        for threads in pools:
            if threads is not None:
                await _done(asyncio.get_running_loop().run_in_executor(None, threads.shutdown))

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name="code_interpreter",
            description=(
                "Runs Python code and returns what it prints and the value of its last expression. Every call starts "
                "anew; only the files in the current folder last (not empty folders). There is no network and no input."
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
                },
                "required": ["code"],
                "additionalProperties": False,
            },
            # Beyond the longest run there is a start, a wait for the task's other calls, and copying.
            timeout_s=MAX_TIMEOUT_S + 30,
            concurrency=self._concurrency,
        )

    def unavailable(self) -> str | None:
        return self._why_not

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        code, timeout_s = str(arguments["code"]), float(arguments.get("timeout_s", DEFAULT_TIMEOUT_S))
        if any("\ud800" <= char <= "\udfff" for char in code):
            raise ToolRefused("the code holds half of a surrogate pair; write such characters as escapes")
        async with self._turns.of(context.swarm_id, context.task_id):
            # Looked at now: the service may have begun to stop while this call waited for its turn.
            sandbox, threads, folder = self._sandbox, self._threads, self._folder(context)
            if sandbox is None or threads is None or self._why_not is not None:
                raise ToolRefused(f"code cannot be run here: {self._why_not}")
            cancellation = Cancellation()
            self._running.add(cancellation)
            try:
                work = partial(sandbox.run, code, timeout_s, folder, context.run_key, cancellation)
                return await _in_thread(threads, work, cancellation)
            except Cancelled:
                raise ToolRefused("the service is stopping") from None
            finally:
                self._running.discard(cancellation)
                cancellation.close()

    async def put_files(self, context: ToolContext, files: Mapping[str, bytes]) -> None:
        """Put files into the task's folder, beside or in place of what is there; all of them or none.

        Raises:
            ToolRefused: a name is no relative path, or the quota is passed.
        """
        named = {_file_name(name): content for name, content in files.items()}
        async with self._turns.of(context.swarm_id, context.task_id):
            await self._on_disk(partial(_put, self._folder(context), named))

    async def list_files(self, context: ToolContext) -> list[Written]:
        """The files that the task's folder holds, in order of names."""
        stored = await self._on_disk(self._folder(context).files)
        return [Written(name, file.size) for name, file in stored.items()]

    async def read_file(self, context: ToolContext, name: str) -> bytes:
        """Return one file of the task's folder; it is at most as long as ``limits.work_bytes``.

        Raises:
            ToolRefused: there is no such file. No other name can be reached: names are looked up, never opened.
        """
        content = await self._on_disk(partial(_read, self._folder(context), name))
        if content is None:
            raise ToolRefused(f"there is no file {name[:MAX_NAME_CHARS]!r} in the task's folder")
        return content

    async def forget(self, swarm_id: str) -> None:
        """Delete the files of all tasks of a swarm; a call that still runs keeps none."""
        await self._on_disk(partial(self._folders.forget, swarm_id))

    def _folder(self, context: ToolContext) -> TaskFolder:
        return self._folders.of(context.swarm_id, context.task_id)

    def _opened(self) -> Sandbox:
        try:
            self._folders.prepare()
        except OSError as exc:
            raise SandboxUnavailable(f"its directory cannot be used: {exc}") from exc
        return open_sandbox(self._limits)

    async def _on_disk(self, work: Callable[[], Value]) -> Value:
        if self._disk is None:
            raise ToolRefused(f"files cannot be used here: {self._why_not}")
        return await _in_thread(self._disk, work)


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


async def _in_thread(
    threads: ThreadPoolExecutor, work: Callable[[], Value], cancellation: Cancellation | None = None
) -> Value:
    """Run what blocks. Cancelled, it tells the thread and waits until that is done, so nothing is left running."""
    submitted = threads.submit(work)
    future = asyncio.wrap_future(submitted)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if not submitted.cancel():  # it runs already
            if cancellation is not None:
                cancellation.set()
            await _done(future)
        raise


async def _done(future: asyncio.Future[Any]) -> None:
    """Wait for a thread that is told to end, however often the waiting is cancelled meanwhile; its end is bounded."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({future})
    if not future.cancelled():
        future.exception()


def _put(folder: TaskFolder, files: Mapping[str, bytes]) -> None:
    folder.create()
    before = folder.files()
    names = {*before, *files}
    for name in names:
        if both := names.intersection(map(str, PurePosixPath(name).parents)):
            raise ToolRefused(f"{min(both)!r} cannot be a file and a folder at once")
    change = folder.change()
    try:
        for name, stored in before.items():
            if name not in files:
                change.keep(name, stored)
        for name, content in files.items():
            change.put(name, content)
        change.commit()
    except FolderFull as exc:
        change.abandon()
        raise ToolRefused(str(exc)) from exc


def _read(folder: TaskFolder, name: str) -> bytes | None:
    while (stored := folder.files().get(name)) is not None:
        # A call that ends in between replaces the file that the index told; then the next index tells another.
        with suppress(FileNotFoundError):
            return stored.path.read_bytes()
    return None


def _file_name(name: str) -> str:
    try:
        parts = parts_of(name)
    except ValueError as exc:
        raise ToolRefused(f"{name[:MAX_NAME_CHARS]!r} cannot be the name of a file: {exc}") from exc
    path = "/".join(parts)
    if len(parts) > MAX_DEPTH or len(path) > MAX_NAME_CHARS or any(len(part.encode()) > 255 for part in parts):
        raise ToolRefused(f"{path[:100]!r}... is too long or too deep for the name of a file")
    return path
