"""Contents of files as responses. They come from models and clients, so no browser may take them for our own pages.

``nosniff`` keeps the media type as declared, ``attachment`` has the browser save instead of show, and where it shows
all the same the sandbox gives the document an origin of its own, without scripts (CSP level 3, ``sandbox``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import cast
from urllib.parse import quote

from fastapi.responses import StreamingResponse

from app.ports.blobs import Blobs

_PROTECTED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}


async def download(blobs: Blobs, sha256: str, *, name: str, media_type: str, size_bytes: int) -> StreamingResponse:
    """Return a content as a response.

    Raises:
        ContentMissing: see there; before anything was sent.
    """
    chunks = cast(AsyncGenerator[bytes, None], blobs.stream(sha256))
    first = await anext(chunks, b"")
    headers = _PROTECTED | {
        "Content-Disposition": disposition(name),
        "Content-Length": str(size_bytes),
        "ETag": f'"{sha256}"',
    }
    is_text = media_type.startswith("text/") and "charset" not in media_type
    kind = f"{media_type}; charset=utf-8" if is_text else media_type
    return StreamingResponse(_rest(first, chunks), headers=headers | {"Content-Type": kind})


def archive(chunks: Iterator[bytes], name: str) -> StreamingResponse:
    """Return a zip archive as a response; ``chunks`` is run in threads."""
    headers = _PROTECTED | {"Content-Disposition": disposition(name)}
    return StreamingResponse(chunks, headers=headers, media_type="application/zip")


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
