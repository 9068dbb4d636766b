"""The names under which the strategies are known, and their options as stored."""

import json
import math
from typing import Any

import pytest

from app.domain.strategies import ALL, LOCAL, MODEL, TAKEN_BY, VOTES, Options, canonical


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_strategy_is_known_by_its_own_name_in_any_spelling(name: str) -> None:
    assert canonical(name) == name
    assert canonical(f" {name.upper().replace('_', '-')} ") == name
    assert canonical(name.replace("_", " ").title()) == name
    assert canonical(name.title().replace("_", "")) == name


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("concatenate", "concat"),
        ("Join", "concat"),
        ("per-role", "by_role"),
        ("group_by_role", "by_role"),
        ("FPTP", "first_past_the_post"),
        ("first-past-post", "first_past_the_post"),
        ("plurality", "first_past_the_post"),
        ("voting", "first_past_the_post"),
        ("Majority Vote", "majority"),
        ("majority-voting", "majority"),
        ("weighted", "weighted_voting"),
        ("weighted-vote", "weighted_voting"),
        ("super majority", "consensus"),
        ("quorum", "consensus"),
        ("weighted-quorum", "weighted_consensus"),
        ("tree", "hierarchical"),
        ("map_reduce", "hierarchical"),
        ("MapReduce", "hierarchical"),
        ("synthesise", "synthesis"),
        ("llm", "synthesis"),
        ("summary", "synthesis"),
        ("summarization", "synthesis"),
        ("off", "none"),
    ],
)
def test_common_spellings_are_forgiven(name: str, strategy: str) -> None:
    assert canonical(name) == strategy


@pytest.mark.parametrize("name", ["", " ", "-", "no such strategy", "concat;", "nones", "telepathy"])
def test_an_unknown_strategy_has_no_canonical_name(name: str) -> None:
    assert canonical(name) is None


def test_each_strategy_is_either_local_or_asks_a_model() -> None:
    assert LOCAL | MODEL == ALL
    assert not LOCAL & MODEL
    assert VOTES < LOCAL
    assert len(ALL) == 10


@pytest.mark.parametrize(
    "stored",
    [
        {"strategy": "concat"},
        {"strategy": "consensus", "threshold": 0.0, "field": "a.b", "tie": "none"},
        {"strategy": "weighted_consensus", "threshold": 1, "weights": "confidence"},
        {"strategy": "first_past_the_post", "votes_needed": 3},
        {
            "strategy": "hierarchical",
            "batch_size": 2,
            "prompt": "Merge.",
            "model": "m",
            "checkpoint_every": 10,
            "output_schema": {"type": "object"},
        },
    ],
)
def test_options_come_back_from_the_store_as_they_were(stored: dict[str, Any]) -> None:
    options = Options.of(stored)

    assert options.as_json() == stored
    assert Options.of(json.loads(json.dumps(options.as_json()))) == options


def test_options_that_are_not_stored_have_their_defaults() -> None:
    assert Options.of({}) == Options(strategy="none")
    assert Options.of({"strategy": "concat", "threshold": None, "of_a_later_version": 1}) == Options(strategy="concat")
    assert Options.of({"strategy": "FPTP"}).strategy == "first_past_the_post"
    options = Options(strategy="weighted_voting")
    assert (options.weights, options.tie, options.threshold) == ("task", "first", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strategy", "telepathy"),
        ("threshold", -0.01),
        ("threshold", 1.01),
        ("threshold", math.nan),
        ("threshold", math.inf),
        ("weights", "luck"),
        ("tie", "last"),
        ("votes_needed", 0),
        ("batch_size", 1),
        ("batch_size", 1001),
        ("checkpoint_every", 0),
    ],
)
def test_an_impossible_option_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Options.of({"strategy": "concat", name: value})


def test_every_option_belongs_to_some_strategy() -> None:
    assert set(TAKEN_BY) | {"strategy"} == set(Options.__slots__)
    assert all(takers and takers <= ALL for takers in TAKEN_BY.values())
