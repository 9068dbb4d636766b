"""Contents of files, by their SHA-256: the same content is kept once, whoever refers to it.

Which contents are referred to stands in the store (``ports.files.ContentStore``). A content that nothing refers to any
more is removed in three steps, between which somebody may take it again: ``doom``, ask the store, ``remove``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from app.domain.errors import NotFound, SwarmdError


@dataclass(frozen=True, slots=True)
class Blob:
    """``sha256`` is 64 lower-case hexadecimal digits."""

    sha256: str
    size_bytes: int


class ContentTooLarge(SwarmdError):
    """More bytes came than are taken; nothing of them is kept."""

    code = "body_too_large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the content is above the {max_bytes:,} bytes that are taken")


class ContentMissing(NotFound):
    """A content that the store refers to is not on the disk: it was not restored with the database."""

    def __init__(self, sha256: str) -> None:
        super().__init__("content of the file on the disk, whose SHA-256 is", sha256)


class Incoming(Protocol):
    """A content that is being written; nobody removes it before its context ends."""

    async def write(self, chunk: bytes) -> None:
        """Append.

        Raises:
            ContentTooLarge: see there.
            StoreUnavailable: the disk takes nothing.
        """
        ...

    async def keep(self) -> Blob:
        """Make the content durable; it can be read from now on.

        Raises:
            StoreUnavailable: the disk takes nothing.
        """
        ...

    def settle(self) -> None:
        """Say that the store refers to the content; what is kept without it becomes an open question."""
        ...


class Blobs(Protocol):
    def receive(self, max_bytes: int) -> AbstractAsyncContextManager[Incoming]:
        """Take a new content; of one that was not kept nothing is left when the context ends."""
        ...

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """Read a content; blocks, so iterate in a thread.

        Raises:
            ContentMissing: see there.
        """
        ...

    def stream(self, sha256: str) -> AsyncIterator[bytes]:
        """As ``chunks``, without blocking; memory stays flat."""
        ...

    async def read(self, sha256: str) -> bytes:
        """Return a whole content.

        Raises:
            ContentMissing: see there.
        """
        ...

    async def recover(self) -> None:
        """Remove what a crash cut off; at the start, before anything is taken.

        Raises:
            StoreUnavailable: the disk cannot be used.
        """
        ...

    async def open_questions(self) -> Sequence[str]:
        """Return the contents of which nobody has said whether the store refers to them, those being taken aside."""
        ...

    async def doom(self, sha256: str) -> bool:
        """Say that a content may be removed; False while it is being taken."""
        ...

    async def remove(self, sha256: str) -> bool:
        """Remove a doomed content; False where it was taken again meanwhile, and so stays."""
        ...

    async def absolve(self, sha256: str) -> bool:
        """End what ``doom`` began; the content is no open question any more. False where it was taken meanwhile."""
        ...
