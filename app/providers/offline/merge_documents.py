"""Merging document summaries: what each says in a line, the terms they share, and the figures; over several levels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.providers.offline.report import Report
from app.providers.offline.summary import best_sentences
from app.providers.offline.text import figures, is_term, number, portions, sentence_case, sentences, shorten, words
from app.providers.offline.totals import add, find_line, format_line, top

LISTED_DOCUMENTS = 30
TERMS_CARRIED = 20
TERMS_SHOWN = 12
SHARED_TERMS = 8
FIELDS_COUNTED = ("Status", "Type", "Form", "Fiscal year")
FIELDS_TOLD = ("Fiscal year", "Revenue", "Operating income", "Net income")
"""Facts that say more about a document than any of its sentences."""
_HIGHLIGHT = re.compile(r"^- \*\*([^*\n]{1,220})\*\*: (.+)$", re.MULTILINE)
_SOURCED = re.compile(r" \[([^\[\]\n]{1,320})\]$")
_BRACKETS = str.maketrans({"[": "(", "]": ")"})
_TITLE = re.compile(r"^(?:# |\*\*)(.{1,200}?)(?:\*\*)?$", re.MULTILINE)
_FIELD = re.compile(r"^- ([A-Z][\w -]{1,24}): (.+)$", re.MULTILINE)
_BULLET = re.compile(r"^(?:[-*+] |\d{1,3}[.)] )(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Highlight:
    """What one document says, in a line."""

    name: str
    text: str
    source: str = ""

    def line(self) -> str:
        """The highlight for a report, its source behind it where the text names none."""
        told = shorten(self.text, 320)
        if self.source and not _SOURCED.search(told):
            told = f"{told} [{self.source}]"
        return f"- **{self.name}**: {told}"


def add_document_sections(report: Report, texts: Sequence[tuple[str, str]]) -> None:
    """Add what the named ``texts`` (summaries, merged ones, or any other text) say together."""
    terms: Counter[str] = Counter()
    spread: Counter[str] = Counter()
    values: dict[str, Counter[str]] = {}
    groups: list[list[Highlight]] = []
    for name, text in texts:
        own = find_line(text, "Terms") or top(_count_terms(text), TERMS_CARRIED)
        add(terms, own)
        spread.update(own.keys())
        groups.append(highlights_of(name, text))
        _count_fields(values, text)
    if terms:
        report.lead.append(format_line("Terms", top(terms, TERMS_SHOWN)))
    report.lead.extend(format_line(field, top(counts, 12)) for field, counts in values.items())
    highlights = _in_turn(groups)
    listed = highlights[:LISTED_DOCUMENTS]
    lines = [highlight.line() for highlight in listed]
    if len(highlights) > len(listed):
        lines.append(f"- {number(len(highlights) - len(listed))} more, in the inputs")
    shared = [term for term in sorted(spread, key=lambda term: (-spread[term], -terms[term], term)) if spread[term] > 1]
    common = [f"- {term}: in {number(spread[term])} of {number(len(texts))} inputs" for term in shared[:SHARED_TERMS]]
    report.add("What they have in common", common)
    report.add("What each says", lines, keep=min(3, len(lines)))
    report.add("Notable figures", _figure_lines(highlights))


def highlights_of(name: str, text: str) -> list[Highlight]:
    """The documents a text speaks of: those a merged report lists, or itself with its best sentence."""
    listed = [_carried(name, title, told) for title, told in _HIGHLIGHT.findall(text)]
    if listed:
        return listed
    title = _TITLE.search(text[:400])
    shown = name
    if title and "Totals:" in text and title.group(1) not in name:
        shown = shorten(f"{name} ({title.group(1)})".replace("*", ""), 200)
    points = (
        [point for point in _BULLET.findall(text) if not _FIELD.match(f"- {point}")] if "Key points" in text else []
    )
    if not points:
        points = best_sentences([line for line in _sentences(text) if len(line) > 20][:400], 2)
    told = " ".join(points[:1] if len(points[0]) > 150 else points[:2]) if points else shorten(text, 300)
    facts = [f"{field.lower()} {value}" for field, value in _FIELD.findall(text) if field in FIELDS_TOLD]
    told = f"{sentence_case(', '.join(facts))}. {told}" if facts else told
    source = _SOURCED.search(told)
    return [Highlight(shown, told, source.group(1) if source else _source(name))] if told else []


def _carried(name: str, title: str, told: str) -> Highlight:
    """A highlight of a report below, with the source that it names there, so that shortening cannot cut it off."""
    source = _SOURCED.search(told)
    return Highlight(
        title, told[: source.start()].rstrip() if source else told, source.group(1) if source else _source(name)
    )


def _source(name: str) -> str:
    return shorten(name, 120).translate(_BRACKETS)


def _sentences(text: str) -> list[str]:
    lines = (line for line in text[:100_000].split("\n") if line.strip() and not line.startswith(("#", "|", "Totals:")))
    return [sentence for line in lines for sentence in sentences(line.lstrip("-* "))]


def _count_terms(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for portion in portions(text[:1_000_000]):
        counts.update(word for word in words(portion) if is_term(word))
    return counts


def _count_fields(values: dict[str, Counter[str]], text: str) -> None:
    """How many documents have which status, type, ...: from their own facts, or from the counts of a merged report."""
    for field, value in _FIELD.findall(text):
        if field in FIELDS_COUNTED:
            values.setdefault(field, Counter())[shorten(value, 60).replace("·", " ")] += 1
    for field in FIELDS_COUNTED:
        if counts := find_line(text, field):
            add(values.setdefault(field, Counter()), counts)


def _in_turn(groups: Sequence[list[Highlight]]) -> list[Highlight]:
    """One of each group, then the second of each, ...: a cut list still speaks of every group."""
    longest = max((len(group) for group in groups), default=0)
    return [group[index] for index in range(longest) for group in groups if index < len(group)]


def _figure_lines(highlights: Sequence[Highlight]) -> list[str]:
    """Figures with a unit, with the document that names them."""
    lines: list[str] = []
    for highlight in highlights:
        units = [figure for figure in figures(highlight.text) if figure[0] in "$€£" or not figure[-1].isdigit()]
        if units:
            lines.append(f"- {', '.join(units[:3])} ({highlight.name})")
        if len(lines) >= 10:
            break
    return lines
