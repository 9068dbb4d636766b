"""PDF to text, a part a page (pypdf). Runs in the process of ``worker`` only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from app.documents.limits import MAX_CHARS, READING_S
from app.ports.documents import Document, Part, Selection
from app.ports.workspace import UnreadableDocument


def read_pdf(content: bytes, selection: Selection) -> Document:
    """Read the selected pages until the time or the length of one document is used up."""
    try:
        reader = PdfReader(BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableDocument("it is protected by a password")
        total = len(reader.pages)
    except DependencyError as exc:
        raise UnreadableDocument("it is encrypted in a way that cannot be read here") from exc
    except PyPdfError as exc:
        raise UnreadableDocument(f"it is no PDF that can be read: {str(exc)[:200]}") from exc
    if total == 0:
        raise UnreadableDocument("it has no pages")
    parts: list[Part] = []
    length = 0
    for number in _numbers(selection, total):
        if length > MAX_CHARS or time.process_time() > READING_S:
            return Document(unit="page", parts=tuple(parts), total=total, unread_from=number)
        text = _page(reader, number)
        length += len(text)
        parts.append(Part(number=number, text=text[:MAX_CHARS]))
    return Document(unit="page", parts=tuple(parts), total=total)


def _page(reader: PdfReader, number: int) -> str:
    try:
        return reader.pages[number - 1].extract_text().replace("\0", "\ufffd").strip()
    except (MemoryError, RecursionError):
        raise
    except Exception as exc:  # a broken page raises whatever its bytes lead to; the others may be fine
        return f"[this page cannot be read: {type(exc).__name__}]"


def _numbers(selection: Selection, total: int) -> Iterator[int]:
    if not selection.pages:
        yield from range(1, total + 1)
        return
    if all(first > total for first, _ in selection.pages):
        raise UnreadableDocument(f"it has {total} page{'s' * (total != 1)}, none of those asked for")
    wanted = [range(first, min(total if last is None else last, total) + 1) for first, last in selection.pages]
    yield from dict.fromkeys(number for numbers in wanted for number in numbers)  # each once, however often asked for
