"""Which outputs are the same answer, which are none, and how sure they say they are."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ballots import WEIGHT_ONE, Ballot, Form, counted

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("aB1 ."),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)


def read(output: Any, field: str | None = None, *, confidence: bool = False) -> Ballot:
    ballot = Form(field, confidence).read(output)
    assert ballot is not None
    return ballot


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", " paris.\n"),
        ("New  York", "new\tyork"),
        ("STRASSE", "straße"),
        ("caf\u00e9", "cafe\u0301"),
        ("Paris .", "paris"),
        (1, 1.0),
        ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}),
        (0.0, -0.0),
        ('{"b": 2, "a": 1}', {"a": 1, "b": 2}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ("```\n{}\n```", {}),
    ],
)
def test_equal_answers(one: Any, other: Any) -> None:
    assert read(one).key == read(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", "Paris!"),
        ("Paris..", "Paris"),  # one full stop is dropped, not two
        ("1", 1),
        (True, 1),
        (False, 0),
        ("true", True),
        ([True], [1]),
        ([1, 2], [2, 1]),
        ([], {}),
        (["a", "b"], ["a,b"]),
        ({"a": "X"}, {"a": "x"}),  # inside of JSON text is compared to the letter
        (2**53, 2**53 + 1),
        ("{not json}", {"not json": 1}),
    ],
)
def test_different_answers(one: Any, other: Any) -> None:
    assert read(one).key != read(other).key


@given(JSON)
def test_an_answer_that_went_through_json_is_the_same_and_the_voter_gets_it_back_unaltered(output: Any) -> None:
    ballot = Form().read(output)
    again = Form().read(json.loads(json.dumps(output)))

    assert (ballot is None) == (again is None)
    if ballot is not None and again is not None:
        assert ballot.key == again.key
        assert ballot.answer is output


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "output", [None, "", " \n", math.nan, math.inf, [math.nan], "\ud800", {"a": "\ud800"}, nested(101), nested(900)]
)
def test_no_answer(output: Any) -> None:
    assert Form().read(output) is None


@pytest.mark.parametrize("output", [0, False, [], {}, ".", nested(100)])
def test_empty_and_odd_values_are_answers_all_the_same(output: Any) -> None:
    assert read(output).answer == output


@pytest.mark.parametrize(
    ("output", "field", "answer"),
    [
        ({"answer": "Yes"}, "answer", "Yes"),
        ({"a": {"b": [{"c": 7}]}}, "a.b.0.c", 7),
        ('{"answer": "Yes", "why": "so"}', "answer", "Yes"),
        ('```json\n{"a": {"b": 2}}\n```', "a.b", 2),
        ([["x"]], "0.0", "x"),
        ('{"id": 123456789012345678901}', "id", 123456789012345678901.0),  # what every JSON writer can write
    ],
)
def test_the_field_is_the_answer(output: Any, field: str, answer: Any) -> None:
    assert read(output, field).answer == answer


@pytest.mark.parametrize(
    ("output", "field"),
    [
        ({"a": 1}, "b"),
        ({"a": None}, "a"),
        ({"a": {"b": 1}}, "a.b.c"),
        ({"a": [1]}, "a.1"),
        ({"a": [1]}, "a.-1"),
        ({"a": [1]}, "a." + "9" * 5000),
        ("plain text", "a"),
        ('{"a": ', "a"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "a"),  # nested past what a parser takes
        ('{"a": "\\ud800"}', "a"),
        ('{"a": NaN}', "a"),
        ('{"a": ' + "9" * 5000 + "}", "a"),
        (7, "a"),
        (None, "a"),
    ],
)
def test_an_output_without_the_field_gives_no_answer(output: Any, field: str) -> None:
    assert Form(field).read(output) is None


@pytest.mark.parametrize(
    ("output", "confidence"),
    [
        ({"answer": "x", "confidence": 0.25}, 0.25),
        ({"answer": "x", "score": 0.75}, 0.75),
        ({"answer": "x", "score": 0.75, "confidence": 0.25}, 0.25),
        ({"answer": "x", "confidence": 95}, 1.0),
        ({"answer": "x", "confidence": -1}, 0.0),
        ({"answer": "x", "confidence": 10**400}, 1.0),
        ('{"answer": "x", "confidence": 1e999}', 1.0),
        ({"answer": "x", "confidence": "high", "score": 0.1}, 0.1),
        ({"answer": "x", "confidence": True}, 0.5),
        ({"answer": "x", "confidence": math.nan}, 0.5),
        ({"answer": "x"}, 0.5),
    ],
)
def test_stated_confidence(output: Any, confidence: float) -> None:
    assert read(output, "answer", confidence=True).confidence == confidence


def test_a_confidence_beside_the_answer_comes_before_one_at_the_top() -> None:
    output = {"best": {"label": "x", "confidence": 0.25}, "confidence": 0.75}

    assert read(output, "best.label", confidence=True).confidence == 0.25
    assert read(output, "best", confidence=True).confidence == 0.75


def test_whole_outputs_that_differ_in_their_confidence_only_are_equal_where_it_is_the_weight() -> None:
    sure, unsure, silent = {"answer": "x", "confidence": 1}, {"answer": "x", "confidence": 0.5}, {"answer": "x"}

    assert read(sure, confidence=True).key == read(unsure, confidence=True).key == read(silent, confidence=True).key
    assert read(sure).key != read(unsure).key
    assert read(sure, confidence=True).answer == sure
    assert Form(None, True).read({"confidence": 1}) is None


def test_texts_without_a_confidence_can_be_weighed_by_it() -> None:
    assert read("Paris", confidence=True) == Ballot(read("paris.").key, "Paris", 0.5)


def test_weights_are_counted_exactly() -> None:
    assert counted(0) == 0
    assert counted(2) == 2 * WEIGHT_ONE
    assert counted(0.1) + counted(0.2) == counted(0.3)
    assert counted(1e300) == int(1e300) * WEIGHT_ONE


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf, -math.inf])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        counted(weight)
