"""Prompts that ask for JSON get one bare value of the shape they ask for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from app.providers.offline.json_schema import schema_answer
from app.providers.offline.values import Content
from tests.support.offline_asking import ask_json, ask_text

GOAL = "1. Research the market\n2. Analyse the competitors\n3. Merge everything into a report\n\n"


def test_listed_keys_give_parallel_lists_one_item_a_line() -> None:
    for prompt in ('Return JSON with keys "roles", "tasks".', "Return only JSON, keys: roles, tasks"):
        answer = ask_json(GOAL + prompt)
        assert list(answer) == ["roles", "tasks"]
        assert answer["tasks"] == ["Research the market", "Analyse the competitors", "Merge everything into a report"]
        assert len(answer["roles"]) == 3


def test_a_template_gives_exactly_its_keys() -> None:
    template = '{"title": "...", "score": "1-10 scale", "subtopics": ["List of subtopics"], "level": "low|medium|high"}'
    answer = ask_json(GOAL + "Respond with JSON: " + template)
    assert list(answer) == ["title", "score", "subtopics", "level"]
    assert isinstance(answer["score"], int)
    assert 1 <= answer["score"] <= 10
    assert len(answer["subtopics"]) == 3
    assert answer["level"] in {"low", "medium", "high"}


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ('Give JSON: {"a": 1-10, "b": true, "c": 0.5, "d": <short text>}', {"a": int, "b": bool, "c": float, "d": str}),
        ('Give JSON: {"people": [{"name": "...", "age": 0}], "total": 3}', {"people": list, "total": int}),
        (
            "Return a JSON object with:\n- title: short title\n- tags (List of tags): words",
            {"title": str, "tags": list},
        ),
        (
            "Return JSON with the fields `name`, `score` (1-10 scale) and `notes`.",
            {"name": str, "score": int, "notes": list},
        ),
        ('Return JSON like {{"topic": "x", "facts": "List of facts"}}', {"topic": str, "facts": list}),
        ('Return JSON {"outer": {"inner": "..."}}', {"outer": dict}),
    ],
)
def test_specs_give_values_of_their_kind(prompt: str, kinds: dict[str, type]) -> None:
    answer = ask_json("Cats sleep 16 hours a day. " + prompt)
    assert {key: type(value) for key, value in answer.items()} == kinds
    assert all(value or value is False for value in answer.values())


def test_keys_in_the_system_message_count() -> None:
    answer = ask_json("Compare SQLite and PostgreSQL.", system='Answer only as JSON with keys "winner" and "reasons".')
    assert list(answer) == ["winner", "reasons"]


def test_an_array_and_a_free_object() -> None:
    assert ask_json(GOAL + "Return a JSON array of the steps.")[0] == "Research the market"
    assert isinstance(ask_json("Say it as JSON: cats sleep."), dict)
    assert ask_json(
        "Describe", response_format={"type": "json_object"}, task={"data": {"rows": [{"v": 1}, {"v": 3}]}}
    ) == {
        "rows": 2,
        "columns": {
            "v": pytest.approx({"count": 2, "sum": 4, "min": 1, "max": 3, "mean": 2, "median": 2, "stdev": 2**0.5})
        },
    }


def test_a_json_file_to_review_is_no_wish_for_json() -> None:
    assert not ask_text("Summarise the config.json file.").startswith("{")


def test_a_schema_quoted_in_the_prompt_is_kept_to() -> None:
    prompt = (
        'Answer as JSON for this schema: {"type": "object", "properties": {"n": {"type": "integer", "maximum": 3}}}'
    )
    assert ask_json(prompt)["n"] <= 3


PLAN: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["subtasks"],
    "properties": {
        "subtasks": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "prompt", "role", "depends_on", "complexity"],
                "properties": {
                    "id": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"},
                    "prompt": {"type": "string", "minLength": 1},
                    "role": {"enum": ["researcher", "analyzer", "coder", "synthesizer"]},
                    "depends_on": {"type": "array", "items": {"type": "string"}},
                    "complexity": {"type": "integer", "minimum": 1, "maximum": 10},
                },
            },
        }
    },
}


@pytest.mark.parametrize(
    "goal",
    [GOAL, "Goal: " + GOAL, "Research the market, analyse the competitors and then merge everything into a report."],
)
def test_a_plan_by_schema_is_a_graph(goal: str) -> None:
    answer = ask_json(goal, response_format={"type": "json_schema", "json_schema": {"name": "plan", "schema": PLAN}})
    Draft202012Validator(PLAN).validate(answer)
    assert [task["id"] for task in answer["subtasks"]] == ["t1", "t2", "t3"]
    assert [task["role"] for task in answer["subtasks"]] == ["researcher", "analyzer", "synthesizer"]
    assert [task["depends_on"] for task in answer["subtasks"]] == [[], [], ["t1", "t2"]]


CONTEXT = '## Context\n{"k": 1, "properties": {"x": {"type": "string"}}}'


@pytest.mark.parametrize(
    ("system", "prompt", "keys"),
    [
        (CONTEXT, 'Return JSON with keys "a" and "b".', ["a", "b"]),
        (CONTEXT, 'Return a JSON object: {"a": "...", "b": [...]}', ["a", "b"]),
        ('Answer in JSON: {"x": "...", "y": []}', 'Return JSON with keys "a" and "b".', ["a", "b"]),
        ('Answer in JSON with keys "x" and "y".', '{"order": 5, "lines": ["one"]}', ["x", "y"]),
        ("Return only JSON.", 'Say it with the keys "a" and "b".', ["a", "b"]),
        ('Return JSON with keys "a" (a list) and\n"b", no more.', "Describe a river.", ["a", "b"]),
        ('Return JSON with the keys:\n  "a",\n  "b"', "Describe a river.", ["a", "b"]),
    ],
)
def test_the_keys_are_those_that_were_asked_for_last(system: str, prompt: str, keys: list[str]) -> None:
    """JSON that is folded in as context is data: its keys are nobody's wish."""
    assert list(ask_json(prompt, system=system)) == keys


def test_context_that_is_text_may_ask_for_keys() -> None:
    system = '## Context\nAnswer in JSON with keys "a" and "b".'

    assert list(ask_json("Describe a river.", system=system)) == ["a", "b"]


@pytest.mark.parametrize("tail", [".", ", two lists of equal length.", " (both lists, of the same length)."])
def test_roles_and_tasks_are_lists_of_equal_length(tail: str) -> None:
    answer = ask_json(
        f'Plan a report about rivers. Find sources. Compare them. Return JSON with keys "roles" and "tasks"{tail}'
    )

    assert isinstance(answer["roles"], list)
    assert isinstance(answer["tasks"], list)
    assert len(answer["roles"]) == len(answer["tasks"]) > 0


SCHEMAS: list[Any] = [
    {"type": "string", "minLength": 300},
    {"type": "string", "maxLength": 3},
    {"type": "string", "pattern": r"^[A-Z]{2}-\d{3}(a|b)?$"},
    {"type": "string", "format": "date-time"},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    {"type": "integer", "multipleOf": 5, "minimum": 3, "maximum": 12},
    {"type": ["null", "integer"]},
    {"type": "null"},
    {"const": {"a": [1]}},
    {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}]},
    {"allOf": [{"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}, {"required": ["b"]}]},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}], "items": False},
    {"type": "array", "items": {"enum": [1, 2]}, "maxItems": 2},
    {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 5},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3},
    {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
            }
        },
    },
    {"$ref": "#"},
    {"$ref": "https://example.com/other.json"},
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_answers_conform(schema: Any) -> None:
    answer = schema_answer(schema, Content("1. One line\n2. Two lines", "Rivers flow. Lakes lie."))
    if "$ref" not in schema or "$defs" in schema:
        Draft202012Validator(schema).validate(answer)


leaves = st.one_of(
    st.fixed_dictionaries({"type": st.just("string"), "minLength": st.integers(0, 30)}),
    st.integers(-50, 50).map(lambda low: {"type": "integer", "minimum": low, "maximum": low + 7}),
    st.floats(-5, 5).map(lambda low: {"type": "number", "minimum": low, "maximum": low + 0.5}),
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"enum": ["a", 1, None]}, {"type": "string", "format": "date"}]
    ),
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least, "maxItems": least + 2},
            inner,
            st.integers(0, 3),
        ),
        st.dictionaries(st.sampled_from(["id", "name", "score", "depends_on", "items", "role"]), inner, max_size=4).map(
            lambda properties: {"type": "object", "properties": properties, "required": list(properties)}
        ),
        inner.map(lambda branch: {"anyOf": [{"type": "null"}, branch]}),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(schemas, st.text(max_size=60))
def test_any_schema_is_conformed_to(schema: dict[str, Any], text: str) -> None:
    Draft202012Validator(schema).validate(schema_answer(schema, Content(text, text)))
