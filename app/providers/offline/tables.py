"""Statistics over rows: from lists of objects, CSV text or JSON lines to a report whose columns can be merged."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from app.ports.provider import JsonObject
from app.providers.offline.reading import dump_json, load_json
from app.providers.offline.report import Report
from app.providers.offline.text import number, shorten
from app.providers.offline.totals import SEPARATOR, format_line

MAX_COLUMNS = 60
DELIMITERS = (",", "\t", ";", "|")
TOP_VALUES = 5
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})


def rows_of(value: Any) -> list[JsonObject]:
    """``value`` as rows when it is a list of flat objects; empty otherwise."""
    if not isinstance(value, list) or not value or not all(isinstance(row, Mapping) for row in value):
        return []
    flat = sum(1 for row in value for cell in row.values() if not isinstance(cell, Mapping | list))
    cells = sum(len(row) for row in value)
    return [dict(row) for row in value] if cells and flat >= cells / 2 else []


def rows_of_text(text: str) -> list[JsonObject]:
    """Rows of CSV (or TSV, ...) with a header, of a JSON list, or of JSON lines; empty when it is none of these."""
    start = text.lstrip()[:1]
    if start == "[":
        return rows_of(load_json(text))
    lines = text.strip().split("\n")
    if start == "{" and len(lines) > 1:
        values = [load_json(line) for line in lines if line.strip()]
        return rows_of(values)
    delimiter = _delimiter(lines)
    if not delimiter:
        return []
    try:
        table = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return []
    header = [name.strip() or f"column {index + 1}" for index, name in enumerate(table[0])]
    return [dict(zip(header, row, strict=False)) for row in table[1:] if row]


def _delimiter(lines: Sequence[str]) -> str:
    """The character that splits the first lines into the same number of cells; empty for text that is no table."""
    sample = [line for line in lines[:12] if line.strip()]
    if len(sample) < 3:
        return ""
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=delimiter)]
            header = next(csv.reader(sample[:1], delimiter=delimiter))
        except (csv.Error, StopIteration):
            continue
        # Prose has commas too, but neither the same number in every line nor a short name before each.
        if len(widths) >= 3 and widths[0] > 1 and len(set(widths)) == 1 and all(len(name) < 60 for name in header):
            return delimiter
    return ""


def as_number(value: Any) -> float | None:
    """``value`` as a finite number, where it is one or reads like one."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        value = value.strip().replace(",", "").removeprefix("$").removesuffix("%")
        if not value or value[-1] not in "0123456789.":
            return None
    elif not isinstance(value, int | float):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) and abs(parsed) < 1e300 else None


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in MISSING)


def describe(values: Sequence[float]) -> dict[str, float]:
    """Count, sum, extremes, mean, median and sample standard deviation of at least one number."""
    ordered = sorted(values)
    count = len(ordered)
    total = math.fsum(ordered)
    mean = total / count
    half = count // 2
    median = ordered[half] if count % 2 else (ordered[half - 1] + ordered[half]) / 2
    spread = math.hypot(*(value - mean for value in ordered)) / math.sqrt(count - 1) if count > 1 else 0.0
    return {
        "count": count, "sum": total, "min": ordered[0], "max": ordered[-1],
        "mean": mean, "median": median, "stdev": spread,
    }  # fmt: skip


def merge_described(columns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The same figures for several chunks together; a median cannot be merged and is left out."""
    known = [column for column in columns if column.get("count")]
    count = sum(column["count"] for column in known)
    if not count:
        return {}
    total = math.fsum(column.get("sum", 0.0) for column in known)
    mean = total / count
    squares = math.fsum(
        (column["count"] - 1) * column.get("stdev", 0.0) ** 2
        + column["count"] * (column.get("sum", 0.0) / column["count"] - mean) ** 2
        for column in known
    )
    return {
        "count": count,
        "sum": total,
        "min": min(column.get("min", math.inf) for column in known),
        "max": max(column.get("max", -math.inf) for column in known),
        "mean": mean,
        "stdev": math.sqrt(squares / (count - 1)) if count > 1 else 0.0,
    }


def rows_report(name: str, rows: Sequence[Mapping[str, Any]]) -> Report:
    """Statistics of every column of ``rows``."""
    columns = list(dict.fromkeys(str(key) for row in rows for key in row))
    missing = 0
    numeric: list[str] = []
    texts: list[str] = []
    for column in columns[:MAX_COLUMNS]:
        cells = [row.get(column) for row in rows]
        present = [cell for cell in cells if not is_missing(cell)]
        missing += len(cells) - len(present)
        numbers = [parsed for cell in present if (parsed := as_number(cell)) is not None]
        absent = f"{SEPARATOR}missing {number(len(cells) - len(present))}" if len(cells) > len(present) else ""
        if numbers and len(numbers) >= 0.8 * len(present):
            numeric.append(format_line(f"Column {column}", describe(numbers)) + absent)
        elif present:
            texts.append(f"- `{shorten(column, 60)}`: {_values(present)}{absent}")
    lead = [format_line("Totals", {"rows": len(rows), "columns": len(columns), "missing": missing})]
    report = Report(f"Statistics of {name}" if name else "Statistics", lead)
    report.add("Numeric columns", numeric, keep=len(numeric))
    report.add("Text columns", texts)
    return report


def _values(present: Sequence[Any]) -> str:
    counts = Counter(shorten(cell if isinstance(cell, str) else dump_json(cell), 60) for cell in present)
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP_VALUES]
    listed = ", ".join(f"{value} ({number(count)})" for value, count in best)
    return f"{number(len(counts))} distinct; {listed}"
