"""Objects that a prompt shows as a template: nearly JSON, such as ``{"title": "...", "score": 1-10, ...}``.

A tolerant reader: values may be words, comments or dots. It reads each character once and limits its depth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from app.providers.offline.reading import load_json

MAX_DEPTH = 10
MAX_TEMPLATES = 8

_OPENING = re.compile(r"""\{\{?\s*["'][\w -]{1,80}["']\s*:""")


@dataclass(frozen=True, slots=True)
class Template:
    """An object as it stands in a text, and its keys with what is said about each."""

    start: int
    text: str
    specs: dict[str, Any]


def find_templates(text: str) -> list[Template]:
    """The outermost objects with quoted keys, in order."""
    found: list[Template] = []
    at = 0
    while len(found) < MAX_TEMPLATES and (match := _OPENING.search(text, at)):
        reader = _Reader(text, match.start())
        specs = reader.value(0)
        at = max(reader.at, match.end())
        if isinstance(specs, dict):
            found.append(Template(match.start(), text[match.start() : reader.at], specs))
    return found


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at

    def value(self, depth: int) -> Any:
        self._skip_space()
        char = self._peek()
        if depth > MAX_DEPTH:
            return self._words()
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._list(depth)
        if char and char in "\"'":
            first = self._string(char)
            self._skip_space()
            if self._peek() in {",", "}", "]", ""}:
                return first
            return f"{first} {self._words()}".strip()
        words = self._words()
        value = load_json(words)
        return value if isinstance(value, bool | int | float) else words

    def _object(self, depth: int) -> dict[str, Any]:
        specs: dict[str, Any] = {}
        self.at += 1
        if self._peek() == "{":  # doubled by a format string that was never filled in
            self.at += 1
        while True:
            self._skip_space(",")
            char = self._peek()
            if not char or char == "}":
                self.at += 1
                return specs
            if char not in "\"'":
                self._words()
                if self._peek() in {"]", ":"}:
                    self.at += 1
                continue
            key = self._string(char)
            self._skip_space()
            if self._peek() == ":":
                self.at += 1
                specs[key] = self.value(depth + 1)

    def _list(self, depth: int) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        while True:
            self._skip_space(",")
            char = self._peek()
            if not char or char in "]}":
                self.at += 1 if char == "]" else 0
                return items
            before = self.at
            item = self.value(depth + 1)
            if item not in ("", "...", "\u2026"):
                items.append(item)
            if self.at == before:
                self.at += 1

    def _string(self, quote: str) -> str:
        start = self.at + 1
        end = start
        while end < len(self._text) and self._text[end] != quote:
            end += 2 if self._text[end] == "\\" else 1
        self.at = end + 1
        return self._text[start:end]

    def _words(self) -> str:
        """Up to what ends a value: a comma, a closing bracket or the end of the line."""
        start = self.at
        while self.at < len(self._text) and self._text[self.at] not in ",}]\n:":
            self.at += 1
        return self._text[start : self.at].strip()

    def _peek(self) -> str:
        return self._text[self.at : self.at + 1]

    def _skip_space(self, also: str = "") -> None:
        while self.at < len(self._text) and (self._text[self.at].isspace() or self._text[self.at] in also):
            self.at += 1
