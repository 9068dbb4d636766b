"""Words, sentences, figures and lines of plain text: what every other module of the offline model is built on.

All expressions are linear in their input, and long texts are worked on in portions, so that hostile input costs no more
than its length and the interpreter lock is released in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

PORTION = 20_000
"""Characters per call into the regular expression engine, which holds the interpreter lock."""


def word_set(text: str) -> frozenset[str]:
    """The words of ``text`` as a set, for tables of words that would be a line each as literals."""
    return frozenset(text.split())


STOPWORDS = word_set(
    """a about above after again against all also although am among an and any are as at be became because been before
    being below between both but by can cannot could did do does doing done down during each either else etc even ever
    every few for from further given had has have having he hence her here hers him his how however i if in including
    into is it its itself just less made make makes many may me might more most much must my need needs neither no nor
    not now of off on once one only onto or other others our out over own per please rather same see shall she should
    since so some such than that the their them then there thereby these they this those though through thus to too
    two under until up upon us use used uses using very via was we well were what when where whether which while who
    whose why will with within without would yet you your"""
)

_WORD = re.compile(r"[^\W\d_][\w'\u2019-]*")
_FIGURE = re.compile(r"[$€£]?\d[\d,]*(?:\.\d+)?(?:%| ?(?:percent|million|billion|trillion)\b)?")
_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)\]]*(?=\s)|[。！？]")  # noqa: RUF001 full-width marks end sentences too
_ABBREVIATIONS = word_set(
    """al approx art cf co corp dept dr e.g eq est etc fig figs gen i.e inc jr ltd mr mrs ms no nos p pp prof ref sec sr
    st u.s u.k vol vs"""
)
_SPACES = re.compile(r"\s+")


def squeeze(text: str) -> str:
    """``text`` on one line, runs of white space made one blank."""
    return " ".join(text.split())


def shorten(text: str, limit: int) -> str:
    """``text`` on one line, at most ``limit`` characters, cut at a word where there is one."""
    line = squeeze(text[: limit * 8 + 200])
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    head, blank, _ = cut.rpartition(" ")
    return (head if blank and len(head) > limit // 2 else cut).rstrip(" ,;:-") + "…"


def count_lines(text: str) -> int:
    """Lines as editors count them; the last one need not end."""
    return text.count("\n") + (1 if text and not text.endswith("\n") else 0)


def portions(text: str) -> Iterator[str]:
    """``text`` in portions of about ``PORTION`` characters, split at white space where there is some."""
    at = 0
    while at < len(text):
        end = at + PORTION
        if end < len(text):
            gap = max(text.rfind(" ", at, end), text.rfind("\n", at, end))
            end = gap + 1 if gap > at else end
        yield text[at:end]
        at = end


def words(text: str) -> list[str]:
    """All words of a portion of text, lower case, in order."""
    return _WORD.findall(text.lower())


def is_term(word: str) -> bool:
    """Whether a word says something about the subject."""
    return len(word) > 2 and word not in STOPWORDS


def terms(text: str) -> list[str]:
    """The words of a portion of text that say something about its subject."""
    return [word for word in words(text) if is_term(word)]


def figures(text: str) -> list[str]:
    """Numbers in ``text`` as they are written, with currency sign, percent sign or scale."""
    return [match.rstrip(",") for match in _FIGURE.findall(text)]


def sentences(paragraph: str) -> list[str]:
    """The sentences of one paragraph, each on one line."""
    line = squeeze(paragraph)
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(line):
        if match.group()[0] == "." and _is_abbreviation(line, match.start()):
            continue
        found.append(line[start : match.end()].strip())
        start = match.end()
    if rest := line[start:].strip():
        found.append(rest)
    return found


def _is_abbreviation(line: str, dot: int) -> bool:
    head = line[max(0, dot - 12) : dot]
    last = head.rpartition(" ")[2].lstrip("(\"'")
    following = line[dot + 1 : dot + 3].strip()
    if last.lower() in _ABBREVIATIONS or (len(last) == 1 and last.isupper()):
        return True
    return bool(following) and following[0].islower()


def sentence_case(text: str) -> str:
    """``text`` with its first letter in upper case and the rest as it is."""
    return text[:1].upper() + text[1:]


def slug(text: str, limit: int = 40) -> str:
    """A name made of the first terms of ``text``: lower case letters, digits and hyphens."""
    parts = re.findall(r"[a-z0-9]+", text[:2000].lower())
    kept = [part for part in parts if part not in STOPWORDS] or parts
    name = ""
    for part in kept:
        longer = f"{name}-{part}" if name else part
        if len(longer) > limit:
            break
        name = longer
    return name or "item"


def number(value: float) -> str:
    """A number as people write it: thousands separated, at most four significant decimals, no trailing zeros."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1e15 or abs(value) < 1e-3:
        return f"{value:.6g}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")
