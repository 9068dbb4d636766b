"""Finds the JSON in a model's answer: the whole of it, fenced, or one object or array with text around it."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import orjson

from app.outputs.wording import shortened

MAX_ANSWER_BYTES = 1024 * 1024
MAX_NESTING = 100
"""A value that is accepted is stored, and sent again, inside further objects; orjson writes 254 levels."""

_MAX_INTEGER = 2**63
_MAX_DIGITS = 20
_MAX_CANDIDATES = 20
_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:json\w*)?[ \t]*\r?\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL | re.I)
_OPEN = re.compile(r"[\[{]")
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)


class NotJson(ValueError):
    """The text is no JSON value, or one that cannot be kept unchanged; the message says why."""


class Unkept(NotJson):
    """It is JSON, but not what can be kept: repeated keys, long integers, deep nesting."""


def strict(text: str) -> Any:
    """Return the one JSON value that ``text`` is.

    Raises:
        NotJson: it is none (NaN, Infinity, lone surrogates, numbers beyond a double included).
        Unkept: repeated keys, integers beyond 64 bits, more than ``MAX_NESTING`` levels.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise NotJson(shortened(f"expected JSON, got text that is not: {exc}", 200)) from exc
    _refuse_deep(value)
    return json.loads(text, object_pairs_hook=_object, parse_int=integer, parse_float=_float)


def integer(text: str) -> int:
    if len(text) > _MAX_DIGITS or not -_MAX_INTEGER <= int(text) < _MAX_INTEGER:
        raise Unkept(f"expected integers of at most 64 bits, got {shortened(text, 40)}")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unkept(f"expected numbers that a double holds, got {shortened(text, 40)}")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        again = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Unkept(f"expected each key once in an object, got {shortened(again, 60)!r} twice")
    return result


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(MAX_NESTING + 1):
        members = chain.from_iterable(
            box.values() if type(box) is dict else box for box in level if type(box) in _BOXES
        )
        level = [item for item in members if type(item) in _BOXES]
        if not level:
            return
    raise Unkept(f"expected at most {MAX_NESTING} levels of nesting, got more")


_BOXES = (dict, list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Where an answer that is not JSON as a whole may have some.

    Attributes:
        whole: texts that may each be a JSON value.
        unfinished: the text of one that does not end; None where all end.
    """

    whole: tuple[str, ...]
    unfinished: str | None


def candidates(answer: str) -> Candidates:
    """Return the fenced texts of ``answer``, or else its objects and arrays; in one pass."""
    said = answer.rpartition("</think>")[2]
    fences = [match.group(1).strip() for match in islice(_FENCE.finditer(said), _MAX_CANDIDATES)]
    fenced = tuple(body for body in fences if body[:1] in ("{", "[", '"'))
    if fenced:
        return Candidates(whole=fenced, unfinished=None)
    whole: list[str] = []
    for start, end in islice(_spans(said), _MAX_CANDIDATES):
        if end is None:
            return Candidates(whole=tuple(whole), unfinished=said[start:])
        whole.append(said[start:end])
    return Candidates(whole=tuple(whole), unfinished=None)


def _spans(text: str) -> Iterator[tuple[int, int | None]]:
    """Yield where brackets open and close again, outermost ones only; None: not before the text ends."""
    at = 0
    while (first := _OPEN.search(text, at)) is not None:
        depth, end = 0, None
        for token in _TOKEN.finditer(text, first.start()):
            mark = token.group()
            if mark in ("{", "["):
                depth += 1
            elif mark in ("}", "]"):
                depth -= 1
                if depth == 0:
                    end = token.end()
                    break
            elif mark == '"':
                break  # a string without an end
        yield first.start(), end
        if end is None:
            return
        at = end
