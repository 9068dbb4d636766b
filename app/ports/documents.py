"""Documents of every kind to text, page by page or sheet by sheet; their parsers run where they can do no harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is wanted of a document.

    Attributes:
        pages: ranges of page numbers from 1, both ends included, an end of None is the last page; empty: all.
        sheet: name of a sheet, or its number from 1; None: all.
    """

    pages: tuple[tuple[int, int | None], ...] = ()
    sheet: str | None = None


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A page, a sheet (a row a line, cells parted by tabs) or the whole of a document that has neither.

    Attributes:
        number: from 1, in the document.
        name: of the sheet; else empty.
    """

    number: int
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was selected and could be read.

    Attributes:
        unit: what its parts are: ``page``, ``sheet`` or, where there is one part only, ``text``.
        total: parts of the whole document.
        names: of all sheets.
        unread_from: the page (or the row of the last part) from which on nothing was read, because it took too long or
            grew too large; None where all that was selected is here.
    """

    unit: str
    parts: tuple[Part, ...]
    total: int
    names: tuple[str, ...] = ()
    unread_from: int | None = None


class DocumentReader(Protocol):
    async def read(self, name: str, content: bytes, selection: Selection = EVERYTHING) -> Document:
        """Return the text of a document; the end of ``name`` and the content itself say of what kind it is.

        Bounded in time, memory and length, whatever the document holds. Cancelling leaves nothing running.

        Raises:
            ports.workspace.UnreadableDocument: binary, broken, hostile, of a kind that is not supported, a selection
                that it does not have, or a library is missing.
        """
        ...

    async def main_text(self, html: bytes) -> str:
        """Return the main text of a web page, without its navigation. ``html`` is UTF-8, or declares its encoding.

        Raises:
            ports.workspace.UnreadableDocument: see ``read``.
        """
        ...
