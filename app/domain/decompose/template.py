"""Prompt templates: ``{item}``, ``{item.field}`` and ``{index}``, and nothing else that a format string could do.

``str.format`` would give a template access to attributes of Python objects and to format specifications that make
gigabytes of blanks; here a field is only ever looked up in a JSON object or, by its number, in a JSON list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.domain.errors import InvalidRequest

MAX_PLACEHOLDERS = 200
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_KNOWN = "{item}, {item.field} and {index}"
_SHOWN = 100
_INDEX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One value to fill in: ``path`` leads from the item to it; None stands for the item's index."""

    name: str
    path: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal texts and placeholders in order."""

    segments: tuple[str | Placeholder, ...]

    @property
    def shows_item(self) -> bool:
        """Whether any part of the item comes into the text."""
        return any(isinstance(segment, Placeholder) and segment.path is not None for segment in self.segments)

    def render(self, index: int, item: Any, pointer: str, max_chars: int) -> str:
        """Fill in the template.

        Args:
            index: position of the item, from 0.
            item: any JSON value; texts come as they are, anything else as compact JSON.
            pointer: of the item in the request, for errors.
            max_chars: a longer text is refused before it is put together.

        Raises:
            InvalidRequest: the item lacks a field that the template asks for, or the text is too long.
        """
        values: dict[str, str] = {}
        parts: list[str] = []
        left = max_chars
        for segment in self.segments:
            if isinstance(segment, str):
                part = segment
            else:
                if segment.name not in values:
                    values[segment.name] = str(index) if segment.path is None else _value(item, segment, pointer)
                part = values[segment.name]
            left -= len(part)
            if left < 0:
                raise InvalidRequest.field(pointer, f"makes a prompt of more than {max_chars:,} characters")
            parts.append(part)
        return "".join(parts)


def parse_template(text: str, pointer: str) -> Template:
    """Return the template that ``text`` is; ``{{`` and ``}}`` stand for single braces.

    Raises:
        InvalidRequest: at ``pointer``: an unknown placeholder, a lone brace, more than 200 placeholders.
    """
    segments: list[str | Placeholder] = []
    literal: list[str] = []
    placeholders = 0
    for piece in _pieces(text, pointer):
        if isinstance(piece, str):
            literal.append(piece)
            continue
        if literal:
            segments.append("".join(literal))
            literal = []
        segments.append(piece)
        placeholders += 1
        if placeholders > MAX_PLACEHOLDERS:
            raise InvalidRequest.field(pointer, f"more than {MAX_PLACEHOLDERS} placeholders")
    if literal:
        segments.append("".join(literal))
    return Template(tuple(segments))


def _pieces(text: str, pointer: str) -> Iterator[str | Placeholder]:
    at = 0
    for match in _TOKEN.finditer(text):
        if match.start() > at:
            yield text[at : match.start()]
        at = match.end()
        token = match.group()
        if token in {"{{", "}}"}:
            yield token[0]
        elif match.group(1) is None:
            where = f"a lone {token!r} at character {match.start() + 1}"
            raise InvalidRequest.field(pointer, f"{where}: a brace that is meant as one is written twice")
        else:
            yield _placeholder(match.group(1), pointer)
    if at < len(text):
        yield text[at:]


def _placeholder(written: str, pointer: str) -> Placeholder:
    name = written.strip()
    if name == "index":
        return Placeholder(name, None)
    root, *path = name.split(".")
    if root != "item" or not all(path):
        shown = "{" + written[:_SHOWN] + "}"
        raise InvalidRequest.field(
            pointer, f"unknown placeholder {shown}: known are {_KNOWN}; braces that are meant as such are written twice"
        )
    return Placeholder(name, tuple(path))


def _value(item: Any, placeholder: Placeholder, pointer: str) -> str:
    value = item
    for key in placeholder.path or ():
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and len(key) <= _INDEX_DIGITS and int(key) < len(value):
            value = value[int(key)]
        else:
            shown = "{" + placeholder.name[:_SHOWN] + "}"
            raise InvalidRequest.field(pointer, f"has no {key[:_SHOWN]!r}, which the template asks for with {shown}")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
