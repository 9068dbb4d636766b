"""HTML to readable text: markup, scripts and hidden parts go, headings and table rows stay; also facts of inline XBRL.

Made for whole documents such as annual reports in inline XBRL, where half of the bytes are markup and a hidden header
(``ix:header``) repeats every number for machines. Not a browser: style sheets are not evaluated, only inline styles.
Linear in the length of the document, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.domain.html_facts import Fact, FactCollector
from app.domain.markup import OPEN, TEXT, attributes_of, tokens, unescaped

_DROPPED = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "ix:header", "ix:hidden"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li"}
    | {"main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "title", "tr", "ul"}
)
_CELLS = frozenset({"td", "th"})
_MAY_HIDE = re.compile(r"hidden|none", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_SPACES = re.compile(r"[\s\xa0\u200b]+")
_BLANKS = re.compile(r"[\s\xa0\u200b\x00-\x08\x0e-\x1f]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")

# Marks in the text while it is put together; control characters of the document itself become blanks.
_CELL, _PRE_SPACE, _SOFT_BREAK, _TITLE = "\x01", "\x02", "\x03", "\x04"
_LAYOUT = re.compile(f"[{_CELL}{_PRE_SPACE}{_SOFT_BREAK}]")
_HEADINGS = {f"h{level}": chr(0x0E + level) for level in range(1, 7)}
_ITEM = "\x0e"
_PREFIXES = {_TITLE: "", _ITEM: "- "} | {mark: "#" * int(name[1]) + " " for name, mark in _HEADINGS.items()}
_PREFIX_MARKS = re.compile(f"[{''.join(_PREFIXES)}]")
_PORTION = 65_536
"""Characters per call into the regular expression engine, which keeps every other thread waiting."""
_LONG_CELL = 300
"""Characters; a cell above it is a page laid out by a table, whose paragraphs stay lines."""
# Reports typeset the currency sign, a closing bracket and the percent sign in cells of their own.
_SPLIT_FIGURES = ((re.compile(r"([$€£¥(]) \| (?=[\d(.])"), r"\1"), (re.compile(r"(?<=[\d—]) \| ([)%]+)"), r"\1"))

_LOOKS_LIKE_HTML = re.compile(r"<(?:!doctype html|html|head|body|div|p|table|article|section|h[1-6])\b", re.IGNORECASE)
_MAX_TITLE, _MAX_HEADING = 300, 200


@dataclass(slots=True)
class HtmlText:
    """Readable content: ``blocks`` in order, ``headings`` among them, the title, tagged facts.

    ``segmented`` are the contexts that speak of a part of the company, ``periods`` the end of each context and, under
    ``<context>:start``, its beginning.
    """

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


def is_html_name(path: str) -> bool:
    """Whether a file of this name holds HTML."""
    return path.lower().endswith((".html", ".htm", ".xhtml"))


def html_to_text(markup: str) -> str:
    """The readable text of an HTML document, one line per block or table row, cells parted by `` | ``.

    Headings begin with ``#``, list items with ``-``. Broken markup never raises.
    """
    return "\n".join(line for _, line in _lines(_Reader().read(markup))).strip("\n")


def read_html(markup: str) -> HtmlText:
    """The readable text of ``markup`` as blocks, with its title, headings and tagged facts; any text is accepted."""
    facts = FactCollector()
    marked = _Reader(facts).read(markup)
    result = HtmlText(facts=facts.facts, segmented=facts.segmented, periods=facts.periods)
    for mark, line in _lines(marked):
        if mark == _TITLE:
            result.title = result.title or line[:_MAX_TITLE]
        elif line:
            block = line.removeprefix(_PREFIXES.get(mark, ""))
            result.blocks.append(block)
            if mark in _HEADINGS.values():
                result.headings.append(block[:_MAX_HEADING])
    return result


class _Reader:
    """Follows the tags of one document; ``facts`` takes the tagged values where they are wanted."""

    def __init__(self, facts: FactCollector | None = None) -> None:
        self._parts: list[str] = []
        self._skipped_tag = ""
        self._skipped_depth = 0
        self._pre_depth = 0
        self._in_cell = False
        self._facts = facts

    def read(self, markup: str) -> str:
        """The text with its marks in it, a line for each block."""
        for kind, value, attributes in tokens(markup):
            if kind == TEXT:
                self._text(value)
            elif kind == OPEN:
                self._open(value, attributes)
            else:
                self._close(value)
            if self._facts is not None:
                self._facts.token(kind, value, attributes)
        return "".join(self._parts)

    def _open(self, tag: str, attributes: str) -> None:
        if self._skipped_tag:
            if tag != self._skipped_tag:
                return
            if tag != "p":  # a paragraph cannot hold another: the hidden one ends here, unclosed
                self._skipped_depth += 1
                return
            self._skipped_tag = ""
        if tag not in _VOID and (tag in _DROPPED or (_MAY_HIDE.search(attributes) and _is_hidden(attributes))):
            self._skipped_tag, self._skipped_depth = tag, 1
        elif tag in _CELLS:
            self._in_cell = True
            self._parts.append(_CELL)
        elif tag in _BLOCKS or tag == "br":
            self._pre_depth += tag == "pre"
            self._break(tag)
            mark = _HEADINGS.get(tag) or {"li": _ITEM, "title": _TITLE}.get(tag)
            if mark:
                self._parts.append(mark)

    def _close(self, tag: str) -> None:
        if self._skipped_tag:
            if tag == self._skipped_tag:
                self._skipped_depth -= 1
                if self._skipped_depth == 0:
                    self._skipped_tag = ""
        elif tag in _CELLS:
            self._in_cell = False
        elif tag in _BLOCKS and tag != "tr":  # rows follow each other without an empty line
            self._pre_depth = max(0, self._pre_depth - (tag == "pre"))
            self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in {"tr", "table"}:
            self._in_cell = False
        self._parts.append(_SOFT_BREAK if self._in_cell else "\n")

    def _text(self, text: str) -> None:
        if self._skipped_tag:
            return
        if "&" in text:
            text = unescaped(text)
        if self._pre_depth:
            self._parts.append(_CONTROLS.sub(" ", text).replace("\xa0", " ").replace(" ", _PRE_SPACE))
        else:
            self._parts.append(_BLANKS.sub(" ", text))


def _is_hidden(attributes: str) -> bool:
    return any(
        name == "hidden" or (name == "style" and _HIDDEN_STYLE.search(value))
        for name, value in attributes_of(attributes)
    )


def _lines(marked: str) -> Iterator[tuple[str, str]]:
    """``(mark, line)`` for each line that says something and, once between them, ``("", "")`` for empty ones."""
    was_empty = True
    for raw in _rows(marked):
        mark = raw[:1] if raw[:1] in _PREFIXES else ""
        line = _one_line(raw).strip().replace(_PRE_SPACE, " ").rstrip()
        if line.strip(" -#"):
            was_empty = False
            yield mark, line
        elif not was_empty:
            was_empty = True
            yield "", ""


def _one_line(raw: str) -> str:
    """``raw`` with the prefixes that its marks stand for and single blanks."""
    if len(raw) > _PORTION:
        portions = (_one_line(raw[at : at + _PORTION]) for at in range(0, len(raw), _PORTION))
        return "".join(portions).replace("  ", " ")
    return _SPACES.sub(" ", _PREFIX_MARKS.sub(lambda match: _PREFIXES[match.group()], raw))


def _rows(marked: str) -> Iterator[str]:
    for raw in marked.split("\n"):
        if _CELL not in raw:
            yield raw.replace(_SOFT_BREAK, " ")
        elif any(len(cell) > _LONG_CELL for cell in raw.split(_CELL)):
            yield from _LAYOUT.split(raw.replace(_PRE_SPACE, " "))
        else:
            yield _join_cells(raw.replace(_SOFT_BREAK, " "))


def _join_cells(row: str) -> str:
    joined = " | ".join(cell for cell in (piece.strip() for piece in row.split(_CELL)) if cell)
    for pattern, replacement in _SPLIT_FIGURES:
        joined = pattern.sub(replacement, joined)
    return joined
