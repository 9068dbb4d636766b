"""The lines of a document in order, each with the section (``Item 1A``) it stands in: where an answer was found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.html_text import looks_like_html, read_html
from app.providers.offline.documents import MAX_CHARACTERS
from app.providers.offline.text import shorten, squeeze

MAX_PASSAGES = 60_000

WRAPPED = range(45, 140)
"""Lengths of a line that a writer's margin may have broken off, and not the end of a paragraph."""

_ITEMS = (
    *("1", "1A", "1B", "1C", "2", "3", "4", "5", "6", "7", "7A", "8", "9", "9A", "9B", "9C"),
    *("10", "11", "12", "13", "14", "15", "16"),
)
"""The parts of an annual report in their order (SEC Form 10-K, 2024)."""

_ITEM = re.compile(r"^(?:#{1,6} )?item\s+(\d{1,2}[a-c]?)(?![\w)])[.:\s|\u2013\u2014-]*(.*)$", re.IGNORECASE)
_UNDERLINE = re.compile(r"^([=\-~^*+#])\1{2,}$")
_FIELD = re.compile(r"^[A-Z][\w -]{1,24}: ")
_MARKDOWN = re.compile(r"^#{1,6} (\S.{0,200})$")
_SPLIT = ((re.compile(r"([$€£(]) \|(?: \|)* (?=[\d(.])"), r"\1"), (re.compile(r"(?<=\d) \| ([)%]+)"), r"\1"))
"""Reports typeset currency signs, closing brackets and percent signs in cells of their own."""
_EMPTY_CELLS = re.compile(r"\|(?:\s*\|)+")
_FURNITURE = re.compile(r"^(?:table of contents|page \d+|\d{1,4}|f-\d+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph, heading or table row on one line; ``section`` is empty before the first heading."""

    text: str
    section: str

    @property
    def cells(self) -> list[str]:
        return [cell.strip() for cell in self.text.split("|")]


def read_passages(text: str) -> list[Passage]:
    """Every line of ``text`` (HTML or plain) that says something, page numbers and repeated headers left out."""
    text = text[:MAX_CHARACTERS]
    blocks: Iterable[str] = read_html(text).blocks if looks_like_html(text) else _lines(text)
    lines = [line for block in blocks if (line := tidy(block)) and not _FURNITURE.match(line)][:MAX_PASSAGES]
    section = _section_before(lines)
    passages: list[Passage] = []
    for at, line in enumerate(lines):
        if _UNDERLINE.match(line):
            continue
        is_underlined = len(line) < 100 and at + 1 < len(lines) and _UNDERLINE.match(lines[at + 1]) is not None
        section = _heading(f"# {line}" if is_underlined else line) or section
        passages.append(Passage(line, section))
    return passages


def tidy(line: str) -> str:
    """A line with figures in one cell each and without empty cells."""
    line = squeeze(line).replace("\u200b", "")
    if "|" in line:
        line = _EMPTY_CELLS.sub("|", line)
        for pattern, replacement in _SPLIT:
            line = pattern.sub(replacement, line)
    return line.strip(" |")


def _lines(text: str) -> Iterable[str]:
    """Plain text as lines, those put together that only the margin has parted."""
    held = ""
    for raw in text.replace("\r\n", "\n").split("\n"):
        line = raw.strip()
        stands_alone = (
            not line
            or _UNDERLINE.match(line) is not None
            or "|" in line
            or _ITEM.match(line) is not None
            or line.startswith(("#", "-", "*", "•"))
        )
        if held and (
            stands_alone or _FIELD.match(line) or len(held.rpartition("\n")[2]) not in WRAPPED or held[-1] in ".:!?|"
        ):
            yield held
            held = ""
        if stands_alone:
            if line:
                yield line
        else:
            held = f"{held}\n{line}" if held else line
    if held:
        yield held


def _heading(line: str) -> str:
    """The name of the section that ``line`` begins; empty for any other line."""
    if len(line) > 200:
        return ""
    item = _ITEM.match(line)
    if item is not None:
        # "Item 601 of Regulation S-K", "Item 7 of this report": a reference, not a heading.
        is_heading = (
            item.group(1).upper() in _ITEMS
            and item.group(2)[:1] not in {",", ")"}
            and (not item.group(2)[:1].islower() and not line.endswith(","))
        )
        return f"Item {item.group(1).upper()}" if is_heading else ""
    markdown = _MARKDOWN.match(line)
    return shorten(markdown.group(1).strip("# "), 80).translate(_BRACKETS) if markdown else ""


_BRACKETS = str.maketrans({"[": "(", "]": ")", "\u2026": ""})


def _section_before(lines: list[str]) -> str:
    """The item that a part of a report begins in: the one before the first heading in it."""
    for line in lines:
        section = _heading(line)
        if section.startswith("Item "):
            at = _ITEMS.index(section[5:])
            return f"Item {_ITEMS[at - 1]}" if at and line is not lines[0] else ""
        if section:
            return ""
    return ""
