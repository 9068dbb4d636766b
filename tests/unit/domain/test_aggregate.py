"""Merging without a model, and the names under which the strategies are known."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.aggregate import BUILT, BY_ROLE, CONCAT, NONE, PLANNED, Part, canonical, merge

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", sorted(BUILT | PLANNED))
def test_every_strategy_is_known_by_its_own_name_in_any_spelling(name: str) -> None:
    assert canonical(name) == name
    assert canonical(f" {name.upper().replace('_', '-')} ") == name
    assert canonical(name.replace("_", " ").title()) == name


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("concatenate", CONCAT),
        ("FPTP", "first_past_the_post"),
        ("Majority Vote", "majority"),
        ("synthesise", "synthesis"),
    ],
)
def test_common_spellings_are_forgiven(name: str, strategy: str) -> None:
    assert canonical(name) == strategy


@pytest.mark.parametrize("name", ["", "no such strategy", "concat;", "nones"])
def test_an_unknown_strategy_has_no_canonical_name(name: str) -> None:
    assert canonical(name) is None


def test_concat_joins_texts_as_they_are_and_the_rest_as_json() -> None:
    parts = [Part("a", None, "one"), Part("b", "x", {"é": [1, None]}), Part("c", None, "three\n")]

    assert merge(CONCAT, parts) == 'one\n\n{"é": [1, null]}\n\nthree\n'


def test_by_role_groups_in_the_order_of_the_request() -> None:
    parts = [Part("a", "critic", 1), Part("b", None, 2), Part("c", "critic", 3), Part("d", "author", 4)]
    merged = merge(BY_ROLE, parts)

    assert merged == {"critic": [1, 3], "": [2], "author": [4]}
    assert list(merged) == ["critic", "", "author"]


def test_nothing_merges_to_nothing() -> None:
    assert merge(CONCAT, []) == ""
    assert merge(BY_ROLE, []) == {}


@given(st.lists(st.tuples(st.none() | st.text("ab", max_size=2), JSON), max_size=8))
def test_by_role_loses_and_alters_no_output(pairs: list[tuple[str | None, object]]) -> None:
    merged = merge(BY_ROLE, [Part(str(number), role, output) for number, (role, output) in enumerate(pairs)])

    for role in {role or "" for role, _ in pairs}:
        assert merged[role] == [output for name, output in pairs if (name or "") == role]
    assert sum(map(len, merged.values())) == len(pairs)


@given(JSON.filter(lambda value: not isinstance(value, str)))
def test_an_output_that_is_no_text_can_be_read_back_from_concat(output: object) -> None:
    assert json.loads(merge(CONCAT, [Part("a", None, output)])) == output


@pytest.mark.parametrize("strategy", [NONE, *sorted(PLANNED), "nonsense"])
def test_what_is_not_computed_here_is_refused(strategy: str) -> None:
    with pytest.raises(ValueError, match=strategy):
        merge(strategy, [])
