"""The files that a user names for a recipe or a goal: read, decoded and checked before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from app.cli.corpus import decode, is_document, is_office, language_of, read_corpus, read_office
from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import counted, say
from app.documents.table import rows_of
from app.ports.workspace import NotATable
from app.recipes import inputs
from app.recipes.inputs import InputFile
from app.recipes.recipe import Reads, RecipeError

MAX_FILE_BYTES = 32 * 1024 * 1024
"""No request takes more."""

_MAX_NOTICES = 5
_TABLE_ENDS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


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
                return inputs.table(name, [row for file in files for row in rows_in(file)])
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
        text = read_office(path, str(path)) if is_office(path.name) else decode(path.read_bytes())
    except OSError as exc:
        raise Failure(f"{path}: {exc.strerror}", EXIT_USAGE) from exc
    if text is None:
        raise Failure(f"{path}: binary, not text", EXIT_USAGE)
    if not text.strip():
        raise Failure(f"{path}: there is nothing in it", EXIT_USAGE)
    is_below = not path.is_absolute() and ".." not in path.parts
    name = (path.as_posix() if is_below else path.name).encode("utf-8", "replace").decode()
    return InputFile(path=name, text=text, language=language_of(name))


def rows_in(file: InputFile) -> list[Any]:
    """The rows of a table, see ``documents.table``.

    Raises:
        Failure: it is none.
    """
    try:
        return rows_of(file.path, file.text)
    except NotATable as exc:
        raise Failure(f"{file.path}: {exc}", EXIT_USAGE) from exc


def _tell(notices: Sequence[str]) -> None:
    for notice in notices[:_MAX_NOTICES]:
        say(notice)
    if len(notices) > _MAX_NOTICES:
        say(f"and {counted(len(notices) - _MAX_NOTICES, 'more notice')} like these")
