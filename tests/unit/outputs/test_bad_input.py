"""Schemas and answers made to hurt: a clear refusal or mismatch, in bounded time."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.outputs.json_schema import JsonSchemas
from app.ports.output_schemas import Checked, InvalidSchema, Mismatch
from tests.support.timing import within_cpu_s

LIMIT_S = 2.0
"""Of processor time: what else runs on the machine does not count."""

LOCAL = "http://127.0.0.1:9/schema"


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    with within_cpu_s(3 * LIMIT_S):  # with what the test itself builds
        yield


def check(schema: Any, answer: str) -> Checked | Mismatch:
    compiled = JsonSchemas().compile(schema)
    with within_cpu_s(LIMIT_S):
        return compiled.check(answer)


def fault(schema: Any, answer: str) -> str:
    result = check(schema, answer)
    assert isinstance(result, Mismatch)
    return result.errors[0]


def refusal(schema: Any) -> InvalidSchema:
    started = time.process_time()
    with pytest.raises(InvalidSchema) as caught:
        JsonSchemas().compile(schema)
    assert time.process_time() - started < LIMIT_S
    assert len(caught.value.detail) < 600
    return caught.value


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": LOCAL}, "/$ref"),
        ({"properties": {"a": {"$ref": "file:///etc/hostname"}}}, "/properties/a/$ref"),
        ({"$defs": {"unused": {"items": {"$ref": "other.json#/a"}}}}, "/$defs/unused/items/$ref"),
        ({"$id": "https://example.com/a/b", "$ref": "c"}, "/$ref"),
        ({"$dynamicRef": f"{LOCAL}#node"}, "/$dynamicRef"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "/$ref"),
        ({"$schema": LOCAL}, "/$schema"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"$schema": 5}, "/$schema"),
        ({"items": {"$schema": LOCAL}}, "/items/$schema"),
        ({"$defs": {"a": {"$id": LOCAL}}, "$ref": LOCAL}, "/$defs/a/$id"),
        ({"properties": {"$id": {"$id": "x"}}}, "/properties/$id/$id"),
        ({"$ref": "#/$defs/none"}, "/$ref"),
        ({"$ref": "#none"}, "/$ref"),
        ({"$ref": "#/title", "title": "words"}, "/$ref"),
        ({"$ref": "#/default", "default": {"type": "nothing"}}, "/default/type"),
        ({"$ref": "#/default", "default": {"$ref": LOCAL}}, "/default/$ref"),
        ({"$defs": {"a": {"$anchor": "n"}, "b": {"$anchor": "n"}}}, "/$defs/b"),
        ({"type": "strng"}, "/type"),
        ({"properties": {"a": {"minimum": "1"}}}, "/properties/a/minimum"),
        ({"items": [{}]}, "/items"),
        ({"required": "a"}, "/required"),
        ({"multipleOf": 0}, "/multipleOf"),
        ({"pattern": "("}, "/pattern"),
        ({"pattern": "(?=a)b"}, "/pattern"),
        ({"pattern": r"(a)\1"}, "/pattern"),
        ({"pattern": "(?:a{0,1000}){0,1000}"}, "/pattern"),
        ({"pattern": "a" * 1_001}, "/pattern"),
        ({"patternProperties": {"[": {}}}, "/patternProperties"),
        ([], ""),
        (None, ""),
        ("{}", ""),
        ({"const": float("nan")}, "/const"),
        ({"maximum": 2**64}, ""),
        ({1: 2}, ""),
        ({"const": "\ud800"}, ""),
        ({"enum": ["x" * 1_000] * 1_000}, ""),
        ({"allOf": [{}] * 60_000}, ""),
        ({"properties": {str(n): {"pattern": f"^{n}$"} for n in range(150)}}, "/properties/100/pattern"),
    ],
)
def test_schemas_that_are_refused_and_where(schema: Any, pointer: str) -> None:
    error = refusal(schema)
    assert error.pointer == pointer
    assert error.code == "invalid_schema"
    assert error.detail.startswith(f"{pointer or 'the schema'}: ")


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/s"
        for schema in ({"$ref": url}, {"$schema": url}, {"$dynamicRef": url}, {"$id": url, "$ref": "t"}):
            refusal(schema)
        JsonSchemas().compile({"$id": url, "$comment": url, "$vocabulary": {url: True}})
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_schema_that_is_too_large_or_deep_is_told_so() -> None:
    assert (
        "1002010 bytes of JSON; at most 262144"
        in refusal({"enum": [f"{n:03}" + "x" * 996 for n in range(1_000)]}).detail
    )
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"items": deep}
    assert "nested more than 64 levels" in refusal(deep).detail
    while deep:
        deep = deep.get("items", {})  # Python would take it apart by recursion


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
        {"$defs": {"unused": {"not": {"$ref": "#/$defs/unused"}}}},
        {"if": {"then": True, "allOf": [{"$ref": "#"}]}},
        {"dependentSchemas": {"a": {"$ref": "#"}}},
        {"$dynamicAnchor": "n", "$dynamicRef": "#n"},
    ],
)
def test_references_that_go_round_on_the_same_value_are_refused(schema: Any) -> None:
    assert "without end" in refusal(schema).detail


def test_long_chains_of_references_are_refused_and_shorter_ones_followed() -> None:
    def chain(length: int) -> dict[str, Any]:
        links: dict[str, Any] = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(length)}
        return {"$ref": "#/$defs/a0", "$defs": {**links, f"a{length}": {"type": "integer"}}}

    assert "more than 64 subschemas" in refusal(chain(5_000)).detail
    assert fault(chain(60), '"x"') == 'the answer: expected type integer, got "x"'


def test_what_doubles_at_every_level_takes_no_longer() -> None:
    twice: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)}
    schema = {"$ref": "#/$defs/a0", "$defs": {**twice, "a30": {"type": "integer"}}}
    assert isinstance(check(schema, "1"), Checked)
    assert fault(schema, "[]") == "the answer: expected type integer, got an array of 0 items"
    level = {"type": "array", "items": {"$ref": "#"}}
    nested = "[" * 90 + "]" * 90
    assert isinstance(check({"anyOf": [level | {"minItems": 1}, level | {"minItems": 1}]}, nested), Mismatch)
    assert isinstance(check({"oneOf": [level | {"minItems": 1}, level | {"maxItems": 0}]}, nested), Checked)
    assert isinstance(check({"anyOf": [level, level], "unevaluatedItems": False}, nested), Checked)


def test_many_frames_a_level_end_in_a_mismatch_not_in_a_crash() -> None:
    links: dict[str, Any] = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(40)}
    schema = {"$ref": "#/$defs/a0", "$defs": {**links, "a40": {"items": {"$ref": "#"}}}}
    assert "too deep together" in fault(schema, "[" * 100 + "]" * 100)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a*)*b", "(a|a)+$", "(a|aa)+$", "(.*a){12}x"])
def test_patterns_that_backtrack_without_end_elsewhere(pattern: str) -> None:
    for length in (1_000, 60_000, 900_000):
        assert isinstance(check({"items": {"pattern": pattern}}, json.dumps(["a" * length + "!"])), Mismatch)


def test_a_pattern_whose_every_step_is_costly() -> None:
    digits = "".join(random.Random(1).choices("01", k=60_000))
    for repeated, most in ((200, 65_536), (400, 4_096), (900, 4_096)):
        schema = {"items": {"pattern": f"(?:[01]*1[01]{{{repeated}}}){{2}}x"}}
        assert isinstance(check(schema, json.dumps([digits[:most]] * 5)), Mismatch)
    assert fault(schema, json.dumps([digits])).startswith("the answer: expected at most 4096 characters where")


@pytest.mark.parametrize(
    "answer",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 100_000,
        '{"a":' * 100_000,
        "```json\n" + "[" * 100_000,
        "[" * 102 + "]" * 102,
        '"' + "a" * 10_000_000 + '"',
        "NaN",
        "-Infinity",
        '{"a": [NaN]}',
        '{"a":1,"b":2,"a":3}',
        '"\\ud800"',
        '{"\\udfff":1}',
        '"\ud800"',
        "1" + "0" * 400,
        "[1" + "0" * 400 + "]",
        "1" + "0" * 100_000,
        "1e400",
        "[-1e400]",
        str(2**63),
        str(-(2**63) - 1),
        "",
        "\x00",
        '"a\x01"',
    ],
)
def test_answers_that_cannot_be_kept(answer: str) -> None:
    assert isinstance(check({}, answer), Mismatch)


def test_why_is_said() -> None:
    assert fault({}, '{"a":1,"a":3}') == "the answer: expected each key once in an object, got 'a' twice"
    assert (
        fault({}, "[9223372036854775808]")
        == "the answer: expected integers of at most 64 bits, got 9223372036854775808"
    )
    assert fault({}, "[" * 102 + "]" * 102) == "the answer: expected at most 100 levels of nesting, got more"
    assert fault({}, '"' + "a" * 10_000_000 + '"') == "the answer: expected at most 1048576 bytes, got 10000002"
    assert isinstance(check({}, "[" * 100 + "]" * 100), Checked)
    assert isinstance(check({}, "9223372036854775807"), Checked)


@pytest.mark.parametrize(
    "answer",
    ['["' * 500_000, '"' * 1_000_000, '{"a":"b" ' * 100_000, '["" "" ' * 130_000, "```\n" * 250_000,
     "```json\n{" * 100_000, "{'a':'b'" + " '" * 400_000, "{/*" * 300_000, "{a'[[],\"" * 100_000,
     "</think>" * 100_000, '{"' + "\\" * 1_000_000,
     "[}" * 500_000, "{a:1," * 150_000, "\n```" + "\n" * 1_000_000, " " * 1_000_000 + "x",
     "[#\n" * 300_000, "[]" * 500_000, "[-" * 500_000, "[1e" * 300_000, '{"a":' + "\t" * 1_000_000],
)  # fmt: skip
def test_the_search_for_json_and_its_repair_are_linear(answer: str) -> None:
    check({"type": "object"}, answer)
    check({"type": "string"}, answer)


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"items": {"type": "string"}}, "[" + ",".join(["1"] * 500_000) + "]"),
        ({"items": {"anyOf": [{"type": "string"}] * 50 + [{"const": 1}]}}, "[" + ",".join(["1"] * 500_000) + "]"),
        ({"uniqueItems": True}, json.dumps([[n] for n in range(100_000)])),
        ({"items": {"required": [f"k{n}" for n in range(20_000)]}}, json.dumps([{}] * 200_000)),
        ({"items": {"dependentRequired": {f"k{n}": ["x"] for n in range(10_000)}}}, json.dumps([{}] * 200_000)),
        ({"contains": {"enum": [[n] for n in range(10_000)]}, "minContains": 2}, json.dumps([[0, 0]] * 100_000)),
        ({"patternProperties": {f"(a|b){{0,{n}}}c": {} for n in range(1, 99)}},
         json.dumps(dict.fromkeys(map(str, range(90_000))))),
        ({"items": {"allOf": [{"properties": {"a": {}}}] * 20, "unevaluatedProperties": False}},
         json.dumps([{"a": 1}] * 90_000)),
    ],
)  # fmt: skip
def test_large_answers_against_large_schemas(schema: Any, answer: str) -> None:
    check(schema, answer)
