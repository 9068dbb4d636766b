"""Merging the outputs of earlier tasks into one report; which of the merging modules handles which output.

Outputs are texts or objects. Reports written by this package are added up by their ``Totals`` lines, over any number of
levels; anything else is a document of its own, whose best sentences are carried over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.providers.offline.claims import CLAIMS, is_claims
from app.providers.offline.code_findings import review_text
from app.providers.offline.merge_claims import add_claim_sections, read_all
from app.providers.offline.merge_code import add_code_sections
from app.providers.offline.merge_documents import add_document_sections
from app.providers.offline.merge_objects import add_object_sections, object_totals
from app.providers.offline.merge_rows import add_row_sections
from app.providers.offline.reading import clean, load_json
from app.providers.offline.report import Report, Room
from app.providers.offline.text import number, shorten
from app.providers.offline.totals import SEPARATOR, add, find_line, find_value, format_line

LISTED_INPUTS = 40
"""Inputs that get a line of their own; more are only named."""

LISTED_INPUTS_TIGHT = 8
"""The same where words or tokens are counted: what was found is worth more than what each input added."""


_INPUT_NAME = re.compile(r"(?:^- |, |: )`([^`\n]{1,200})`", re.MULTILINE)


@dataclass(slots=True)
class Output:
    """One input of a merge: the output of an earlier task, taken apart."""

    name: str
    text: str = ""
    value: Mapping[str, Any] | None = None
    totals: dict[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        if self.value is not None:
            return "object"
        if is_claims(self.text):
            return "claims"
        if "files" in self.totals:
            return "code"
        if "rows" in self.totals:
            return "rows"
        return "document"


def read_outputs(inputs: Mapping[str, Any]) -> tuple[list[Output], list[str]]:
    """The inputs that hold something, and the names of those that do not."""
    outputs: list[Output] = []
    missing: list[str] = []
    for key, given in inputs.items():
        name = shorten(clean(str(key)), 200) or "(unnamed)"
        value = given
        if isinstance(value, str) and value.lstrip()[:1] == "{":
            parsed = load_json(value)
            value = parsed if isinstance(parsed, dict) else value
        if value is None or value in ("", [], {}):
            missing.append(name)
        elif isinstance(value, Mapping):
            if set(value) <= {"error", "status", "id", "task_id"} and value.get("error"):
                missing.append(name)
            elif review := review_text(name, value):
                outputs.append(Output(name, text=review, totals=find_line(review, "Totals")))
            else:
                outputs.append(Output(name, value=value, totals=object_totals(value)))
        elif isinstance(value, list):
            outputs.append(Output(name, value={"items": value}, totals=object_totals({"items": value})))
        else:
            text = clean(value if isinstance(value, str) else str(value))
            outputs.append(Output(name, text=text, totals=find_line(text, "Totals")))
    return outputs, missing


def merge(inputs: Mapping[str, Any], title: str, room: Room) -> str:
    """One report on all ``inputs``; ``title`` is what it is about, empty where nothing says so."""
    given, missing = read_outputs(inputs)
    outputs = _without_repetitions(given)
    totals: Counter[str] = Counter()
    for output in outputs:
        add(totals, output.totals or ({"documents": 1} if output.kind == "document" else {}))
    if "columns" in totals:  # chunks of the same rows have the same columns
        totals["columns"] = max(int(output.totals.get("columns", 0)) for output in outputs)
    if "parts" in totals and "documents" not in totals:
        # The parts of one document: above this level it is a document like any other.
        totals = Counter({"documents": 1, **{label: value for label, value in totals.items() if label != "parts"}})
    kinds = Counter(output.kind for output in outputs)
    report = Report(_title(kinds), [])
    report.lead.append(_opening(len(given), missing, totals))
    if totals:
        report.lead.append(format_line("Totals", totals))
    if kinds["claims"]:
        claims = read_all([(output.name, output.text) for output in outputs if output.kind == "claims"])
        add_claim_sections(report, claims, room)
    texts = {kind: [(output.name, output.text) for output in outputs if output.kind == kind] for kind in kinds}
    if kinds["code"]:
        scope = add_code_sections(report, texts["code"])
        title = title or scope
    if kinds["rows"]:
        add_row_sections(report, texts["rows"])
    if kinds["document"]:
        add_document_sections(report, texts["document"])
    if kinds["object"]:
        objects = [(output.name, output.value) for output in outputs if output.value is not None]
        add_object_sections(report, objects)
    if title:
        report.title += f": {title}"
    all_missing = [*missing, *(name for output in outputs for name in _missing_below(output.text))]
    if all_missing:
        report.lead.append("Missing: " + ", ".join(all_missing))
    lines = _input_lines(outputs, missing, LISTED_INPUTS if room.is_wide else LISTED_INPUTS_TIGHT)
    report.add("Inputs", lines, keep=len(lines))
    return report.render(room)


def _without_repetitions(outputs: list[Output]) -> list[Output]:
    """``outputs`` without reports that are merged from others among them: those would count twice."""
    names = {output.name for output in outputs}
    kept = []
    for output in outputs:
        _, heading, listed = output.text.rpartition("\n## Inputs\n")
        below = _INPUT_NAME.findall(listed) if heading else []
        if not below or output.name in below or not names.issuperset(below):
            kept.append(output)
    return kept


def _missing_below(text: str) -> list[str]:
    return [name for name in find_value(text, "Missing").split(", ") if name]


def _title(kinds: Counter[str]) -> str:
    if kinds["code"]:
        return "Code review report"
    if kinds["rows"]:
        return "Statistics of all chunks"
    return "Merged report"


def _opening(given: int, missing: list[str], totals: Mapping[str, float]) -> str:
    total = given + len(missing)
    parts = [f"{number(total)} input{'s' if total != 1 else ''}"]
    if missing:
        parts.append(f"{number(len(missing))} of them without an output")
    told = {label: totals[label] for label in ("files", "documents", "rows") if totals.get(label)}
    parts += [f"{number(count)} {label if count != 1 else label[:-1]}" for label, count in told.items()]
    size = next((f" with {number(totals[label])} {label}" for label in ("lines", "words") if totals.get(label)), "")
    found = ""
    if totals.get("findings") and totals.get("lines"):
        density = 1000 * totals["findings"] / totals["lines"]
        found = f" {number(totals['findings'])} findings, {density:.1f} per 1,000 lines."
    return ", ".join(parts) + size + "." + found


def _input_lines(outputs: list[Output], missing: list[str], limit: int) -> list[str]:
    """Every input by name; the first ``limit`` with their counts."""
    limit = limit if len(outputs) > limit + 2 else len(outputs)
    lines = [f"- `{output.name}`: {_told(output)}" for output in outputs[:limit]]
    rest = [f"`{output.name}`" for output in outputs[limit:]]
    if rest:
        lines.append(f"- and {number(len(rest))} more: " + ", ".join(rest))
    return lines + [f"- `{name}`: no output" for name in missing]


def _told(output: Output) -> str:
    """The counts of one input that a reader wants to see beside its name."""
    shown = {label: output.totals[label] for label in _SHOWN if label in output.totals}
    if output.kind == "object" and not shown:
        shown = dict(list(output.totals.items())[:4])
    told = SEPARATOR.join(f"{label} {number(value)}" for label, value in shown.items())
    if output.kind == "claims":
        told = SEPARATOR.join(f"{label} {number(value)}" for label, value in find_line(output.text, CLAIMS).items())
    if not told and output.kind == "document":
        told = f"words {number(len(output.text.split()))}"
    return told or "an object"


_SHOWN = ("files", "documents", "parts", "rows", "lines", "words", "functions", "findings", "missing")
