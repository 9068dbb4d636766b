"""A document that many read is parsed once, and what is kept stays within its bound."""

from __future__ import annotations

import asyncio

import pytest

from app.documents.cache import CachedDocuments
from app.ports.documents import EVERYTHING, Document, Part, Selection
from app.ports.workspace import UnreadableDocument

pytestmark = pytest.mark.anyio


class Counting:
    """Reads a document as its own text, once it may, and counts."""

    def __init__(self) -> None:
        self.read_names: list[str] = []
        self.may_end = asyncio.Event()
        self.fails = False

    async def read(self, name: str, content: bytes, selection: Selection = EVERYTHING) -> Document:
        self.read_names.append(name)
        await self.may_end.wait()
        if self.fails:
            raise UnreadableDocument("broken")
        return Document(unit="text", parts=(Part(number=1, text=content.decode()),), total=1)

    async def main_text(self, html: bytes) -> str:
        return html.decode()


def text(document: Document) -> str:
    return document.parts[0].text


async def test_readers_at_the_same_time_and_later_share_one_reading() -> None:
    inner = Counting()
    cached = CachedDocuments(inner)
    many = [asyncio.create_task(cached.read("a.txt", b"same")) for _ in range(50)]
    while sum(waiting for _, waiting in cached._reading.values()) < 50:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    inner.may_end.set()

    assert {text(document) for document in await asyncio.gather(*many)} == {"same"}
    assert text(await cached.read("elsewhere/b.txt", b"same")) == "same"
    assert inner.read_names == ["a.txt"]


async def test_other_content_kind_or_selection_is_read_anew() -> None:
    inner = Counting()
    inner.may_end.set()
    cached = CachedDocuments(inner)

    assert text(await cached.read("a.txt", b"one")) == "one"
    assert text(await cached.read("a.txt", b"two")) == "two"
    await cached.read("a.html", b"one")
    await cached.read("a.txt", b"one", Selection(pages=((1, 2),)))
    assert inner.read_names == ["a.txt", "a.txt", "a.html", "a.txt"]


async def test_a_reader_that_is_cancelled_or_fails_leaves_it_to_the_next() -> None:
    inner = Counting()
    cached = CachedDocuments(inner)
    first, second = (asyncio.create_task(cached.read(name, b"same")) for name in ("first.txt", "second.txt"))
    while not inner.read_names:
        await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    inner.may_end.set()
    assert text(await second) == "same"

    inner.fails = True
    for _ in range(2):
        with pytest.raises(UnreadableDocument):
            await cached.read("b.txt", b"other")
    assert len(inner.read_names) == 4
    assert not cached._reading


async def test_what_was_not_read_for_the_longest_time_makes_room() -> None:
    inner = Counting()
    inner.may_end.set()
    cached = CachedDocuments(inner, max_chars=10)
    for content in (b"aaaa", b"bbbb", b"aaaa", b"cccc", b"aaaa", b"bbbb"):
        await cached.read("a.txt", content)
    assert inner.read_names == ["a.txt"] * 4  # a, b, c, and b again

    for _ in range(2):
        await cached.read("a.txt", b"too long")
    assert len(inner.read_names) == 6
    assert cached._chars <= 10
    assert await cached.main_text(b"x") == "x"
