"""Prompts that ask for JSON in words: which keys they list, what they say about each, and the bare object they get."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.ports.provider import JsonObject
from app.providers.offline.reading import load_json
from app.providers.offline.template import find_templates
from app.providers.offline.text import shorten
from app.providers.offline.values import (
    Content,
    boolean_value,
    choice_value,
    item_texts,
    number_value,
    text_value,
)

READ_CHARACTERS = 20_000
"""Instructions stand at the beginning or the end of a prompt; this much of each is looked at."""

Specs = dict[str, Any]
"""Key → what the prompt says about it: text, or a template's list, object, number or boolean."""

_ASKS = re.compile(
    r"\b(?:return|respond|reply|answer|output|produce|give|generate|write|provide|format|as|in|only|valid|strict|bare)\b"
    r"[^\n.{]{0,60}?\bjson\b|\bjson\b[^\n.{]{0,20}\b(?:object|array|list|only|format|keys?|with|fields?)\b|\bjson\s*:\s*[{\[]",
    re.IGNORECASE,
)
_ASKS_ARRAY = re.compile(r"\bjson\s+(?:array|list)\b", re.IGNORECASE)
_KEYS = re.compile(
    r"\b(?:keys?|fields?|properties|attributes)\b(?:\s+(?:named|called|are|exactly))?\s*[:=]?\s*([^\n]{1,1000})",
    re.IGNORECASE,
)
_WRAPPED = re.compile(r"""(\band|[,:])[ \t]*\n[ \t]*(?=["'`\w])""")
"""A line break inside of a list of keys."""

_QUOTED = re.compile(r"""["'`]([A-Za-z_][\w-]{0,60})["'`]""")
_PLAIN = re.compile(r"^(?:and |or )?([A-Za-z_][\w-]{0,60})\s*(?:\(([^)]*)\)|[:=]\s*(.+))?$")
_BULLET_KEY = re.compile(
    r"""^[ \t]*(?:[-*+]|\d{1,2}[.)])[ \t]+[`"'*]{0,3}([A-Za-z_][\w-]{0,60})[`"'*]{0,3}"""
    r"""(?:[ \t]*\(([^)\n]{0,200})\))?[ \t]*[:\u2013-][ \t]*([^\n]{0,300})$""",
    re.MULTILINE,
)
_LIST = re.compile(
    r"\b(?:lists?|arrays?) of\b|\blist\b|\barray\b|\b(?:both|two|parallel) (?:lists|arrays)\b|\[\s*\]|\[string", re.I
)
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:-|\u2013|to|\.\.\.?|and)\s*(-?\d+(?:\.\d+)?)")
_NUMERIC = re.compile(
    r"\b(?:integer|int|number|numeric|float|decimal|scale|score|rating|percent|count of|how many)\b", re.I
)
_BOOLEAN = re.compile(r"\b(?:bool|boolean|true\s*(?:/|\||or)\s*false|yes\s*/\s*no)\b", re.IGNORECASE)
_ONE_OF = re.compile(r"\bone of:?\s+(.+)$", re.IGNORECASE)
_LAST_AND = re.compile(r"\band$")
_OPTION = re.compile(r"[\w-]+")
_NOT_PLURAL = ("ss", "us", "is", "ys")


def asks_for_json(text: str) -> bool:
    """Whether an instruction wants its answer as JSON."""
    return _ASKS.search(_instruction(text)) is not None


def asks_for_array(text: str) -> bool:
    return _ASKS_ARRAY.search(_instruction(text)) is not None


def _instruction(text: str) -> str:
    if len(text) <= 2 * READ_CHARACTERS:
        return text
    return text[:READ_CHARACTERS] + "\n" + text[-READ_CHARACTERS:]


def schema_in(text: str) -> JsonObject | None:
    """A JSON schema that the instruction quotes, if it does."""
    for template in find_templates(_instruction(text)):
        value = load_json(template.text)
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            return value
    return None


def wanted_keys(text: str) -> Specs:
    """The keys an instruction lists, in order, with what it says about each; empty when it lists none."""
    text = _instruction(text)
    templates = [template for template in find_templates(text) if template.specs]
    if templates:
        asked = [
            template
            for template in templates
            if re.search("json", text[max(0, template.start - 400) : template.start], re.I)
        ]
        return (asked or templates)[0].specs
    for match in _KEYS.finditer(_WRAPPED.sub(r"\1 ", text)):
        specs = _listed_keys(match.group(1))
        if specs:
            return specs
    json_at = max(text.lower().find("json"), 0)
    return {key: (bracketed + " " + spec).strip() for key, bracketed, spec in _BULLET_KEY.findall(text[json_at:])}


def without_key_lines(text: str) -> str:
    """``text`` without the bulleted lines that describe keys; a description begins in lower case or with a type."""
    return _BULLET_KEY.sub(lambda match: "" if match.group(1).islower() else match.group(), text)


def _listed_keys(listing: str) -> Specs:
    """Keys in a line such as ``"a", "b" (List of b) and "c"`` or ``roles, tasks``."""
    quoted = list(_QUOTED.finditer(listing))
    if quoted:
        ends = [match.start() for match in quoted[1:]] + [len(listing)]
        return {
            match.group(1): _LAST_AND.sub("", listing[match.end() : end].strip(" ,;:-()")).strip(" ,;.()")
            for match, end in zip(quoted, ends, strict=True)
        }
    specs: Specs = {}
    sentence = re.split(r"\.(?:\s|$)", listing, maxsplit=1)[0]
    for part in re.split(r",(?![^(]*\))|\band\b(?![^(]*\))|;", sentence):
        match = _PLAIN.match(part.strip(" .`\"'"))
        if match is None:
            # Words that are no key end the list ("keys: a, b for each of the rows").
            head = part.strip().split(" ")[0].strip("`\"'")
            if (
                specs
                and head
                and re.fullmatch(r"[A-Za-z_][\w-]*", head)
                and head.lower() not in {"for", "in", "with", "the", "as"}
            ):
                specs[head] = ""
            break
        specs[match.group(1)] = (match.group(2) or match.group(3) or "").strip()
    return specs


def keyed_answer(specs: Mapping[str, Any], content: Content, index: int | None = None, depth: int = 0) -> JsonObject:
    """One object with exactly the keys of ``specs``."""
    return {key: _value(key, spec, content, index, depth) for key, spec in specs.items()}


def _value(key: str, spec: Any, content: Content, index: int | None, depth: int) -> Any:
    if isinstance(spec, bool):
        return boolean_value(key, content)
    if isinstance(spec, int):
        return round(number_value(key, content, index, None, None))
    if isinstance(spec, float):
        return round(
            number_value(key, content, index, 0.0 if 0 <= spec <= 1 else None, 1.0 if 0 <= spec <= 1 else None), 2
        )
    if isinstance(spec, Mapping):
        return keyed_answer(spec, content, index, depth + 1) if depth < 8 else {}
    if isinstance(spec, list):
        return _list(key, spec[0] if spec else "", content, index, depth)
    return _described(key, str(spec), content, index)


def _list(key: str, item: Any, content: Content, index: int | None, depth: int) -> list[Any]:
    if index is not None and depth > 0:  # the lines belong to the outer list
        return [_value(key.removesuffix("s"), item, content, index, depth + 1)]
    if isinstance(item, str):
        if not _RANGE.search(item) and "|" not in item:
            return list(item_texts(key, content))
        item = _LIST.sub("", item)
    return [_value(key.removesuffix("s"), item, content, at, depth + 1) for at in range(len(content.lines))]


def _described(key: str, spec: str, content: Content, index: int | None) -> Any:
    """A value for a key that is described in words, or only named."""
    if index is None and (_LIST.search(spec) or (not spec.strip(" .\u2026") and _is_plural(key))):
        return _list(key, spec, content, index, 0)
    if _BOOLEAN.search(spec):
        return boolean_value(key, content)
    options = _options(spec)
    if options:
        return choice_value(options, key, content, index)
    bounds = _RANGE.search(spec)
    if bounds and (_NUMERIC.search(spec) or len(spec) <= 16):
        low, high = sorted((float(bounds.group(1)), float(bounds.group(2))))
        value = number_value(key, content, index, low, high)
        return round(value, 2) if "." in bounds.group() or high - low <= 1 else round(value)
    named_number = not spec and key.lower().endswith(("score", "rating", "count", "complexity", "priority"))
    if _NUMERIC.search(spec) or named_number:
        return round(number_value(key, content, index, None, None))
    return shorten(text_value(key, content, index), 1200)


def _options(spec: str) -> list[str]:
    """The choices of ``low|medium|high`` or ``one of: a, b, c``; empty when the description names none."""
    text = spec.strip(" <>.")
    if "|" in text and all(len(part.split()) <= 3 for part in text.split("|")):
        return [part.strip(" \"'`") for part in text.split("|") if part.strip(" \"'`")]
    match = _ONE_OF.search(text)
    if match is None:
        return []
    quoted = re.findall(r"""["'`]([^"'`]{1,60})["'`]""", match.group(1))
    return quoted or [part for part in _OPTION.findall(match.group(1)) if part.lower() not in {"or", "and"}]


def _is_plural(key: str) -> bool:
    lowered = key.lower()
    return lowered.endswith("s") and not lowered.endswith(_NOT_PLURAL) and len(lowered) > 2
