"""What a request wants to know of a document: known matters of annual reports, or any other by its own words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile

from app.providers.offline.lines import VERBS
from app.providers.offline.text import is_term, sentence_case, shorten, squeeze, word_set, words

MAX_ASPECTS = 12
READ_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Aspect:
    """One matter that is asked about.

    Attributes:
        name: how answers call it.
        kind: ``figure`` (a row of a table), ``auditor``, ``risks``, ``employees`` or ``text``.
        rows: for figures, how the row begins, the surest wording first.
    """

    name: str
    kind: str = "text"
    rows: tuple[str, ...] = ()


_KNOWN: tuple[tuple[str, Aspect], ...] = (
    (
        r"(?:total |net |annual )?revenues?|net sales|turnover|top line",
        Aspect(
            "Revenue",
            "figure",
            (
                r"total (?:net |operating )?revenues?",
                r"(?:net |operating )?revenues?(?:, net)?",
                r"(?:total )?(?:net )?sales",
            ),
        ),
    ),
    (
        r"net (?:income|earnings|profits?|loss)|bottom line|profits?",
        Aspect(
            "Net income",
            "figure",
            (
                r"(?:consolidated )?net (?:income|earnings) attributable to (?!.*non-?controlling).{1,60}",
                r"(?:consolidated )?net (?:income|earnings|profit)(?: \(loss\))?",
                r"net loss",
            ),
        ),
    ),
    (
        r"operating (?:income|profits?)|income from operations",
        Aspect("Operating income", "figure", (r"(?:total )?operating (?:income|profit)", r"income from operations")),
    ),
    (r"gross (?:profits?|margin)", Aspect("Gross profit", "figure", (r"gross (?:profit|margin)",))),
    (r"(?:total )?assets", Aspect("Total assets", "figure", (r"total assets",))),
    (r"(?:total )?liabilities", Aspect("Total liabilities", "figure", (r"total liabilities",))),
    (
        r"(?:total )?(?:(?:stock|share)holders?['\u2019]?s? )?equity",
        Aspect(
            "Equity",
            "figure",
            (r"total (?:common )?(?:stock|share)holders['\u2019] equity", r"total equity"),
        ),
    ),
    (
        r"(?:long-term |total )?debt|indebtedness",
        Aspect("Long-term debt", "figure", (r"(?:total )?long-term debt.{0,60}", r"(?:total )?debt.{0,30}")),
    ),
    (
        r"(?:operating )?cash flows?",
        Aspect(
            "Operating cash flow",
            "figure",
            (r"(?:total )?(?:net )?cash provided by (?:\(used in\) )?operating activities",),
        ),
    ),
    (
        r"earnings per share|eps",
        Aspect(
            "Earnings per share",
            "figure",
            (
                r"(?:diluted )?(?:net income|net earnings|earnings) per (?:common )?share.{0,5}diluted.{0,20}",
                r"diluted (?:net income |net earnings |earnings )?per .{0,60}",
                r"(?:basic )?(?:net income|net earnings|earnings) per .{0,60}",
            ),
        ),
    ),
    (
        r"research and development(?: expenses?| costs?)?|r&d",
        Aspect("Research and development", "figure", (r"research and development", r"technology and development")),
    ),
    (
        r"capital (?:expenditures?|investments?|spending)|capex",
        Aspect(
            "Capital expenditures",
            "figure",
            (
                r"(?:total )?(?:cash )?capital (?:expenditures|investments)",
                r"(?:purchases|payments for purchases?|additions) (?:of|to) property.{0,60}",
            ),
        ),
    ),
    (
        r"(?:provision for )?income tax(?:es)?",
        Aspect("Income taxes", "figure", (r"(?:provision for|total provision for)? ?income tax(?:es)?(?: expense)?",)),
    ),
    (r"(?:external |independent )?auditors?|audit firms?|accounting firms?", Aspect("Auditor", "auditor")),
    (r"risks?(?: factors?)?", Aspect("Risks", "risks")),
    (r"(?:number of )?employees|head ?count|workforce|number of associates", Aspect("Employees", "employees")),
)
_PATTERNS = tuple((re.compile(rf"\b(?:{pattern})(?!\w)", re.IGNORECASE), aspect) for pattern, aspect in _KNOWN)

_ASKED = re.compile(r"(?:^|\n)aspects?:[ \t]*([^\n]{1,2000})", re.IGNORECASE)
_LIST = re.compile(r"[^,.;:?!\n]{1,80}(?:, ?[^,.;:?!\n]{1,80}){0,14},? (?:and|or|&|plus) [^,.;:?!\n]{1,80}")
_MEMBERS = r"[^,.;:?!\n]{1,60}(?:, ?[^,.;:?!\n]{1,60}){0,10},? (?:and|or|&) [^,.;:?!\n]{1,60}?"
_OWNED = re.compile(
    rf"(?:['\u2019]s? |\b(?:their|its) )({_MEMBERS})(?=[,.;:?!\n]|$)"
    rf"|\bthe ({_MEMBERS}) (?:of|in) (?:each|all|these|the|every)\b",
    re.IGNORECASE,
)
"""Lists of what belongs to something, where none of their members is known."""
_PIECES = re.compile(r",? (?:and|or|&|plus) |, ?")
_BEFORE = re.compile(
    r"^.*(?:['\u2019]s?|\b(?:their|its|the|each|of|for|on|about|by|as|with|report|state|what|which|in)) ", re.IGNORECASE
)
_AFTER = re.compile(
    r" (?:of|for|in|from|across|with|per|by|over|to|against|among|between|that|which|is|are|was|were|as|found|given"
    r"|stated|reported|using|each)(?: .*)?$",
    re.IGNORECASE,
)
_NO_ASPECT = word_set(
    """them it each all both one summary table report answer result results source sources claim claims quote quotes
    figure figures section sections text document documents file files filing filings company companies part parts"""
)


def aspects_in(prompt: str) -> list[Aspect]:
    """The matters that ``prompt`` names, in its order; empty when it asks about a document as a whole."""
    text = prompt[:READ_CHARACTERS]
    asked = _ASKED.search(text)
    if asked is not None:
        return _distinct([aspect_of(piece) for piece in asked.group(1).split(";") if piece.strip(" .")])
    hits: list[tuple[int, int, Aspect]] = []
    for pattern, aspect in _PATTERNS:
        found = pattern.search(text)
        if found is not None:
            hits.append((found.start(), found.end(), aspect))
    if not hits:
        return []
    return _distinct([aspect for _, _, aspect in sorted(hits + _listed_beside(text, hits), key=lambda hit: hit[0])])


def aspects_of_goal(goal: str) -> list[Aspect]:
    """The matters that a goal names, known ones or not: "these papers' method, data and limits" has three."""
    known = aspects_in(goal)
    if known:
        return known
    for listing in _OWNED.finditer(goal[:READ_CHARACTERS]):
        names = [_AFTER.sub("", squeeze(piece)) for piece in _PIECES.split(listing.group(1) or listing.group(2))]
        own = list(takewhile(_is_aspect, names))  # behind them the next piece of work begins
        if len(own) > 1:
            return _distinct([Aspect(sentence_case(shorten(name, 60).translate(_PLAIN))) for name in own])
    return []


def aspect_of(words_of_aspect: str) -> Aspect:
    """The known matter that a few words mean, else one of that name."""
    name = shorten(words_of_aspect.strip(" .,;"), 60)
    for pattern, aspect in _PATTERNS:
        found = pattern.search(name)
        if found is not None and len(found.group()) * 2 >= len(name):
            return aspect
    return Aspect(sentence_case(name.translate(_PLAIN)))


_PLAIN = str.maketrans(dict.fromkeys("*[]|\n", " "))


def _listed_beside(text: str, hits: list[tuple[int, int, Aspect]]) -> list[tuple[int, int, Aspect]]:
    """The other members of lists in which a known matter stands: "revenue, dividends and auditors" has three."""
    beside: list[tuple[int, int, Aspect]] = []
    for listing in _LIST.finditer(_protected(text)):
        start, end = listing.span()
        inside = [hit for hit in hits if start <= hit[0] < end]
        if not inside:
            continue
        first, last = min(hit[0] for hit in inside), max(hit[1] for hit in inside)
        at = start
        for marked in _PIECES.split(listing.group()):
            piece = marked.replace("\x00", " ")
            place = text.find(piece, at)
            at = max(place, at) + len(piece)
            name = _AFTER.sub("", _BEFORE.sub("", squeeze(piece)))
            near = abs(place - last) < 200 or abs(first - place) < 200
            if near and _is_aspect(name) and not any(place <= hit[0] < place + len(piece) + 1 for hit in hits):
                beside.append((place, at, Aspect(sentence_case(shorten(name, 60).translate(_PLAIN)))))
    return beside


def _protected(text: str) -> str:
    """``text``, as long as before, with the "and" of fixed expressions marked: it joins no members of a list."""
    return re.sub(
        r"(?i)\b(research|property|selling|sales|mergers) and (?=\w)", lambda m: f"{m.group(1)}\x00and\x00", text
    )


def _is_aspect(name: str) -> bool:
    found = words(name)
    if not found or len(found) > 4 or found[0] in VERBS or any(char.isdigit() for char in name):
        return False
    return any(is_term(word) for word in found) and not set(found) & _NO_ASPECT


def _distinct(aspects: list[Aspect]) -> list[Aspect]:
    first: dict[str, Aspect] = {}
    for aspect in aspects:
        first.setdefault(aspect.name.lower(), aspect)
    return list(first.values())[:MAX_ASPECTS]
