"""Merging statistics of chunks of rows: exact for counts, sums, extremes, means and deviations."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.providers.offline.report import Report
from app.providers.offline.tables import merge_described
from app.providers.offline.totals import format_line, parse_pairs

_COLUMN = re.compile(r"^Column (.{1,200}?): (count .*)$", re.MULTILINE)


def add_row_sections(report: Report, texts: Sequence[tuple[str, str]]) -> None:
    """Add the columns of all chunks, each figure of the whole."""
    columns: dict[str, list[dict[str, float]]] = {}
    for _, text in texts:
        for column, pairs in _COLUMN.findall(text):
            columns.setdefault(column, []).append(parse_pairs(pairs))
    lines = []
    for column, chunks in columns.items():
        if merged := merge_described(chunks):
            lines.append(format_line(f"Column {column}", merged))
    report.add("Numeric columns", lines, keep=len(lines))
