"""Markdown reports that keep to the room they are given: headings or none, words, tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.providers.offline.tokens import BYTES_PER_TOKEN, utf8_length

_MAX_WORDS = re.compile(
    r"\b(?:at most|no more than|maximum(?: of)?|up to|under|within|in) (\d{2,5}) words\b", re.IGNORECASE
)
_NO_HEADINGS = re.compile(r"\b(?:no|without) (?:markdown )?head(?:ings|ers)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the request allows an answer."""

    max_words: int | None = None
    max_bytes: int | None = None
    headings: bool = True

    @property
    def is_wide(self) -> bool:
        """Whether a report of a few pages fits."""
        return (self.max_words is None or self.max_words > 900) and (self.max_bytes is None or self.max_bytes >= 10_000)


def room_for(prompt: str, max_output_tokens: int | None) -> Room:
    """The room that a prompt and the cap on its answer leave."""
    words = _MAX_WORDS.search(prompt[:20_000])
    return Room(
        max_words=int(words.group(1)) if words else None,
        max_bytes=None if max_output_tokens is None else max_output_tokens * BYTES_PER_TOKEN,
        headings=_NO_HEADINGS.search(prompt[:20_000]) is None,
    )


@dataclass(slots=True)
class Section:
    """Lines under a heading; ``keep`` of them stay however little room there is."""

    title: str
    lines: list[str]
    keep: int = 0


@dataclass(slots=True)
class Report:
    """A title, lead lines that always stay, and sections that lose lines from the end when room is short."""

    title: str
    lead: list[str]
    sections: list[Section] = field(default_factory=list)

    def add(self, title: str, lines: list[str], keep: int = 0) -> None:
        """Append a section, unless it is empty."""
        if lines:
            self.sections.append(Section(title, lines, keep))

    def render(self, room: Room) -> str:
        """The report as Markdown within ``room``."""
        lines = [list(section.lines) for section in self.sections]
        size = _Size(room)
        for line in [self.title, *self.lead, *(section.title for section in self.sections)]:
            size.add(line)
        for section_lines in lines:
            for line in section_lines:
                size.add(line)
        for section, section_lines in zip(reversed(self.sections), reversed(lines), strict=True):
            while len(section_lines) > section.keep and size.is_over():
                size.remove(section_lines.pop())
        for section_lines in reversed(lines):
            while section_lines and size.is_cut():  # what would be cut off anyway is better left out whole
                size.remove(section_lines.pop())
        heading = "# {}" if room.headings else "**{}**"
        subheading = "## {}" if room.headings else "**{}**"
        blocks = [heading.format(self.title), *self.lead] if self.title else [*self.lead]
        text = "\n\n".join(blocks)
        for section, section_lines in zip(self.sections, lines, strict=True):
            if section_lines:
                text += "\n\n" + subheading.format(section.title) + "\n\n" + "\n".join(section_lines)
        return text + "\n"


class _Size:
    """Running words and bytes of a report, compared with its room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._words = 0
        self._bytes = 0

    def add(self, line: str) -> None:
        self._words += len(line.split())
        self._bytes += utf8_length(line) + 3

    def remove(self, line: str) -> None:
        self._words -= len(line.split())
        self._bytes -= utf8_length(line) + 3

    def is_over(self) -> bool:
        """Whether there is more than was asked for."""
        return self.is_cut() or (self._room.max_words is not None and self._words > self._room.max_words)

    def is_cut(self) -> bool:
        """Whether there is more than will be sent."""
        return self._room.max_bytes is not None and self._bytes > self._room.max_bytes
