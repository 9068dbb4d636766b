"""Claims of many documents put together: a table of what is comparable, and every claim with its source."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from app.providers.offline.claims import NOT_FOUND, SUPPORTED, UNSUPPORTED, Claim, counts_line, read_claims, source_of
from app.providers.offline.report import Report, Room
from app.providers.offline.text import number, shorten
from app.providers.offline.tokens import utf8_length

VALUES_OF_FIGURE = 2
VALUES_OF_LIST = 40
MAX_ROWS = 200
MAX_CLAIMS = 600

_LAYOUTS = (
    (True, True, 700, VALUES_OF_LIST),
    (True, True, 240, 5),
    (True, True, 200, 2),
    (True, False, 140, 1),
    (False, False, 140, 1),
    (False, False, 90, 1),
)
"""Table or none, ranking or none, characters a claim, claims of one matter of one document: what gives way, step by
step, where room is short."""

_AMOUNT = re.compile(r"^(-?)[$€£]?(\d[\d,]*(?:\.\d+)?)(?: (thousand|million|billion|trillion))?(?: \((\d{4})\))?$")
_YEAR = re.compile(r" \(\d{4}\)$")
_SCALE = {"": 1.0, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_RANK = {SUPPORTED: 2, UNSUPPORTED: 1, "": 0}
"""Of the same claim, what was checked counts more than what was not; one part that bears it out is enough."""
_ORDER = {SUPPORTED: 0, "": 1, UNSUPPORTED: 2}


def claims_report(title: str, claims: Sequence[Claim], room: Room, more: Sequence[tuple[str, list[str]]] = ()) -> str:
    """One report of ``claims``; ``more`` are sections (title, lines) behind them."""
    report = Report(title, [])
    add_claim_sections(report, claims, room)
    for heading, lines in more:
        report.add(heading, lines)
    return report.render(room)


def add_claim_sections(report: Report, claims: Sequence[Claim], room: Room) -> None:
    """Add counts, comparison and the claims themselves, in the widest layout that fits ``room``."""
    merged = merged_claims(claims)
    report.lead.append(counts_line(merged))
    sections: list[tuple[str, list[str]]] = []
    for has_table, has_ranking, limit, each in _LAYOUTS:
        table = comparison_table(merged) if has_table else []
        ranking = _ranking(merged) if has_ranking else []
        lines = [claim.line(limit) for claim in _first_of_each(merged, each)[:MAX_CLAIMS]]
        sections = [("Comparison", table), ("Differences", ranking), ("Claims", lines)]
        if _fits(sections, room):
            break
    for heading, lines in sections:
        report.add(heading, lines)


def _first_of_each(claims: Sequence[Claim], count: int) -> list[Claim]:
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for claim in claims:
        seen[claim.document, claim.aspect] += 1
        if seen[claim.document, claim.aspect] <= count:
            kept.append(claim)
    return kept


def read_all(texts: Sequence[tuple[str, str]]) -> list[Claim]:
    """The claims of several reports, in order."""
    return [claim for _, text in texts for claim in read_claims(text)]


def merged_claims(claims: Sequence[Claim]) -> list[Claim]:
    """``claims`` by document, each once: what was found in one part outweighs that it is missing in others."""
    groups: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        groups.setdefault((claim.document, claim.aspect), []).append(claim)
    documents = dict.fromkeys(document for document, _ in groups)
    aspects = dict.fromkeys(aspect for _, aspect in groups)
    return [
        claim
        for document in documents
        for aspect in aspects
        if (document, aspect) in groups
        for claim in _one_group(document, groups[document, aspect])
    ]


def _one_group(document: str, claims: Sequence[Claim]) -> list[Claim]:
    found = [claim for claim in claims if claim.found]
    if not found:
        absent = max(claims, key=lambda claim: (_RANK.get(claim.status, 1), "Item" in claim.source))
        quote = absent.text.partition(': "')[2]
        text = f"{NOT_FOUND} in {document}" + (f': "{quote}' if quote else "")
        source = absent.source if quote else source_of(document, "")
        # One part in which it was found is enough to refute that it is nowhere.
        status = min((claim.status for claim in claims if claim.status), key=_RANK.__getitem__, default="")
        return [Claim(absent.aspect, text, source, status)]
    times = Counter(_same_value(claim) for claim in found)
    best: dict[str, Claim] = {}
    for claim in found:
        key = _same_value(claim)
        if key not in best or _RANK[claim.status] > _RANK[best[key].status]:
            best[key] = claim
    kept = list(best.values())
    if any(claim.status == SUPPORTED for claim in kept):
        kept = [claim for claim in kept if claim.status]  # what nobody checked adds nothing to what was borne out
    if all(_AMOUNT.match(claim.value) for claim in found):
        kept.sort(key=lambda claim: (_ORDER[claim.status], -times[_same_value(claim)]))
        return kept[:VALUES_OF_FIGURE]
    return kept[:VALUES_OF_LIST]


def _same_value(claim: Claim) -> str:
    """What makes two values the same: not the year, which the heading of one table names and of another does not."""
    return _YEAR.sub("", claim.value.lower())


def comparison_table(claims: Sequence[Claim]) -> list[str]:
    """A row for each document, a column for each matter; empty when there is nothing to compare."""
    documents = list(dict.fromkeys(claim.document for claim in claims))
    spread = Counter(aspect for _, aspect in {(claim.document, claim.aspect) for claim in claims})
    aspects = [aspect for aspect in dict.fromkeys(claim.aspect for claim in claims) if spread[aspect] > 1]
    if len(documents) < 2 or not aspects:
        return []
    cells: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        cells.setdefault((claim.document, claim.aspect), []).append(claim)
    lines = [_row(["Document", *aspects]), _row(["---"] * (len(aspects) + 1))]
    return lines + [
        _row([document, *(_cell(cells.get((document, aspect), [])) for aspect in aspects)])
        for document in documents[:MAX_ROWS]
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _cell(claims: Sequence[Claim]) -> str:
    if not claims:
        return "—"
    first = claims[0]
    if not first.found:
        return NOT_FOUND
    told = shorten(first.value.strip('"'), 80)
    if first.status == UNSUPPORTED:
        told += f" ({UNSUPPORTED})"
    return told + (f" (and {number(len(claims) - 1)} more)" if len(claims) > 1 else "")


def _ranking(claims: Sequence[Claim]) -> list[str]:
    """Amounts from the highest down, and which documents say the same."""
    lines: list[str] = []
    for aspect in dict.fromkeys(claim.aspect for claim in claims):
        first: dict[str, Claim] = {}
        for claim in claims:
            if claim.aspect == aspect and claim.found and claim.status != UNSUPPORTED:
                first.setdefault(claim.document, claim)
        if len(first) < 2:
            continue
        amounts = [(amount, claim) for claim in first.values() if (amount := amount_of(claim.value)) is not None]
        if len(amounts) == len(first):
            told = [f"{claim.document} {claim.value} [{claim.source}]" for _, claim in _highest(amounts)]
            lines.append(f"- {aspect}, highest first: {'; '.join(told[:20])}")
        elif not any(claim.value.startswith('"') for claim in first.values()):
            lines.append(f"- {aspect}: {'; '.join(_same(list(first.values())))}")
    return lines


def _highest(amounts: Sequence[tuple[float, Claim]]) -> list[tuple[float, Claim]]:
    return sorted(amounts, key=lambda pair: (-pair[0], pair[1].document))


def _same(claims: Sequence[Claim]) -> list[str]:
    by_value: dict[str, list[Claim]] = {}
    for claim in claims:
        by_value.setdefault(claim.value, []).append(claim)
    return [
        f"{shorten(value, 120)} in {' and '.join(f'{claim.document} [{claim.source}]' for claim in same)}"
        for value, same in list(by_value.items())[:20]
    ]


def amount_of(value: str) -> float | None:
    """The number that a value such as "$21.5 billion (2024)" stands for; None for any other."""
    match = _AMOUNT.match(value)
    if match is None:
        return None
    amount = float(match.group(2).replace(",", "")) * _SCALE[match.group(3) or ""]
    return -amount if match.group(1) else amount


def _fits(sections: Sequence[tuple[str, list[str]]], room: Room) -> bool:
    lines = [line for _, section in sections for line in section]
    if room.max_bytes is not None and sum(utf8_length(line) + 3 for line in lines) > 0.85 * room.max_bytes:
        return False
    return room.max_words is None or sum(len(line.split()) for line in lines) <= 0.85 * room.max_words
