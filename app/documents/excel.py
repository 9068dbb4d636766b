"""Excel workbooks to text, a part a sheet, a row a line, cells parted by tabs (openpyxl). Runs in ``worker`` only."""

from __future__ import annotations

import datetime as dt
import re
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from itertools import zip_longest
from typing import Any

import openpyxl
from openpyxl.xml import DEFUSEDXML

from app.documents.limits import MAX_CHARS, READING_S
from app.documents.office_zip import check_zip
from app.ports.documents import Document, Part, Selection
from app.ports.workspace import UnreadableDocument

_MAX_SHEET_ROWS = 200_000
_PIECE_BYTES = 1024 * 1024
_LONGEST_BYTES = 300
_UNCOMPUTED = re.compile(rb"(?:</f>|<f(?: [^<>]*)?/>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")


def read_excel(content: bytes, selection: Selection) -> Document:
    """Read the selected sheets; of a formula its last computed value, or where there is none the formula itself.

    Rows without a value are left out.
    """
    if not DEFUSEDXML:  # without it, entities of the workbook's XML would be expanded
        raise ModuleNotFoundError("No module named 'defusedxml'", name="defusedxml")
    check_zip(content)
    try:
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
        formulas = None
        if _has_uncomputed(content):
            formulas = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=False, keep_links=False)
    except (MemoryError, RecursionError):
        raise
    except Exception as exc:  # the library raises whatever wrong parts lead to
        raise UnreadableDocument(f"it is no Excel workbook that can be read ({type(exc).__name__})") from exc
    sheets = list(book.worksheets)
    with_formulas = [None] * len(sheets) if formulas is None else list(formulas.worksheets)
    names = tuple(sheet.title for sheet in sheets)
    parts: list[Part] = []
    left = MAX_CHARS
    for number in _numbers(names, selection.sheet):
        lines, cut = _sheet(sheets[number - 1], with_formulas[number - 1], left)
        parts.append(Part(number=number, name=names[number - 1], text="\n".join(lines)))
        left -= sum(len(line) + 1 for line in lines)
        if cut:
            return _document(parts, names, len(lines) + 1)
    return _document(parts, names, None)


def _document(parts: list[Part], names: tuple[str, ...], unread_from: int | None) -> Document:
    return Document(unit="sheet", parts=tuple(parts), total=len(names), names=names, unread_from=unread_from)


def _numbers(names: tuple[str, ...], wanted: str | None) -> list[int]:
    if wanted is None:
        return list(range(1, len(names) + 1))
    if wanted in names:
        return [names.index(wanted) + 1]
    folded = [name.strip().casefold() for name in names]
    if wanted.strip().casefold() in folded:
        return [folded.index(wanted.strip().casefold()) + 1]
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:6]) <= len(names):
        return [int(wanted[:6])]
    raise UnreadableDocument(f"it has no sheet {wanted[:60]!r}; its sheets are: {', '.join(names)[:2000]}")


def _has_uncomputed(content: bytes) -> bool:
    """Whether a formula has no value: programs that only write workbooks leave computing to whoever opens them."""
    with zipfile.ZipFile(BytesIO(content)) as opened:
        for member in opened.infolist():
            if not member.filename.startswith("xl/worksheets/") or member.is_dir():
                continue
            with opened.open(member) as sheet:
                tail = b""
                while piece := sheet.read(_PIECE_BYTES):
                    if _UNCOMPUTED.search(tail + piece):
                        return True
                    tail = piece[-_LONGEST_BYTES:]
    return False


def _sheet(sheet: Any, with_formulas: Any, max_chars: int) -> tuple[list[str], bool]:
    """The lines of a sheet, and whether there was more."""
    lines: list[str] = []
    length = 0
    try:
        for line in _lines(sheet, with_formulas):
            if length > max_chars or len(lines) == _MAX_SHEET_ROWS or time.process_time() > READING_S:
                return lines, True
            length += len(line) + 1
            if line:
                lines.append(line[:MAX_CHARS])
    except (MemoryError, RecursionError):
        raise
    except Exception as exc:  # see above; what came before it is of use
        lines.append(f"[the rest of this sheet cannot be read: {type(exc).__name__}]")
    return lines, False


def _lines(sheet: Any, with_formulas: Any) -> Iterator[str]:
    sheet.reset_dimensions()  # it declares any size, and rows would be filled up to it
    rows = sheet.iter_rows(values_only=True)
    if with_formulas is not None:
        with_formulas.reset_dimensions()
        rows = map(_computed_or_formula, rows, with_formulas.iter_rows(values_only=True))
    for row in rows:
        yield "\t".join(_cell(value) for value in row).rstrip("\t")


def _computed_or_formula(values: tuple[Any, ...], formulas: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        getattr(formula, "text", formula) if value is None else value
        for value, formula in zip_longest(values, formulas)
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    return " ".join(str(value).split())
