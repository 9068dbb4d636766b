"""What a template knows of the user's files, as ``input``; one function for each way of reading them.

::

    attachments, documents   name, count, files [{name, content}]   (attachments: files is unset where there are none)
    document                 name, text
    rows                     name, count, columns, rows
    source                   name, count, files [{id, path, language, lines, text}], folders [{id, name, count, ids}],
                             groups (ids that the final report depends on), python, check
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.html_text import html_to_text, is_html_name
from app.recipes.cross_check import cross_check
from app.recipes.fact_sheet import fact_sheet
from app.recipes.python_facts import python_facts
from app.recipes.recipe import RecipeError

FILES_PER_GROUP = 60
MAX_GROUPS = 60
"""What a report depends on is shortened in proportion once it passes the context: more would say too little of each."""

_MAX_ID_CHARS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file as text; ``path`` is unique among those given together, ``language`` is None for no source code."""

    path: str
    text: str
    language: str | None = None


def attached(name: str, files: Sequence[InputFile]) -> dict[str, Any]:
    """Files to be sent along; the service takes the text out of HTML."""
    listed = [{"name": file.path, "content": file.text} for file in files]
    return {"name": name, "count": len(files), "files": listed or None}


def document(files: Sequence[InputFile]) -> dict[str, Any]:
    """One text, without the markup of HTML.

    Raises:
        RecipeError: not exactly one, or there is no text in it.
    """
    if len(files) != 1:
        raise RecipeError(f"expected exactly one file, got {len(files)}")
    text = html_to_text(files[0].text) if is_html_name(files[0].path) else files[0].text
    if not text.strip():
        raise RecipeError(f"{files[0].path}: there is no text in it")
    return {"name": files[0].path, "text": text}


def table(name: str, rows: Sequence[Any]) -> dict[str, Any]:
    """Rows, and the names of their columns in the order in which they come up."""
    columns = list(dict.fromkeys(str(key) for row in rows if isinstance(row, Mapping) for key in row))
    return {"name": name, "count": len(rows), "columns": ", ".join(columns) or "unnamed", "rows": list(rows)}


def source(name: str, files: Sequence[InputFile]) -> dict[str, Any]:
    """Source files, their folders in groups of at most 60 files, and the check across those that are Python.

    Raises:
        RecipeError: too many files for one report.
    """
    listed = [
        {
            "id": short_id(file.path),
            "path": file.path,
            "language": file.language or "text",
            "lines": len(file.text.splitlines()),
            "text": file.text,
        }
        for file in files
    ]
    folders: dict[str, list[str]] = {}
    for file, entry in zip(files, listed, strict=True):
        folders.setdefault(file.path.rpartition("/")[0] or ".", []).append(str(entry["id"]))
    groups = [group for folder, ids in folders.items() for group in _groups(folder, ids)]
    if len(groups) > MAX_GROUPS:
        groups = _together(groups)
    if len(groups) == 1:
        groups, ends = [], list(groups[0]["ids"])
    else:
        ends = [group["id"] for group in groups]
    found: dict[str, Any] = {"name": name, "count": len(files), "files": listed, "folders": groups, "groups": ends}
    facts = [python_facts(file.path, file.text) for file in files if file.language == "Python"]
    check = fact_sheet(facts, cross_check(facts)) if facts else None
    return found | {"python": len(facts), "check": check}


def short_id(path: str) -> str:
    """``path`` as a task id: its end, and a hash that keeps apart what ends the same, where it is too long for one."""
    if len(path) <= _MAX_ID_CHARS:
        return path
    return f"{hashlib.sha256(path.encode()).hexdigest()[:12]}…{path[-(_MAX_ID_CHARS - 13) :]}"


def _groups(folder: str, ids: list[str]) -> list[dict[str, Any]]:
    """As few groups as possible, their sizes differing by one at most."""
    count = -(-len(ids) // FILES_PER_GROUP)
    chunks = [ids[len(ids) * n // count : len(ids) * (n + 1) // count] for n in range(count)]
    return [
        {
            "id": short_id(f"{folder}/") if count == 1 else f"{short_id(f'{folder}/')} {number}",
            "name": f"{folder}/" if count == 1 else f"{folder}/, part {number} of {count}",
            "count": len(chunk),
            "ids": chunk,
        }
        for number, chunk in enumerate(chunks, start=1)
    ]


def _together(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring folders put together until there are few enough groups of at most 60 files."""
    joined: list[dict[str, Any]] = []
    for group in groups:
        last = joined[-1] if joined else None
        if last is None or last["count"] + group["count"] > FILES_PER_GROUP:
            joined.append({**group, "ids": list(group["ids"])})
            continue
        last["ids"] += group["ids"]
        last["count"] += group["count"]
        last["name"] = f"{last['name'].partition(' to ')[0]} to {group['name']}"
    if len(joined) > MAX_GROUPS:
        files = sum(group["count"] for group in joined)
        raise RecipeError(f"{files:,} files are too many for one report: give one of the folders in it")
    return joined
