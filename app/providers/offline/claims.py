"""Claims with their sources: written for people, and read back from reports by the merger and the validator.

::

    Claims: found 2 · not found 1
    - **Revenue**: $21.51 billion (2024): "Total revenue 21,505 19,409", in millions [adbe.html, Item 7]
    - **Auditor** (supported): KPMG LLP [adbe.html, Item 8]
    - **Dividends**: not found in adbe.html [adbe.html]

Every line stands alone, so that shortening a report loses claims but never parts one from its source.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from app.providers.offline.text import shorten
from app.providers.offline.totals import find_line, format_line

NOT_FOUND = "not found"
SUPPORTED = "supported"
UNSUPPORTED = "not supported"
CLAIMS = "Claims"
"""Name of the line of counts by which a text is known to be made of claims."""

MAX_VALUE = 700

_LINE = re.compile(
    r"^- \*\*([^*\n]{1,90})\*\*(?: \((supported|not supported)\))?: ([^\n]{1,2000}?) \[([^\[\]\n]{1,320})\]$",
    re.MULTILINE,
)
_PLACE = re.compile(r", (?=(?:part \d+ of \d+|Item \d{1,2}[ABC]?|section \"))")
_QUOTED = re.compile(r': "[^\n]*$')
_PLAIN = str.maketrans({"[": "(", "]": ")", "\n": " "})


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing said about one matter of one document.

    Attributes:
        text: the value, and behind a colon the quote it was taken from.
        source: ``document, place`` or the id of the task that said it.
        status: ``supported``, ``not supported`` or empty where nobody checked.
    """

    aspect: str
    text: str
    source: str
    status: str = ""

    @property
    def document(self) -> str:
        """The name of the document, without the place in it."""
        return _PLACE.split(self.source, maxsplit=1)[0]

    @property
    def found(self) -> bool:
        return not self.text.startswith(NOT_FOUND)

    @property
    def value(self) -> str:
        """What is claimed, without the quote."""
        return _QUOTED.sub("", self.text)

    def line(self, limit: int = MAX_VALUE) -> str:
        """The claim as a line of a report; a quote that does not fit into ``limit`` characters goes first."""
        text = self.text if len(self.text) <= limit else shorten(self.value, limit)
        status = f" ({self.status})" if self.status else ""
        return f"- **{self.aspect}**{status}: {text.translate(_PLAIN)} [{self.source.translate(_PLAIN)}]"


def source_of(document: str, section: str) -> str:
    """A source as claims name it; ``section`` may be empty."""
    name = shorten(document.translate(_PLAIN), 160) or "text"
    if not section:
        return name
    return f"{name}, {section}" if section.startswith("Item ") else f'{name}, section "{section.replace(chr(34), "")}"'


def counts_line(claims: Iterable[Claim]) -> str:
    """How many claims there are of which kind."""
    counts: Counter[str] = Counter({"found": 0, NOT_FOUND: 0})
    for claim in claims:
        counts["found" if claim.found else NOT_FOUND] += 1
        if claim.status:
            counts[claim.status] += 1
    return format_line(CLAIMS, counts)


def is_claims(text: str) -> bool:
    """Whether ``text`` is a report of claims, and not any text with such lines."""
    return bool(find_line(text, CLAIMS))


def read_claims(text: str) -> list[Claim]:
    """The claims of a report, in order."""
    return [Claim(aspect, said, source, status) for aspect, status, said, source in _LINE.findall(text)]
