"""The listed lines of a request: numbered or bulleted, which are what plans and lists in answers are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.providers.offline.text import sentences, shorten

MAX_LINES = 300

_NUMBERED = re.compile(r"^[ \t]{0,8}(?:\(?\d{1,3}[.):]|(?:step|task|part) \d{1,3}[.):])[ \t]+(\S[^\n]*)$", re.I | re.M)
_BULLETED = re.compile(r"^[ \t]{0,8}[-*+\u2022][ \t]+(\S[^\n]*)$", re.M)
_KEY_SPEC = re.compile(r"""^[`"'*]{0,3}[A-Za-z_][\w-]{0,40}[`"'*]{0,3}(?: \([^)\n]{0,80}\))?:""")
_CLAUSE = re.compile(r"(?:;|,? and then |,? then |, and |\. )", re.IGNORECASE)
_LABEL = re.compile(r"^(?:goal|task|objective|request|question)\s*:\s*", re.IGNORECASE)


def numbered_lines(text: str) -> list[str]:
    """The text of each numbered line, in order, without its number."""
    return _clean(_NUMBERED.findall(text))


def listed_lines(text: str) -> list[str]:
    """The numbered lines; where there are none the bulleted ones, except those that describe JSON fields."""
    return numbered_lines(text) or _clean(line for line in _BULLETED.findall(text) if not _KEY_SPEC.match(line))


def _clean(lines: Iterable[str]) -> list[str]:
    found: list[str] = []
    for line in lines:
        text = shorten(line.replace("**", "").rstrip(" ;,"), 400)
        if text:
            found.append(text)
        if len(found) >= MAX_LINES:
            break
    return found


def subtasks(goal: str) -> list[str]:
    """A goal as lines of work: its listed lines, else its sentences, else the clauses of its one sentence."""
    lines = listed_lines(goal)
    if lines:
        return lines
    text = _LABEL.sub("", goal.strip())
    parts = [part.strip(" .") for part in sentences(text[:20_000]) if len(part.split()) > 2]
    if len(parts) < 2:
        parts = [part.strip(" .,") for part in _CLAUSE.split(shorten(text, 2000)) if len(part.split()) > 1]
    return [shorten(part, 300) for part in parts[:12]]
