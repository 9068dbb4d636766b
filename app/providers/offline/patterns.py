"""Text that fits a regular expression: short strings for the ``pattern`` of a JSON schema.

Covers what schemas use (literals, classes, groups, alternatives, counted repeats, anchors). The result is not checked
against the expression, because a hostile one could take for ever to match.
"""

from __future__ import annotations

import string

MAX_REPEAT = 64
_CLASSES = {"d": string.digits, "w": string.ascii_lowercase + string.digits + "_", "s": " "}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}


def fitting(pattern: str, variant: int = 0) -> str:
    """A short text that fits ``pattern``; different ``variant`` numbers give different ones where they can."""
    return _Generator(pattern[:1000], variant).alternatives(0)


class _Generator:
    def __init__(self, pattern: str, variant: int) -> None:
        self._pattern = pattern
        self._at = 0
        self._variant = variant

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def alternatives(self, depth: int) -> str:
        """The first alternative up to a closing bracket; the others are read past."""
        first: str | None = None
        while True:
            text = self._sequence(depth)
            first = text if first is None else first
            if self._peek() != "|":
                return first
            self._next()

    def _sequence(self, depth: int) -> str:
        parts: list[str] = []
        while (char := self._peek()) and char not in "|)":
            if char in "^$":
                self._next()
                continue
            atom = self._atom(depth)
            parts.append(self._repeat(atom))
        return "".join(parts)[:4096]

    def _atom(self, depth: int) -> str:
        char = self._next()
        if char == "[":
            return self._pick(self._class())
        if char == "(":
            return self._group(depth)
        if char == ".":
            return self._pick(string.ascii_lowercase)
        if char == "\\":
            escaped = self._next()
            if escaped in "bBAZ":
                return ""
            if escaped in "DWS":
                return "a" if escaped != "W" else "-"
            return self._pick(_CLASSES[escaped]) if escaped in _CLASSES else _CONTROLS.get(escaped, escaped)
        return char

    def _group(self, depth: int) -> str:
        looks = False
        if self._peek() == "?":
            self._next()
            kind = self._next()
            looks = kind in "=!"
            if kind == "<" or (kind == "P" and self._peek() == "<"):
                looks = self._pattern[self._at : self._at + 1] in {"=", "!"}
                while (char := self._next()) and char not in ">=!":
                    continue
        inner = self.alternatives(depth + 1) if depth < 30 else ""
        if self._peek() == ")":
            self._next()
        return "" if looks else inner

    def _class(self) -> str:
        negated = self._peek() == "^"
        if negated:
            self._next()
        chars: list[str] = []
        first = True
        while (char := self._next()) and (char != "]" or first):
            first = False
            if char == "\\":
                escaped = self._next()
                chars.append(_CLASSES.get(escaped, _CONTROLS.get(escaped, escaped)))
            elif self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._next()
                last = min(ord(self._next()), ord(char) + 200)
                chars.append("".join(map(chr, range(ord(char), last + 1))))
            else:
                chars.append(char)
        given = "".join(chars)
        if not negated:
            return given
        return "".join(c for c in string.ascii_lowercase + string.digits + " -" if c not in given)

    def _pick(self, chars: str) -> str:
        return chars[self._variant % len(chars)] if chars else ""

    def _repeat(self, atom: str) -> str:
        char = self._peek()
        least = 1
        if char in {"*", "?"}:
            least = 0
            self._next()
        elif char == "+":
            self._next()
        elif char == "{":
            end = self._pattern.find("}", self._at)
            bounds = self._pattern[self._at + 1 : end].split(",") if end > 0 else [""]
            if not bounds[0].isdecimal() or not bounds[0].isascii():
                return atom
            self._at = end + 1
            least = min(int(bounds[0][:6]), MAX_REPEAT)
        if self._peek() in {"?", "+"}:
            self._next()
        return atom * least
