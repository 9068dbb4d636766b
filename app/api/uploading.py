"""Bodies that are files, read as they come: as they are, or the one file of a ``multipart/form-data`` body (RFC 7578).

Nothing but the file is kept, and of that only the chunk that was just read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.domain.errors import InvalidRequest

_FORM = b"multipart/form-data"
_MAX_FIELDS_BYTES = 64 * 1024
"""Of fields beside the file, which are read and dropped."""

_NOT_SAID = frozenset({"", "application/x-www-form-urlencoded"})
"""What clients send that were told of no media type."""


@dataclass(frozen=True, slots=True)
class Upload:
    """``name`` is None where the body does not say; ``media_type`` likewise. ``content`` can be read once."""

    name: str | None
    media_type: str | None
    content: AsyncIterator[bytes]
    is_form: bool


async def upload_of(request: Request) -> Upload:
    """Return the file of a request, its content yet to come.

    Raises:
        InvalidRequest: the form is malformed or holds no file; while the content is read, too.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != _FORM:
        said = kind.decode("latin-1")
        return Upload(None, None if said in _NOT_SAID else said, request.stream(), is_form=False)
    boundary = options.get(b"boundary")
    if not boundary or len(boundary) > 70:
        raise InvalidRequest.field("", "the form names no boundary of 1 to 70 characters")
    form = _Form(request.stream(), boundary)
    name, media_type = await form.open_file()
    return Upload(name, media_type, form.content(), is_form=True)


class _Form:
    """A form with one file; ``events`` is what the parser met and nobody has read yet."""

    def __init__(self, body: AsyncIterator[bytes], boundary: bytes) -> None:
        self._body = body
        self._events: deque[tuple[str, bytes]] = deque()
        self._fields_bytes = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: self._events.append(("part", b"")),
                "on_header_field": lambda data, start, end: self._events.append(("field", data[start:end])),
                "on_header_value": lambda data, start, end: self._events.append(("value", data[start:end])),
                "on_header_end": lambda: self._events.append(("header", b"")),
                "on_headers_finished": lambda: self._events.append(("headers", b"")),
                "on_part_data": lambda data, start, end: self._events.append(("data", data[start:end])),
                "on_part_end": lambda: self._events.append(("part end", b"")),
                "on_end": lambda: self._events.append(("end", b"")),
            },
        )

    async def open_file(self) -> tuple[str, str | None]:
        """Read up to the content of the first part that is a file; return its name and media type."""
        headers: dict[str, str] = {}
        field = value = b""
        async for kind, data in self._read():
            match kind:
                case "part":
                    headers = {}
                case "field":
                    field += data
                case "value":
                    value += data
                case "header":
                    headers[field.decode("latin-1").lower()] = value.decode("utf-8", "replace")
                    field = value = b""
                case "headers":
                    name = _file_name(headers.get("content-disposition", ""))
                    if name is not None:
                        return name, headers.get("content-type") or None
                case "data":
                    self._count_field(data)
        raise InvalidRequest.field("/file", "the form holds no file")

    async def content(self) -> AsyncIterator[bytes]:
        """The content of the file; what comes behind it must be fields only, and the form must be whole."""
        inside, ended = True, False
        async for kind, data in self._read():
            match kind:
                case "data" if inside:
                    yield data
                case "data":
                    self._count_field(data)
                case "part end":
                    inside = False
                case "value" if b"filename" in data:
                    raise InvalidRequest.field("/file", "the form holds several files; send one a request")
                case "end":
                    ended = True
        if not ended:
            raise InvalidRequest.field("/file", "the form ends before its last boundary")

    async def _read(self) -> AsyncIterator[tuple[str, bytes]]:
        while True:
            while self._events:
                yield self._events.popleft()
            try:
                chunk = await anext(self._body)
            except StopAsyncIteration:
                return
            try:
                self._parser.write(chunk)
            except FormParserError as exc:
                raise InvalidRequest.field("", f"the form is malformed: {exc}") from exc

    def _count_field(self, data: bytes) -> None:
        self._fields_bytes += len(data)
        if self._fields_bytes > _MAX_FIELDS_BYTES:
            raise InvalidRequest.field("", f"more than {_MAX_FIELDS_BYTES:,} bytes of fields beside the file")


def _file_name(disposition: str) -> str | None:
    """Return the file name of a part, None where it is a field. Browsers send it in UTF-8 as it is."""
    _, options = parse_options_header(disposition.encode())
    name = options.get(b"filename")
    return None if name is None else name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
