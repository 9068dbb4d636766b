"""Cutting long texts to sizes the service takes, always at line ends where there are any. Sizes are bytes of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

_TOP_LEVEL = re.compile(r"\n\r?\n(?=[^\s)\]}])")


def json_bytes(text: str) -> int:
    """What the text takes inside a JSON document, without its quotes."""
    return len(orjson.dumps(text)) - 2


def split_text(text: str, limit: int) -> list[str]:
    """The text in as few parts of about equal size as the limit allows; joined again they are the text.

    Args:
        limit: bytes of JSON that no part may exceed, at least 12.
    """
    size = json_bytes(text)
    if size <= limit:
        return [text]
    target = size / (size // limit + 1)
    parts: list[str] = []
    current: list[str] = []
    current_size = 0
    for line in _pieces(text, limit):
        line_size = json_bytes(line)
        if current and (current_size + line_size > limit or current_size >= target):
            parts.append("".join(current))
            current, current_size = [], 0
        current.append(line)
        current_size += line_size
    parts.append("".join(current))
    return parts


def cut_text(text: str, limit: int) -> str:
    """The longest beginning of the text, in whole lines where possible, that fits the limit."""
    if json_bytes(text) <= limit:
        return text
    kept: list[str] = []
    left = limit
    for line in _pieces(text, limit):
        left -= json_bytes(line)
        if left < 0:
            break
        kept.append(line)
    return "".join(kept)


def cut_code(source: str, limit: int) -> str:
    """The longest beginning of a source file that fits the limit and ends between two top-level statements.

    Such a place is taken to be an empty line before one that is not indented, which holds in most languages; without
    one in the second half the cut is made at a line end.
    """
    cut = cut_text(source, limit)
    if len(cut) == len(source):
        return source
    ends = [match.end() for match in _TOP_LEVEL.finditer(cut, len(cut) // 2)]
    return cut[: ends[-1]] if ends else cut


def _pieces(text: str, limit: int) -> Iterator[str]:
    """Lines with their ends; a line over the limit in slices that hold it even if every character needs an escape."""
    for line in text.splitlines(keepends=True):
        if len(line) * 6 <= limit or json_bytes(line) <= limit:
            yield line
        else:
            step = max(1, limit // 12)
            yield from (line[start : start + step] for start in range(0, len(line), step))
