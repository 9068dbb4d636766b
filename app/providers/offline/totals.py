"""The lines by which one report is added up in the next: written for people, read back by the merger.

::

    Totals: files 3 · lines 1,204 · findings 12
    Findings: long-line 7 · unused-import 5
    Terms: scheduler 31 · lease 12

A line is a name, a colon and ``label number`` pairs. They stand near the top of a report, so that they survive when the
service shortens the outputs that it hands to an aggregator.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from app.providers.offline.text import number

SEPARATOR = " · "

_PAIR = re.compile(r"^(.{1,80}?) (-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d{1,3})?)$")


def format_line(name: str, counts: Mapping[str, float]) -> str:
    """One line of totals; zeros are kept, because a reader wants to see that there is nothing."""
    return f"{name}: " + SEPARATOR.join(f"{label} {number(value)}" for label, value in counts.items())


def parse_pairs(text: str) -> dict[str, float]:
    """The pairs of one line, without its name; what is no pair is left out."""
    pairs: dict[str, float] = {}
    for part in text.split("·"):
        match = _PAIR.match(part.strip().rstrip("."))
        if match:
            pairs[match.group(1)] = float(match.group(2).replace(",", ""))
    return pairs


def find_line(text: str, name: str) -> dict[str, float]:
    """The pairs of the first line called ``name`` in a report; empty when there is none."""
    value = find_value(text, name)
    return parse_pairs(value) if value else {}


def find_value(text: str, name: str) -> str:
    """What stands after ``name:`` at the start of a line; empty when there is no such line."""
    start = 0 if text.startswith(f"{name}: ") else text.find(f"\n{name}: ") + 1
    if start == 0 and not text.startswith(f"{name}: "):
        return ""
    end = text.find("\n", start)
    return text[start + len(name) + 2 : end if end >= 0 else len(text)].strip()


def top(counts: Mapping[str, float], limit: int) -> dict[str, float]:
    """The largest counts, ties by name."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit])


def add(total: Counter[str], counts: Mapping[str, float]) -> None:
    """Add ``counts`` to ``total``, keeping the order in which labels first came."""
    for label, value in counts.items():
        total[label] = total.get(label, 0) + value  # type: ignore[assignment]  # totals of objects may be fractions
