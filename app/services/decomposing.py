"""Decompositions and attachments: reads the files that a request names and has the domain make the tasks.

A path is that of an uploaded file, by its id or name, or else of a file of the workspace; ``./name`` is always the
latter, patterns are too.

Reading and planning run in threads, file by file, so that a cancelled request stops at the next file and the event loop
goes on. What one request may read is bounded in files, bytes and characters.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import assert_never

from app.domain.decompose.files import file_tasks
from app.domain.decompose.formats import format_tasks
from app.domain.decompose.mapping import map_tasks
from app.domain.decompose.requests import (
    POINTER,
    Bounds,
    Decomposition,
    FileSources,
    FilesRequest,
    FormatsRequest,
    MapRequest,
    RowsRequest,
)
from app.domain.decompose.rows import row_tasks
from app.domain.errors import InvalidRequest
from app.domain.planned import Attachment, PlannedTask
from app.domain.workspace_paths import parts_of
from app.ports.files import FileRow, Uploads, UploadTooLong
from app.ports.workspace import DocumentText, NotATable, TableRows, UnreadableDocument, Workspace, WorkspaceRefusal

ATTACHMENTS_POINTER = "/attachments"
_AT_ONCE = 2
"""Requests that read at the same time: each may hold tens of megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """What one request may read.

    Attributes:
        max_file_bytes: of one file as it is on disk; HTML is several times as long as its text.
        max_bytes: of all files.
        max_chars: of all texts.
    """

    max_file_bytes: int = 32 * 1024 * 1024
    max_bytes: int = 256 * 1024 * 1024
    max_chars: int = 32 * 1024 * 1024


class Decomposer:
    """Args:
    text_of: turns the bytes of a file into text.
    rows_of: turns the text of a table into rows.
    uploads: None where there are none.
    """

    def __init__(
        self,
        workspace: Workspace,
        text_of: DocumentText,
        rows_of: TableRows,
        bounds: Bounds,
        limits: ReadLimits | None = None,
        *,
        uploads: Uploads | None = None,
    ) -> None:
        self._uploads = uploads
        self._workspace = workspace
        self._text_of = text_of
        self._rows_of = rows_of
        self._bounds = bounds
        self._limits = limits or ReadLimits()
        self._reading = asyncio.Semaphore(_AT_ONCE)

    async def tasks(self, decompose: Decomposition, tenant_id: str | None = None) -> list[PlannedTask]:
        """Return the tasks of a decomposition, the same ones for the same request and files.

        Args:
            tenant_id: whose uploads may be read; None for nobody's.

        Raises:
            InvalidRequest: see the strategies in ``domain.decompose``; or a file that cannot be read.
        """
        match decompose:
            case RowsRequest():
                if decompose.path is None:
                    return await asyncio.to_thread(row_tasks, decompose, self._bounds)
                async with self._reading:
                    table = await self._one(decompose.path, tenant_id)
                    return await asyncio.to_thread(self._table_tasks, decompose, table)
            case MapRequest():
                return await asyncio.to_thread(map_tasks, decompose, self._bounds)
            case FormatsRequest():
                source = await self._source(decompose, tenant_id)
                return await asyncio.to_thread(format_tasks, decompose, source, self._bounds)
            case FilesRequest():
                async with self._reading:
                    documents = await self._read_all(decompose.sources, POINTER, tenant_id)
                    return await asyncio.to_thread(file_tasks, decompose, documents, self._bounds)
            case _:
                assert_never(decompose)

    async def attachments(
        self, sources: FileSources, pointer: str = ATTACHMENTS_POINTER, tenant_id: str | None = None
    ) -> list[Attachment]:
        """Return the texts that a request attaches: its paths, then what its patterns match, then what it sends.

        A file that several of them name comes once. Files without text that only a pattern names are left out.

        Raises:
            InvalidRequest: at a field below ``pointer``: a name that comes twice, a file that cannot be read or is no
                text, no file at all, or too many or too long ones.
        """
        async with self._reading:
            return await self._read_all(sources, pointer, tenant_id)

    async def _source(self, request: FormatsRequest, tenant_id: str | None) -> Attachment:
        if request.path is None:
            if request.source is None:
                raise InvalidRequest.field(f"{POINTER}/source", "expected a text, or the path of a file")
            return request.source
        async with self._reading:
            return await self._one(request.path, tenant_id)

    async def _one(self, path: str, tenant_id: str | None) -> Attachment:
        """Return the text of the file that the field ``path`` of a decomposition names."""
        reading = _Reading(self._workspace, self._text_of, self._bounds.max_tasks, self._limits)
        field = f"{POINTER}/path"
        upload = await self._upload(path, field, tenant_id)
        if upload is not None:
            return await self._uploaded(reading, upload, upload.name, field)
        return await asyncio.to_thread(reading.file, path, field)

    def _table_tasks(self, request: RowsRequest, table: Attachment) -> list[PlannedTask]:
        try:
            rows = self._rows_of(table.name, table.text)
        except NotATable as exc:
            raise InvalidRequest.field(f"{POINTER}/path", f"{table.name[:200]!r} is no table: {exc}") from exc
        return row_tasks(replace(request, data=rows), self._bounds)

    async def _upload(self, path: str, field: str, tenant_id: str | None) -> FileRow | None:
        if self._uploads is None or tenant_id is None or _spelled(path, field) != path:
            return None
        return await self._uploads.find(tenant_id, path)

    async def _uploaded(self, reading: _Reading, upload: FileRow, name: str, field: str) -> Attachment:
        assert self._uploads is not None
        try:
            content = await self._uploads.read(upload.tenant_id, upload.file_id, self._limits.max_file_bytes)
        except UploadTooLong as exc:
            raise InvalidRequest.field(field, exc.detail) from exc
        if content is None:
            raise InvalidRequest.field(field, f"the uploaded file {name!r} was deleted meanwhile")
        return await asyncio.to_thread(reading.content, name, content, field)

    async def _read_all(self, sources: FileSources, pointer: str, tenant_id: str | None) -> list[Attachment]:
        reading = _Reading(self._workspace, self._text_of, self._bounds.max_tasks, self._limits)
        asked: dict[str, str] = {}
        uploads: dict[str, FileRow] = {}
        for index, path in enumerate(sources.paths):
            field = f"{pointer}/paths/{index}"
            upload = await self._upload(path, field, tenant_id)
            if upload is None:
                _add_once(asked, _spelled(path, field), field)
                continue
            others = uploads.get(upload.name)
            told_apart = others is not None and others.file_id != upload.file_id
            name = f"{upload.file_id}/{upload.name}" if told_apart else upload.name
            _add_once(asked, name, field)
            uploads[name] = upload
        matched: dict[str, str] = {}
        for index, pattern in enumerate(sources.globs):
            field = f"{pointer}/glob/{index}" if len(sources.globs) > 1 else f"{pointer}/glob"
            for path in await asyncio.to_thread(reading.matches, pattern, field):
                if path in uploads:
                    raise InvalidRequest.field(
                        field, f"{path[:200]!r} is the name of an uploaded file that is named, too"
                    )
                if path not in asked:
                    matched.setdefault(path, field)
        names = asked | matched
        for index, file in enumerate(sources.files):
            _add_once(names, file.name, f"{pointer}/files/{index}/name")
        reading.check_count(len(names), pointer)

        found: list[Attachment] = []
        for path, field in asked.items():
            if path in uploads:
                found.append(await self._uploaded(reading, uploads[path], path, field))
            else:
                found.append(await asyncio.to_thread(reading.file, path, field))
        for path, field in matched.items():
            attachment = await asyncio.to_thread(reading.file, path, field)
            if attachment.text.strip():
                found.append(attachment)
        for index, file in enumerate(sources.files):
            found.append(await asyncio.to_thread(reading.sent, file, f"{pointer}/files/{index}/content"))
        if not found:
            raise InvalidRequest.field(pointer, "there is no file with text in what is named here")
        return found


class _Reading:
    """What one request has read so far; its methods block."""

    def __init__(self, workspace: Workspace, text_of: DocumentText, max_files: int, limits: ReadLimits) -> None:
        self._workspace = workspace
        self._text_of = text_of
        self._max_files = max_files
        self._limits = limits
        self._bytes_left = limits.max_bytes
        self._chars_left = limits.max_chars

    def check_count(self, files: int, pointer: str) -> None:
        if files > self._max_files:
            raise InvalidRequest.field(pointer, f"{files:,} files; at most {self._max_files:,} are taken")

    def matches(self, pattern: str, field: str) -> list[str]:
        try:
            found = self._workspace.find(pattern, self._max_files)
        except WorkspaceRefusal as exc:
            raise InvalidRequest.field(field, str(exc)) from exc
        if not found:
            raise InvalidRequest.field(field, f"{pattern[:200]!r} matches no file of the workspace")
        return found

    def file(self, path: str, field: str) -> Attachment:
        name = _spelled(path, field)
        try:
            content = self._workspace.read(name, self._limits.max_file_bytes)
        except WorkspaceRefusal as exc:
            raise InvalidRequest.field(field, str(exc)) from exc
        return self.content(name, content, field)

    def content(self, name: str, content: bytes, field: str) -> Attachment:
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise InvalidRequest.field(field, f"the files together have more than {self._limits.max_bytes:,} bytes")
        return self._attachment(name, content, field)

    def sent(self, file: Attachment, field: str) -> Attachment:
        return self._attachment(file.name, file.text.encode(), field)

    def _attachment(self, name: str, content: bytes, field: str) -> Attachment:
        try:
            text = self._text_of(name, content)
        except UnreadableDocument as exc:
            raise InvalidRequest.field(field, f"no text can be taken from {name!r}: {exc}") from exc
        self._chars_left -= len(text)
        if self._chars_left < 0:
            limit = f"more than {self._limits.max_chars:,} characters of text"
            raise InvalidRequest.field(field, f"the files together have {limit}")
        return Attachment(name=name, text=text)


def _add_once(names: dict[str, str], name: str, field: str) -> None:
    if name in names:
        raise InvalidRequest.field(field, f"{name[:200]!r} comes twice")
    names[name] = field


def _spelled(path: str, field: str) -> str:
    """The one spelling of a path, so that a file cannot come twice under two of them."""
    try:
        return "/".join(parts_of(path))
    except ValueError as exc:
        raise InvalidRequest.field(field, f"{path[:200]!r}: {exc}") from exc
