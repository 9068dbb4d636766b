"""Contents as files: ``<first two digits>/<sha256>``, and ``incoming/`` for those that are being written.

A content is written to ``incoming/<number>.part``, synced, and renamed into place; from then until the store refers to
it an empty ``incoming/<sha256>.<number>`` marks it, so that after a crash only marked contents have to be looked at.
Names are digits of ours: nothing a client says becomes part of a path.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from app.blobs.incoming import CHUNK_BYTES, WritingContent
from app.domain.errors import StoreUnavailable
from app.ports.blobs import ContentMissing

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MARK = re.compile(r"([0-9a-f]{64})\.\d+")


class DirectoryBlobs:
    """One process's; all methods but ``chunks`` belong to its event loop.

    Args:
        root: made at its first use.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._numbers = count(1)
        self._taken: Counter[str] = Counter()
        self._doomed: set[str] = set()

    @asynccontextmanager
    async def receive(self, max_bytes: int) -> AsyncIterator[WritingContent]:
        name = f"{os.getpid()}{next(self._numbers):09}"
        content = WritingContent(self._incoming, name, self.path_of, self._take, max_bytes)
        try:
            yield content
        finally:
            try:
                await content.end()
            finally:
                if content.kept is not None:
                    self._release(content.kept.sha256)

    def chunks(self, sha256: str) -> Iterator[bytes]:
        with self._open(sha256) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    async def stream(self, sha256: str) -> AsyncIterator[bytes]:
        with await asyncio.to_thread(self._open, sha256) as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk

    async def read(self, sha256: str) -> bytes:
        return await asyncio.to_thread(lambda: b"".join(self.chunks(sha256)))

    def _open(self, sha256: str) -> BinaryIO:
        try:
            return self.path_of(sha256).open("rb", buffering=0)
        except FileNotFoundError as exc:
            raise ContentMissing(sha256) from exc
        except OSError as exc:
            raise StoreUnavailable(f"a file cannot be read: {exc.strerror}") from exc

    async def recover(self) -> None:
        try:
            await asyncio.to_thread(self._remove_parts)
        except OSError as exc:
            raise StoreUnavailable(f"the directory of files cannot be used: {exc.strerror}") from exc

    def _remove_parts(self) -> None:
        for part in self._incoming.glob("*.part"):
            part.unlink()

    async def open_questions(self) -> Sequence[str]:
        return sorted(digest for digest in set(self._marks().values()) if digest not in self._taken)

    def _marks(self) -> dict[Path, str]:
        with suppress(FileNotFoundError):
            found = map(_MARK.fullmatch, os.listdir(self._incoming))
            return {self._incoming / mark[0]: mark[1] for mark in found if mark}
        return {}

    async def doom(self, sha256: str) -> bool:
        if sha256 in self._taken:
            return False
        self._doomed.add(sha256)
        return True

    async def remove(self, sha256: str) -> bool:
        """Waits for nothing, not even a thread: nobody may take the content between look and end."""
        if sha256 not in self._doomed:
            return False
        with suppress(FileNotFoundError):
            os.unlink(self.path_of(sha256))
        return True

    async def absolve(self, sha256: str) -> bool:
        if sha256 not in self._doomed:
            return False
        self._doomed.discard(sha256)
        for path, digest in self._marks().items():
            if digest == sha256:
                path.unlink(missing_ok=True)
        return True

    def path_of(self, sha256: str) -> Path:
        """Return where a content stands, or would.

        Raises:
            ValueError: not 64 lower-case hexadecimal digits.
        """
        if not _DIGEST.fullmatch(sha256):
            raise ValueError(f"not a SHA-256: {sha256!r}")
        return self._root / sha256[:2] / sha256

    def _take(self, sha256: str) -> None:
        self._taken[sha256] += 1
        self._doomed.discard(sha256)

    def _release(self, sha256: str) -> None:
        self._taken[sha256] -= 1
        if not self._taken[sha256]:
            del self._taken[sha256]
