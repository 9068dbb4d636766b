"""What is asked of the model for structured output, and that the offline model's answers to it pass the check."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.outputs.json_schema import JsonSchemas
from app.ports.output_schemas import Checked, Mismatch
from app.scheduler.structured import instructions, is_strict_subset, repair_messages, response_format
from tests.support.offline_asking import ask_text

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": ["integer", "null"], "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False
    }  # fmt: skip


def test_a_schema_is_sent_as_it_is_and_strict_only_where_the_vendor_takes_it() -> None:
    assert response_format(PERSON, "json_schema") == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": PERSON, "strict": True},
    }
    loose = {"type": "object", "properties": {"name": {"type": "string"}}}
    assert response_format(loose, "json_schema", name="my answer/1") == {
        "type": "json_schema",
        "json_schema": {"name": "my_answer_1", "schema": loose, "strict": False},
    }


def test_json_mode_is_asked_for_only_where_an_object_is_wanted() -> None:
    assert response_format(PERSON, "json_object") == {"type": "json_object"}
    assert response_format({"type": "array"}, "json_object") is None
    assert response_format({}, "json_object") is None
    assert response_format(True, "json_schema") is None
    assert response_format(PERSON, "prompt") is None


def test_the_instructions_end_with_the_schema() -> None:
    assert instructions({"type": "object", "title": "é"}) == (
        "\n\n## Output format\n"
        "Answer with one JSON value that is valid against this JSON Schema, and nothing else.\n"
        '{"type":"object","title":"é"}'
    )


def test_a_repair_shows_the_answer_and_every_error() -> None:
    assert repair_messages('{"age": -1}', ["/name: expected, but it is missing", "/age: too small"]) == [
        {"role": "assistant", "content": '{"age": -1}'},
        {
            "role": "user",
            "content": "Your answer is not valid against the JSON Schema:\n"
            "- /name: expected, but it is missing\n- /age: too small\n\n"
            "Answer with the complete corrected JSON value only: no explanation, nothing left out.",
        },
    ]


def test_a_long_answer_is_shown_by_its_ends_and_none_is_never_empty() -> None:
    shown = repair_messages("a" * 15_000 + "b" * 15_000, ["wrong"])[0]["content"]
    assert shown == "a" * 10_000 + "\n[10000 characters left out]\n" + "b" * 10_000
    assert repair_messages("c" * 20_000, ["wrong"])[0]["content"] == "c" * 20_000
    assert repair_messages("", ["wrong"])[0]["content"] == "(no answer)"


@pytest.mark.parametrize(
    "schema",
    [
        PERSON,
        closed(),
        closed(a={"enum": ["x", "y"]}, b={"const": 1}, c={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        closed(items={"type": "array", "items": closed(n={"type": "number", "maximum": 1}), "minItems": 1}),
        closed(when={"type": "string", "format": "date", "description": "a day"}),
        closed(next={"anyOf": [{"$ref": "#"}, {"type": "null"}]}),
        {**closed(a={"$ref": "#/$defs/a"}), "$defs": {"a": closed(b={"type": "boolean"})}},
    ],
)
def test_schemas_that_strict_mode_takes(schema: dict[str, Any]) -> None:
    assert is_strict_subset(schema)


def _nested(levels: int) -> dict[str, Any]:
    return closed(a=_nested(levels - 1)) if levels > 1 else closed()


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array", "items": {"type": "string"}},
        {"anyOf": [closed()]},
        {**closed(), "anyOf": [closed()]},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {**closed(a={"type": "string"}), "required": []},
        {**closed(a={"type": "string"}), "additionalProperties": {"type": "string"}},
        closed(a={}),
        closed(a=True),
        closed(a={"type": "array"}),
        closed(a={"type": "array", "items": {"type": "object"}}),
        closed(a={"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        closed(a={"type": "string", "maxLength": 3}),
        closed(a={"type": "string", "format": "uri"}),
        closed(a={"type": "string", "default": "x"}),
        closed(a={"oneOf": [{"type": "string"}]}),
        closed(a={"allOf": [{"type": "string"}]}),
        {**closed(), "patternProperties": {}},
        {**closed(), "$defs": {"a": {"type": "object"}}},
        closed(**{f"k{n}": {"type": "string"} for n in range(5_001)}),
        closed(a={"enum": list(range(1_001))}),
        closed(a={"enum": [f"{n:060}" for n in range(251)]}),
        _nested(11),
    ],
)
def test_schemas_that_strict_mode_does_not_take(schema: dict[str, Any]) -> None:
    assert not is_strict_subset(schema)


def test_nesting_as_deep_as_strict_mode_takes() -> None:
    assert is_strict_subset(_nested(10))


OFFLINE: list[dict[str, Any]] = [
    PERSON,
    {"type": "string"},
    {"type": "string", "enum": ["low", "high"]},
    {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    closed(score={"type": "number", "minimum": 0, "maximum": 1}, n={"type": "integer", "multipleOf": 5}),
    closed(kind={"const": "report"}, done={"type": "boolean"}, nothing={"type": "null"}),
    closed(text={"type": "string", "minLength": 5, "maxLength": 20}, day={"type": "string", "format": "date"}),
    closed(either={"anyOf": [{"type": "null"}, {"type": "integer"}]}, one={"oneOf": [closed(a={"const": 1}), PERSON]}),
    {**closed(points={"type": "array", "items": {"$ref": "#/$defs/p"}}), "$defs": {"p": closed(x={"type": "number"})}},
    {"type": "object", "properties": {"v": {"type": "string"}, "sub": {"type": "array", "items": {"$ref": "#"}}}},
    {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
]


@pytest.mark.parametrize("schema", OFFLINE)
def test_an_answer_of_the_offline_model_is_valid(schema: dict[str, Any]) -> None:
    form = response_format(schema, "json_schema")
    prompt = "1. Measure the market\n2. Ask 12 customers\n3. Write a report" + instructions(schema)
    result = JsonSchemas().compile(schema).check(ask_text(prompt, response_format=form))
    assert isinstance(result, Checked), result
    assert not result.repaired


def test_the_offline_model_follows_the_instructions_alone() -> None:
    answer = ask_text("Who is this? Ada, 36 years old." + instructions(PERSON))
    assert isinstance(JsonSchemas().compile(PERSON).check(answer), Checked)


def test_the_errors_of_a_check_are_what_a_repair_shows() -> None:
    result = JsonSchemas().compile(PERSON).check('{"name": 5}')
    assert isinstance(result, Mismatch)
    asked = repair_messages('{"name": 5}', result.errors)[1]["content"]
    assert "- /name: expected type string, got 5\n" in asked
    assert "- /age: expected, but it is missing\n" in asked
    assert len(orjson.dumps(asked)) < 1_000
