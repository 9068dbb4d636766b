"""Kinds of documents that a library reads: by their first bytes and the end of their names."""

from __future__ import annotations

_ZIP = b"PK\x03\x04"
_BY_SUFFIX = {"docx": "docx", "docm": "docx", "dotx": "docx", "xlsx": "xlsx", "xlsm": "xlsx", "xltx": "xlsx"}

_BY_PART = ((b"word/document.xml", "docx"), (b"xl/workbook.xml", "xlsx"))
"""Names that stand uncompressed in the directory of such a zip; for files without an own name."""


def suffix_of(name: str) -> str:
    """The end of a file's name after its last dot, in lower case; empty where it has none."""
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return suffix.lower() if dot and stem else ""


def parsed_kind(name: str, content: bytes) -> str | None:
    """``pdf``, ``docx`` or ``xlsx``; None for everything else, text among it."""
    suffix = suffix_of(name)
    # Readers of PDF take some bytes before the mark.
    if content.startswith(b"%PDF-") or (suffix == "pdf" and b"%PDF-" in content[:1024]):
        return "pdf"
    if not content.startswith(_ZIP):
        return None
    return _BY_SUFFIX.get(suffix) if suffix else next((kind for part, kind in _BY_PART if part in content), None)
