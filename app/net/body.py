"""Bodies of answers, decompressed here and not by the client: what a few bytes become is bounded while they grow."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator

import aiohttp

from app.ports.fetching import FetchFailed

_PIECE_BYTES = 256 * 1024
_GZIP = zlib.MAX_WBITS | 16
_MAGIC = b"\x1f\x8b"
_MAX_MEMBERS = 64


async def read_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Return the body, decompressed.

    Raises:
        FetchFailed: longer than ``max_bytes``, an encoding that was not asked for, or broken.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "", "gzip", "x-gzip"}:
        raise FetchFailed(f"the answer is encoded as {coding[:40]!r}, which was not asked for")
    body = _Bounded(max_bytes)
    if coding in {"identity", ""}:
        if response.content_length is not None and response.content_length > max_bytes:
            raise body.too_long()
        async for piece in response.content.iter_chunked(_PIECE_BYTES):
            body.add(piece)
    else:
        await _gunzip(response, body)
    return bytes(body.content)


class _Bounded:
    def __init__(self, max_bytes: int) -> None:
        self.content = bytearray()
        self.max_bytes = max_bytes

    def add(self, piece: bytes) -> None:
        if len(self.content) + len(piece) > self.max_bytes:
            raise self.too_long()
        self.content += piece

    def too_long(self) -> FetchFailed:
        return FetchFailed(f"the answer is longer than the {self.max_bytes:,} bytes that are read of one")


async def _gunzip(response: aiohttp.ClientResponse, body: _Bounded) -> None:
    reader = _Gunzip(body)
    sent_bytes = 0
    try:
        async for sent in response.content.iter_chunked(_PIECE_BYTES):
            sent_bytes += len(sent)
            if sent_bytes > body.max_bytes:
                raise body.too_long()
            for _ in reader.read(sent):
                await asyncio.sleep(0)  # a bomb must not keep the others waiting
    except zlib.error as exc:
        raise FetchFailed("the compressed answer is broken") from exc
    if sent_bytes and not reader.at_end:
        raise FetchFailed("the compressed answer ends too early")


class _Gunzip:
    """Several members one after another are one file (RFC 1952); what follows them is not looked at, as in browsers."""

    def __init__(self, body: _Bounded) -> None:
        self.at_end = False
        self._engine = zlib.decompressobj(_GZIP)
        self._body = body
        self._members = 1

    def read(self, sent: bytes) -> Iterator[None]:
        """Take in what was sent, a pause after each piece of the body."""
        waiting = sent
        while not self.at_end or waiting.startswith(_MAGIC):
            if self.at_end:
                self._next_member()
            self._body.add(self._engine.decompress(waiting, _PIECE_BYTES))
            yield
            self.at_end = self._engine.eof
            waiting = self._engine.unused_data if self.at_end else self._engine.unconsumed_tail
            if not waiting:
                return

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise FetchFailed(f"the compressed answer has more than {_MAX_MEMBERS} parts")
        self._engine = zlib.decompressobj(_GZIP)
        self.at_end = False
