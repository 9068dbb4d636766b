"""HTML and XHTML cut into tags and text, in one pass: every character is looked at a bounded number of times.

Python's own ``html.parser`` looks ahead to the end of the document again and again on unclosed tags and comments, so a
hostile document of a megabyte takes it hours. Not a conforming parser: no tree, no implied end tags, no entities.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

TEXT = "text"
OPEN = "open"
CLOSE = "close"

Token = tuple[str, str, str]
"""``(TEXT, characters, "")`` · ``(OPEN, name, attributes as written)`` · ``(CLOSE, name, "")``; names in lower case."""

_PORTION = 65_536
"""Characters of one text at most: regular expressions keep every other thread waiting while they go through it."""
_MAX_ENTITY = 40

_NAME = re.compile(r"/?([a-zA-Z][^\s/>]*)")
_STOP = re.compile(r"=\s*[\"']|>")
_ATTRIBUTE = re.compile(r"([^\s=/\"'<>]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_LONG_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
_RAW_END = {name: re.compile(f"</{name}(?![\\w-])", re.IGNORECASE) for name in ("script", "style")}


def tokens(markup: str) -> Iterator[Token]:
    """The tags and texts of ``markup`` in order; entities are left as they are.

    Any text is accepted. An unclosed comment, script or tag takes the rest of the document with it, as in browsers. A
    ``<`` that begins no tag is text; a long text comes in portions. ``<x/>`` is an opening and a closing tag, as
    filings in XHTML mean it.
    """
    at = 0
    trust_quotes = True
    length = len(markup)
    while at < length:
        start = markup.find("<", at)
        if start < 0:
            start = length
        while start > at:
            end = _end_of_portion(markup, at, start)
            yield TEXT, markup[at:end], ""
            at = end
        if start == length:
            return
        match = _NAME.match(markup, start + 1)
        if match is None:
            if not markup.startswith(("!", "?", "/"), start + 1):
                yield TEXT, "<", ""
                at = start + 1
                continue
            comment = markup.startswith("!--", start + 1)
            end = markup.find("-->" if comment else ">", start + (2 if comment else 1))
            if end < 0:
                return
            at = end + (3 if comment else 1)
            continue
        end = markup.find(">", match.end())
        if trust_quotes and end >= 0 and _is_inside_quotes(markup, match.end(), end):
            quoted_end = _end_of_tag(markup, match.end())
            # Quotes that do not pair up to the end of the document: from here on tags end at their first bracket.
            trust_quotes = quoted_end >= 0
            end = quoted_end if trust_quotes else end
        if end < 0:
            return
        at = end + 1
        name = match.group(1).lower()
        if markup[start + 1] == "/":
            yield CLOSE, name, ""
            continue
        attributes = markup[match.end() : end]
        yield OPEN, name, attributes
        if attributes.endswith("/"):
            yield CLOSE, name, ""
        elif name in _RAW_END:
            found = _RAW_END[name].search(markup, at)
            if found is None:
                return
            at = found.start()


def attributes_of(attributes: str) -> Iterator[tuple[str, str]]:
    """Name (lower case) and value of each attribute of an ``OPEN`` token; the value is as written, "" without one."""
    for match in _ATTRIBUTE.finditer(attributes):
        yield match.group(1).lower(), match.group(2) or match.group(3) or match.group(4) or ""


def unescaped(text: str) -> str:
    """Entities as characters; numbers that stand for none become U+FFFD, since ``int`` refuses thousands of digits."""
    return unescape(_LONG_NUMBER.sub("\ufffd", text) if "&#" in text else text)


def _end_of_portion(markup: str, at: int, end: int) -> int:
    """Where to cut a long text: never within an entity."""
    if end - at <= _PORTION:
        return end
    cut = at + _PORTION
    ampersand = markup.rfind("&", cut - _MAX_ENTITY, cut)
    return cut if ampersand < 0 else ampersand


def _is_inside_quotes(markup: str, start: int, end: int) -> bool:
    """Whether the bracket at ``end`` may stand inside a quoted value: a quick look that is right for real documents."""
    return markup.count('"', start, end) % 2 == 1 or markup.count("'", start, end) % 2 == 1


def _end_of_tag(markup: str, at: int) -> int:
    """Where the bracket is that ends the tag whose attributes begin at ``at``; -1 if quotes or tag never end."""
    while match := _STOP.search(markup, at):
        if match.group() == ">":
            return match.start()
        closing = markup.find(match.group()[-1], match.end())
        if closing < 0:
            return -1
        at = closing + 1
    return -1
