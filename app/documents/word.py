"""Word documents to text (python-docx): headings with ``#``, table rows with `` | ``. Runs in ``worker`` only.

The XML is walked directly: the library's own tables compute every cell's place anew, quadratic in their length.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import docx
from docx.oxml.ns import qn

from app.documents.limits import MAX_CHARS
from app.documents.office_zip import check_zip
from app.ports.documents import Document, Part
from app.ports.workspace import UnreadableDocument

_P, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_CONTENT_CONTROL, _ITS_CONTENT = qn("w:sdt"), qn("w:sdtContent")
_STYLE, _VALUE, _LIST = f"{qn('w:pPr')}/{qn('w:pStyle')}", qn("w:val"), f"{qn('w:pPr')}/{qn('w:numPr')}"
_PIECES = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_TEXT = qn("w:t")


def read_word(content: bytes) -> Document:
    """Read the body; headers, footnotes, comments and deleted text are left out."""
    check_zip(content)
    try:
        opened = docx.Document(BytesIO(content))
        headings = {style.style_id: style.name or "" for style in opened.styles}
        body = opened.element.body
    except (MemoryError, RecursionError):
        raise
    except (KeyError, ValueError, AttributeError, BadZipFile, SyntaxError) as exc:  # what wrong parts lead to
        raise UnreadableDocument(f"it is no Word document that can be read ({type(exc).__name__})") from exc
    lines: list[str] = []
    length = 0
    for line in _lines(body, headings):
        if length > MAX_CHARS:
            return Document(unit="text", parts=(_whole(lines),), total=1, unread_from=len(lines) + 1)
        length += len(line) + 1
        lines.append(line[:MAX_CHARS])
    return Document(unit="text", parts=(_whole(lines),), total=1)


def _whole(lines: list[str]) -> Part:
    return Part(number=1, text="\n".join(lines).strip("\n"))


def _lines(body: Any, styles: dict[str, str]) -> Iterator[str]:
    waiting = [iter(body)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif element.tag == _P:
            yield from _paragraph(element, styles).split("\n")
        elif element.tag == _TABLE:
            yield ""
            for row in element.iterchildren(_ROW):
                yield " | ".join(" ".join(_text(cell, " ").split()) for cell in row.iterchildren(_CELL))
            yield ""
        elif element.tag == _CONTENT_CONTROL:
            waiting.extend(iter(content) for content in element.iterchildren(_ITS_CONTENT))


def _paragraph(element: Any, styles: dict[str, str]) -> str:
    text = _text(element, "").strip()
    style = element.find(_STYLE)
    name = styles.get(style.get(_VALUE), "") if style is not None else ""
    if name == "Title":
        return f"# {text}"
    word, _, level = name.partition(" ")
    if word.lower() == "heading" and level.isdigit() and 1 <= int(level) <= 9:
        return "\n" + "#" * min(int(level), 6) + " " + text
    return f"- {text}" if element.find(_LIST) is not None and text else text


def _text(element: Any, between: str) -> str:
    """All text below ``element``, ``between`` after each paragraph in it."""
    pieces: list[str] = []
    for piece in element.iter():
        if piece.tag == _TEXT:
            pieces.append(piece.text or "")
        elif piece.tag == _P:
            pieces.append(between)
        else:
            pieces.append(_PIECES.get(piece.tag, ""))
    return "".join(pieces)
