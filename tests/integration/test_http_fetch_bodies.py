"""Answers to requests that a model asks for end in bounded time and memory, whatever is sent."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from app.net.client import GuardedClient
from app.ports.fetching import FetchFailed, FetchRequest
from tests.support.web_pages import Site, raw_site, site

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncIterator[Site]:
    async with site() as made:
        yield made


async def test_a_decompression_bomb_ends_at_the_cap(server: Site) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000, 9)
    assert len(bomb) < 60_000
    assert len(gzip.decompress(bomb)) == 50_000_000  # what a client does that decompresses what it is sent

    server.says("/bomb", bomb, Content_Encoding="gzip")
    server.says("/twice", gzip.compress(bomb), Content_Encoding="gzip, gzip")
    server.says("/parts", gzip.compress(b"") * 1000, Content_Encoding="gzip")
    async with GuardedClient(allow_private=True) as client:
        with pytest.raises(FetchFailed, match="longer than the 1,000,000 bytes"):
            await client.fetch(FetchRequest(url=server.url("/bomb"), max_bytes=1_000_000))
        with pytest.raises(FetchFailed, match="not asked for"):
            await client.fetch(FetchRequest(url=server.url("/twice")))
        with pytest.raises(FetchFailed, match="more than 64 parts"):
            await client.fetch(FetchRequest(url=server.url("/parts")))


async def test_compressed_answers_come_whole_or_not_at_all(server: Site) -> None:
    text = "".join(f"line {number} of many\n" for number in range(60_000)).encode()
    packed = gzip.compress(text)
    server.says("/whole", packed, Content_Encoding="gzip")
    server.says("/members", gzip.compress(text) + gzip.compress(b"more") + b"\0\0", Content_Encoding="x-gzip")
    server.says("/zeros", gzip.compress(b"\0" * 786_432), Content_Encoding="gzip")
    server.says("/cut", packed[:-20], Content_Encoding="gzip")
    server.says("/broken", b"\x1f\x8b" + packed[40:], Content_Encoding="gzip")
    server.says("/deflate", zlib.compress(text), Content_Encoding="deflate")
    server.says("/empty", b"", Content_Encoding="gzip")
    async with GuardedClient(allow_private=True) as client:

        async def body(path: str) -> bytes:
            return (await client.fetch(FetchRequest(url=server.url(path)))).body

        assert await body("/whole") == text
        assert await body("/members") == text + b"more"
        assert await body("/zeros") == b"\0" * 786_432
        assert await body("/empty") == b""
        for path, says in {"/cut": "too early", "/broken": "broken", "/deflate": "not asked for"}.items():
            with pytest.raises(FetchFailed, match=says):
                await body(path)


async def test_an_answer_without_a_length_is_cut_off_at_the_cap() -> None:
    async with (
        raw_site(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 100_001) as port,
        GuardedClient(allow_private=True) as client,
    ):
        with pytest.raises(FetchFailed, match="longer than the 100,000 bytes"):
            await client.fetch(FetchRequest(url=f"http://127.0.0.1:{port}/", max_bytes=100_000))
        whole = await client.fetch(FetchRequest(url=f"http://127.0.0.1:{port}/", max_bytes=100_001))
        assert len(whole.body) == 100_001


@pytest.mark.parametrize(
    ("sent", "every_byte_s"),
    [
        (b"", 0.0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 0.0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + b"a" * 999, 0.02),
    ],
    ids=["silent", "hangs in the body", "a byte at a time"],
)
async def test_an_answer_that_takes_too_long_ends_in_time(sent: bytes, every_byte_s: float) -> None:
    async with (
        raw_site(sent, then_hang=True, every_byte_s=every_byte_s) as port,
        GuardedClient(allow_private=True) as client,
    ):
        began = asyncio.get_running_loop().time()
        with pytest.raises(FetchFailed, match=r"no whole answer within 0\.3 s"):
            await client.fetch(FetchRequest(url=f"http://127.0.0.1:{port}/", timeout_s=0.3))
        assert asyncio.get_running_loop().time() - began < 1.0


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
    ids=["nothing", "garbage", "cut", "huge header", "wrong chunk"],
)
async def test_a_broken_answer_is_a_clear_failure(sent: bytes) -> None:
    async with raw_site(sent) as port, GuardedClient(allow_private=True) as client:
        with pytest.raises(FetchFailed, match=r"127\.0\.0\.1"):
            await client.fetch(FetchRequest(url=f"http://127.0.0.1:{port}/", timeout_s=5))
