"""HTML to plain text for reading by a model: markup, scripts and hidden parts go, headings and table rows stay.

Made for whole documents such as annual reports in inline XBRL, where half of the bytes are markup and a hidden header
(``ix:header``) repeats every number for machines. Not a browser: style sheets are not evaluated, only inline styles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser

_DROPPED = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "ix:header", "ix:hidden"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt", "fieldset"}
    | {"figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main"}
    | {"nav", "ol", "option", "p", "pre", "section", "summary", "table", "title", "tr", "ul"}
)
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_HIDDEN_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_SPACES = re.compile(r"[\s\xa0\u200b]+")
_CELL = "\x01"
_PRE_SPACE = "\x02"
_SOFT_BREAK = "\x03"
_MARKS = re.compile(f"[{_CELL}{_PRE_SPACE}{_SOFT_BREAK}]")
_LONG_CELL = 300
"""Characters; a cell above it is a page laid out by a table, whose paragraphs stay lines."""
# Reports typeset the currency sign, a closing bracket and the percent sign in cells of their own.
_SPLIT_FIGURES = ((re.compile(r"([$€£¥(]) \| (?=[\d(.])"), r"\1"), (re.compile(r"(?<=[\d—]) \| ([)%]+)"), r"\1"))


class _TextCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._skipped_tag: str | None = None
        self._skipped_depth = 0
        self._pre_depth = 0
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipped_tag is not None:
            if tag != self._skipped_tag:
                return
            if tag != "p":  # a paragraph cannot hold another: the hidden one ends here, unclosed
                self._skipped_depth += 1
                return
            self._skipped_tag = None
        if tag not in _VOID and (tag in _DROPPED or _is_hidden(attrs)):
            self._skipped_tag, self._skipped_depth = tag, 1
            return
        if tag == "pre":
            self._pre_depth += 1
        if tag in {"td", "th"}:
            self._in_cell = True
            self.parts.append(_CELL)
        elif tag in _BLOCKS or tag == "br":
            self._break(tag)
            self.parts.append(_HEADINGS.get(tag, "- " if tag == "li" else ""))

    def handle_endtag(self, tag: str) -> None:
        if self._skipped_tag is not None:
            if tag == self._skipped_tag:
                self._skipped_depth -= 1
                if self._skipped_depth == 0:
                    self._skipped_tag = None
            return
        if tag == "pre":
            self._pre_depth = max(0, self._pre_depth - 1)
        if tag in {"td", "th"}:
            self._in_cell = False
        elif tag in _BLOCKS and tag != "tr":  # rows follow each other without an empty line
            self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in {"tr", "table"}:
            self._in_cell = False
        self.parts.append(_SOFT_BREAK if self._in_cell else "\n")

    def handle_data(self, data: str) -> None:
        if self._skipped_tag is not None:
            return
        if self._pre_depth:
            self.parts.append(data.replace("\xa0", " ").replace(" ", _PRE_SPACE))
        else:
            self.parts.append(_SPACES.sub(" ", data))


def _is_hidden(attrs: list[tuple[str, str | None]]) -> bool:
    hidden = (name == "hidden" or (name == "style" and _HIDDEN_STYLE.search(value or "")) for name, value in attrs)
    return any(hidden)


def looks_like_html(path: str) -> bool:
    return path.lower().endswith((".html", ".htm"))


def html_to_text(markup: str) -> str:
    """The readable text of an HTML document, one line per block or table row, cells parted by `` | ``.

    Broken markup never raises. Linear in the length of ``markup``.
    """
    collector = _TextCollector()
    try:
        collector.feed(_MARKS.sub(" ", markup))
        collector.close()
        text = "".join(collector.parts)
    except AssertionError:  # how the standard parser reports a malformed <!declaration
        text = unescape(re.sub(r"<[^<>]*>", "\n", markup))
    return _tidy(text)


def _tidy(text: str) -> str:
    lines: list[str] = []
    for raw in _rows(text):
        line = _SPACES.sub(" ", raw).strip().replace(_PRE_SPACE, " ").rstrip()
        if line.strip(" -#"):
            lines.append(line)
        elif lines and lines[-1]:
            lines.append("")
    return "\n".join(lines).strip("\n")


def _rows(text: str) -> Iterator[str]:
    for raw in text.split("\n"):
        if _CELL not in raw:
            yield raw.replace(_SOFT_BREAK, " ")
        elif any(len(cell) > _LONG_CELL for cell in raw.split(_CELL)):
            yield from _MARKS.split(raw.replace(_PRE_SPACE, " "))
        else:
            yield _join_cells(raw.replace(_SOFT_BREAK, " "))


def _join_cells(row: str) -> str:
    joined = " | ".join(cell for cell in (piece.strip() for piece in row.split(_CELL)) if cell)
    for pattern, replacement in _SPLIT_FIGURES:
        joined = pattern.sub(replacement, joined)
    return joined
