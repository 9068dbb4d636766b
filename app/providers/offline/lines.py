"""The listed lines of a request: numbered or bulleted, which are what plans and lists in answers are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.providers.offline.text import sentence_case, sentences, shorten, word_set, words

MAX_LINES = 300
MAX_CLAUSES = 12

VERBS = word_set(
    """analyse analyze answer assess assign audit book build calculate categorize check choose classify clean coach
    collect combine compare compute conclude confirm convert count create critique debug decide define deploy derive
    describe design determine develop discuss document draft estimate evaluate examine explain explore extract fetch
    find fix gather generate give hire identify implement inspect install interview investigate invite judge launch
    learn list load look make map measure merge migrate monitor name negotiate organize outline plan predict prepare
    present prioritize produce program proofread propose prove publish rank read recommend record reduce refactor
    release remove report research review revise rewrite run scan schedule score search select send set ship show
    sketch sort split study suggest summarise summarize survey synthesise synthesize tabulate teach test train
    translate try update validate verify visit visualize write"""
)
"""First words by which a clause is a piece of work of its own."""

_NUMBERED = re.compile(
    r"^[ \t]{0,8}(?:[A-Z][A-Za-z ]{1,20}:[ \t]{0,4})?"
    r"(?:\(?\d{1,3}[.):]|(?:step|task|part) \d{1,3}[.):])[ \t]+(\S[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_BULLETED = re.compile(r"^[ \t]{0,8}[-*+\u2022][ \t]+(\S[^\n]*)$", re.MULTILINE)
_KEY_SPEC = re.compile(r"""^[`"'*]{0,3}[A-Za-z_][\w-]{0,40}[`"'*]{0,3}(?: \([^)\n]{0,80}\))?:""")
_CLAUSE_END = re.compile(r"[;:,]? (?:and then|then|and) |[;:,] ", re.IGNORECASE)
_CLAUSE_TAIL = re.compile(r"[,;:]?(?: (?:and|then))+$", re.IGNORECASE)
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


def without_label(text: str) -> str:
    """``text`` without a leading ``Goal:`` or the like."""
    return _LABEL.sub("", text.strip())


def subtasks(goal: str) -> list[str]:
    """A goal as lines of work: its listed lines, else its sentences, else the clauses of its one sentence."""
    lines = listed_lines(goal)
    if lines:
        return lines
    text = without_label(goal)
    parts = [part for part in sentences(text[:20_000]) if len(part.split()) > 2]
    if len(parts) < 2:
        parts = _clauses(shorten(text, 2000))
    return [sentence_case(shorten(part.strip(" .,;"), 300)) for part in parts[:MAX_CLAUSES]]


def _clauses(sentence: str) -> list[str]:
    """The pieces of a sentence that begin with a verb; what begins otherwise belongs to the piece before."""
    ends = [match.end() for match in _CLAUSE_END.finditer(sentence)]
    cuts = [0, *(end for end in ends if next(iter(words(sentence[end : end + 40])), "") in VERBS)]
    pieces = [sentence[start:end] for start, end in zip(cuts, [*cuts[1:], len(sentence)], strict=True)]
    pieces = [_CLAUSE_TAIL.sub("", piece.strip()).strip(" .,;:") for piece in pieces]
    if len(pieces) > 2 and sentence[: cuts[1]].rstrip().endswith(":"):
        pieces = pieces[1:]  # "Plan the launch: do this, do that" is about this and that
    return [piece for piece in pieces if piece]
