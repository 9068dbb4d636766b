"""The sections of the service's own questions: goal, attachments and rules; rubric, task and output to judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.providers.offline.reading import Question, content_text, load_json


def cut_sections(text: str, headings: Sequence[str]) -> dict[str, str]:
    """What stands under each of ``headings`` that occurs, in their order; what comes before under the empty name.

    Of a heading that occurs more than once the last counts, for what others wrote is sent as JSON, which has no line
    of its own that could begin with one; the first heading stands where it comes first, before all of that.
    """
    found: dict[str, str] = {}
    end = len(text)
    for heading in reversed(headings):
        at = _last_line(text, heading, end)
        if heading == headings[0] and at > 0:
            at = 0 if text.startswith(heading) else text.find(f"\n{heading}") + 1
        if at >= 0:
            found[heading] = text[at + len(heading) : end].lstrip(": \t\r\n").rstrip()
            end = at
    return {"": text[:end].strip(), **dict(reversed(found.items()))}


def _last_line(text: str, heading: str, end: int) -> int:
    while (at := text.rfind(heading, 0, end)) >= 0:
        stop = at + len(heading)
        if (at == 0 or text[at - 1] == "\n") and (stop >= len(text) or text[stop] in " \t\r\n:"):
            return at
        end = at
    return -1


def newest_with(question: Question, heading: str) -> str:
    """The newest user message that has a line ``heading``; empty when none has."""
    for message in reversed(question.messages):
        text = content_text(message.get("content")) if message.get("role") == "user" else ""
        if _last_line(text, heading, len(text)) >= 0:
            return text
    return ""


def plain_or_json(text: str) -> Any:
    """A section's JSON value, or its text where it is none."""
    body = text.strip()
    if body.startswith("```"):
        body = body.partition("\n")[2].rstrip().removesuffix("```")
    value = load_json(body) if body[:1] in '{["' else None
    return text if value is None else value
