"""Files that clients upload, for sub-agents to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.errors import Conflict, SwarmdError
from app.ports.pages import Page

FILE_PREFIX = "fil_"
MAX_NAME_CHARS = 255
MAX_LOOKED_THROUGH = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """Times are Unix milliseconds. ``once`` is the client's ``Idempotency-Key``, where it sent one."""

    file_id: str
    tenant_id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at_ms: int
    once: str | None = None


class UploadsFull(Conflict):
    """A tenant's files take all the room they may."""

    code = "uploads_full"

    def __init__(self, max_total_bytes: int) -> None:
        super().__init__(
            f"all uploaded files together would take more than {max_total_bytes:,} bytes; delete some first"
        )


class UploadTooLong(SwarmdError):
    """A file is longer than the caller reads; the message says how long."""

    code = "upload_too_long"


class FileStore(Protocol):
    """Every read names the tenant: another tenant's id is simply not found (None)."""

    async def add(self, file: FileRow, max_total_bytes: int) -> FileRow:
        """Store a file durably; where the tenant has used ``once`` before, return what was stored then.

        Raises:
            UploadsFull: all files of the tenant would take more than ``max_total_bytes``.
        """
        ...

    async def held_bytes(self, tenant_id: str) -> int:
        """Return what all files of a tenant take together."""
        ...

    async def of_key(self, tenant_id: str, once: str) -> FileRow | None:
        """Return the file that was stored with this ``once``."""
        ...

    async def get(self, tenant_id: str, file_id: str) -> FileRow | None: ...

    async def newest(self, tenant_id: str, name: str) -> FileRow | None: ...

    async def list(self, tenant_id: str, name: str | None, *, limit: int, cursor: str | None) -> Page[FileRow]:
        """Newest first.

        Raises:
            InvalidRequest: ``cursor`` is not one of ours.
        """
        ...

    async def delete(self, tenant_id: str, file_id: str) -> bool:
        """Delete a file and mark its content as possibly unused; False when there is none."""
        ...


class ContentStore(Protocol):
    """Which contents (``ports.blobs``) files and artifacts refer to."""

    async def drop_orphans(self) -> None:
        """Remove artifacts and messages of swarms that are gone, marking their contents as possibly unused, and the
        memory of orchestrators that are gone with all their swarms."""
        ...

    async def gone(self, swarm_ids: Sequence[str]) -> Sequence[str]:
        """Return those of the ids that no swarm has."""
        ...

    async def mark_unused(self, sha256: str) -> None:
        """Mark a content as possibly unused."""
        ...

    async def possibly_unused(self, limit: int) -> Sequence[str]: ...

    async def is_used(self, sha256: str) -> bool: ...

    async def forget(self, sha256: str, *, if_used: bool) -> None:
        """Take the mark off; with ``if_used`` only while something refers to the content."""
        ...


class Uploads(Protocol):
    """What tools, and requests that name files, may do with a tenant's files."""

    async def find(self, tenant_id: str, file_id_or_name: str) -> FileRow | None:
        """Return a file by id, or the newest one of that name; None where there is none."""
        ...

    async def matching(self, tenant_id: str, pattern: str, limit: int) -> Sequence[FileRow]:
        """Return the newest files whose names match a pattern of ``*``, ``?`` and ``[…]``, each name once, by name.

        Only the newest ``MAX_LOOKED_THROUGH`` are looked at.
        """
        ...

    async def read(self, tenant_id: str, file_id_or_name: str, max_bytes: int) -> bytes | None:
        """Return the content of a file by id, or of the newest one of that name; None where there is none.

        Raises:
            UploadTooLong: the file is longer than ``max_bytes``.
        """
        ...
