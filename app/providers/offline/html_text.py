"""HTML to readable text: tags, scripts and styles go, headings and table rows stay; also the facts of inline XBRL.

A scanner over the pieces between ``<`` instead of ``html.parser``, because it is several times as fast on filings of
megabytes and linear on any input (unclosed tags and comments make a general parser look ahead again and again).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape

from app.providers.offline.text import word_set

_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "head", "ix:header"})
_BLOCKS = word_set(
    """address article aside blockquote body caption center dd div dl dt fieldset figcaption figure footer form h1 h2
    h3 h4 h5 h6 header hr html li main nav ol p pre section table tbody td th thead tr ul br"""
)
_CELLS = frozenset({"td", "th"})
_TAG_NAME = re.compile(r"/?([a-zA-Z][\w:.-]*)")
_FACT_NAME = re.compile(r"""\bname=["']([\w:.-]{1,100})["']""")
_CONTEXT = re.compile(r"""\bcontextref=["']([^"']{1,100})["']""", re.IGNORECASE)
_SCALE = re.compile(r"""\bscale=["'](-?\d{1,2})["']""")
_LOOKS_LIKE_HTML = re.compile(r"<(?:!doctype html|html|head|body|div|p|table|article|section|h[1-6])\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fact:
    """One tagged value of an inline XBRL filing."""

    name: str
    context: str
    text: str
    scale: int


@dataclass(slots=True)
class HtmlText:
    """Readable content: ``blocks`` in order, ``headings`` among them, the title, tagged facts."""

    title: str = ""
    blocks: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    segmented: set[str] = field(default_factory=set)
    periods: dict[str, str] = field(default_factory=dict)


def looks_like_html(text: str) -> bool:
    """Whether a text starts like an HTML document or fragment."""
    head = text[:5000].lstrip("\ufeff \t\r\n")
    if head.startswith("<?xml"):
        head = head.partition("?>")[2].lstrip()
    return head.startswith("<") and _LOOKS_LIKE_HTML.search(head) is not None


def read_html(html: str) -> HtmlText:
    """The readable text of ``html``; any text is accepted."""
    return _Scanner(html).result


class _Scanner:
    def __init__(self, html: str) -> None:
        self.result = HtmlText()
        self._block: list[str] = []
        self._skipping = ""
        self._heading = False
        self._in_title = False
        self._context = ""
        self._comment = False
        pieces = html.split("<")
        self._text(pieces[0])
        for piece in pieces[1:]:
            self._piece(piece)
        self._end_block()

    def _piece(self, piece: str) -> None:
        if self._comment:
            _, closed, rest = piece.partition("-->")
            if closed:
                self._comment = False
                self._text(rest)
            return
        if piece.startswith("!--"):
            _, closed, rest = piece.partition("-->")
            self._comment = not closed
            self._text(rest)
            return
        match = _TAG_NAME.match(piece)
        if match is None:
            if not piece.startswith(("!", "?")):
                self._text("<" + piece)
            else:
                self._text(piece.partition(">")[2])
            return
        attributes, closed, rest = piece.partition(">")
        if not closed:
            attributes, rest = piece, ""
        self._tag(match.group(1).lower(), piece[0] == "/", attributes, rest)

    def _tag(self, name: str, closing: bool, attributes: str, rest: str) -> None:
        if name == "title":
            self._in_title = not closing
        if self._skipping:
            if closing and name == self._skipping:
                self._skipping = ""
            elif name == "title" and not closing:
                self.result.title = self.result.title or unescape(rest).strip()[:300]
            elif ":" in name and not closing:
                self._hidden_tag(name, attributes, rest)
            if not self._skipping:
                self._text(rest)
            return
        if name in _SKIPPED and not closing and not attributes.endswith("/"):
            self._skipping = name
            return
        if name in _BLOCKS:
            self._boundary(name, closing)
        elif ":" in name and not closing:
            self._fact(attributes, rest)
        elif name == "title":
            self.result.title = self.result.title or unescape(rest).strip()[:300]
            return
        self._text(rest)

    def _boundary(self, name: str, closing: bool) -> None:
        if name in _CELLS:
            if self._block:
                self._block.append(" | " if not closing else " ")
            return
        # Filings put a block into every cell, so only the end of the row ends the line.
        self._end_block()
        if len(name) == 2 and name[0] == "h" and name[1].isdigit():
            self._heading = not closing

    def _text(self, text: str) -> None:
        if text and not self._skipping and not self._comment:
            self._block.append(text)

    def _end_block(self) -> None:
        if not self._block:
            return
        line = " ".join(unescape("".join(self._block)).replace("\u200b", "").split())
        self._block.clear()
        line = line.strip(" |")
        if line:
            self.result.blocks.append(line)
            if self._heading:
                self.result.headings.append(line[:200])

    def _fact(self, attributes: str, rest: str) -> None:
        name = _FACT_NAME.search(attributes)
        context = _CONTEXT.search(attributes)
        if name is None or context is None:
            return
        scale = _SCALE.search(attributes)
        value = unescape(rest).strip()
        if value:
            fact = Fact(name.group(1), context.group(1), value[:200], int(scale.group(1)) if scale else 0)
            self.result.facts.append(fact)

    def _hidden_tag(self, name: str, attributes: str, rest: str) -> None:
        """The header of a filing is not shown, but says which facts are of the whole company and of which period."""
        local = name.partition(":")[2]
        if local == "context":
            found = re.search(r"""\bid=["']([^"']{1,100})["']""", attributes)
            self._context = found.group(1) if found else ""
        elif local in {"segment", "explicitmember", "typedmember"}:
            self.result.segmented.add(self._context)
        elif local in {"enddate", "instant", "startdate"} and self._context:
            key = f"{self._context}:start" if local == "startdate" else self._context
            self.result.periods[key] = rest.strip()[:10]
        else:
            self._fact(attributes, rest)
