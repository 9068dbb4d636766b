"""One content on its way to the disk; the disk is touched in threads, by one at a time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import structlog

from app.domain.errors import StoreUnavailable
from app.ports.blobs import Blob, ContentTooLarge

_log = structlog.get_logger(__name__)

CHUNK_BYTES = 1024 * 1024


class WritingContent:
    """``ports.blobs.Incoming``.

    Args:
        folder: of what is being written; made where it is not there.
        name: no other content in ``folder`` has it.
        path_of: where a content belongs, by its SHA-256.
        take: called, in the loop, before the content appears there.

    Attributes:
        kept: the content, from the moment it was taken.
    """

    def __init__(
        self, folder: Path, name: str, path_of: Callable[[str], Path], take: Callable[[str], None], max_bytes: int
    ) -> None:
        self.kept: Blob | None = None
        self._folder = folder
        self._name = name
        self._path_of = path_of
        self._take = take
        self._max_bytes = max_bytes
        self._part = folder / f"{name}.part"
        self._waiting = bytearray()
        self._digest = sha256()
        self._size = 0
        self._file: BinaryIO | None = None
        self._settled = False
        self._disk = threading.Lock()
        self._ended = False

    async def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise ContentTooLarge(self._max_bytes)
        self._waiting += chunk
        if len(self._waiting) >= CHUNK_BYTES:
            await self._in_thread(self._flush)

    async def keep(self) -> Blob:
        await self._in_thread(self._sync)
        kept = Blob(self._digest.hexdigest(), self._size)
        self._take(kept.sha256)
        self.kept = kept
        await self._in_thread(self._place)
        return kept

    def settle(self) -> None:
        self._settled = True

    async def end(self) -> None:
        """Remove what is left of the writing; a content that was kept and not settled stays marked."""
        ending = asyncio.ensure_future(asyncio.to_thread(self._clean))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending  # files must not be left behind, and it takes no time
            raise
        except OSError as exc:
            _log.warning("incoming_content_not_removed", error=str(exc))

    async def _in_thread(self, work: Callable[[], None]) -> None:
        """A cancelled caller leaves the thread at work; ``_clean`` waits for it."""

        def alone() -> None:
            with self._disk:
                if not self._ended:
                    work()

        try:
            await asyncio.to_thread(alone)
        except OSError as exc:
            raise StoreUnavailable(f"a file cannot be written: {exc.strerror}") from exc

    def _flush(self) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(
                os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb", buffering=0
            )
        view = memoryview(bytes(self._waiting))
        self._waiting.clear()
        self._digest.update(view)
        while view:
            view = view[self._file.write(view) :]

    def _sync(self) -> None:
        self._flush()
        assert self._file is not None
        os.fsync(self._file.fileno())
        self._file.close()

    def _place(self) -> None:
        assert self.kept is not None
        target = self._path_of(self.kept.sha256)
        self._mark.touch(mode=0o600)
        sync_folder(self._folder)
        if not target.parent.is_dir():
            target.parent.mkdir(exist_ok=True)
            sync_folder(target.parent.parent)
        os.replace(self._part, target)
        sync_folder(target.parent)

    @property
    def _mark(self) -> Path:
        assert self.kept is not None
        return self._folder / f"{self.kept.sha256}.{self._name}"

    def _clean(self) -> None:
        with self._disk:
            self._ended = True
            if self._file is not None:
                self._file.close()
                self._part.unlink(missing_ok=True)
            if self.kept is not None and self._settled:
                self._mark.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make names in a directory durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
