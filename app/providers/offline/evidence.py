"""Whether a text bears out what is claimed: its quotes word for word, its figures at any scale, its names."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.providers.offline.claims import Claim
from app.providers.offline.documents import MAX_CHARACTERS
from app.providers.offline.passages import read_passages
from app.providers.offline.text import figures, is_term, portions, squeeze, words

ENOUGH_TERMS = 0.7
"""Share of the telling words of a statement without quote or figure that one passage must hold."""

_QUOTE = re.compile(r'["\u201c]([^"\u201c\u201d\n]{6,2000})["\u201d]')
_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|[^\W\d_]+")
_NAME = re.compile(r"\b[A-Z][\w'\u2019-]{1,30}(?: (?:&|of|[A-Z][\w'\u2019.-]{0,30})){1,5}")
_SCALED = re.compile(r"(\d[\d,]*(?:\.\d+)?) ?(thousand|million|billion|trillion)\b", re.IGNORECASE)
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_LABELS = re.compile(
    r"^#{1,6} .*$|\*\*[^*\n]{1,120}\*\*|\[[^\[\]\n]{1,320}\]|^\|.*\|$|^[A-Z]\w{2,12}: .*\u00b7.*$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing in a text that can be looked up: a ``quote``, a ``figure`` or a ``name``."""

    kind: str
    text: str


class Evidence:
    """The texts that claims are checked against."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = [text[:MAX_CHARACTERS] for text in texts]

    @cached_property
    def _lines(self) -> list[str]:
        lines: list[str] = []
        for text in self._texts:
            lines += [passage.text for passage in read_passages(text)]
        return lines

    @cached_property
    def _flat(self) -> str:
        return f" {' '.join(flat(line) for line in self._lines)} "

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return frozenset(token for token in self._flat.split() if token[0].isdigit())

    @cached_property
    def _sorted_numbers(self) -> list[float]:
        return sorted(float(each) for each in self._numbers if len(each) < 40)

    @cached_property
    def _units(self) -> list[float]:
        """What numbers are counted in: ones, and what tables say they are in."""
        return [1.0, *(size for word, size in _SCALES.items() if f" {word}s " in self._flat)]

    @cached_property
    def _sentences(self) -> list[frozenset[str]]:
        return [frozenset(words(part)) for line in self._lines for part in portions(line) if len(part) > 20]

    @property
    def is_empty(self) -> bool:
        return not any(text.strip() for text in self._texts)

    def holds(self, unit: Unit) -> bool:
        """Whether the texts hold one quote, figure or name."""
        if unit.kind == "quote":
            pieces = [flat(piece) for piece in unit.text.split("\u2026")]
            return all(f" {piece} " in self._flat for piece in pieces if piece)
        if unit.kind == "name":
            return f" {flat(unit.text)} " in self._flat
        scaled = _SCALED.search(unit.text)
        if scaled is None:
            return _bare(unit.text.strip("$€£% ").split(" ")[0].rstrip("%")) in self._numbers
        return f" {flat(scaled.group())} " in self._flat or self._holds_amount(scaled.group(1), scaled.group(2).lower())

    def _holds_amount(self, figure: str, scale: str) -> bool:
        """Whether a number of the texts, in a unit that they name, is ``figure`` of ``scale`` when rounded to it."""
        amount = float(figure.replace(",", "")) * _SCALES[scale]
        leeway = 0.5 * 10.0 ** -len(figure.partition(".")[2]) * _SCALES[scale] * (1 + 1e-9)
        for unit in self._units:
            at = bisect_left(self._sorted_numbers, (amount - leeway) / unit)
            if at < len(self._sorted_numbers) and self._sorted_numbers[at] <= (amount + leeway) / unit:
                return True
        return False

    def bears_out(self, statement: str) -> bool:
        """Whether everything in ``statement`` that can be looked up is there."""
        found = units_of(statement)
        if f" {flat(statement)} " in self._flat:
            return True  # word for word, whatever it says
        telling = [unit for unit in found if unit.kind != "name"] or found
        if telling:
            return all(self.holds(unit) for unit in telling)
        wanted = {word for word in words(statement) if is_term(word)}
        if not wanted:
            return False
        return max((len(wanted & line) for line in self._sentences), default=0) >= ENOUGH_TERMS * len(wanted)


def flat(text: str) -> str:
    """``text`` as words and numbers alone, lower case: table rules, signs and quotes make no difference."""
    return " ".join(_bare(token) for token in _TOKEN.findall(squeeze(text).lower()))


def units_of(text: str) -> list[Unit]:
    """What can be looked up in ``text``: its quotes, the figures and names outside of them; labels left out."""
    text = _LABELS.sub(" ", text)
    quotes = [Unit("quote", quote) for quote in _QUOTE.findall(text)]
    outside = _QUOTE.sub(" ", text)
    found = [Unit("figure", each) for each in figures(outside) if sum(map(str.isdigit, each)) > 1 or each[0] in "$€£"]
    found += [Unit("name", name.rstrip(".")) for name in _NAME.findall(outside)]
    return list(dict.fromkeys(quotes + found))


def unsupported(statement: str, evidence: Evidence) -> list[str]:
    """The quotes, figures and names of ``statement`` that the texts do not hold."""
    return [unit.text for unit in units_of(statement) if not evidence.holds(unit)]


def supported_claim(claim: Claim, evidence: Evidence) -> bool:
    """Whether the texts bear a claim out; the year in brackets behind a figure heads its column."""
    return evidence.bears_out(re.sub(r" \((?:19|20)\d\d\)", "", claim.text, count=1))


def _bare(token: str) -> str:
    return token.replace(",", "").rstrip(".") if token[:1].isdigit() else token


def texts_of(values: Sequence[object]) -> list[str]:
    """The texts among ``values``, at any depth of lists and objects."""
    found: list[str] = []
    held = list(values)
    while held and len(found) < 100_000:
        value = held.pop(0)
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            held[:0] = list(value.values())
        elif isinstance(value, list):
            held[:0] = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append(str(value))
    return found
