"""Reads what is nearly JSON: the usual faults of models, in one pass over the text.

Taken for what they evidently mean: missing closing brackets, trailing, missing and repeated commas, comments, keys
without quotes, single and typographic quotes, line breaks and unescaped quotes in texts, ``True``/``False``/``None``.
A text, number or word that the end of the answer cuts off is left out, never kept in part: what is required is then
missing, and what is there is whole. Anything else is no repair but guessing, and refused.
"""

from __future__ import annotations

import re
from typing import Any

from app.outputs.reading import MAX_NESTING, NotJson, integer

_BLANK = re.compile(r"(?:[\s\ufeff]++|//[^\n]*+|#[^\n]*+|/\*.*?(?:\*/|\Z))*+", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])", re.ASCII)
_WORD = re.compile(r"[A-Za-z_$][\w$-]*", re.ASCII)
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}
_PIECE = {end: re.compile(rf"[^\\{end}]++") for end in _QUOTES.values()}
_AFTER = re.compile(r"\s{0,64}")
_WORDS: dict[str, Any] = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_HEX = re.compile(r"u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?")
_CUT = object()


def mend(text: str) -> Any:
    """Return the object or array that ``text`` starts with; what follows it is not looked at.

    Raises:
        NotJson: it cannot be told what is meant.
    """
    reader = _Reader(text)
    value = reader.value(0)
    if not isinstance(value, (dict, list)):
        raise NotJson("expected an object or an array")
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _peek(self) -> str:
        """Skip blanks and comments and return the next character; "" at the end."""
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._text[self._at : self._at + 1]

    def value(self, depth: int) -> Any:
        mark = self._peek()
        if depth > MAX_NESTING:
            raise NotJson(f"expected at most {MAX_NESTING} levels of nesting, got more")
        if mark == "{":
            return self._object(depth)
        if mark == "[":
            return self._array(depth)
        if mark in _QUOTES:
            return self._string(mark)
        return self._scalar() if mark else _CUT

    def _object(self, depth: int) -> dict[str, Any]:
        self._at += 1
        result: dict[str, Any] = {}
        while (mark := self._peek()) not in ("}", ""):
            if mark == ",":
                self._at += 1
                continue
            key = self._string(mark) if mark in _QUOTES else self._name()
            if key is _CUT or self._peek() == "":
                return result
            if self._peek() != ":":
                raise self._unclear("a colon")
            self._at += 1
            value = self.value(depth + 1)
            if value is _CUT:
                return result
            if key in result:
                raise NotJson("expected each key once in an object, got one twice")
            result[key] = value
        self._at += 1
        return result

    def _array(self, depth: int) -> list[Any]:
        self._at += 1
        result: list[Any] = []
        while (mark := self._peek()) not in ("]", ""):
            if mark == ",":
                self._at += 1
                continue
            value = self.value(depth + 1)
            if value is _CUT:
                return result
            result.append(value)
        self._at += 1
        return result

    def _string(self, mark: str) -> Any:
        end = _QUOTES[mark]
        self._at += 1
        pieces: list[str] = []
        inner = 0
        while self._at < len(self._text):
            piece = _PIECE[end].match(self._text, self._at)
            if piece:
                pieces.append(piece.group())
                self._at = piece.end()
                continue
            character = self._text[self._at]
            self._at += 1
            if character == "\\":
                pieces.append(self._escape())
            elif self._closes():
                return "".join(pieces)
            else:
                pieces.append(character)
                inner += 1
        if inner:
            # Was one of them the end? What follows would be lost with the text.
            raise self._unclear("an end of the text")
        return _CUT

    def _closes(self) -> bool:
        """Whether the quote just read ends its text: it does before punctuation, a line break and the end."""
        blank = _AFTER.match(self._text, self._at)
        after = blank.end() if blank else self._at
        return (
            self._text[after : after + 1] in ("", ",", ":", "}", "]", "/", "#") or "\n" in self._text[self._at : after]
        )

    def _escape(self) -> str:
        match = _HEX.match(self._text, self._at)
        if match is None:
            mark = self._text[self._at : self._at + 1]
            self._at += 1
            if mark == "u" and self._at + 4 <= len(self._text):
                raise self._unclear("four hexadecimal digits")
            return _ESCAPES.get(mark, mark)
        first, second = match.groups()
        if second is not None and 0xD800 <= int(first, 16) < 0xDC00:
            self._at = match.end()
            return chr(0x10000 + (int(first, 16) - 0xD800) * 0x400 + int(second, 16) - 0xDC00)
        self._at += 5
        if 0xD800 <= int(first, 16) < 0xE000:
            raise NotJson("expected texts without lone surrogates")
        return chr(int(first, 16))

    def _name(self) -> str:
        match = _WORD.match(self._text, self._at)
        if match is None:
            raise self._unclear("a key")
        self._at = match.end()
        return match.group()

    def _scalar(self) -> Any:
        number, word = _NUMBER.match(self._text, self._at), _WORD.match(self._text, self._at)
        found = number or word
        if found is None:
            # "-", "1." or "1e" at the very end are the beginning of a number.
            if re.fullmatch(r"-?\d*(?:\.\d*)?(?:[eE][+-]?)?", self._text[self._at : self._at + 40].rstrip()):
                self._at = len(self._text)
                return _CUT
            raise self._unclear("a value")
        self._at = found.end()
        if self._at == len(self._text):
            return _CUT
        if word is not None:
            if word.group() not in _WORDS:
                raise self._unclear("a value")
            return _WORDS[word.group()]
        text = found.group()
        if text.lstrip("-").isdigit():
            return integer(text)
        value = float(text)
        if abs(value) == float("inf"):
            raise NotJson("expected numbers that a double holds")
        return value

    def _unclear(self, wanted: str) -> NotJson:
        return NotJson(f"expected {wanted} at character {self._at + 1}")
