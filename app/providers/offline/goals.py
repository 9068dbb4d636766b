"""Goals in plain words: what the service's planners are given, and the pieces of work that a goal names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.providers.offline.lines import numbered_lines, subtasks
from app.providers.offline.reading import Question
from app.providers.offline.sections import cut_sections, newest_with, plain_or_json
from app.providers.offline.text import shorten

HEADINGS = ("## Goal", "## Attachments", "## Roles", "## Rules")

MAX_LISTED = 200
"""Numbered lines of a goal that become pieces of work."""

_THEN = r"then|next|finally|lastly|afterwards|after that|based on that"
_LEADING = re.compile(rf"^(?:(?:and|first|second|third|{_THEN})[,:]? )+", re.I)
_FOLLOWS = re.compile(rf"^(?:and )?(?:{_THEN})\b|\b(?:{_THEN})[,:]? ?$", re.I)
_SECOND_VERB = re.compile(
    r"^(?:then |finally )?(?:validat|verif|fact-?check|check|compar|contrast|rank|merg|combin|synthesi)", re.I
)
_PARTS = re.compile(r"(,? (?:and )?then (?=\w)|[,;] (?:and )?(?=[a-z])| and (?=[a-z]))")


@dataclass(frozen=True, slots=True)
class Clause:
    """One piece of work; ``follows`` is whether the goal says that it comes after what stands before."""

    text: str
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be planned: the goal and the names of its attachments."""

    text: str
    attachments: tuple[str, ...]


def goal_of(question: Question) -> Goal | None:
    """The goal of a request that the service built for its planners; None for any other."""
    text = newest_with(question, HEADINGS[0])
    if not text:
        return None
    sections = cut_sections(text, HEADINGS)
    goal = plain_or_json(sections[HEADINGS[0]])
    given = plain_or_json(sections.get(HEADINGS[1], ""))
    listed = given if isinstance(given, list) else []
    names = [entry.get("name") if isinstance(entry, Mapping) else entry for entry in listed]
    return Goal(str(goal).strip(), tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name)))


def clauses_of(text: str) -> list[Clause]:
    """The pieces of work that a goal names, in its order; at least one."""
    numbered = numbered_lines(text)
    if len(numbered) > 1:
        return [_clause(line, False) for line in numbered[:MAX_LISTED]]
    found: list[Clause] = []
    at = 0
    for line in subtasks(text):
        place = text.lower().find(line.lower()[:40], at)
        before = text[max(0, place - 16) : max(place, 0)]
        at = max(place, at)
        for piece, is_first in _pieces(line):
            follows = bool(_FOLLOWS.search(before.strip())) if is_first else False
            found.append(_clause(piece, follows))
    found = [clause for clause in found if clause.text]
    return found or [Clause(shorten(text, 400) or "Answer the goal")]


def _clause(piece: str, follows: bool) -> Clause:
    plain = piece.strip(" .,;")
    return Clause(_LEADING.sub("", plain), follows or _FOLLOWS.match(plain) is not None)


def _pieces(line: str) -> list[tuple[str, bool]]:
    """ "Compare their revenue, and validate each claim" is two pieces of work."""
    parts = _PARTS.split(line)
    pieces = [parts[0]]
    for separator, part in zip(parts[1::2], parts[2::2], strict=True):
        if _SECOND_VERB.match(part):
            pieces.append(("then " if "then" in separator else "") + part)
        else:
            pieces[-1] += separator + part
    return [(piece, at == 0) for at, piece in enumerate(pieces)]
