"""The files that a user names for a recipe or a goal: read, decoded and checked before anything is sent."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from app.cli.corpus import decode, is_document, language_of, read_corpus
from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import counted, say
from app.recipes import inputs
from app.recipes.inputs import InputFile
from app.recipes.recipe import Reads, RecipeError

MAX_FILE_BYTES = 32 * 1024 * 1024
"""No request takes more."""

_MAX_NOTICES = 5
_DELIMITERS = ",\t;|"
_TABLE_ENDS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?")
"""Written as JSON writes numbers; ``007`` or ``1e5`` may be codes and stay texts."""


def read_inputs(reads: Reads, paths: Sequence[Path]) -> dict[str, Any]:
    """What the template of a recipe knows as ``input``; folders are walked.

    Raises:
        Failure: no paths where some are needed, or the other way round; a path that is not there, is binary or empty.
    """
    if reads is Reads.NOTHING and paths:
        raise Failure("this recipe reads no files", EXIT_USAGE)
    if not paths and reads not in {Reads.NOTHING, Reads.ATTACHMENTS}:
        raise Failure(f"this recipe reads files: give PATHs of {_WHAT[reads]}", EXIT_USAGE)
    name = ", ".join(path.resolve().name for path in paths[:3]) + (", …" if len(paths) > 3 else "")
    try:
        match reads:
            case Reads.ROWS:
                files = read_files(paths, lambda path: path.lower().endswith(_TABLE_ENDS), _WHAT[reads])
                return inputs.table(name, [row for file in files for row in rows_of(file)])
            case Reads.SOURCE:
                return inputs.source(name, read_files(paths, language_of, _WHAT[reads]))
            case Reads.DOCUMENT:
                return inputs.document(read_files(paths, is_document, _WHAT[reads]))
            case _:
                return inputs.attached(name, read_files(paths, is_document, _WHAT[reads]))
    except RecipeError as exc:
        raise Failure(str(exc), EXIT_USAGE) from exc


_WHAT = {
    Reads.NOTHING: "files",
    Reads.ATTACHMENTS: "documents",
    Reads.DOCUMENTS: "documents",
    Reads.DOCUMENT: "documents",
    Reads.SOURCE: "source files",
    Reads.ROWS: "tables (CSV, JSON, JSON lines)",
}


def read_files(paths: Iterable[Path], wanted: Callable[[str], object], what: str) -> list[InputFile]:
    """Files named one by one as they are, and those that are wanted of each folder.

    Args:
        what: the word for such files in messages, plural.
    """
    files: list[InputFile] = []
    for path in paths:
        if path.is_dir():
            corpus = read_corpus(path, wanted, what)
            _tell(corpus.notices)
            above = _package_above(path)
            files += [
                InputFile(path=above + each.path, text=each.text, language=language_of(each.path))
                for each in corpus.files
            ]
        else:
            files.append(_read_file(path))
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise Failure(f"{file.path}: two of the files have this name: give a folder that holds both", EXIT_USAGE)
        seen.add(file.path)
    return files


def _package_above(folder: Path) -> str:
    """The Python package that the folder is a part of, as a path with ``/`` behind it: imports name files by it."""
    above = ""
    parent = folder.resolve().parent
    while parent.name and (parent / "__init__.py").is_file():
        above = f"{parent.name}/{above}"
        parent = parent.parent
    return above


def _read_file(path: Path) -> InputFile:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            size = path.stat().st_size / 2**20
            raise Failure(f"{path}: {size:,.1f} MiB; a request takes {MAX_FILE_BYTES >> 20} MiB", EXIT_USAGE)
        text = decode(path.read_bytes())
    except OSError as exc:
        raise Failure(f"{path}: {exc.strerror}", EXIT_USAGE) from exc
    if text is None:
        raise Failure(f"{path}: binary, not text", EXIT_USAGE)
    if not text.strip():
        raise Failure(f"{path}: there is nothing in it", EXIT_USAGE)
    is_below = not path.is_absolute() and ".." not in path.parts
    name = (path.as_posix() if is_below else path.name).encode("utf-8", "replace").decode()
    return InputFile(path=name, text=text, language=language_of(name))


def rows_of(file: InputFile) -> list[Any]:
    """The rows of a table: of CSV one object a line, with what is written as a number as one.

    Raises:
        Failure: it is neither JSON nor a table, or a line has more cells than the first.
    """
    end = file.path.lower().rpartition(".")[2]
    start = file.text.lstrip()[:1]
    if end in {"json", "jsonl", "ndjson"} or start in {"[", "{"}:
        return _json_rows(file)
    return _csv_rows(file, "\t" if end == "tsv" else None)


def _json_rows(file: InputFile) -> list[Any]:
    try:
        value: Any = orjson.loads(file.text)
    except orjson.JSONDecodeError as exc:
        lines = [(number, line) for number, line in enumerate(file.text.split("\n"), start=1) if line.strip()]
        if file.path.lower().endswith(".json") and len(lines) < 2:
            raise Failure(f"{file.path}: not JSON: {exc}", EXIT_USAGE) from exc
        value = [_json_line(file, number, line) for number, line in lines]
    if isinstance(value, dict):
        lists = [each for each in value.values() if isinstance(each, list)]
        value = lists[0] if len(lists) == 1 else [value]
    if not isinstance(value, list) or not value:
        raise Failure(f"{file.path}: expected a list of rows, got {type(value).__name__}", EXIT_USAGE)
    return value


def _json_line(file: InputFile, number: int, line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise Failure(f"{file.path}: line {number} is not JSON: {exc}", EXIT_USAGE) from exc


def _csv_rows(file: InputFile, delimiter: str | None) -> list[Any]:
    first = file.text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(file.text, newline=""), delimiter=delimiter or max(_DELIMITERS, key=first.count))
    rows: list[Any] = []
    try:
        header = [name.strip() for name in next(reader)]
        if len(set(header)) < len(header) or not all(header):
            raise Failure(f"{file.path}: the first line must name each column, and each name once", EXIT_USAGE)
        for cells in reader:
            if len(cells) > len(header):
                place = f"{file.path}: line {reader.line_num}"
                raise Failure(f"{place} has {len(cells)} cells, the first line {len(header)}", EXIT_USAGE)
            if any(cell.strip() for cell in cells):
                rows.append(dict(zip(header, map(_cell, cells), strict=False)))
    except csv.Error as exc:
        raise Failure(f"{file.path}: line {reader.line_num}: {exc}", EXIT_USAGE) from exc
    if not rows:
        raise Failure(f"{file.path}: expected a line with the names of the columns, then rows", EXIT_USAGE)
    return rows


def _cell(text: str) -> str | int | float:
    if not _NUMBER.fullmatch(text.strip()):
        return text
    return float(text) if "." in text else int(text)


def _tell(notices: Sequence[str]) -> None:
    for notice in notices[:_MAX_NOTICES]:
        say(notice)
    if len(notices) > _MAX_NOTICES:
        say(f"and {counted(len(notices) - _MAX_NOTICES, 'more notice')} like these")
