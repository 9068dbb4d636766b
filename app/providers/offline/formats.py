"""One text in another format: HTML, Markdown, slides or a table, in the text's own words and nothing else."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from app.providers.offline.documents import plain
from app.providers.offline.reading import Question
from app.providers.offline.report import Room
from app.providers.offline.text import figures, sentences, shorten
from app.providers.offline.tokens import utf8_length

MAX_SLIDES = 15
MAX_BULLETS = 6
BULLET_WORDS = 15

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$")
_BULLET = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+")
_RULE = re.compile(r"^[\s|:=~+-]+$")


@dataclass(slots=True)
class Section:
    """A heading, empty before the first, and the paragraphs and list items under it, each on one line."""

    title: str
    lines: list[tuple[bool, str]] = field(default_factory=list)
    """Whether it is an item of a list, and the text."""


def formatted(question: Question, room: Room) -> str:
    """The document that a task of a multi-format run asks for; empty for any other request or format."""
    data = question.task.get("data") if question.task else None
    if not isinstance(data, Mapping) or not isinstance(data.get("source"), str):
        return ""
    render = _RENDERERS.get(str(data.get("format")))
    if render is None:
        return ""
    sections = read_sections(data["source"])
    for most in (10_000, 40, 20, 10, 6, 4, 3, 2, 1, 0):
        text = render([Section(each.title, each.lines[:most]) for each in sections])
        if room.max_bytes is None or utf8_length(text) <= room.max_bytes:
            return text
    return render(sections[:MAX_SLIDES])


def read_sections(text: str) -> list[Section]:
    """The text by its headings; of code and rules between tables nothing stays."""
    sections = [Section("")]
    paragraph: list[str] = []
    is_code = False

    def close() -> None:
        if paragraph:
            item = _BULLET.match(paragraph[0]) is not None
            said = plain(_BULLET.sub("", " ".join(paragraph)))
            if said:
                sections[-1].lines.append((item, said))
            paragraph.clear()

    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            close()
            is_code = not is_code
        elif is_code or not line.strip() or _RULE.match(line):
            close()
        elif heading := _HEADING.match(line):
            close()
            sections.append(Section(plain(heading.group(2))))
        else:
            if _BULLET.match(line) or line.lstrip().startswith("|"):
                close()
            paragraph.append(line.strip().strip("|").replace(" | ", ": ", 1).replace(" | ", ", "))
    close()
    return sections if sections[0].lines else sections[1:] or sections


def _title(sections: Sequence[Section]) -> str:
    found = next((each.title for each in sections if each.title), "")
    return found or shorten(sections[0].lines[0][1] if sections[0].lines else "Untitled", 80)


def _html(sections: Sequence[Section]) -> str:
    title = html.escape(_title(sections), quote=False)
    parts = ["<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">', f"<title>{title}</title>"]
    parts += ["</head>", "<body>", f"<h1>{title}</h1>"]
    for at, section in enumerate(sections):
        if section.title and not (at == 0 and section.title == _title(sections)):
            parts.append(f"<h2>{html.escape(section.title, quote=False)}</h2>")
        is_open = False
        for is_item, text in section.lines:
            if is_item != is_open:
                parts.append("<ul>" if is_item else "</ul>")
                is_open = is_item
            tag = "li" if is_item else "p"
            parts.append(f"<{tag}>{html.escape(text, quote=False)}</{tag}>")
        if is_open:
            parts.append("</ul>")
    return "\n".join([*parts, "</body>", "</html>"]) + "\n"


def _markdown(sections: Sequence[Section]) -> str:
    blocks = [f"# {_title(sections)}"]
    for at, section in enumerate(sections):
        if section.title and not (at == 0 and section.title == _title(sections)):
            blocks.append(f"## {section.title}")
        blocks += [f"- {text}" if is_item else text for is_item, text in section.lines]
    return "\n\n".join(blocks) + "\n"


def _slides(sections: Sequence[Section]) -> str:
    said = [text for section in sections for _, text in section.lines]
    slides = [f"# {_title(sections)}\n\n{_first_sentence(said[0]) if said else ''}".rstrip()]
    for section in [each for each in sections if each.title][:MAX_SLIDES]:
        if section.title == _title(sections) and len(slides) == 1 and len(sections) > 1:
            continue
        chosen = [_first_sentence(text) for _, text in section.lines][:MAX_BULLETS]
        bullets = [f"- {_words(text)}" for text in chosen]
        notes = f"\n\nNotes: {chosen[0]}" if chosen else ""
        slides.append(f"## {section.title}\n\n" + "\n".join(bullets) + notes)
    return "\n\n---\n\n".join(slide.rstrip() for slide in slides) + "\n"


def _spreadsheet(sections: Sequence[Section]) -> str:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["section", "statement", "figures"])
    title = _title(sections)
    for section in sections:
        lines = [text for _, text in section.lines] or [""]
        table.writerows([section.title or title, text, "; ".join(figures(text))] for text in lines)
    return out.getvalue()


def _first_sentence(text: str) -> str:
    return next(iter(sentences(text[:4000])), text)


def _words(text: str) -> str:
    said = text.split()
    return text if len(said) <= BULLET_WORDS else " ".join(said[:BULLET_WORDS]) + " …"


_RENDERERS: Mapping[str, Callable[[Sequence[Section]], str]] = MappingProxyType(
    {"html": _html, "markdown": _markdown, "slides": _slides, "spreadsheet": _spreadsheet}
)
