"""What a model is asked where a task wants structured output: natively, in words, and once more after a mismatch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from app.ports.provider import JsonObject

Mode = Literal["json_schema", "json_object", "prompt"]
"""What the provider takes: a schema, only "some JSON", or nothing but words."""

MAX_SHOWN_ANSWER = 20_000
"""Characters of a wrong answer that its repair is shown; the middle of a longer one is left out."""

# Limits and subset of strict mode: OpenAI, guide "Structured model outputs", section "Supported schemas" (2026).
_MAX_PROPERTIES = 5_000
_MAX_NESTING = 10
_MAX_CHARACTERS = 120_000
_MAX_CHOICES = 1_000
_MAX_LONG_CHOICES = 250, 15_000
_KINDS = frozenset({"string", "number", "boolean", "integer", "object", "array", "null"})
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_ANYWHERE = frozenset({"type", "description", "title", "enum", "const", "anyOf", "$ref", "$defs", "definitions"})
_BY_KIND: dict[str, frozenset[str]] = {
    "string": frozenset({"pattern", "format"}),
    "number": frozenset({"multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"}),
    "integer": frozenset({"multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required", "additionalProperties"}),
}


def response_format(schema: JsonObject | bool, mode: Mode, name: str = "output") -> JsonObject | None:
    """Return the OpenAI-shaped ``response_format``; None where the provider takes none.

    Args:
        name: shown to the model; what vendors refuse in it (all but ``[a-zA-Z0-9_-]``, 64 at most) is replaced.
    """
    if mode == "json_schema" and isinstance(schema, dict):
        named = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "output"
        asked = {"name": named, "schema": schema, "strict": is_strict_subset(schema)}
        return {"type": "json_schema", "json_schema": asked}
    # "json_object" answers with objects only: no good to a schema that wants anything else.
    if mode == "json_object" and isinstance(schema, dict) and schema.get("type") == "object":
        return {"type": "json_object"}
    return None


def instructions(schema: JsonObject | bool) -> str:
    """Return the section that ends the user message, in every mode: vendors want the word JSON in it."""
    shown = orjson.dumps(schema).decode()
    return (
        "\n\n## Output format\nAnswer with one JSON value that is valid against this JSON Schema, and nothing else.\n"
        f"{shown}"
    )


def repair_messages(answer: str, errors: Sequence[str]) -> list[JsonObject]:
    """Return what follows the first messages: the wrong answer, and a request to correct it.

    Args:
        errors: of the ``Mismatch``, which bounds them.
    """
    if len(answer) > MAX_SHOWN_ANSWER:
        half = MAX_SHOWN_ANSWER // 2
        left_out = len(answer) - 2 * half
        answer = f"{answer[:half]}\n[{left_out} characters left out]\n{answer[-half:]}"
    listed = "\n".join(f"- {error}" for error in errors)
    asked = (
        f"Your answer is not valid against the JSON Schema:\n{listed}\n\n"
        "Answer with the complete corrected JSON value only: no explanation, nothing left out."
    )
    # An empty message of the assistant is refused by several vendors.
    return [{"role": "assistant", "content": answer or "(no answer)"}, {"role": "user", "content": asked}]


def is_strict_subset(schema: JsonObject) -> bool:
    """Return whether OpenAI's strict mode takes ``schema``, which is valid JSON Schema; when in doubt, not.

    All properties required and no others, an object at the root, no keyword that the guide does not list.
    """
    if schema.get("type") != "object" or "anyOf" in schema or "$ref" in schema:
        return False
    return _Subset().takes(schema, 1)


class _Subset:
    """Adds up what the guide limits over the whole schema."""

    def __init__(self) -> None:
        self._properties = 0
        self._characters = 0
        self._choices = 0

    def takes(self, schema: Any, depth: int) -> bool:
        if not isinstance(schema, Mapping) or depth > _MAX_NESTING:
            return False
        if isinstance(schema.get("$ref"), str):
            # The target is looked at where it is defined.
            return schema["$ref"].startswith("#") and schema.keys() <= {"$ref", "description", "title"}
        given = schema.get("type", [])
        kinds = given if isinstance(given, list) else [given]
        if not set(kinds) <= _KINDS or not (kinds or schema.keys() & {"enum", "const", "anyOf"}):
            return False
        if not schema.keys() <= _ANYWHERE.union(*(_BY_KIND.get(kind, frozenset()) for kind in kinds)):
            return False
        if "format" in schema and schema["format"] not in _FORMATS:
            return False
        parts = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
        if "array" in kinds and "items" not in schema:
            return False
        if "object" in kinds:
            properties = schema.get("properties", {})
            if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
                return False
            self._properties += len(properties)
            self._characters += sum(map(len, properties))
            parts += properties.values()
        if not self._choices_fit(schema):
            return False
        definitions = [*schema.get("$defs", {}).items(), *schema.get("definitions", {}).items()]
        self._characters += sum(len(name) for name, _ in definitions)
        if self._properties > _MAX_PROPERTIES or self._characters > _MAX_CHARACTERS:
            return False
        return all(self.takes(part, depth + 1) for part in parts) and all(
            self.takes(each, 1) for _, each in definitions
        )

    def _choices_fit(self, schema: Mapping[str, Any]) -> bool:
        options = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
        characters = sum(len(option) for option in options if isinstance(option, str))
        self._choices += len(options)
        self._characters += characters
        many, most = _MAX_LONG_CHOICES
        return self._choices <= _MAX_CHOICES and not (len(options) > many and characters > most)
