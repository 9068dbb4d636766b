"""A document of any of the known kinds as one value: title, fields, headings and paragraphs of prose."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.domain.html_text import looks_like_html, read_html
from app.providers.offline.filings import filing_fields
from app.providers.offline.text import shorten, squeeze

MAX_CHARACTERS = 4_000_000
"""What is read of a document; the rest of a longer one only counts by its size."""

_PARAGRAPH_BREAK = re.compile(r"\n[ \t]*\n")
_RST_UNDERLINE = re.compile(r"^([=\-~^\"'`#*+.:_])\1{2,}\s*$")
_HEADER = re.compile(r"^([A-Z][A-Za-z0-9-]{1,24}):[ \t]+(\S.*)$")
_MARKDOWN_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$")
_RST_DOCUMENT_ROLE = re.compile(r":(pep|rfc):`(\d+)[^`]{0,200}`")
_RST_ROLE = re.compile(r":[a-z:-]{1,20}:`~?([^`<]{1,200}?)(?: <[^`>]{1,200}>)?`")
_RST_LITERAL = re.compile(r"``([^`]{1,200})``")
_RST_CITATION = re.compile(r" ?\[#?\w{0,40}\]_")
_RST_LINK = re.compile(r"`([^`<]{1,200}?)\s*<[^`>]{1,300}>`__?")
_MARKDOWN_LINK = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\n]{0,500}\)")
_BULLET = re.compile(r"^(?:[*+•-]|\d{1,3}[.)])[ \t]+")


@dataclass(slots=True)
class Document:
    """What was read; ``fields`` are named facts such as a PEP's status or a filing's fiscal year."""

    kind: str
    title: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    headings: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)


def read_document(text: str) -> Document:
    """Read ``text`` as HTML, reStructuredText, Markdown or plain prose, whichever it looks like."""
    text = text[:MAX_CHARACTERS]
    if looks_like_html(text):
        return _from_html(text)
    return _from_lines(text.replace("\r\n", "\n").lstrip("\ufeff"))


def _from_html(text: str) -> Document:
    html = read_html(text)
    fields = filing_fields(html.blocks, html)
    title = fields.get("Company", "") or html.title or (html.headings[0] if html.headings else "")
    headings = html.headings or [block for block in html.blocks if _is_item_heading(block)]
    return Document("html", shorten(title, 200), fields, _distinct(headings), html.blocks)


_ITEM = re.compile(r"^(?:item|part|chapter|section|appendix|note)\s+[\divxlc]+[a-c]?\b", re.IGNORECASE)


def _is_item_heading(block: str) -> bool:
    """Filings mark headings by style only, but number them the same way everywhere."""
    return len(block) < 160 and _ITEM.match(block) is not None and not block.rstrip(" |").endswith(".")


def _from_lines(text: str) -> Document:
    fields, body = _cut_headers(text)
    document = Document("rst" if fields else "text", fields=fields)
    for chunk in _PARAGRAPH_BREAK.split(_without_fences(body)):
        _add_chunk(document, chunk.strip("\n"))
    if not document.headings:
        document.headings = _distinct(p for p in document.paragraphs[:20_000] if _is_item_heading(p))
    document.title = fields.get("Title", "") or (document.headings[0] if document.headings else "")
    if document.headings and document.title == document.headings[0]:
        document.headings = document.headings[1:]
    if not fields and document.kind == "text":
        document.fields = filing_fields(document.paragraphs)
        document.title = document.fields.get("Company", document.title)
    document.title = shorten(plain(document.title), 200)
    return document


def _cut_headers(text: str) -> tuple[dict[str, str], str]:
    """``Name: value`` lines at the very start, as PEPs and mails have them; fewer than two are no header."""
    fields: dict[str, str] = {}
    last = ""
    lines = text.split("\n", 80)[:80]
    at = 0
    for line in lines:
        match = _HEADER.match(line)
        if match:
            last = match.group(1)
            fields[last] = match.group(2).strip()
        elif last and line[:1] in {" ", "\t"} and line.strip():
            fields[last] += " " + line.strip()
        elif fields or line.strip():
            break
        at += len(line) + 1
    if len(fields) < 2:
        return {}, text
    return {name: squeeze(value)[:400] for name, value in fields.items()}, text[at:]


def _add_chunk(document: Document, chunk: str) -> None:
    """One run of lines between blank lines: headings, prose or something that is no prose."""
    lines = chunk.split("\n")
    at = 0
    while at < len(lines) and not _is_code(lines[at : at + 1]):
        first = lines[at].strip()
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if first and _RST_UNDERLINE.match(following) and not _RST_UNDERLINE.match(first):
            _add_heading(document, first, "rst")
            at += 2
        elif _RST_UNDERLINE.match(first) or not first:
            at += 1
        elif heading := _MARKDOWN_HEADING.match(first):
            _add_heading(document, heading.group(1), "markdown")
            at += 1
        else:
            break
    lines = lines[at:]
    if not lines or _is_markup(lines):
        return
    for item in _items(lines):
        paragraph = plain(item)
        if paragraph:
            document.paragraphs.append(paragraph)


def _without_fences(text: str) -> str:
    """``text`` without its fenced code; a fence that is never closed hides nothing."""
    if "```" not in text:
        return text
    kept: list[str] = []
    hidden: list[str] = []
    is_open = False
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            is_open = not is_open
            hidden.clear()
            kept.append("")
        else:
            (hidden if is_open else kept).append(line)
    return "\n".join(kept + hidden if is_open else kept)


def _add_heading(document: Document, heading: str, kind: str) -> None:
    document.kind = kind if document.kind == "text" else document.kind
    if len(document.headings) < 500:
        document.headings.append(plain(heading)[:200])


def _is_markup(lines: list[str]) -> bool:
    """Directives, comments, link targets, tables, code: nothing to quote as a sentence."""
    first = lines[0].lstrip()
    if first.startswith((".. ", "```", "~~~", "|--", "+--", "+==", "<!--", "[^", "import ", ">>> ", "$ ")):
        return True
    return _is_code(lines)


def _is_code(lines: list[str]) -> bool:
    """An indented block that is no bullet: both markup languages use it for code."""
    return not _BULLET.match(lines[0].lstrip()) and all(line.startswith(("    ", "\t")) for line in lines)


def _items(lines: list[str]) -> list[str]:
    """A run of lines as paragraphs: one for each bullet where there are bullets."""
    if not any(_BULLET.match(line.lstrip()) for line in lines):
        return [" ".join(lines)]
    items: list[list[str]] = [[]]
    for line in lines:
        if _BULLET.match(line.lstrip()):
            items.append([_BULLET.sub("", line.lstrip(), count=1)])
        else:
            items[-1].append(line)
    return [" ".join(item) for item in items if item]


def plain(text: str) -> str:
    """One paragraph without inline markup, on one line."""
    line = squeeze(text)
    if "`" in line:
        line = _RST_DOCUMENT_ROLE.sub(lambda match: f"{match.group(1).upper()} {match.group(2)}", line)
        line = _RST_LINK.sub(r"\1", _RST_ROLE.sub(r"\1", line))
        line = _RST_LITERAL.sub(r"\1", line).replace("`", "")
    if "](" in line:
        line = _MARKDOWN_LINK.sub(r"\1", line)
    if "]_" in line:
        line = _RST_CITATION.sub("", line)
    return line.replace("**", "").removesuffix("::").strip()


def _distinct(headings: Iterable[str]) -> list[str]:
    seen: dict[str, str] = {}
    for heading in headings:
        seen.setdefault(heading.lower(), heading)
        if len(seen) >= 500:
            break
    return list(seen.values())
