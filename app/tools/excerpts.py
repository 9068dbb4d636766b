"""What a model is shown of a document: a bounded run of lines, or where some words stand, and how to get more. Pure.

Lines are numbered through all of what was selected (pages, a sheet, the whole) from 1; headings of parts do not count.
A line longer than ``LINE_CHARS`` counts as several, so that every place of a document can be asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from app.ports.documents import Document

LINE_CHARS = 2_000
CONTEXT_LINES = 2
MAX_MATCHES = 40
_PLAIN = str.maketrans("\u2018\u2019\u02bc\u201c\u201d\u2010\u2011\u2013\u2014", "'''\"\"----")
"""Typographic quotes and dashes, for which models write the plain ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """All lines of a document; ``starts`` are the numbers of the first line of each part, ``labels`` their headings."""

    lines: list[str]
    starts: list[int]
    labels: list[str]

    def label_at(self, number: int) -> str:
        """The heading of the part that line ``number`` is in; empty where there is one part only."""
        return self.labels[bisect_right(self.starts, number) - 1]


def numbered(document: Document) -> Numbered:
    """Break a document into lines."""
    lines: list[str] = []
    starts: list[int] = []
    labels: list[str] = []
    for part in document.parts:
        starts.append(len(lines) + 1)
        name = f": {part.name}" if part.name else ""
        labels.append("" if document.unit == "text" else f"[{document.unit} {part.number} of {document.total}{name}]")
        for line in part.text.split("\n"):
            pieces = [line[at : at + LINE_CHARS] for at in range(0, len(line), LINE_CHARS)] or [""]
            lines.extend(pieces)
    return Numbered(lines=lines, starts=starts, labels=labels)


def run_of_lines(text: Numbered, first: int, last: int | None, max_chars: int) -> str:
    """Lines ``first`` to ``last`` with the headings of their parts, as far as ``max_chars`` go, and what is left."""
    total = len(text.lines)
    wanted = total if last is None else min(last, total)
    shown: list[str] = []
    length, label, number = 0, "", first
    while number <= wanted:
        heading = text.label_at(number)
        piece = f"{heading}\n{text.lines[number - 1]}" if heading != label else text.lines[number - 1]
        length += len(piece) + 1
        if length > max_chars and shown:
            break
        label = heading
        shown.append(piece)
        number += 1
    if number <= wanted:
        shown.append(
            f"[lines {first}-{number - 1} of {total:,}; for more ask again with the same arguments"
            f' and "lines": "{number}-{wanted}"]'
        )
    elif first > 1 or wanted < total:
        shown.append(f"[lines {first}-{wanted} of {total:,}]")
    return "\n".join(shown)


def matches(text: Numbered, words: str, max_chars: int) -> tuple[str, int]:
    """Where ``words`` stand, in any case, with any blanks, quotes and dashes, and the lines around; and how often."""
    folded = [_folded(line) for line in text.lines]
    sought = _folded(words)
    found = [number for number, line in enumerate(folded, 1) if sought in line]
    shown: list[str] = []
    if not found:
        each = sought.split()
        found = [number for number, line in enumerate(folded, 1) if all(word in line for word in each)]
        shown += ["[not in this order; lines that hold all of these words:]"] if found else []
    length, told, reached, label = 0, 0, 0, ""
    for number in found[:MAX_MATCHES]:
        first = max(number - CONTEXT_LINES, reached + 1)
        last = min(number + CONTEXT_LINES, len(text.lines))
        joins = first == reached + 1 and reached > 0 and text.label_at(number) == label
        piece = _around(text, first, last, number, joins=joins)
        if length + len(piece) > max_chars and told:
            break
        length += len(piece) + 1
        shown.append(piece)
        told, reached, label = told + 1, max(reached, last), text.label_at(number)
    if told < len(found):
        shown.append(f"[{told} of {len(found):,} matches; look for more words, or read on by lines from {reached + 1}]")
    return "\n".join(piece for piece in shown if piece), len(found)


def _folded(line: str) -> str:
    return " ".join(line.translate(_PLAIN).casefold().split())


def _around(text: Numbered, first: int, last: int, match: int, *, joins: bool) -> str:
    if first > last:  # already shown with the match before
        return ""
    label = text.label_at(match)
    heading = [] if joins else [f"{label or '[text]'} lines {first}-{last}"]
    return "\n".join([*heading, *(f"{number}: {text.lines[number - 1]}" for number in range(first, last + 1))])
