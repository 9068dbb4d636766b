"""Where the JSON is in an answer, what is repaired, and what never is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.outputs.json_schema import JsonSchemas
from app.ports.output_schemas import MAX_ERROR_LENGTH, MAX_ERRORS, Checked, Mismatch

OBJECT = {"type": "object", "required": ["a"]}


def check(schema: dict[str, Any] | bool, answer: str) -> Checked | Mismatch:
    return JsonSchemas().compile(schema).check(answer)


def value(schema: dict[str, Any] | bool, answer: str, *, repaired: bool = False) -> Any:
    result = check(schema, answer)
    assert isinstance(result, Checked), result
    assert result.repaired is repaired
    assert json.loads(result.text) == result.value
    return result.value


def fault(schema: dict[str, Any] | bool, answer: str) -> str:
    result = check(schema, answer)
    assert isinstance(result, Mismatch)
    return result.errors[0]


@pytest.mark.parametrize(
    "answer",
    [
        '{"a":1}',
        '  {"a": 1}\n',
        '\ufeff{"a":1}',
        '```json\n{"a": 1}\n```',
        'Here it is:\n\n```JSON\n{"a": 1}\n```\nAnything else?',
        '```\n{"a":1}\n```',
        '```python\nprint({})\n```\n```json\n{"a":1}\n```',
        'Sure! {"a":1} Done.',
        'As [noted], the result is {"a":1} (see [2]).',
        '<think>perhaps {"a":2}?</think>{"a":1}',
        'Twice the same: {"a":1} and {"a":1.0}',
    ],
)
def test_json_is_found_bare_fenced_and_in_text(answer: str) -> None:
    assert value(OBJECT, answer) == {"a": 1}


def test_marks_inside_texts_are_not_taken_for_the_end() -> None:
    told = {"a": '```json\n{"a":2}\n``` } ] " \\ </think>'}
    assert value(OBJECT, json.dumps(told)) == told
    assert value(OBJECT, f"So: {json.dumps(told['a'])!s} is quoted in {{}}".replace("{}", '{"a":3}', 1)) is not None


def test_any_json_value_can_be_an_answer() -> None:
    assert value({"type": "array"}, "The list: [1, 2]") == [1, 2]
    assert value({"type": "integer"}, "42") == 42
    assert value({"type": "null"}, "null") is None
    assert fault({"type": "integer"}, "It is 42").startswith("the answer: expected JSON")


def test_of_several_values_only_one_may_fit() -> None:
    assert fault(OBJECT, '{"a":1} or {"a":2}') == "the answer: expected one JSON value and nothing else, got several"
    assert value(OBJECT, 'Not {"b":1} but {"a":2}') == {"a": 2}
    assert (
        fault(OBJECT, 'First {"a":1}, then {"a":')
        == "the answer: expected one JSON value and nothing else, got several"
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"a": [1, 2', {"a": [1]}),
        ('{"a": [1, 2,', {"a": [1, 2]}),
        ('{"a": {"b": "cut of', {"a": {}}),
        ('{"a": 1, "b": tru', {"a": 1}),
        ('{"a": 1, "b"', {"a": 1}),
        ('{"a": 1, "b": -', {"a": 1}),
        ('{"a": 1, "b": [{"c": 2}, {"c"', {"a": 1, "b": [{"c": 2}, {}]}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2,],}', {"a": [1, 2]}),
        ('{"a": 1\n "b": 2}', {"a": 1, "b": 2}),
        ("{'a': 'it'}", {"a": "it"}),
        ("{a: None, b: True}", {"a": None, "b": True}),
        ('{"a": 1 // one\n, /* two */ "b": 2}', {"a": 1, "b": 2}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ('{"a": "she said "no" twice"}', {"a": 'she said "no" twice'}),
        ('{"a": "50\\% \\u00e9 \\ud83d\\ude00"}'.replace("\\%", "\\%"), {"a": "50% é 😀"}),
        ("{\u201ca\u201d: \u201cb\u201d}", {"a": "b"}),
        ('```json\n{"a": 1,}\n```', {"a": 1}),
        ('```json\n{"a": [1, 2], "b": "cut', {"a": [1, 2]}),
        ('Here: {"a": 1,} as asked', {"a": 1}),
    ],
)
def test_what_is_nearly_json_is_repaired_and_what_was_cut_off_left_out(answer: str, expected: Any) -> None:
    assert value(OBJECT, answer, repaired=True) == expected


def test_a_repair_does_not_pass_where_the_cut_took_what_is_required() -> None:
    result = check({"type": "object", "required": ["a", "b"]}, '{"a": "x", "b": "the beginning of')
    assert isinstance(result, Mismatch)
    assert result.errors[0].startswith("the answer: expected JSON, got text that is not: ")
    assert result.errors[1:] == ("/b: expected, but it is missing",)


def test_an_inner_part_of_a_cut_answer_is_never_taken_for_the_answer() -> None:
    assert value({}, '{"items": [{"a": 1}, {"a": 2}, {"a"', repaired=True) == {"items": [{"a": 1}, {"a": 2}, {}]}


@pytest.mark.parametrize(
    "answer",
    ['{"a": NaN}', '{"a": Infinity}', '{"a" 1}', '{"a": perhaps}', '{"a": 1, ]', '{"a": "\\ud800"}', "{'a': '\\ud800'}",
     '{"a": 0x1F}', '{"a": 1.2.3}', '{"a": 1e400,}', '{"a": 99999999999999999999,}', "{a: 1, a: 2}",
     '{"a": "\\uZZZZ"}', '{"a": "x" y "z'],
)  # fmt: skip
def test_what_is_not_clear_is_not_repaired(answer: str) -> None:
    assert isinstance(check({}, answer), Mismatch)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Plain words.", "Plain words."),
        ("  two\nlines\n", "two\nlines"),
        ('"quoted \\"text\\""', 'quoted "text"'),
        ('```json\n"fenced"\n```', "fenced"),
        ("42", "42"),
        ('{"not": "asked"}', '{"not": "asked"}'),
        ('"not" ended', '"not" ended'),
        ("", ""),
    ],
)
def test_a_schema_of_type_string_takes_plain_text_as_it_is(answer: str, expected: str) -> None:
    assert value({"type": "string"}, answer) == expected


def test_plain_text_is_held_against_the_rest_of_the_schema() -> None:
    assert value({"type": "string", "enum": ["yes", "no"]}, "yes\n") == "yes"
    assert (
        fault({"type": "string", "enum": ["yes", "no"]}, "Yes!")
        == 'the answer: expected one of "yes", "no", got "Yes!"'
    )
    assert fault({"type": ["string", "null"]}, "words").startswith("the answer: expected JSON")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
SCHEMAS = [
    JsonSchemas().compile(each)
    for each in ({}, {"type": "string"}, OBJECT, {"items": {"type": "integer"}}, {"anyOf": [{"items": {"$ref": "#"}}]})
]
PIECES = ['{"a":', "[", "]", "}", '"', "'", ",", ":", "\\", "\\u", "1", "-", "e", ".", "nul", "true", "```json\n",
          "\n```", "//", "/*", "#", " ", "\ud800", "\x00", "é", "</think>", "{", "a", "\u201c"]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    answer=st.text(st.characters(), max_size=60) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    number=st.integers(0, len(SCHEMAS) - 1),
)
def test_any_text_is_either_checked_or_a_bounded_mismatch(answer: str, number: int) -> None:
    result = SCHEMAS[number].check(answer)
    if isinstance(result, Mismatch):
        assert 1 <= len(result.errors) <= MAX_ERRORS
        assert all(0 < len(error) <= MAX_ERROR_LENGTH for error in result.errors)
    else:
        assert json.loads(result.text) == result.value


@settings(max_examples=200, deadline=None)
@given(
    told=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
        | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=10,
    ),
    cut=st.integers(0, 200),
)  # fmt: skip
def test_json_comes_back_as_it_is_and_a_prefix_of_it_never_with_other_scalars(told: Any, cut: int) -> None:
    text = json.dumps(told)
    assert value({}, text) == told
    result = check({}, text[: min(cut, len(text) - 1)])
    if isinstance(result, Checked) and result.repaired:
        assert _within(result.value, told)


def _within(part: Any, whole: Any) -> bool:
    if isinstance(whole, dict):
        return isinstance(part, dict) and all(key in whole and _within(part[key], whole[key]) for key in part)
    if isinstance(whole, list):
        return isinstance(part, list) and all(_within(*pair) for pair in zip(part, whole, strict=False))
    return bool(part == whole)
