"""JSON that conforms to a JSON schema (2020-12, the keywords that structured output uses), filled from the content."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from app.ports.provider import JsonObject
from app.providers.offline.reading import dump_json
from app.providers.offline.schema_text import bounded, is_number, schema_text, whole_number
from app.providers.offline.text import word_set, words
from app.providers.offline.values import (
    Content,
    boolean_value,
    choice_value,
    item_texts,
    number_value,
    text_value,
)

MAX_DEPTH = 12
OPTIONAL_DEPTH = 5
"""Below this depth only what a schema requires is filled, so that recursive schemas end."""

MAX_ITEMS = 300

_DEPENDENCIES = frozenset({"depends_on", "dependencies", "deps", "after", "requires", "dependson", "prerequisites"})
_MERGING = word_set("merge combine finally final aggregate synthesize synthesise conclude summarize summarise report")


def schema_answer(schema: Mapping[str, Any], content: Content) -> Any:
    """A value that conforms to ``schema``."""
    return _Filler(schema, content).value(schema, "", None, 0)


class _Filler:
    def __init__(self, root: Mapping[str, Any], content: Content) -> None:
        self._root = root
        self._content = content

    def value(self, schema: Any, name: str, index: int | None, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return text_value(name, self._content, index)
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return choice_value(options, name, self._content, index)
        kind = self._kind(schema)
        if kind == "object":
            return self._object(schema, index, depth)
        if kind == "array":
            return self._array(schema, name, index, depth)
        if kind in {"integer", "number"}:
            return self._number(schema, name, index, kind == "integer")
        if kind == "boolean":
            return boolean_value(name, self._content)
        return None if kind == "null" else self._text(schema, name, index)

    def _resolved(self, schema: Mapping[str, Any]) -> JsonObject:
        """``schema`` with local references followed and one branch of each combination merged in."""
        merged: JsonObject = dict(schema)
        for _ in range(MAX_DEPTH):
            more: list[Any] = []
            reference = merged.pop("$ref", None)
            if isinstance(reference, str):
                more.append(self._target(reference))
            every = merged.pop("allOf", None)
            more.extend(every if isinstance(every, list) else [])
            for keyword in ("anyOf", "oneOf"):
                branches = merged.pop(keyword, None)
                if isinstance(branches, list):
                    usable = [branch for branch in branches if isinstance(branch, Mapping)]
                    more.extend([branch for branch in usable if branch.get("type") != "null"][:1] or usable[:1])
            if not more:
                break
            for part in more:
                if isinstance(part, Mapping):
                    merged = _merged(merged, part)
        return merged

    def _target(self, reference: str) -> Any:
        """What a reference within the schema points at; nothing for any other, which is never fetched."""
        if not reference.startswith("#"):
            return None
        at: Any = self._root
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            at = at.get(key) if isinstance(at, Mapping) else None
        return at

    def _kind(self, schema: JsonObject) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
        if isinstance(kind, str):
            return kind
        if "properties" in schema or "required" in schema:
            return "object"
        if "items" in schema or "prefixItems" in schema:
            return "array"
        return "number" if "minimum" in schema or "maximum" in schema else "string"

    def _object(self, schema: JsonObject, index: int | None, depth: int) -> JsonObject:
        given = schema.get("properties")
        properties: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        listed = schema.get("required")
        required = [key for key in listed if isinstance(key, str)] if isinstance(listed, list) else []
        names = list(properties) if depth < OPTIONAL_DEPTH else []
        names += [name for name in required if name not in names]
        if depth >= MAX_DEPTH:
            return {}
        result = {name: self.value(properties.get(name, {}), name, index, depth + 1) for name in names}
        additional = schema.get("additionalProperties", True)
        while len(result) < min(whole_number(schema.get("minProperties")), 50) and additional is not False:
            name = f"item{len(result) + 1}"
            result[name] = self.value(additional, name, index, depth + 1)
        return result

    def _array(self, schema: JsonObject, name: str, index: int | None, depth: int) -> list[Any]:
        least = min(whole_number(schema.get("minItems")), MAX_ITEMS)
        most = whole_number(schema.get("maxItems"), MAX_ITEMS)
        prefix = schema.get("prefixItems")
        if isinstance(prefix, list) and prefix:
            return [self.value(part, name, position, depth + 1) for position, part in enumerate(prefix[:MAX_ITEMS])]
        if name.lower() in _DEPENDENCIES and least == 0:
            return self._dependencies(index)[:most]
        if depth >= OPTIONAL_DEPTH:
            return [self.value(schema.get("items"), name, position, depth + 1) for position in range(least)]
        item = self._resolved(schema["items"]) if isinstance(schema.get("items"), Mapping) else {}
        plain = self._kind(item) == "string" and not {"enum", "const", "format", "pattern"} & item.keys()
        if index is not None and plain and least <= 1:
            # A list inside of a list: the lines belong to the outer one, this one is about its own line.
            return [self._text(item, name, index)][:most]
        texts = item_texts(name, self._content) if plain else self._content.lines
        count = min(max(len(texts), least), most, MAX_ITEMS)
        if plain:
            items: list[Any] = [bounded(texts[at % len(texts)], item) for at in range(count)]
        else:
            items = [self.value(schema.get("items"), name, at, depth + 1) for at in range(count)]
        return _distinct(items, least) if schema.get("uniqueItems") else items

    def _dependencies(self, index: int | None) -> list[str]:
        """A line that merges what came before depends on all of it; every other line stands alone."""
        if not index:
            return []
        said = words(self._content.line(index))
        is_last = index == len(self._content.lines) - 1
        if not (said[:1] and said[0] in _MERGING) and not (is_last and _MERGING & set(said)):
            return []
        return [f"t{before + 1}" for before in range(index)]

    def _number(self, schema: JsonObject, name: str, index: int | None, whole: bool) -> float:
        low, high = _bound(schema, "minimum", 1, whole), _bound(schema, "maximum", -1, whole)
        value = number_value(name, self._content, index, low, high)
        step = schema.get("multipleOf")
        if isinstance(step, int | float) and step > 0:
            value = math.floor(value / step) * step
            value = value + step if low is not None and value < low else value
        if whole:
            value = round(value)
            value = max(value, math.ceil(low)) if low is not None else value
            return int(min(value, math.floor(high)) if high is not None else value)
        rounded = round(value, 2)
        inside = (low is None or rounded >= low) and (high is None or rounded <= high)
        return rounded if inside and not isinstance(step, int | float) else value

    def _text(self, schema: JsonObject, name: str, index: int | None) -> str:
        return schema_text(schema, name, self._content, index)


def _bound(schema: JsonObject, keyword: str, inward: int, whole: bool) -> float | None:
    """The bound ``keyword``, exclusive ones moved inwards."""
    bounds: list[float] = [schema[keyword]] if is_number(schema.get(keyword)) else []
    exclusive = schema.get(f"exclusive{keyword.capitalize()}")
    if exclusive is not None and is_number(exclusive):
        bounds.append(exclusive + inward * (1 if whole else 0.01))
    if not bounds:
        return None
    return float(max(bounds) if inward > 0 else min(bounds))


def _merged(base: JsonObject, part: Mapping[str, Any]) -> JsonObject:
    merged = {**part, **base}
    for keyword in ("properties", "$defs"):
        if isinstance(base.get(keyword), Mapping) and isinstance(part.get(keyword), Mapping):
            merged[keyword] = {**part[keyword], **base[keyword]}
    if isinstance(base.get("required"), list) and isinstance(part.get("required"), list):
        merged["required"] = list(dict.fromkeys([*part["required"], *base["required"]]))
    return merged


def _distinct(items: list[Any], least: int) -> list[Any]:
    """``items`` without repetitions; texts are told apart where that leaves too few."""
    seen: dict[str, Any] = {}
    for at, item in enumerate(items, start=1):
        unique = item
        if dump_json(item) in seen and len(items) <= least:
            unique = f"{item} {at}" if isinstance(item, str) else item + at if isinstance(item, int) else item
        seen.setdefault(dump_json(unique), unique)
    return list(seen.values())
