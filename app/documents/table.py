"""Adapter of ``ports.workspace.TableRows``: the rows of CSV, TSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import orjson

from app.ports.workspace import NotATable

_DELIMITERS = ",\t;|"
_JSON_ENDS = frozenset({"json", "jsonl", "ndjson"})
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?")
"""Written as JSON writes numbers; ``007`` or ``1e5`` may be codes and stay texts."""


def rows_of(name: str, text: str) -> list[Any]:
    """See ``ports.workspace.TableRows``. Of CSV a row is an object, with what is written as a number as one."""
    end = name.lower().rpartition(".")[2]
    if end in _JSON_ENDS or text.lstrip()[:1] in {"[", "{"}:
        return _json_rows(text, lines_only=end != "json")
    return _csv_rows(text, "\t" if end == "tsv" else None)


def _json_rows(text: str, *, lines_only: bool) -> list[Any]:
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if not lines_only and len(lines) < 2:
            raise NotATable(f"not JSON: {exc}") from exc
        value = [_json_line(number, line) for number, line in lines]
    if isinstance(value, dict):
        lists = [each for each in value.values() if isinstance(each, list)]
        value = lists[0] if len(lists) == 1 else [value]
    if not isinstance(value, list) or not value:
        raise NotATable(f"expected a list of rows, got {type(value).__name__}")
    return value


def _json_line(number: int, line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise NotATable(f"line {number} is not JSON: {exc}") from exc


def _csv_rows(text: str, delimiter: str | None) -> list[Any]:
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or max(_DELIMITERS, key=first.count))
    rows: list[Any] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if not header or len(set(header)) < len(header) or not all(header):
            raise NotATable("the first line must name each column, and each name once")
        for cells in reader:
            if len(cells) > len(header):
                raise NotATable(f"line {reader.line_num} has {len(cells)} cells, the first line {len(header)}")
            if any(cell.strip() for cell in cells):
                rows.append(dict(zip(header, map(_cell, cells), strict=False)))
    except csv.Error as exc:
        raise NotATable(f"line {reader.line_num}: {exc}") from exc
    if not rows:
        raise NotATable("expected a line with the names of the columns, then rows")
    return rows


def _cell(text: str) -> str | int | float:
    if not _NUMBER.fullmatch(text.strip()):
        return text
    return float(text) if "." in text else int(text)
