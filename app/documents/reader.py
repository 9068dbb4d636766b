"""Adapter of ``ports.documents.DocumentReader``: text in a thread, everything else in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util

from app.documents.isolated import Workers
from app.documents.kinds import parsed_kind
from app.documents.text import text_of
from app.ports.documents import EVERYTHING, Document, Part, Selection
from app.ports.workspace import UnreadableDocument


class Documents:
    """Args:
    workers: the processes; owned by the caller.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._finds_main_text = importlib.util.find_spec("trafilatura") is not None

    async def read(self, name: str, content: bytes, selection: Selection = EVERYTHING) -> Document:
        """See ``ports.documents.DocumentReader``."""
        kind = parsed_kind(name, content)
        if selection.sheet is not None and kind != "xlsx":
            raise UnreadableDocument("it has no sheets: leave out `sheet`")
        if selection.pages and kind != "pdf":
            raise UnreadableDocument("it has no pages: leave out `pages` and use `lines`")
        if kind is not None:
            return await self._workers.read(kind, content, selection)
        text = await asyncio.to_thread(text_of, name, content)
        return Document(unit="text", parts=(Part(number=1, text=text),), total=1)

    async def main_text(self, html: bytes) -> str:
        """See ``ports.documents.DocumentReader``; the whole text where the main one cannot be found."""
        if self._finds_main_text:
            with contextlib.suppress(UnreadableDocument):  # too heavy for that library; our own reader is linear
                return (await self._workers.read("html", html)).parts[0].text
        return await asyncio.to_thread(text_of, "page.html", html)
