"""Merging without a model and without a vote."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.aggregate import BY_ROLE, CONCAT, LOCAL, MODEL, NONE, VOTES, Merged, Options, Part, merge

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=5,
)
CONCATENATED, GROUPED = Options(strategy=CONCAT), Options(strategy=BY_ROLE)


def test_concat_joins_texts_as_they_are_and_the_rest_as_json() -> None:
    parts = [Part("a", None, "one"), Part("b", "x", {"é": [1, None]}), Part("c", None, "three\n")]

    assert merge(CONCATENATED, parts) == Merged(value='one\n\n{"é": [1, null]}\n\nthree\n', status="completed")


def test_by_role_groups_in_the_order_of_the_request() -> None:
    parts = [Part("a", "critic", 1), Part("b", None, 2), Part("c", "critic", 3), Part("d", "author", 4)]
    merged = merge(GROUPED, parts)

    assert merged == Merged(value={"critic": [1, 3], "": [2], "author": [4]}, status="completed")
    assert list(merged.value) == ["critic", "", "author"]


def test_none_gives_no_value() -> None:
    assert merge(Options(strategy=NONE), [Part("a", None, 1)]) == Merged(value=None, status="completed")


@pytest.mark.parametrize("strategy", sorted(LOCAL - {NONE}))
def test_nothing_merges_to_nothing_and_says_so(strategy: str) -> None:
    merged = merge(Options(strategy=strategy), [])

    assert (merged.value, merged.status, merged.agreement, merged.votes) == (None, "empty", None, None)
    assert merged.error == "there is no output to merge"


@pytest.mark.parametrize("strategy", sorted(LOCAL - VOTES))
def test_what_is_no_vote_has_no_votes_and_no_agreement(strategy: str) -> None:
    merged = merge(Options(strategy=strategy), [Part("a", None, "x"), Part("b", None, "x")])

    assert (merged.agreement, merged.votes, merged.error) == (None, None, None)


@given(st.lists(st.tuples(st.none() | st.text("ab", max_size=2), JSON), min_size=1, max_size=8))
def test_by_role_loses_and_alters_no_output(pairs: list[tuple[str | None, object]]) -> None:
    merged = merge(GROUPED, [Part(str(number), role, output) for number, (role, output) in enumerate(pairs)]).value

    for role in {role or "" for role, _ in pairs}:
        assert merged[role] == [output for name, output in pairs if (name or "") == role]
    assert sum(map(len, merged.values())) == len(pairs)


@given(JSON.filter(lambda value: not isinstance(value, str)))
def test_an_output_that_is_no_text_can_be_read_back_from_concat(output: object) -> None:
    assert json.loads(merge(CONCATENATED, [Part("a", None, output)]).value) == output


@pytest.mark.parametrize("strategy", sorted(MODEL))
def test_what_needs_a_model_is_refused(strategy: str) -> None:
    with pytest.raises(ValueError, match=strategy):
        merge(Options(strategy=strategy), [Part("a", None, "x")])
