"""The texts and rows that a request brings along to be worked on: fields of its task, code blocks, pasted documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.html_text import looks_like_html
from app.ports.provider import JsonObject
from app.providers.offline.code_lines import language_of
from app.providers.offline.code_python import parse_python
from app.providers.offline.reading import Question, clean
from app.providers.offline.tables import rows_of, rows_of_text
from app.providers.offline.text import shorten

TEXT_FIELDS = frozenset(
    {"source", "text", "content", "contents", "code", "body", "document", "html", "csv", "diff", "markdown", "rows"}
)
NAME_FIELDS = ("path", "file", "filename", "file_name", "name", "title", "url")
NOT_MATERIAL = frozenset(
    {
        "id",
        "task_id",
        "swarm_id",
        "type",
        "role",
        "prompt",
        "priority",
        "depends_on",
        "output_schema",
        "capability_tags",
    }
)
LONG_TEXT = 200
PASTED_TEXT = 500
MAX_DEPTH = 8

_FENCE_NAMES = {"python": "x.py", "python3": "x.py", "javascript": "x.js", "typescript": "x.ts", "rust": "x.rs"}
_PYTHON_LINE = re.compile(r"^(?:async def|def|class|import|from|@|if __name__)", re.MULTILINE)
_FILE_NAME = re.compile(r"[\w-]\.[A-Za-z]{1,5}$")
_CODE_LINE = re.compile(r"[;{})]\s*$")


@dataclass(slots=True)
class Material:
    """One thing to work on.

    Attributes:
        kind: ``python``, ``code``, ``rows`` or ``document``.
        name: path, title or field it came under; may be empty.
        part: whether it is one of several parts of a document.
        place: which one, ``part 2 of 5``; empty for a whole document.
    """

    kind: str
    name: str
    text: str = ""
    rows: list[JsonObject] = field(default_factory=list)
    language: str = ""
    part: bool = False
    place: str = ""


def find_materials(question: Question) -> list[Material]:
    """Everything in the request that is to be worked on; the task's fields come before what is pasted in the prompt."""
    found = list(_of_value(question.task, "", 0)) if question.task else []
    return found or list(_of_prompt(question.prompt))


def _of_value(value: Any, name: str, depth: int) -> Iterator[Material]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, str):
        yield classify(name, clean(value))
    elif rows := rows_of(value):
        if any(key in TEXT_FIELDS and isinstance(row[key], str) for row in rows for key in row):
            for row in rows:
                yield from _of_value(row, name, depth + 1)
        else:
            yield Material("rows", name, rows=rows)
    elif isinstance(value, list):
        for index, item in enumerate(value, start=1):
            if isinstance(item, Mapping) or (isinstance(item, str) and _is_long(item)):
                yield from _of_value(item, f"{name} {index}".strip(), depth + 1)
    elif isinstance(value, Mapping):
        yield from _of_fields(value, name, depth)


def _of_fields(fields: Mapping[str, Any], name: str, depth: int) -> Iterator[Material]:
    own = next((fields[key] for key in NAME_FIELDS if isinstance(fields.get(key), str) and fields[key].strip()), "")
    own = shorten(clean(own), 200) or name
    for key, value in fields.items():
        if key in NOT_MATERIAL or (key in NAME_FIELDS and isinstance(value, str)):
            continue
        if isinstance(value, str):
            if _is_long(value) or (key in TEXT_FIELDS and (_FILE_NAME.search(own) or len(value.split()) > 3)):
                material = classify(own or str(key), clean(value))
                material.part = isinstance(fields.get("parts"), int) and fields["parts"] > 1
                if material.part and isinstance(fields.get("part"), int):
                    material.place = f"part {fields['part']} of {fields['parts']}"
                yield material
        elif isinstance(value, Mapping | list):
            yield from _of_value(value, own or (str(key) if key != "data" else ""), depth + 1)


def _is_long(text: str) -> bool:
    return len(text) >= LONG_TEXT or text.count("\n") >= 3


def _of_prompt(prompt: str) -> Iterator[Material]:
    blocks = fenced_blocks(prompt)
    for language, block in blocks:
        yield classify(_FENCE_NAMES.get(language, f"x.{language}") if language else "", block, shown_name="")
    if blocks:
        return
    instruction, gap, rest = prompt.partition("\n\n")
    if (gap and _is_table(rest)) or (gap and len(instruction) < PASTED_TEXT and len(rest) >= PASTED_TEXT):
        yield classify("", rest)
    elif len(prompt) >= 4 * PASTED_TEXT:
        yield classify("", prompt)


def fenced_blocks(text: str) -> list[tuple[str, str]]:
    """``(language, text)`` of each closed code fence that holds something."""
    if "```" not in text:
        return []
    blocks: list[tuple[str, str]] = []
    language: str | None = None
    block: list[str] = []
    for line in text.split("\n"):
        if not line.lstrip().startswith("```"):
            if language is not None:
                block.append(line)
        elif language is None:
            language = line.strip().strip("`").strip().partition(" ")[0].lower()
        else:
            if any(map(str.strip, block)):
                blocks.append((language, "\n".join(block) + "\n"))
            language = None
            block = []
    return blocks


def _is_table(text: str) -> bool:
    return len(text) < 5_000_000 and bool(rows_of_text(text))


def classify(name: str, text: str, shown_name: str | None = None) -> Material:
    """What kind of thing ``text`` is, by its name where that says it, else by its content."""
    shown = name if shown_name is None else shown_name
    language = language_of(name)
    if language == "Python":
        return Material("python", shown, text, language=language)
    if language:
        return Material("code", shown, text, language=language)
    if looks_like_html(text):
        return Material("document", shown, text)
    if rows := rows_of_text(text):
        return Material("rows", shown, text, rows=rows)
    if _is_python(text):
        return Material("python", shown, text, language="Python")
    if _is_code(text) and not name.lower().endswith((".md", ".rst", ".txt")):
        return Material("code", shown, text)
    return Material("document", shown, text)


def _is_python(text: str) -> bool:
    sample = text[:200_000]
    if len(_PYTHON_LINE.findall(sample)) < 2 and not ("def " in sample or "import " in sample):
        return False
    tree = parse_python(text)
    return tree is not None and not isinstance(tree, SyntaxError) and len(tree.body) > 0


def _is_code(text: str) -> bool:
    lines = [line for line in text[:50_000].split("\n") if line.strip()]
    return len(lines) >= 5 and sum(1 for line in lines if _CODE_LINE.search(line[-200:])) > 0.3 * len(lines)
