"""Strict JSON: what passes can be stored and sent again; what does not is named by its pointer."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from app.api.strict_json import MalformedJson, escape, parse, validate
from app.domain.errors import InvalidRequest

INTEGERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=30,
)


@given(VALUES)
def test_json_comes_through_as_it_is(value: Any) -> None:
    for ascii_only in (True, False):
        assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


FRAGMENTS = [
    *(b'{"a":', b"[", b"]", b"}", b",", b'"a"', b"1", b"-", b"e999", b"0.", b"9" * 25, b"NaN", b"Infinity", b"1e400"),
    *(rb'"\ud800"', rb'"\udfff\ud800"', b"\xff", b"\xef\xbb\xbf", b" ", b"null", b"true", b"\x00", b'"', b"\\"),
    *(b"[" * 110, b"]" * 110, b'{"x":' * 300, b"1234567890123456"),
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=5), max_size=12).map(b"".join))
@example(b"[" * 1020 + b"1234567890123456" + b"]" * 1020)
@example(b'{"a":' * 99 + b"[" + b"}" * 99)
def test_whatever_is_sent_is_refused_or_can_be_stored_and_sent_again(body: bytes) -> None:
    try:
        value = parse(body)
    except InvalidRequest:
        return
    wrapped = value
    for _ in range(100):
        wrapped = {"inside": wrapped}
    assert orjson.loads(orjson.dumps(wrapped))
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@given(st.integers(min_value=2**63) | st.integers(max_value=-(2**63) - 1))
def test_integers_above_64_bits_are_refused_and_never_rounded(number: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(json.dumps({"x": [0, number]}).encode())

    if not isinstance(caught.value, MalformedJson):  # above the largest double it is not even a number
        assert [error.pointer for error in caught.value.errors] == ["/x/1"]


def test_digits_in_text_are_text() -> None:
    value = {"12345678901234567890123": "98765432109876543210", "e": "1e999"}

    assert parse(orjson.dumps(value)) == value


@pytest.mark.parametrize(("levels", "taken"), [(100, True), (101, False), (1024, False)])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_100_levels_are_taken(levels: int, taken: bool, opening: str, closing: str) -> None:
    body = (opening * levels + "1" + closing * levels).encode()

    if taken:
        assert parse(body) is not None
    else:
        with pytest.raises(InvalidRequest):
            parse(body)


def test_wide_is_not_deep() -> None:
    assert len(parse(b"[" + b",".join([b"[[]]"] * 50_000) + b"]")) == 50_000


# --- pointers --------------------------------------------------------------------------------------------------------


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    size: int = Field(ge=1)
    name: str | None = None


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    leaves: list[Leaf] = []
    choice: Leaf | str | None = None
    table: dict[str, Leaf | int] = {}
    kind: int = Field(0, alias="class")


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ({"leaves": [{"size": 1}, {"size": 0}]}, ["/leaves/1/size"]),
        ({"leaves": [{}]}, ["/leaves/0/size"]),
        ({"leaves": [{"size": 1, "no": 1}]}, ["/leaves/0/no"]),
        ({"choice": {}}, ["/choice/size"]),
        ({"choice": {"size": "x", "name": 5}}, ["/choice/size", "/choice/name"]),
        ({"choice": 5}, ["/choice"]),
        ({"table": {"a/b~c": "x"}}, ["/table/a~1b~0c"]),
        ({"table": {"int": {"size": 0}}}, ["/table/int/size"]),
        ({"class": "x"}, ["/class"]),
        ({"kind": 1}, ["/kind"]),
        ({"": 1}, ["/"]),
        (5, [""]),
    ],
)
def test_errors_point_at_what_the_client_sent(value: Any, pointers: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(Tree, value)

    assert [error.pointer for error in caught.value.errors] == pointers


def test_at_most_50_errors_are_told() -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(Tree, {"leaves": [{}] * 1000})

    assert len(caught.value.errors) == 50


@given(TEXT)
def test_an_escaped_key_is_one_token(key: str) -> None:
    token = escape(key)

    assert "/" not in token
    assert token.replace("~1", "/").replace("~0", "~") == key


class Inner(BaseModel):
    model_config = ConfigDict(strict=True)

    count: int = Field(ge=1)


class Counted(BaseModel):
    model_config = ConfigDict(strict=True)

    one: int | None = None
    either: int | str = "x"
    inner: list[Inner] = Field(default_factory=list)
    free: Any = None


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    body = b'{"one": 3.0, "either": 2e2, "inner": [{"count": 1.0}, {"count": 7.0}], "free": 3.0}'

    found = validate(Counted, parse(body))

    assert (found.one, found.either, [each.count for each in found.inner]) == (3, 200, [1, 7])
    assert all(type(number) is int for number in (found.one, found.either, found.inner[0].count))
    assert type(found.free) is float


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"one": 3.5}', "/one"),
        (b'{"one": 1e300}', "/one"),
        (b'{"one": -1.5, "either": 2.0}', "/one"),
        (b'{"inner": [{"count": 2.0}, {"count": 0.0}]}', "/inner/1/count"),
        (b'{"one": true}', "/one"),
        (b'{"one": "3"}', "/one"),
    ],
)
def test_what_is_no_whole_number_is_still_refused(body: bytes, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(Counted, parse(body))

    assert [error.pointer for error in refused.value.errors] == [pointer]
