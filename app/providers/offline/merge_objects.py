"""Merging outputs that are objects: numbers are added up, lists counted, short texts carried over."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from app.providers.offline.reading import dump_json
from app.providers.offline.report import Report
from app.providers.offline.text import number, shorten

NOT_ADDED = frozenset({"id", "task_id", "year", "version", "port", "line", "score", "confidence", "index", "priority"})
"""Fields whose sum says nothing."""

LISTED_OBJECTS = 40
MAX_COLUMNS = 8
_BRACKETS = str.maketrans({"[": "(", "]": ")"})


def object_totals(value: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an object's own fields, and the lengths of its lists."""
    totals: dict[str, float] = {}
    for key, field in value.items():
        label = shorten(str(key).replace("_", " ").replace("·", " "), 60)
        if not label or label in NOT_ADDED or isinstance(field, bool):
            continue
        if isinstance(field, list):
            totals[label] = len(field)
        elif isinstance(field, int | float) and abs(field) < 1e15 and math.isfinite(field):
            totals[label] = field
    return totals


def comparison_table(objects: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """A row for each object, a column for each field that several of them have with a short value."""
    if len(objects) < 2:
        return []
    spread = Counter(str(key) for _, value in objects for key, field in value.items() if _is_short(field))
    columns = [key for key, count in spread.items() if count > 1][:MAX_COLUMNS]
    if not columns:
        return []
    rows = [["Input", *columns], ["---"] * (len(columns) + 1)]
    rows += [[name, *(_cell(value.get(key)) for key in columns)] for name, value in objects[:LISTED_OBJECTS]]
    return ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows]


def _is_short(field: Any) -> bool:
    return isinstance(field, int | float) or (isinstance(field, str) and 0 < len(field) <= 200)


def _cell(field: Any) -> str:
    if field is None:
        return "\u2014"
    return shorten(field if isinstance(field, str) else dump_json(field), 80)


def add_object_sections(report: Report, objects: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Add a line for each object, and how often each value of its short texts came."""
    values: dict[str, Counter[str]] = {}
    lines: list[str] = []
    for name, value in objects:
        told = []
        for key, field in value.items():
            if isinstance(field, str):
                if len(field) <= 40:
                    values.setdefault(str(key), Counter())[shorten(field, 40)] += 1
                told.append(f"{key}: {shorten(field, 160)}")
            elif isinstance(field, list):
                items = [shorten(item if isinstance(item, str) else dump_json(item), 60) for item in field[:3]]
                more = f" and {number(len(field) - 3)} more" if len(field) > 3 else ""
                told.append(f"{key}: {', '.join(items)}{more}" if items else f"{key}: none")
            elif not isinstance(field, Mapping):
                told.append(f"{key}: {dump_json(field)}")
        source = "" if len(objects) < 2 else f" [{name.translate(_BRACKETS)}]"
        lines.append(f"- **{name}**: {shorten('; '.join(told), 400) or 'nested fields only'}{source}")
    report.add("Comparison", comparison_table(objects))
    hidden = len(lines) - LISTED_OBJECTS
    report.add("Results", lines[:LISTED_OBJECTS] + ([f"- {number(hidden)} more, named below"] if hidden > 0 else []))
    shared = {key: counts for key, counts in values.items() if len(objects) > 2 and counts.most_common(1)[0][1] > 1}
    agreed = []
    for key, counts in shared.items():
        best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:5]
        agreed.append(f"- {key}: " + ", ".join(f"{value} ({number(count)})" for value, count in best))
    report.add("Values in common", agreed)
