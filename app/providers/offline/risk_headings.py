"""The headings of the risk factors of an annual report; in any other text the sentences that warn of something."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.providers.offline.passages import Passage
from app.providers.offline.text import sentences, shorten

LISTED = 5
"""Risks that are named; the count of all is said beside the first."""

_RUN_IN = re.compile(r"^(.{12,260}?)(?:: | [\u2013\u2014-] |\. )(?=[A-Z\u201c])")
_CATEGORY = re.compile(
    r"^(?:[\w&,' \u2019-]{1,60} )?risks?(?: factors)?(?: (?:related|relating) to .{1,80})?$", re.IGNORECASE
)
_WARNS = re.compile(
    r"\b(?:risks?|adverse(?:ly)?|harm(?:ed|ful)?|fail(?:ure|s)?|could|may|unable|loss(?:es)?|damage|threats?|depends?"
    r"|competition|compete|uncertain(?:ty)?|subject to|must|rely)\b",
    re.IGNORECASE,
)
_WARNING = re.compile(
    r"\brisks? (?:of|that|is|are|to|include)|\badversely affect|\b(?:could|may) (?:harm|hurt|damage|fail|lose|reduce)",
    re.IGNORECASE,
)


def find_risks(passages: Sequence[Passage]) -> list[tuple[str, str]]:
    """``(text, section)`` of up to ``LISTED`` risks, in the order of the text."""
    inside = [passage for passage in passages if passage.section == "Item 1A" or "risk" in passage.section.lower()]
    body = [passage.text for passage in inside[1:]] if inside else []
    if sum(map(len, body)) < 60 and not any("incorporated" in text for text in body):
        inside = []
    if inside:
        section = inside[0].section
        headings = _run_in(body) or _standing(body) or _bullets(body)
        if not headings and not any("incorporated" in text for text in body):
            headings = [text for text in body if len(text) < 400 and _WARNS.search(text)]
        return _told(headings, section)
    if any(passage.section.startswith("Item ") for passage in passages):
        return []  # the other parts of an annual report speak of risks too, but are not where it names them
    # A part of a report without any heading, or a text of another kind.
    headings = [text for text in _standing([p.text for p in passages]) if re.search("adverse|harm|risk", text, re.I)]
    if len(headings) >= 3:
        return _told(headings, "")
    warnings = [
        (shorten(sentence, 300), passage.section)
        for passage in passages
        if len(passage.text) < 20_000
        for sentence in sentences(passage.text)
        if _WARNING.search(sentence) and 30 <= len(sentence) <= 400 and "|" not in sentence
    ]
    return [(f'"{text}"', section) for text, section in warnings[:LISTED]]


def _told(headings: Sequence[str], section: str) -> list[tuple[str, str]]:
    return [(f'"{shorten(heading, 300)}"', section) for heading in list(dict.fromkeys(headings))[:LISTED]]


def _run_in(body: Sequence[str]) -> list[str]:
    """Headings that open their paragraph in title case: "We Rely on Technology - We rely on ..."."""
    found: list[str] = []
    for text in body:
        match = _RUN_IN.match(text)
        if match is None or len(text) < 2 * len(match.group(1)):
            continue
        heading = match.group(1)
        long_words = [word for word in heading.split() if len(word) > 4 and word[0].isalpha()]
        if len(long_words) >= 2 and sum(word[0].isupper() for word in long_words) >= 0.8 * len(long_words):
            found.append(heading)
    return found if len(found) >= 3 else []


def _standing(body: Sequence[str]) -> list[str]:
    """Headings on a line of their own: one sentence or title, followed by a paragraph that is longer."""
    found: list[str] = []
    for at, text in enumerate(body[:-1]):
        following = body[at + 1]
        if not 24 <= len(text) <= 420 or "|" in text or not text[0].isupper() or _CATEGORY.match(text):
            continue
        if at and not body[at - 1].rstrip("\u201d\"')").endswith((".", ":", ";")) and not _CATEGORY.match(body[at - 1]):
            continue  # the end of a paragraph that a page break has parted
        whole = text.rstrip()
        longer = len(following) > max(1.3 * len(whole), 120) or len(sentences(following)) > 1
        if (
            len(sentences(whole)) == 1
            and longer
            and not following.startswith(("\u2022", "-", "\u2013"))
            and _WARNS.search(whole)
        ):
            found.append(whole.rstrip("."))
    # What introduces the whole section is no risk.
    return [text for text in found if "forward-looking" not in text and "described below" not in text]


def _bullets(body: Sequence[str]) -> list[str]:
    marked = [text.lstrip("•-*– ").strip() for text in body if text.startswith(("•", "- ", "* ", "–"))]  # noqa: RUF001
    return [text for text in marked if len(text) > 10]
