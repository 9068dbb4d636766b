"""Contents of files as responses. They come from models and clients, so no browser may take them for our own pages.

``nosniff`` keeps the media type as declared, ``attachment`` has the browser save instead of show, and where it shows
all the same the sandbox gives the document an origin of its own, without scripts (CSP level 3, ``sandbox``).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import cast
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from app.ports.blobs import Blobs

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})", re.IGNORECASE)
_PROTECTED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}


async def download(
    request: Request, blobs: Blobs, sha256: str, *, name: str, media_type: str, size_bytes: int
) -> Response:
    """Return a content as a response, or what of it the request asks for: its head, one range, only a newer one
    (RFC 9110, sections 9.3.2, 13.1.2 and 14). Several ranges at once are answered with the whole.

    Raises:
        ContentMissing: see there; before anything was sent.
    """
    tag = f'"{sha256}"'
    headers = _PROTECTED | {"Content-Disposition": disposition(name), "Accept-Ranges": "bytes", "ETag": tag}
    known = request.headers.get("if-none-match")
    if known is not None and (known.strip() == "*" or tag in _tags(known)):
        return Response(status_code=304, headers=headers)
    is_text = media_type.startswith("text/") and "charset" not in media_type
    headers["Content-Type"] = f"{media_type}; charset=utf-8" if is_text else media_type
    part = None
    if request.method == "GET" and request.headers.get("if-range", tag).strip() == tag:
        part = _range(request.headers.get("range", ""), size_bytes)
    first, end = part or (0, size_bytes)
    if first >= end and part is not None:
        unmet = headers | {"Content-Range": f"bytes */{size_bytes}", "Content-Type": "text/plain; charset=utf-8"}
        return Response(f"the content has {size_bytes:,} bytes", status_code=416, headers=unmet)
    headers["Content-Length"] = str(end - first)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size_bytes}"
    chunks = _part(cast(AsyncGenerator[bytes, None], blobs.stream(sha256)), first, end)
    begun = await anext(chunks, b"")
    if request.method == "HEAD":
        await chunks.aclose()
        return Response(headers=headers)
    return StreamingResponse(_rest(begun, chunks), status_code=200 if part is None else 206, headers=headers)


def archive(chunks: Iterator[bytes], name: str) -> StreamingResponse:
    """Return a zip archive as a response; ``chunks`` is run in threads."""
    headers = _PROTECTED | {"Content-Disposition": disposition(name)}
    return StreamingResponse(chunks, headers=headers, media_type="application/zip")


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


def _range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Return the first byte and the one behind the last, the former not before the latter where there are none; None
    where the whole is to be sent, also where what is asked for cannot be read."""
    found = _ONE_RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(size_bytes - int(found[2]), 0) if int(found[2]) else size_bytes, size_bytes
    first = int(found[1])
    if not found[2]:
        return first, size_bytes
    return (first, min(int(found[2]) + 1, size_bytes)) if int(found[2]) >= first else None


async def _part(chunks: AsyncGenerator[bytes, None], first: int, end: int) -> AsyncGenerator[bytes, None]:
    at = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            wanted = chunk[max(first - at, 0) : max(end - at, 0)]
            at += len(chunk)
            if wanted:
                yield wanted
            if at >= end:
                return


async def _rest(first: bytes, chunks: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(chunks):
        yield first
        async for chunk in chunks:
            yield chunk


def disposition(name: str) -> str:
    """Return the header that has a file saved under the last part of its name (RFC 6266, with its ASCII fallback)."""
    last = name.rpartition("/")[2]
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in last)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last, safe='')}"
