"""`aggregate` as requests give it: names, options, and what is said about those that are wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from app.api.schemas.aggregation import AggregateIn, aggregate_options, known_strategy
from app.domain.errors import InvalidRequest
from app.domain.strategies import ALL, TAKEN_BY, Options

GOOD: dict[str, Any] = {
    "threshold": 0.75,
    "field": "result.0.label",
    "weights": "confidence",
    "tie": "none",
    "votes_needed": 3,
    "batch_size": 10,
    "prompt": "Merge these.",
    "model": "m",
    "checkpoint_every": 100,
    "output_schema": {"type": "object"},
}


def refusal(given: AggregateIn | str, **options: Any) -> tuple[str, str]:
    """Return pointer and detail of the one error."""
    with pytest.raises(InvalidRequest) as caught:
        aggregate_options(given, "none", **options)
    [error] = caught.value.errors
    return error.pointer, error.detail


def test_nothing_given_is_the_default() -> None:
    assert aggregate_options(None, "synthesis") == Options(strategy="synthesis")


@pytest.mark.parametrize("given", ["Majority-Vote", AggregateIn(strategy="Majority-Vote")])
def test_a_name_is_enough(given: AggregateIn | str) -> None:
    assert aggregate_options(given, "none") == Options(strategy="majority")


@pytest.mark.parametrize("strategy", sorted(ALL))
def test_a_strategy_takes_its_options_and_they_are_stored_as_given(strategy: str) -> None:
    taken = {name: value for name, value in GOOD.items() if strategy in TAKEN_BY[name]}
    options = aggregate_options(AggregateIn.model_validate({"strategy": strategy} | taken), "none")

    assert options.as_json() == {"strategy": strategy} | taken


@pytest.mark.parametrize("strategy", sorted(ALL))
def test_null_is_as_good_as_not_given(strategy: str) -> None:
    given = AggregateIn.model_validate({"strategy": strategy} | dict.fromkeys(GOOD))

    assert aggregate_options(given, "none") == Options(strategy=strategy)


@pytest.mark.parametrize("strategy", sorted(ALL))
@pytest.mark.parametrize("name", sorted(GOOD))
def test_an_option_of_other_strategies_is_refused_and_they_are_named(strategy: str, name: str) -> None:
    if strategy in TAKEN_BY[name]:
        return
    pointer, detail = refusal(AggregateIn.model_validate({"strategy": strategy, name: GOOD[name]}), pointer="/merge")

    assert pointer == f"/merge/{name}"
    assert detail.startswith(f"{strategy} has no use for it; it is an option of ")
    named = detail.rpartition(" of ")[2]
    assert named == ("every strategy but none" if name == "checkpoint_every" else ", ".join(sorted(TAKEN_BY[name])))


def test_concat_has_no_threshold() -> None:
    assert refusal(AggregateIn(strategy="concat", threshold=0.5)) == (
        "/aggregate/threshold",
        "concat has no use for it; it is an option of consensus, majority, weighted_consensus",
    )


def test_an_unknown_strategy_is_refused_and_all_known_ones_are_named() -> None:
    pointer, detail = refusal("telepathy")
    assert pointer == "/aggregate"
    assert all(name in detail for name in ALL)
    assert refusal(AggregateIn(strategy="telepathy")) == ("/aggregate/strategy", detail)
    assert len(refusal("x" * 10_000)[1]) < 500


def test_half_is_the_least_threshold_of_a_majority() -> None:
    assert aggregate_options(AggregateIn(strategy="majority", threshold=0.5), "none").threshold == 0.5
    assert refusal(AggregateIn(strategy="majority", threshold=0.49)) == (
        "/aggregate/threshold",
        "a majority is at least 0.5, got 0.49; consensus takes less",
    )


def test_orchestrators_name_a_strategy_elsewhere() -> None:
    assert known_strategy("llm", "/swarm_config/aggregation_strategy") == "synthesis"
    with pytest.raises(InvalidRequest, match="/swarm_config/aggregation_strategy"):
        known_strategy("", "/swarm_config/aggregation_strategy")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strategy", None),
        ("strategy", 1),
        ("strategy", "x" * 101),
        ("threshold", -0.1),
        ("threshold", 1.1),
        ("threshold", "0.5"),
        ("threshold", True),
        ("threshold", math.nan),
        ("threshold", math.inf),
        ("field", ""),
        ("field", "."),
        ("field", "a..b"),
        ("field", ".a"),
        ("field", "a."),
        ("field", "x" * 501),
        ("field", 1),
        ("weights", "luck"),
        ("weights", [1, 2]),
        ("tie", "last"),
        ("tie", True),
        ("votes_needed", 0),
        ("votes_needed", 1.0),
        ("votes_needed", 1_000_001),
        ("batch_size", 1),
        ("batch_size", 1001),
        ("batch_size", "10"),
        ("prompt", ""),
        ("prompt", "x" * (256 * 1024 + 1)),
        ("model", ""),
        ("model", "x" * 201),
        ("checkpoint_every", 0),
        ("checkpoint_every", -1),
        ("output_schema", []),
        ("output_schema", "object"),
        ("surprise", 1),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        AggregateIn.model_validate({"strategy": "concat"} | {name: value})

    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


@pytest.mark.parametrize(
    ("name", "value"), [("threshold", 0), ("threshold", 1), ("batch_size", 2), ("batch_size", 1000), ("field", "a b.c")]
)
def test_the_ends_of_the_ranges_are_taken(name: str, value: Any) -> None:
    strategy = min(TAKEN_BY[name])
    given = AggregateIn.model_validate({"strategy": strategy, name: value})

    assert aggregate_options(given, "none") == Options.of({"strategy": strategy, name: value})
