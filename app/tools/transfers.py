"""What ``files`` and ``artifacts`` of ``code_interpreter`` do: files come into a task's folder, and some are saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from app.domain.workspace_paths import parts_of
from app.ports.artifacts import ArtifactRow
from app.ports.tools import ToolContext, ToolRefused, ToolResult
from app.tools.sandbox.folders import TaskFolder
from app.tools.sandbox.report import brought, to_json, with_artifacts
from app.tools.sandbox.staging import bring, is_prepared, outgoing, settle
from app.tools.sandbox.threads import ended, in_thread
from app.tools.sandbox.tree import MAX_DEPTH, MAX_NAME_CHARS
from app.tools.task_files import ARTIFACT, NoSuchFile, TaskFiles

MAX_FILES = 20
"""Brought in by a call, and as many saved as artifacts."""

PARAMETERS: dict[str, Any] = {
    "files": {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 1024},
        "maxItems": MAX_FILES,
        "description": (
            "copied into the current folder first, under these same names: paths of the workspace, ids or names of"
            " uploaded files, names of artifacts of this run, whichever task saved them"
            f" ({ARTIFACT}NAME where another file has that name)"
        ),
    },
    "artifacts": {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS},
        "maxItems": MAX_FILES,
        "description": (
            "files of the current folder to save as outputs of this task, for people to download, once the code has"
            ' ended without an error, e.g. ["ratios.csv"]'
        ),
    },
}

_CHUNK_BYTES = 1024 * 1024

Value = TypeVar("Value")


class Transfers:
    """An async context manager, since disks are waited for in threads of its own.

    Args:
        files: None where files neither come in nor go out.
        max_bytes: that come in with one call.
    """

    def __init__(self, files: TaskFiles | None, max_bytes: int) -> None:
        self._files = files
        self._max_bytes = max_bytes
        self._disk: ThreadPoolExecutor | None = None

    async def __aenter__(self) -> Self:
        self._disk = ThreadPoolExecutor(2, thread_name_prefix="sandbox-files")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        disk, self._disk = self._disk, None
        if disk is not None:
            await ended(disk)

    def wanted(self, names: Sequence[str]) -> list[str]:
        """Return the names of files to save in their one spelling, as folders have them.

        Raises:
            ToolRefused: one cannot be the name of a file, or nothing can be saved.
        """
        if names and self._files is None:
            raise ToolRefused("artifacts: none can be saved here")
        return list(dict.fromkeys(map(_file_name, names)))

    async def bring(self, context: ToolContext, folder: TaskFolder, names: Sequence[str]) -> None:
        """Copy files into the folder, unless that was done for this run before a crash."""
        if not names or await self._on_disk(partial(is_prepared, folder, context.run_key)):
            return
        if self._files is None:
            raise ToolRefused("files: no files can be brought in here")
        there = await self._on_disk(folder.files)
        files: dict[str, bytes] = {}
        told: dict[str, tuple[int, str]] = {}
        for name in dict.fromkeys(names):
            kept_as = _file_name(name.removeprefix(ARTIFACT))
            try:
                found = await self._files.find(context, name)
            except NoSuchFile as exc:
                if kept_as in there:
                    continue
                raise ToolRefused(f"files: {exc.detail}, and none in the current folder") from exc
            except ToolRefused as exc:
                raise ToolRefused(f"files: {exc.detail}") from exc
            files[kept_as] = found.content
            told[kept_as] = (len(found.content), found.origin)
            if sum(map(len, files.values())) > self._max_bytes:
                raise ToolRefused(f"files: they have more than {self._max_bytes:,} bytes together")
        if files:
            await self._on_disk(partial(bring, folder, context.run_key, files, brought(told)))

    async def save(self, context: ToolContext, folder: TaskFolder, told: ToolResult) -> ToolResult:
        """Save what the recorded run left as artifacts; each is saved once, however often this is repeated."""
        files = await self._on_disk(partial(outgoing, folder, context.run_key))
        if not files or self._files is None:
            return told
        saved: list[ArtifactRow] = []
        refused: list[str] = []
        for name, stored in files.items():
            try:
                saved.append(await self._files.save(context, name, self._chunks(stored.path)))
            except ToolRefused as exc:
                refused.append(f"{name}: {exc.detail}")
        final = with_artifacts(told, saved, refused)
        with suppress(
            OSError
        ):  # the folder is gone with its swarm, or the disk full: a repetition saves the same again
            await self._on_disk(partial(settle, folder, context.run_key, to_json(final)))
        return final

    async def _chunks(self, path: Path) -> AsyncIterator[bytes]:
        at = 0
        while chunk := await self._on_disk(partial(_read_at, path, at)):
            yield chunk
            at += len(chunk)

    async def _on_disk(self, work: Callable[[], Value]) -> Value:
        if self._disk is None:
            raise ToolRefused("the service is stopping")
        return await in_thread(self._disk, work)


def _read_at(path: Path, at: int) -> bytes:
    """Opened anew each time: a handle would have to outlive a wait that may be cancelled."""
    with path.open("rb") as file:
        file.seek(at)
        return file.read(_CHUNK_BYTES)


def _file_name(name: str) -> str:
    try:
        parts = parts_of(name)
    except ValueError as exc:
        raise ToolRefused(f"{name[:MAX_NAME_CHARS]!r} cannot be the name of a file: {exc}") from exc
    path = "/".join(parts)
    if len(parts) > MAX_DEPTH or len(path) > MAX_NAME_CHARS or any(len(part.encode()) > 255 for part in parts):
        raise ToolRefused(f"{path[:100]!r}... is too long or too deep for the name of a file")
    return path
