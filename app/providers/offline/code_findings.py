"""Findings of a code review as the lists of objects that a JSON Schema asks for, and such objects as reviews again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from app.providers.offline.code_lines import review_lines
from app.providers.offline.code_python import review_python
from app.providers.offline.findings import ADVICE, FileReview, Finding, weight
from app.providers.offline.materials import Material
from app.providers.offline.totals import format_line

_LISTS = frozenset({"findings", "issues", "problems", "defects", "comments", "violations"})
_LINES = frozenset({"line", "lineno", "line_number", "start_line"})
_KINDS = frozenset({"kind", "type", "category", "rule", "code", "name", "title"})
_PATHS = frozenset({"file", "path", "filename", "file_name"})
_ADVICE = frozenset({"suggestion", "fix", "advice", "recommendation", "remedy"})
_GRADES = frozenset({"severity", "level", "weight", "priority"})
_PURPOSES = frozenset({"purpose", "summary", "description"})
_PLAIN = frozenset({"type", "description", "title", "enum", "minimum"})
"""Keywords that every finding can meet; a field with any other is left to ``json_schema``."""

_MAX_WEIGHT = 5
_MAX_FINDINGS = 300
_KIND = re.compile(r"[a-z][a-z-]{0,40}")


def with_findings(value: Any, schema: Mapping[str, Any], materials: Sequence[Material]) -> Any:
    """``value`` with the lists of findings of the one source file that a request brings; else as it is.

    Args:
        value: conforms to ``schema``; so does the result.
    """
    properties = schema.get("properties")
    if len(materials) != 1 or not isinstance(value, Mapping) or not isinstance(properties, Mapping):
        return value
    material = materials[0]
    if material.kind not in {"python", "code"} or not _LISTS & properties.keys():
        return value
    is_python = material.kind == "python"
    review = review_python(material.text) if is_python else review_lines(material.text, material.language)
    filled = dict(value)
    for name, field in properties.items():
        if not isinstance(field, Mapping):
            continue
        if name in _LISTS and field.get("type") == "array":
            listed = _listed(field, review, material)
            filled[name] = filled.get(name) if listed is None else listed
        elif name in _PURPOSES and field.keys() <= {"type", "description", "title"} and field.get("type") == "string":
            filled[name] = review.purpose or f"{material.language or 'Source'} of {review.lines} lines."
        elif name in {"lines", "functions", "classes"} and field.get("type") == "integer":
            filled[name] = getattr(review, name)
    return filled


def review_text(name: str, value: Mapping[str, Any]) -> str:
    """A review of one file that came as an object, as the report that ``merge_code`` adds up; empty for anything else.

    Args:
        name: of the task, which is the file's where the object names none.
    """
    listed = value.get("findings")
    if not isinstance(listed, list) or not all(_is_finding(each) for each in listed):
        return ""
    named = next((value[key] for key in ("path", "file") if isinstance(value.get(key), str)), name)
    lines = value.get("lines")
    kinds = Counter(str(each["kind"]) for each in listed)
    counts = {"files": 1, "lines": lines if isinstance(lines, int) else 0, "findings": len(listed)}
    counts["weight"] = sum(weight(kind) * count for kind, count in kinds.items())
    told = [f"# Review of `{named}`", str(value.get("purpose") or ""), format_line("Totals", counts)]
    if kinds:
        told.append(format_line("Findings", kinds))
    told.append("\n".join(f"- line {each['line']}, {each['kind']}: {each['message']}" for each in listed))
    return "\n\n".join(part for part in told if part) + "\n"


def _is_finding(value: Any) -> bool:
    """Whether it has the three parts that a report has of each finding, its kind as one word as reports name kinds."""
    if not isinstance(value, Mapping) or not isinstance(value.get("line"), int):
        return False
    kind, message = value.get("kind"), value.get("message")
    return isinstance(message, str) and isinstance(kind, str) and _KIND.fullmatch(kind) is not None


def _listed(field: Mapping[str, Any], review: FileReview, material: Material) -> list[Any] | None:
    """The findings, most serious first; None where the schema wants more of them or another shape."""
    item = field.get("items")
    most = field.get("maxItems", _MAX_FINDINGS)
    least = field.get("minItems", 0)
    ordered = sorted(review.findings, key=lambda each: (-each.weight, each.line, each.kind))
    if not isinstance(item, Mapping) or not isinstance(most, int) or not isinstance(least, int):
        return None
    if least > len(ordered):
        return None
    if item.get("type") == "string":
        texts = [f"line {each.line}, {each.kind}: {each.message}" for each in ordered]
        return None if item.keys() - {"type", "description"} else texts[:most]
    fields = item.get("properties")
    needed = item.get("required", [])
    if not isinstance(fields, Mapping) or not isinstance(needed, list) or set(needed) - fields.keys():
        return None
    found = [_object(each, fields, material) for each in ordered[: min(most, _MAX_FINDINGS)]]
    return None if any(each is None for each in found) else found


def _object(finding: Finding, fields: Mapping[str, Any], material: Material) -> dict[str, Any] | None:
    """One finding with the wanted fields; None where one of them can hold none of its values."""
    result: dict[str, Any] = {}
    for name, wanted in fields.items():
        if not isinstance(wanted, Mapping) or wanted.keys() - _PLAIN or wanted.get("minimum", 1) > 1:
            return None
        kind, options = wanted.get("type"), wanted.get("enum")
        if isinstance(options, list) and options:
            result[name] = _choice(name, options, finding)
        elif kind in {"integer", "number"}:
            result[name] = weight(finding.kind) if name.lower() in _GRADES else finding.line
        elif kind == "string":
            result[name] = _text(name.lower(), finding, material)
        else:
            return None
    return result


def _choice(name: str, options: list[Any], finding: Finding) -> Any:
    """The finding's kind where it is an option; else the grade that suits its weight, options being in order."""
    if finding.kind in options:
        return finding.kind
    texts = [str(option).lower() for option in options]
    rising = texts[0] in {"low", "info", "minor", "trivial", "note", "style"}
    share = (finding.weight - 1) / (_MAX_WEIGHT - 1)
    at = round(share * (len(options) - 1))
    return options[at if rising or name.lower() not in _GRADES else len(options) - 1 - at]


def _text(name: str, finding: Finding, material: Material) -> str:
    if name in _LINES:
        return str(finding.line)
    if name in _KINDS:
        return finding.kind
    if name in _PATHS:
        return material.name
    if name in _ADVICE:
        return ADVICE.get(finding.kind, finding.message)
    if name in _GRADES:
        return ("low", "low", "medium", "high", "high")[min(finding.weight, _MAX_WEIGHT) - 1]
    return finding.message
