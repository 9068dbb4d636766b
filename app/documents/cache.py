"""Documents that were read lately, so that hundreds of sub-agents who page through the same report parse it once."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict

from app.documents.kinds import suffix_of
from app.ports.documents import EVERYTHING, Document, DocumentReader, Selection

MAX_CHARS = 16_000_000
"""Of text that is kept, all documents together."""

_Key = tuple[bytes, str, Selection]


class CachedDocuments:
    """A ``ports.documents.DocumentReader`` before another one; what is kept is told apart by content, not by name.

    Readers of the same document at the same time wait for the first; when that one is cancelled or fails, the next one
    reads.
    """

    def __init__(self, reader: DocumentReader, max_chars: int = MAX_CHARS) -> None:
        self._reader = reader
        self._max_chars = max_chars
        self._kept: OrderedDict[_Key, tuple[Document, int]] = OrderedDict()
        self._chars = 0
        self._reading: dict[_Key, tuple[asyncio.Lock, int]] = {}

    async def read(self, name: str, content: bytes, selection: Selection = EVERYTHING) -> Document:
        """See ``ports.documents.DocumentReader``."""
        digest = await asyncio.to_thread(lambda: hashlib.blake2b(content, digest_size=32).digest())
        key = (digest, suffix_of(name), selection)
        lock, waiting = self._reading.get(key, (asyncio.Lock(), 0))
        self._reading[key] = (lock, waiting + 1)
        try:
            async with lock:
                kept = self._kept.get(key)
                if kept is not None:
                    self._kept.move_to_end(key)
                    return kept[0]
                document = await self._reader.read(name, content, selection)
                self._keep(key, document)
                return document
        finally:
            lock, waiting = self._reading.pop(key)
            if waiting > 1:
                self._reading[key] = (lock, waiting - 1)

    async def main_text(self, html: bytes) -> str:
        """See ``ports.documents.DocumentReader``; pages of the web are not kept."""
        return await self._reader.main_text(html)

    def _keep(self, key: _Key, document: Document) -> None:
        length = sum(len(part.text) for part in document.parts)
        if length > self._max_chars // 2:
            return
        self._kept[key] = (document, length)
        self._chars += length
        while self._chars > self._max_chars:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._chars -= dropped
