"""Answers to what a request wants to know of one document: figures, names and quotes with the place they stand in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from app.providers.offline.aspects import Aspect
from app.providers.offline.claims import NOT_FOUND, Claim, source_of
from app.providers.offline.figure_rows import find_figure, row_figure, told_figure
from app.providers.offline.passages import Passage
from app.providers.offline.risk_headings import find_risks
from app.providers.offline.text import sentences, shorten, squeeze, terms

QUOTED = 2
"""Sentences that are quoted for a matter that is not known by its wording."""

_FIRM = re.compile(
    r"((?:[A-Z][\w'\u2019.-]{1,30}|&|and|of)(?:,? (?:[A-Z][\w'\u2019.-]{1,30}|&)){0,5}),? "
    r"(LLP|L\.L\.P\.|P\.C\.|PLLC|CPAs?)\b"
)
_AUDITS = re.compile(
    r"auditor since|independent registered public accounting firm|independent auditors?|critical audit matter"
    r"|audited by",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:auditors?|audit firm)(?: of the company)?(?: (?:is|was|were|are|,)|:)\s+((?:[A-Z][\w&'\u2019.-]*|and|&)"
    r"(?: (?:[A-Z][\w&'\u2019.-]*|and|&)){0,5})"
    r"|\baudited by ((?:[A-Z][\w&'\u2019.-]*)(?: (?:[A-Z][\w&'\u2019.-]*|and|&)){0,5})"
)
_STAFF = re.compile(
    r"(?:\b(?:employed|workforce of|employees of|team of|had|with|have|were|headcount (?:of|was))\s+"
    r"(?:a total of |a workforce of |approximately |about |over |more than |nearly |some )*)"
    r"(\d[\d,]*(?:\.\d+)?(?: (?:million|thousand))?)\s+(?:[\w-]+ ){0,3}(?:employees|associates|people|team members)\b",
    re.IGNORECASE,
)
_STAFF_LINE = re.compile(
    r"^(?:number of )?(?:employees|associates|headcount)\b[^\d\n]{0,40}(\d[\d,]{1,12})", re.IGNORECASE
)
_ELSEWHERE = re.compile(r"incorporated (?:herein |into \w+ \w+ )?by reference|is incorporated", re.IGNORECASE)


def extract(document: str, passages: Sequence[Passage], aspects: Sequence[Aspect], part: str = "") -> list[Claim]:
    """At least one claim for each of ``aspects``, the honest "not found" among them.

    Args:
        document: its name, for the sources.
        part: ``part 2 of 5`` where ``passages`` are not the whole document.
    """
    name = f"{document}, {part}" if part else document
    claims: list[Claim] = []
    for aspect in aspects:
        found = _FINDERS.get(aspect.kind, _find_text)(aspect, passages)
        if not found and aspect.kind == "figure" and not part:
            # Beside the tables of other parts, a sentence of this one is more likely about a segment or a quarter.
            said = told_figure(aspect, passages)
            found = [(f"{said.value}: {said.quote}", said.section)] if said else []
        claims += [Claim(aspect.name, text, source_of(name, section)) for text, section in found]
        if not found:
            elsewhere, section = _said_elsewhere(aspect, passages)
            claims.append(Claim(aspect.name, f"{NOT_FOUND} in {name}{elsewhere}", source_of(name, section)))
    return claims


Found = list[tuple[str, str]]
"""``(text, section)`` of each answer."""


def _find_figure(aspect: Aspect, passages: Sequence[Passage]) -> Found:
    figure = find_figure(aspect, passages)
    return [(f"{figure.value}: {figure.quote}", figure.section)] if figure else []


def _find_auditor(_aspect: Aspect, passages: Sequence[Passage]) -> Found:
    """The firm that signs beside "auditor since" or an auditor's report, by the number of such places."""
    points: Counter[str] = Counter()
    evidence: dict[str, tuple[int, str, str]] = {}
    for at, passage in enumerate(passages):
        matches = list(_FIRM.finditer(passage.text[:20_000]))
        around = " ".join(p.text[:2000] for p in passages[max(0, at - 6) : at + 4]) if matches else ""
        for match in matches:
            firm = squeeze(f"{match.group(1).removeprefix('of ').removeprefix('and ')} {match.group(2)}")
            near = passage.text[max(0, match.start() - 160) : match.end() + 160]
            worth = 3 if _AUDITS.search(near) else 2 if "/s/" in near and _AUDITS.search(around) else 0
            worth += 3 if worth and "auditor since" in around else 0
            if worth:
                points[firm] += worth
                if worth > evidence.get(firm, (0, "", ""))[0]:
                    quote = near if _AUDITS.search(near) else _sentence_near(passages, at)
                    evidence[firm] = (worth, shorten(quote, 200), passage.section)
    if points:
        firm = max(points, key=lambda name: (points[name], name))
        return [(f'{firm}: "{evidence[firm][1]}"', evidence[firm][2])]
    for passage in passages:
        named = _NAMED.search(passage.text[:20_000])
        if named is not None:
            firm = (named.group(1) or named.group(2)).strip(" .,")
            return [(f'{firm}: "{shorten(passage.text[max(0, named.start() - 60) :], 200)}"', passage.section)]
    return []


def _sentence_near(passages: Sequence[Passage], at: int) -> str:
    """The line by which a signature is known to be an auditor's, else the signature."""
    near = [p.text for p in passages[at : at + 4] if "auditor since" in p.text and len(p.text) < 300]
    return f"{passages[at].text} … {near[0]}" if near and near[0] != passages[at].text else passages[at].text


def _find_risks(_aspect: Aspect, passages: Sequence[Passage]) -> Found:
    return find_risks(passages)


def _find_employees(_aspect: Aspect, passages: Sequence[Passage]) -> Found:
    best: tuple[int, str, str] | None = None
    for passage in passages:
        for sentence in sentences(passage.text) if len(passage.text) < 20_000 else ():
            match = _STAFF.search(sentence) or _STAFF_LINE.search(sentence.replace("|", " "))
            if match is None:
                continue
            worth = 2 * bool(re.search(r"\b(?:As of|At|employed|worldwide|globally|total)\b", sentence))
            worth += passage.section == "Item 1"
            if best is None or worth > best[0]:
                best = (worth, f'{match.group(1)}: "{shorten(sentence, 260)}"', passage.section)
    return [best[1:]] if best else []


def _find_text(aspect: Aspect, passages: Sequence[Passage]) -> Found:
    """Any other matter: a row of that name, or the sentences that speak of all its words."""
    figure = row_figure(aspect.name, passages)
    if figure is not None:
        return [(f"{figure.value}: {figure.quote}", figure.section)]
    named = _named_field(aspect, passages) or _named_section(aspect, passages)
    if named:
        return named
    wanted = [_stem(term) for term in dict.fromkeys(terms(aspect.name))]
    if not wanted:
        return []
    scored: list[tuple[float, int, str, str]] = []
    for at, passage in enumerate(passages):
        if len(passage.text) < 30 or wanted[0] not in passage.text.lower():
            continue
        for sentence in sentences(passage.text):
            lowered = sentence.lower()
            if not 30 <= len(sentence) <= 600 or sentence.count("|") > 2 or sentence[-1] not in ".!?\"')”":
                continue
            if all(stem in lowered for stem in wanted):
                starts = (
                    1.0 if any(lowered.startswith(stem, 0) or lowered[:40].find(stem) >= 0 for stem in wanted) else 0.0
                )
                has_figure = 0.5 if any(char.isdigit() for char in sentence) else 0.0
                scored.append((starts + has_figure - len(sentence) / 1000, -at, sentence, passage.section))
    scored.sort(key=lambda entry: (-entry[0], -entry[1]))
    return [(f'"{shorten(sentence, 320)}"', section) for _, _, sentence, section in scored[:QUOTED]]


def _named_field(aspect: Aspect, passages: Sequence[Passage]) -> Found:
    """A line such as ``Status: final`` or a row ``Status | final``."""
    pattern = re.compile(rf"^[-*\u2022 ]{{0,3}}{re.escape(_stem(aspect.name))}s?(?:: | \| )(\S.*)$", re.IGNORECASE)
    for passage in passages:
        match = pattern.match(passage.text) if len(passage.text) < 600 else None
        if match is not None:
            return [(f'"{shorten(match.group(1), 300)}"', passage.section)]
    return []


def _named_section(aspect: Aspect, passages: Sequence[Passage]) -> Found:
    """The first sentences of the section that is called after the matter."""
    wanted = _stem(aspect.name).lower()
    for at, passage in enumerate(passages):
        if passage.section and _stem(passage.section.lower()) == wanted and passage.text.strip("# ") != passage.section:
            said = [each for line in passages[at : at + 3] for each in sentences(line.text) if len(each) > 30]
            return [(f'"{shorten(sentence, 320)}"', passage.section) for sentence in said[:QUOTED]]
    return []


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 4 else word


def _said_elsewhere(aspect: Aspect, passages: Sequence[Passage]) -> tuple[str, str]:
    """Where a report says that a matter is in another document, as short forms of annual reports do."""
    section = {"risks": "Item 1A", "figure": "Item 8", "auditor": "Item 14"}.get(aspect.kind, "")
    for passage in passages if section else ():
        if passage.section == section and _ELSEWHERE.search(passage.text):
            return f': "{shorten(passage.text, 240)}"', section
    return "", ""


_FINDERS: Mapping[str, Callable[[Aspect, Sequence[Passage]], Found]] = MappingProxyType(
    {"figure": _find_figure, "auditor": _find_auditor, "risks": _find_risks, "employees": _find_employees}
)
