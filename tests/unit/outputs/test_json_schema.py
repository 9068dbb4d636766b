"""The verdict on a value: what each keyword accepts, and how a mismatch is worded."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.outputs.json_schema import JsonSchemas
from app.ports.output_schemas import MAX_ERROR_LENGTH, MAX_ERRORS, Checked, Mismatch

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "state": {"enum": ["open", "paid"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 1},
    },
    "required": ["id", "lines"],
    "additionalProperties": False,
    "$defs": {
        "line": {
            "type": "object",
            "properties": {"sku": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}, "n": {"multipleOf": 0.1}},
            "required": ["sku"],
        }
    },
}
TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["value"],
}


def check(schema: dict[str, Any] | bool, value: Any) -> Checked | Mismatch:
    return JsonSchemas().compile(schema).check(json.dumps(value))


def errors(schema: dict[str, Any] | bool, value: Any) -> tuple[str, ...]:
    result = check(schema, value)
    assert isinstance(result, Mismatch)
    return result.errors


def test_a_valid_answer_is_returned_as_value_and_compact_text() -> None:
    result = check(ORDER, {"id": 7, "state": "paid", "lines": [{"sku": "AB-1", "n": 0.3}]})
    assert result == Checked(
        value={"id": 7, "state": "paid", "lines": [{"sku": "AB-1", "n": 0.3}]},
        text='{"id":7,"state":"paid","lines":[{"sku":"AB-1","n":0.3}]}',
        repaired=False,
    )


def test_every_fault_is_named_with_its_pointer_what_was_expected_and_what_came() -> None:
    said = errors(ORDER, {"id": 0, "state": "late", "lines": [{"n": 0.25, "sku": "ab"}, 5], "x/y": 1})
    assert set(said) == {
        "/id: expected a number of at least 1, got 0",
        '/state: expected one of "open", "paid", got "late"',
        "/lines/0/n: expected a multiple of 0.1, got 0.25",
        '/lines/0/sku: expected a text that matches "^[A-Z]{2}-[0-9]+$", got "ab"',
        "/lines/1: expected type object, got 5",
        '/x~1y: not expected; the schema has "id", "state", "lines" only',
    }


def test_what_is_missing_is_named_where_it_belongs() -> None:
    assert errors(ORDER, {"id": 1, "lines": [{}]}) == ("/lines/0/sku: expected, but it is missing",)
    assert errors(ORDER, [1]) == ("the answer: expected type object, got an array of 1 item",)


def test_a_recursive_schema_reaches_every_level() -> None:
    assert isinstance(check(TREE, {"value": 1, "children": [{"value": 2, "children": []}]}), Checked)
    said = errors(TREE, {"value": 1, "children": [{"value": 2, "children": [{"value": "3"}]}]})
    assert said == ('/children/0/children/0/value: expected type integer, got "3"',)


def test_of_alternatives_the_nearest_is_explained() -> None:
    shapes: dict[str, Any] = {
        "anyOf": [
            {"type": "string"},
            {"type": "object", "properties": {"radius": {"type": "number"}}, "required": ["radius"]},
        ]
    }
    assert errors(shapes, {"radius": "2"}) == (
        "the answer: expected one of the 2 alternatives of anyOf; number 1 comes nearest",
        '/radius: expected type number, got "2"',
    )


def test_exactly_one_of_one_of_has_to_fit() -> None:
    schema = {"oneOf": [{"type": "integer"}, {"minimum": 5}]}
    assert isinstance(check(schema, 3), Checked)
    assert errors(schema, 7) == ("the answer: expected exactly one of oneOf to fit, got 0, 1",)


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"const": 1}, 1.0, True),
        ({"enum": [{"a": [1]}, False]}, {"a": [1.0]}, 0),
        ({"type": "integer"}, 2.0, 2.5),
        ({"type": ["string", "null"]}, None, False),
        ({"exclusiveMaximum": 3}, 2.9, 3),
        ({"maxLength": 1}, "😀", "ab"),
        ({"minProperties": 1}, {"a": 1}, {}),
        ({"uniqueItems": True}, [1, True, "1", [True], ["boolean", 1]], [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a"], ["a", 1]),
        ({"contains": {"const": 1}, "maxContains": 1}, [1, 2], [1, 1]),
        ({"contains": {"const": 1}, "minContains": 0}, [2], None),
        ({"not": {"required": ["a"]}}, {"b": 1}, {"a": 1}),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"maxProperties": 0}}, {}, {"c": 1}),
        ({"dependentRequired": {"a": ["b"]}}, {"b": 1}, {"a": 1}),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"b": 1}, {"a": 1}),
        ({"propertyNames": {"pattern": "^[a-z]+$"}}, {"ab": 1}, {"A": 1}),
        ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, {"n_a": 1}, {"m": 1}),
        ({"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False}, {"a": 1}, {"a": 1, "b": 1}),
        ({"allOf": [{"prefixItems": [True]}], "unevaluatedItems": False}, [1], [1, 2]),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "null"}}}, None, 1),
        ({"$ref": "#name", "$defs": {"a": {"$anchor": "name", "type": "null"}}}, None, 1),
        ({"$dynamicRef": "#n", "$defs": {"a": {"$dynamicAnchor": "n", "type": "null"}}}, None, 1),
        ({"$ref": "#/definitions/a", "definitions": {"a": {"type": "null"}}}, None, 1),
        ({"$id": "urn:s", "$ref": "urn:s#/$defs/a", "$defs": {"a": {"type": "null"}}}, None, 1),
    ],
)  # fmt: skip
def test_keywords(schema: dict[str, Any], right: Any, wrong: Any) -> None:
    assert isinstance(check(schema, right), Checked)
    if wrong is not None:
        assert isinstance(check(schema, wrong), Mismatch)


def test_boolean_schemas() -> None:
    assert isinstance(check(True, {"any": "thing"}), Checked)
    assert errors(False, 1) == ("the answer: nothing is expected here, got 1",)


def test_defaults_are_not_filled_in_and_formats_not_checked() -> None:
    schema = {"properties": {"a": {"default": 1}, "when": {"format": "date"}}}
    result = check(schema, {"when": "soon"})
    assert isinstance(result, Checked)
    assert result.value == {"when": "soon"}


def test_errors_are_bounded_in_number_and_length() -> None:
    said = errors({"items": {"type": "integer"}}, ["x" * 5_000] * 100)
    assert len(said) == MAX_ERRORS == 20
    assert said[0].startswith('/0: expected type integer, got "xxx')
    deep = errors({"additionalProperties": {"enum": ["y" * 500] * 3}}, {"k" * 5_000: "z"})
    assert len(deep) == 1
    assert max(map(len, said + deep)) <= MAX_ERROR_LENGTH == 300


def test_equal_schemas_are_compiled_once_and_a_later_change_of_the_callers_has_no_effect() -> None:
    schemas = JsonSchemas()
    mine: dict[str, Any] = {"type": "object", "required": ["a"]}
    compiled = schemas.compile(mine)
    assert schemas.compile({"required": ["a"], "type": "object"}) is compiled
    mine["required"].append("b")
    assert isinstance(compiled.check('{"a":1}'), Checked)
    assert schemas.compile(mine) is not compiled


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "ab", "b1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.lists(st.sampled_from("abc"), unique=True, max_size=2)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=2)
    members = st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"]),
        "enum": st.lists(VALUES, min_size=1, max_size=3), "const": VALUES, "minimum": st.integers(-2, 2),
        "multipleOf": st.sampled_from([1, 2, 0.5]), "maxLength": st.integers(0, 2), "minItems": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "[0-9]$"]), "required": NAMES, "uniqueItems": st.booleans(),
        "dependentRequired": st.dictionaries(st.sampled_from("abc"), NAMES, max_size=1),
        "allOf": some, "anyOf": some, "oneOf": some, "not": inner, "if": inner, "then": inner, "else": inner,
        "properties": members, "additionalProperties": inner, "propertyNames": inner, "prefixItems": some,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=1), "items": inner,
        "contains": inner, "minContains": st.integers(0, 2), "dependentSchemas": members,
        "unevaluatedProperties": inner, "unevaluatedItems": inner,
    }  # fmt: skip
    chosen = st.lists(st.sampled_from(sorted(keywords)), min_size=1, max_size=4, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


@settings(max_examples=300, deadline=None)
@given(schema=st.recursive(st.booleans(), _schemas, max_leaves=6), value=VALUES)
def test_the_verdict_is_that_of_the_reference_implementation(schema: Any, value: Any) -> None:
    if isinstance(schema, dict) and schema.get("type") == "string":
        value = str(value)  # anything else would be taken for plain text
    expected = jsonschema.Draft202012Validator(schema).is_valid(value)
    result = check(schema, value)
    assert isinstance(result, Checked) is expected
