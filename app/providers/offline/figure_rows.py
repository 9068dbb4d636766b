"""Figures out of tables: the row that carries a matter, its newest year, and the unit that the table is in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.providers.offline.aspects import Aspect
from app.providers.offline.passages import Passage
from app.providers.offline.text import sentences, shorten

HEADER_LINES = 14
"""Lines above a row in which the years of its columns are looked for."""

UNIT_LINES = 60
"""Lines above a row in which "in millions" is looked for: the caption of a long table."""

_UNITS = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
_UNIT = re.compile(r"\b(thousand|million|billion)s\b", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_CELL = re.compile(
    r"^\(?[-\u2212]?([$€£]?) ?\(?([$€£]?)(\d[\d,]*(?:\.\d+)?)\)?(?: ?(million|billion|thousand))?$", re.I
)
_NEGATIVE = re.compile(r"^[$€£ ]*[(\u2212-]")
_SIGN = re.compile(r"([$€£]) ?\(?\d")
_FOOTNOTE = re.compile(r"^\(\w\)$")
_NOTE = r"(?:\s*\(\w{1,3}\)|\s*\[\w\])*:?"
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SAID = r"(?:[^.;|$€£]{0,60}?\b(?:was|were|of|to|reached|totall?ed)|:)\s*(?:approximately |about )?"
_WHOLE = (
    r"(?:^|^(?:in|for|during) [^,]{1,60}, "
    r"|\b(?:our|its|the company['\u2019]s|consolidated|annual|reported|record)\s)\s*"
)
_MONEY = r"([$€£])\s?(\d[\d,]*(?:\.\d+)?)(?: (thousand|million|billion|trillion))?"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its evidence."""

    value: str
    quote: str
    section: str


@dataclass(frozen=True, slots=True)
class _Row:
    at: int
    rank: int
    label: str
    figures: list[str]
    raw: list[str]
    years: list[int]
    unit: str


def find_figure(aspect: Aspect, passages: Sequence[Passage]) -> Figure | None:
    """The figure of the whole company for the newest year; None where no row gives one.

    The surest wording of a row wins; among rows of the same wording, the value that most of them carry, because the
    total of a company is repeated in a report where those of its segments are not.
    """
    rows = [row for rank, label in enumerate(aspect.rows) for row in _rows(rank, label, passages)]
    if not rows:
        return None
    rank = min(row.rank for row in rows)
    rows = [row for row in rows if row.rank == rank]
    counts = Counter(_newest(row)[0] for row in rows)
    best = max(rows, key=lambda row: (counts[_newest(row)[0]], _size(_newest(row)[0]), bool(row.unit), -row.at))
    figure, year = _newest(best)
    sign = _currency(best, passages)
    unit = "" if aspect.name == "Earnings per share" else best.unit
    quote = shorten(f"{best.label} {' '.join(best.raw)}", 200)
    told = _told(figure, unit, sign) + (f" ({year})" if year else "")
    in_unit = f", in {unit}s" if unit else ""
    return Figure(told, f'"{quote}"{in_unit}', passages[best.at].section)


def row_figure(label: str, passages: Sequence[Passage]) -> Figure | None:
    """The figure of the row that is called ``label`` itself, for matters that are not known by their wording."""
    return find_figure(Aspect(label, "figure", (re.escape(label),)), passages)


def _rows(rank: int, label: str, passages: Sequence[Passage]) -> list[_Row]:
    pattern = re.compile(rf"^(?:{label}){_NOTE}$", re.IGNORECASE)
    found: list[_Row] = []
    for at, passage in enumerate(passages):
        if len(passage.text) > 400:
            continue
        cells = passage.cells
        if not pattern.match(cells[0]):
            continue
        values = cells[2:] if len(cells) > 2 and _FOOTNOTE.match(cells[1]) else cells[1:]
        if not values and at + 1 < len(passages) and len(passages[at + 1].text) < 200:
            values = passages[at + 1].cells  # a line break after the label parts the row
        raw = [cell for cell in values if _CELL.match(cell)]
        figures = [_signed(cell, is_loss=cells[0].lower().startswith("net loss")) for cell in raw]
        if not figures or not _CELL.match(values[0]):
            continue
        years = _years_above(at, passages)
        found.append(_Row(at, rank, cells[0], figures, raw, years, _unit_above(at, passages)))
    return found


def _signed(cell: str, *, is_loss: bool) -> str:
    """The number of a cell with its sign: brackets mean less than nothing, and so does a row of losses."""
    match = _CELL.match(cell)
    number = match.group(3) if match else "0"
    return f"-{number}" if is_loss or _NEGATIVE.match(cell) else number


def _years_above(at: int, passages: Sequence[Passage]) -> list[int]:
    """The years of the columns, left to right: of the nearest lines above that name two or more."""
    held: list[int] = []
    for passage in reversed(passages[max(0, at - HEADER_LINES) : at]):
        if len(passage.text) > 240:
            break
        years = [int(year) for year in _YEAR.findall(passage.text)]
        if len(years) > 1 and not held and _are_columns(years):
            return years
        held = years + held if years and len(passage.text) < 60 else held
    return held


def _are_columns(years: Sequence[int]) -> bool:
    """Whether years follow each other, up or down, as the columns of a statement do; years of maturity do not."""
    return all(abs(one - other) == 1 for one, other in pairwise(years))


def _unit_above(at: int, passages: Sequence[Passage]) -> str:
    for passage in reversed(passages[max(0, at - UNIT_LINES) : at + 1]):
        if len(passage.text) < 240 and (unit := _UNIT.search(passage.text)):
            return unit.group(1).lower()
    return ""


def _newest(row: _Row) -> tuple[str, int | None]:
    """The figure in the column of the newest year; the first column where no years are named."""
    years = row.years[: len(row.figures)]
    if not _are_columns(years):
        return row.figures[0], None
    if len(years) < 2 and not (len(years) == 1 and len(row.figures) == 1):
        return row.figures[0], None
    newest = years.index(max(years))
    return row.figures[newest], years[newest]


def _size(figure: str) -> float:
    return abs(float(figure.replace(",", "")))


def _currency(row: _Row, passages: Sequence[Passage]) -> str:
    """The sign of the row, else of the nearest rows: tables print it in their first and last rows only."""
    near = sorted(range(max(0, row.at - HEADER_LINES), row.at + HEADER_LINES), key=lambda at: abs(at - row.at))
    texts = [*row.raw, *(passages[at].text for at in near if at < len(passages))]
    return next((found.group(1) for text in texts if (found := _SIGN.search(text))), "")


def _told(figure: str, unit: str, currency: str) -> str:
    sign = "-" * figure.startswith("-") + currency
    if not unit:
        return f"{sign}{figure.lstrip('-')}"
    amount = _size(figure) * _UNITS[unit]
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if amount >= size:
            return f"{sign}{f'{amount / size:,.3f}'.rstrip('0').rstrip('.')} {word}"
    return f"{sign}{amount:,.0f}"


def told_figure(aspect: Aspect, passages: Sequence[Passage]) -> Figure | None:
    """A sentence that says it of the whole: "Revenue was $1.2 billion in 2024", not "freight revenue was"."""
    for label in aspect.rows:
        pattern = re.compile(rf"{_WHOLE}(?:{label})\b{_SAID}{_MONEY}", re.IGNORECASE)
        for passage in passages:
            if len(passage.text) > 20_000 or "|" in passage.text or not pattern.search(passage.text):
                continue
            for sentence in sentences(passage.text):
                match = pattern.search(sentence)
                if match is None:
                    continue
                sign, figure, scale = match.groups()
                year = _YEAR.search(sentence[match.end() : match.end() + 60])
                told = f"{sign}{figure}{' ' + scale.lower() if scale else ''}{f' ({year.group()})' if year else ''}"
                return Figure(told, f'"{shorten(sentence, 300)}"', passage.section)
    return None
