"""Uploaded images and videos in prompts: checked before anything is stored, data URIs only while a call is made."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import orjson

from app.domain.errors import FieldError, InvalidRequest
from app.domain.media_formats import HEAD_BYTES, media_type_of
from app.domain.parts import IMAGE, MEDIA, UPLOAD_PREFIX, Content, pictured, url_of, with_url
from app.domain.task import TaskKind, TaskSpec
from app.ports.blobs import Blobs, ContentMissing
from app.ports.files import FileRow, FileStore
from app.ports.pictures import PictureUnavailable
from app.ports.provider import JsonObject

_CALLS_AT_ONCE = 4
"""Calls whose uploads may be on their way at the same time if each is sent as much as it may be: in memory they are
there about five times, as bytes, as text, in the body of the request and on its way to the socket."""


class PictureService:
    """``ports.pictures.Pictures``, and the check before a run is stored.

    Args:
        max_call_bytes: of uploads that one call may be sent.
    """

    def __init__(self, files: FileStore, blobs: Blobs, max_call_bytes: int) -> None:
        self._files = files
        self._blobs = blobs
        self._max_call_bytes = max_call_bytes
        self._room = _Room(max_call_bytes * _CALLS_AT_ONCE)

    async def check(self, tenant_id: str, tasks: Sequence[TaskSpec]) -> None:
        """Check the uploads that prompts name.

        Raises:
            InvalidRequest: a file that the tenant does not have, one that is no image or video by its content, or more
                bytes than one call may be sent; its pointer names the part.
        """
        known: dict[str, str] = {}
        for index, task in enumerate(tasks):
            if pictured(task.payload):
                pointer = "/goal" if task.kind is TaskKind.PLANNER else f"/tasks/{index}/prompt"
                await self.check_content(tenant_id, orjson.loads(task.payload)["prompt"], pointer, known)

    async def check_content(
        self, tenant_id: str, content: Any, pointer: str, known: dict[str, str] | None = None
    ) -> None:
        """Check the uploads in one message's content.

        Args:
            pointer: JSON pointer of the content.
            known: media types of uploads that were looked at before, by id.
        """
        known = {} if known is None else known
        size = 0
        for at, part in _uploads(content):
            place = f"{pointer}/{at}/{part['type']}/url"
            row = await self._files.get(tenant_id, url_of(part))
            if row is None:
                raise InvalidRequest.field(place, f"there is no uploaded file {url_of(part)[:80]!r}")
            size += row.size_bytes
            if size > self._max_call_bytes:
                raise InvalidRequest.field(place, self._too_large(size))
            if row.file_id not in known:
                known[row.file_id] = await self._media_type(row) or ""
            try:
                _check_kind(part, row, known[row.file_id])
            except PictureUnavailable as exc:
                raise InvalidRequest(f"{place}: {exc.detail}", [FieldError(place, exc.detail)]) from exc

    def sendable(
        self, tenant_id: str, messages: Sequence[JsonObject]
    ) -> AbstractAsyncContextManager[Sequence[JsonObject]]:
        return self._sendable(tenant_id, messages)

    @asynccontextmanager
    async def _sendable(self, tenant_id: str, messages: Sequence[JsonObject]) -> AsyncIterator[Sequence[JsonObject]]:
        wanted = {url_of(part) for message in messages for _, part in _uploads(message.get("content"))}
        if not wanted:
            yield messages
            return
        rows: dict[str, FileRow] = {}
        for file_id in sorted(wanted):
            row = await self._files.get(tenant_id, file_id)
            if row is None:
                raise PictureUnavailable(f"the uploaded file {file_id[:80]!r} was deleted")
            rows[file_id] = row
        named = [url_of(part) for message in messages for _, part in _uploads(message.get("content"))]
        size = sum(rows[file_id].size_bytes for file_id in named)
        if size > self._max_call_bytes:
            raise PictureUnavailable(self._too_large(size))
        await self._room.take(size)
        try:
            uris = {file_id: await self._data_uri(row) for file_id, row in rows.items()}
            yield [_filled_in(message, rows, uris) for message in messages]
        finally:
            self._room.give(size)

    async def _data_uri(self, row: FileRow) -> tuple[str, str]:
        """Return the media type and the data URI of a file."""
        try:
            content = await self._blobs.read(row.sha256)
        except ContentMissing as exc:
            raise PictureUnavailable(f"the content of the uploaded file {row.file_id!r} is gone") from exc
        media_type = media_type_of(content[:HEAD_BYTES]) or ""
        encoded = await asyncio.to_thread(lambda: base64.b64encode(content).decode())
        return media_type, f"data:{media_type};base64,{encoded}"

    async def _media_type(self, row: FileRow) -> str | None:
        def head() -> bytes:
            return next(self._blobs.chunks(row.sha256), b"")[:HEAD_BYTES]

        try:
            return media_type_of(await asyncio.to_thread(head))
        except ContentMissing:
            return None

    def _too_large(self, size: int) -> str:
        return f"{size:,} bytes of uploads; one call is sent at most {self._max_call_bytes:,}"


class _Room:
    """Bounds the bytes that are on their way, first come, first served; one call alone always passes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        if not self._waiting and self._fits(size):
            self._used += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._let_in()  # it may have been in the way of smaller ones
            else:
                self.give(size)
            raise

    def give(self, size: int) -> None:
        self._used -= size
        self._let_in()

    def _fits(self, size: int) -> bool:
        return not self._used or self._used + size <= self._max_bytes

    def _let_in(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.done():
                if not self._fits(size):
                    return
                self._used += size
                turn.set_result(None)
            self._waiting.popleft()


def _uploads(content: Content | None) -> list[tuple[int, JsonObject]]:
    """Return the parts whose address is the id of an upload, each with its place."""
    if not isinstance(content, list):
        return []
    return [
        (at, part)
        for at, part in enumerate(content)
        if part.get("type") in MEDIA and url_of(part).startswith(UPLOAD_PREFIX)
    ]


def _check_kind(part: JsonObject, row: FileRow, media_type: str) -> None:
    kind = "image" if part["type"] == IMAGE else "video"
    if not media_type.startswith(f"{kind}/"):
        found = media_type or f"neither an image nor a video that is known here ({row.name!r})"
        raise PictureUnavailable(f"expected a file that is {kind} by its content; {row.file_id} is {found}")


def _filled_in(message: JsonObject, rows: dict[str, FileRow], uris: dict[str, tuple[str, str]]) -> JsonObject:
    uploads = dict(_uploads(message.get("content")))
    if not uploads:
        return message
    content = list(message["content"])
    for at, part in uploads.items():
        media_type, uri = uris[url_of(part)]
        _check_kind(part, rows[url_of(part)], media_type)
        content[at] = with_url(part, uri)
    return {**message, "content": content}
