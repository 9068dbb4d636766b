"""Uploaded files: streamed to the disk, then told to the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from app.domain.errors import IdempotencyConflict, InvalidRequest, NotFound
from app.domain.ids import is_id, make_id
from app.ports.blobs import Blobs, ContentTooLarge
from app.ports.clock import Clock, Entropy
from app.ports.files import (
    FILE_PREFIX,
    MAX_LOOKED_THROUGH,
    MAX_NAME_CHARS,
    FileRow,
    FileStore,
    UploadsFull,
    UploadTooLong,
)
from app.ports.pages import Page
from app.services.media_types import media_type_of
from app.services.naming import check_file_name

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class FileService:
    """``ports.files.Uploads``, and what clients may do beside.

    Attributes:
        max_bytes: of one file.
        max_total_bytes: of all files of a tenant.
    """

    store: FileStore
    blobs: Blobs
    clock: Clock
    entropy: Entropy
    max_bytes: int
    max_total_bytes: int

    async def upload(
        self,
        tenant_id: str,
        name: str,
        media_type: str | None,
        content: AsyncIterator[bytes],
        once: str | None,
        at_least_bytes: int = 0,
    ) -> tuple[FileRow, bool]:
        """Take a file; return it, and whether it was there: an upload repeated with the key ``once`` makes no other.

        Args:
            at_least_bytes: what is known to come; where there is no room for it, nothing is read.

        Raises:
            InvalidRequest: the name or media type is not one that can be kept.
            ContentTooLarge: more than ``max_bytes`` came.
            UploadsFull: see there.
            IdempotencyConflict: the key was used for another file.
        """
        check_file_name(name, "/name", MAX_NAME_CHARS)
        if name.startswith(FILE_PREFIX):  # to a reader it could stand for another file, once that one is deleted
            raise InvalidRequest.field("/name", f"a name that begins with {FILE_PREFIX} is not taken: ids do")
        kind = media_type_of(name, media_type)
        known = None if once is None else await self.store.of_key(tenant_id, once)
        room = known.size_bytes if known else self.max_total_bytes - await self.store.held_bytes(tenant_id)
        refusal = IdempotencyConflict() if known else UploadsFull(self.max_total_bytes)
        if at_least_bytes > room:
            raise refusal
        async with self.blobs.receive(min(self.max_bytes, max(room, 0))) as incoming:
            try:
                async for chunk in content:
                    await incoming.write(chunk)
            except ContentTooLarge as exc:
                if room >= self.max_bytes:
                    raise
                raise refusal from exc
            blob = await incoming.keep()
            now_ms = self.clock.now_ms()
            new = FileRow(
                file_id=make_id(FILE_PREFIX, now_ms, self.entropy.bits(80)),
                tenant_id=tenant_id,
                name=name,
                media_type=kind,
                size_bytes=blob.size_bytes,
                sha256=blob.sha256,
                created_at_ms=now_ms,
                once=once,
            )
            row = await self.store.add(new, self.max_total_bytes)
            if row.sha256 == blob.sha256:
                incoming.settle()
        if (row.sha256, row.name) != (new.sha256, new.name):
            raise IdempotencyConflict
        return row, row.file_id != new.file_id

    async def get(self, tenant_id: str, file_id: str) -> FileRow:
        row = await self.store.get(tenant_id, file_id)
        if row is None:
            raise NotFound("file", file_id)
        return row

    async def list(self, tenant_id: str, name: str | None, *, limit: int, cursor: str | None) -> Page[FileRow]:
        return await self.store.list(tenant_id, name, limit=limit, cursor=cursor)

    async def delete(self, tenant_id: str, file_id: str) -> None:
        if not await self.store.delete(tenant_id, file_id):
            raise NotFound("file", file_id)

    async def find(self, tenant_id: str, file_id_or_name: str) -> FileRow | None:
        if is_id(FILE_PREFIX, file_id_or_name):
            return await self.store.get(tenant_id, file_id_or_name)
        return await self.store.newest(tenant_id, file_id_or_name)

    async def matching(self, tenant_id: str, pattern: str, limit: int) -> Sequence[FileRow]:
        plain = pattern.removeprefix("**/")
        found: dict[str, FileRow] = {}
        cursor: str | None = None
        for _ in range(0, MAX_LOOKED_THROUGH, _PAGE):
            page = await self.store.list(tenant_id, None, limit=_PAGE, cursor=cursor)
            for row in page.items:
                if fnmatchcase(row.name, plain) and len(found) < limit:
                    found.setdefault(row.name, row)
            cursor = page.next_cursor
            if cursor is None or len(found) == limit:
                break
        return sorted(found.values(), key=lambda row: row.name)

    async def read(self, tenant_id: str, file_id_or_name: str, max_bytes: int) -> bytes | None:
        row = await self.find(tenant_id, file_id_or_name)
        if row is None:
            return None
        if row.size_bytes > max_bytes:
            raise UploadTooLong(
                f"{file_id_or_name!r} has {row.size_bytes:,} bytes; at most {max_bytes:,} are read of one file"
            )
        return await self.blobs.read(row.sha256)
