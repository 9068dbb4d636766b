"""Whether one text in several formats states the same facts: the figures of each, looked up in the source and compared.

Figures only: whether two sentences mean the same cannot be computed, whether a number is there can.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Mapping
from typing import Any

from app.domain.html_text import html_to_text, looks_like_html
from app.ports.provider import JsonObject
from app.providers.offline.evidence import Evidence, Unit
from app.providers.offline.reading import Question, dump_json
from app.providers.offline.text import figures, portions

MAX_LISTED = 40
MAX_CHARACTERS = 1_000_000

_LIST_NUMBER = re.compile(r"^\s*\d{1,3}[.)]\s", re.MULTILINE)


def consistency_of(question: Question) -> JsonObject | None:
    """The report that the last task of a multi-format run asks for; None for any other request."""
    task = question.task or {}
    data = task.get("data")
    if task.get("type") != "consistency" or not isinstance(data, Mapping):
        return None
    formats, source = data.get("formats"), data.get("source")
    if not isinstance(formats, Mapping) or not isinstance(source, str):
        return None
    inputs = question.inputs or {}
    written = {str(name): told for task_id, name in formats.items() if (told := _told(inputs.get(task_id)))}
    stated = {name: _figures(text) for name, text in written.items()}
    every = list(dict.fromkeys(figure for found in stated.values() for figure in found))
    evidence = Evidence([source])
    known = {figure for figure in every if evidence.holds(Unit("figure", figure))}
    invented = [
        {"fact": figure, "formats": [name for name, found in stated.items() if figure in found]}
        for figure in every
        if figure not in known
    ]
    missing = [
        {"fact": figure, "formats": lacking}
        for figure in every
        if figure in known and (lacking := [name for name, found in stated.items() if figure not in found])
    ]
    return {
        "consistent": not invented,
        "facts_compared": len(every),
        "differences": [],
        "invented": invented[:MAX_LISTED],
        "missing": missing[:MAX_LISTED],
        "unchecked": [str(name) for name in formats.values() if str(name) not in written],
    }


def _told(output: Any) -> str:
    """What a format says, without its markup."""
    if output is None or (isinstance(output, Mapping) and set(output) <= {"error", "status"}):
        return ""
    text = (output if isinstance(output, str) else dump_json(output))[:MAX_CHARACTERS]
    if looks_like_html(text):
        return html.unescape(html_to_text(text))
    if text.startswith("section,statement"):
        try:
            return "\n".join(" ".join(row[:2]) for row in csv.reader(text.split("\n")))
        except csv.Error:
            return text
    return text


def _figures(text: str) -> dict[str, None]:
    """The figures of two digits or more, or with a sign, in order; numbers of lists are none."""
    bare = _LIST_NUMBER.sub("", text)
    found = [each for portion in portions(bare) for each in figures(portion)]
    return dict.fromkeys(each for each in found if sum(map(str.isdigit, each)) > 1 or each[0] in "$€£")
