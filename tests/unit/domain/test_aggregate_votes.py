"""Merging by vote: who wins, with how much agreement, and what is said where nobody does."""

import json
import math
from typing import Any

import pytest

from app.domain.aggregate import VOTES, Merged, Options, Part, merge


def ballots(*outputs: Any, weights: tuple[float, ...] = (), scores: tuple[float | None, ...] = ()) -> list[Part]:
    """Return parts t0, t1, … with these outputs."""
    return [
        Part(
            f"t{index}",
            None,
            output,
            weight=weights[index] if weights else 1.0,
            score=scores[index] if scores else None,
        )
        for index, output in enumerate(outputs)
    ]


def outcome(merged: Merged) -> tuple[Any, str, float | None]:
    return merged.value, merged.status, merged.agreement


# --- first past the post: the most votes win --------------------------------------------------------------------------


def test_the_most_votes_win_even_if_they_are_no_majority() -> None:
    # b 2 of 5 = 0.4; a, c, d one each
    merged = merge(Options(strategy="first_past_the_post"), ballots("a", "b", "c", "b", "d"))

    assert merged == Merged(
        value="b",
        status="completed",
        agreement=0.4,
        votes=[
            {"value": "b", "votes": 2, "task_ids": ["t1", "t3"]},
            {"value": "a", "votes": 1, "task_ids": ["t0"]},
            {"value": "c", "votes": 1, "task_ids": ["t2"]},
            {"value": "d", "votes": 1, "task_ids": ["t4"]},
        ],
    )


def test_the_winner_is_spelt_as_its_first_voter_did() -> None:
    merged = merge(Options(strategy="first_past_the_post"), ballots("Rome", " PARIS. ", "paris", "Paris"))

    assert outcome(merged) == (" PARIS. ", "completed", 0.75)


def test_of_equals_wins_whose_first_voter_comes_first() -> None:
    # b at 0 and 3, a at 1 and 2: two each, b's first voter is earlier
    merged = merge(Options(strategy="first_past_the_post"), ballots("b", "a", "a", "b", "c"))

    assert outcome(merged) == ("b", "completed", 0.4)


def test_of_equals_none_wins_where_ties_have_no_winner() -> None:
    merged = merge(Options(strategy="first_past_the_post", tie="none"), ballots("b", "a", "a", "b", "c"))

    assert outcome(merged) == (None, "tied", 0.4)
    assert merged.error == "2 answers have the most votes, equally many"
    assert merged.votes is not None
    assert [answer["value"] for answer in merged.votes] == ["b", "a", "c"]


def test_the_field_is_voted_on_and_returned_and_who_lacks_it_abstains() -> None:
    parts = ballots({"answer": "Yes", "why": "p"}, {"answer": "no"}, {"answer": "yes"}, {"why": "q"}, "text", None)
    # yes 2 of 3 votes cast; three abstain
    merged = merge(Options(strategy="first_past_the_post", field="answer"), parts)

    assert outcome(merged) == ("Yes", "completed", 2 / 3)


def test_a_field_may_hold_anything() -> None:
    parts = ballots({"at": [1, 2]}, {"at": [1.0, 2.0]}, {"at": "1, 2"})

    assert outcome(merge(Options(strategy="majority", field="at"), parts)) == ([1, 2], "completed", 2 / 3)


# --- so many votes needed: the first answer to get them wins ----------------------------------------------------------


def test_the_first_to_get_the_votes_needed_wins_in_the_order_in_which_they_came_in() -> None:
    # order of arrival: t4 b, t3 b (b has its 2), t0 a, t1 a, t2 a
    parts = [Part(f"t{n}", None, answer, arrived=10 - n) for n, answer in enumerate("aaabb")]
    merged = merge(Options(strategy="first_past_the_post", votes_needed=2), parts)

    assert outcome(merged) == ("b", "completed", 0.4)


def test_without_arrival_times_the_order_of_the_request_decides() -> None:
    # a has its second vote at t2, b at t3
    merged = merge(Options(strategy="first_past_the_post", votes_needed=2), ballots("b", "a", "a", "b", "b"))

    assert outcome(merged) == ("a", "completed", 0.4)


def test_the_first_spelling_is_the_first_of_the_request_whatever_came_in_first() -> None:
    parts = [Part("t0", None, "A", arrived=2), Part("t1", None, "a.", arrived=1)]

    assert merge(Options(strategy="first_past_the_post", votes_needed=2), parts).value == "A"


def test_too_few_votes_for_any_answer_are_no_consensus() -> None:
    merged = merge(Options(strategy="first_past_the_post", votes_needed=3), ballots("a", "b", "a"))

    assert outcome(merged) == (None, "no_consensus", 2 / 3)
    assert merged.error == "no answer has the 3 votes needed; the leading one has 2"


# --- majority: more than half -----------------------------------------------------------------------------------------


def test_more_than_half_is_a_majority() -> None:
    # 3 of 5 = 0.6
    assert outcome(merge(Options(strategy="majority"), ballots("a", "b", "a", "c", "a"))) == ("a", "completed", 0.6)


def test_half_is_no_majority() -> None:
    # 2 of 4 = 0.5
    merged = merge(Options(strategy="majority"), ballots("a", "b", "a", "c"))

    assert outcome(merged) == (None, "no_consensus", 0.5)
    assert merged.error == "no answer has more than half of the votes cast; the leading one has 50.0%"


def test_two_halves_are_no_consensus_and_no_tie() -> None:
    merged = merge(Options(strategy="majority", tie="none"), ballots("a", "b"))

    assert outcome(merged) == (None, "no_consensus", 0.5)


def test_abstentions_are_no_votes_cast() -> None:
    # a 2 of 3 cast, though only 2 of 6 outputs
    merged = merge(Options(strategy="majority"), ballots("a", None, "", "a", "b", None))

    assert outcome(merged) == ("a", "completed", 2 / 3)


def test_a_majority_may_have_to_be_greater() -> None:
    # 3 of 5 = 0.6: enough for 0.6, not for 0.61; at 0.5 half is still none
    parts = ballots("a", "a", "a", "b", "c")
    assert merge(Options(strategy="majority", threshold=0.6), parts).value == "a"
    merged = merge(Options(strategy="majority", threshold=0.61), parts)
    assert outcome(merged) == (None, "no_consensus", 0.6)
    assert merged.error == "no answer has 61.0% of the votes cast; the leading one has 60.0%"
    assert merge(Options(strategy="majority", threshold=0.5), ballots("a", "b")).status == "no_consensus"


# --- consensus: so great a share --------------------------------------------------------------------------------------


def test_two_thirds_are_a_consensus_unless_told_otherwise() -> None:
    # 2 of 3 = 2/3 is reached; 3 of 5 = 0.6 is not
    assert outcome(merge(Options(strategy="consensus"), ballots("a", "b", "a"))) == ("a", "completed", 2 / 3)
    merged = merge(Options(strategy="consensus"), ballots("a", "b", "a", "a", "c"))
    assert outcome(merged) == (None, "no_consensus", 0.6)
    assert merged.error == "no answer has 66.7% of the votes cast; the leading one has 60.0%"


@pytest.mark.parametrize(
    ("threshold", "status"),
    [
        (0.8333333333333334, "completed"),  # 5/6 as the nearest float, which is a little more
        (0.83, "completed"),
        (0.84, "no_consensus"),
        (1.0, "no_consensus"),
        (0.0, "completed"),
    ],
)
def test_the_threshold_is_reached_by_five_of_six(threshold: float, status: str) -> None:
    parts = ballots("a", "a", "a", "a", "a", "b")

    assert merge(Options(strategy="consensus", threshold=threshold), parts).status == status


def test_seven_of_ten_are_seven_tenths() -> None:
    # 0.7 as a float is a little less, 10 * 0.7 is 7.000000000000001 in some sums: neither may show
    assert merge(Options(strategy="consensus", threshold=0.7), ballots(*"aaaaaaabcd")).value == "a"
    assert merge(Options(strategy="consensus", threshold=0.7), ballots(*"aaaaaabbcd")).status == "no_consensus"


def test_below_half_several_can_reach_the_threshold_and_a_tie_is_broken() -> None:
    parts = ballots("b", "a", "a", "b", "c")  # 0.4, 0.4, 0.2

    assert merge(Options(strategy="consensus", threshold=0.4), parts).value == "b"
    assert merge(Options(strategy="consensus", threshold=0.4, tie="none"), parts).status == "tied"
    assert merge(Options(strategy="consensus", threshold=0.41, tie="none"), parts).status == "no_consensus"


# --- by weight --------------------------------------------------------------------------------------------------------


def test_the_greatest_weight_wins_over_more_votes() -> None:
    # a 0.5 + 0.75 = 1.25, b 2.75: b has 2.75 of 4 = 0.6875
    merged = merge(Options(strategy="weighted_voting"), ballots("a", "b", "a", weights=(0.5, 2.75, 0.75)))

    assert merged == Merged(
        value="b",
        status="completed",
        agreement=0.6875,
        votes=[
            {"value": "b", "votes": 1, "weight": 2.75, "task_ids": ["t1"]},
            {"value": "a", "votes": 2, "weight": 1.25, "task_ids": ["t0", "t2"]},
        ],
    )


def test_equal_weights_tie_though_floats_would_not() -> None:
    # 0.1 + 0.2 = 0.3, in binary 0.30000000000000004
    parts = ballots("a", "b", "b", weights=(0.3, 0.1, 0.2))

    assert merge(Options(strategy="weighted_voting"), parts).value == "a"
    assert merge(Options(strategy="weighted_voting", tie="none"), parts).status == "tied"


def test_score_is_a_weight_of_one_at_most_and_of_one_where_there_is_none() -> None:
    # a 0.5 + 0.25 = 0.75, b 1 (unjudged): b has 1 of 1.75
    options = Options(strategy="weighted_voting", weights="score")
    parts = ballots("a", "b", "a", scores=(0.5, None, 0.25), weights=(9, 0, 9))
    assert outcome(merge(options, parts)) == ("b", "completed", 1 / 1.75)
    # a 7 counts as 1, b 0.75 + 0.5 = 1.25
    assert merge(options, ballots("a", "b", "b", scores=(7, 0.75, 0.5))).value == "b"


def test_confidence_is_what_the_output_states_and_a_half_where_it_states_none() -> None:
    # x 0.25 + 0.125 = 0.375, y 0.5: y has 0.5 of 0.875; the confidence itself is no part of the answer
    outputs = ({"is": "x", "confidence": 0.25}, {"is": "x", "confidence": 0.125}, {"is": "y"})
    merged = merge(Options(strategy="weighted_voting", weights="confidence"), ballots(*outputs))

    assert outcome(merged) == ({"is": "y"}, "completed", 0.5 / 0.875)
    assert merged.votes is not None
    assert [(answer["votes"], answer["weight"]) for answer in merged.votes] == [(1, 0.5), (2, 0.375)]


def test_weighted_consensus_is_a_share_of_the_weight() -> None:
    # a 3 of 4 = 0.75 with one vote of two
    parts = ballots("b", "a", weights=(1, 3))

    assert outcome(merge(Options(strategy="weighted_consensus"), parts)) == ("a", "completed", 0.75)
    assert outcome(merge(Options(strategy="weighted_consensus", threshold=0.75), parts)) == ("a", "completed", 0.75)
    merged = merge(Options(strategy="weighted_consensus", threshold=0.76), parts)
    assert outcome(merged) == (None, "no_consensus", 0.75)


def test_weighted_consensus_by_confidence_of_a_field() -> None:
    # cat 0.75 + 0.75 = 1.5 of 2 = 0.75; dog 0.5
    outputs = ({"is": "cat", "confidence": 0.75}, '{"is": "Cat.", "score": 0.75}', {"is": "dog"})
    merged = merge(Options(strategy="weighted_consensus", weights="confidence", field="is"), ballots(*outputs))

    assert outcome(merged) == ("cat", "completed", 0.75)


@pytest.mark.parametrize("strategy", ["weighted_voting", "weighted_consensus"])
@pytest.mark.parametrize("tie", ["first", "none"])
def test_votes_without_any_weight_elect_nobody(strategy: str, tie: str) -> None:
    merged = merge(Options(strategy=strategy, tie=tie, threshold=None), ballots("a", "b", weights=(0, 0)))

    assert outcome(merged) == (None, "no_consensus", None)
    assert merged.error == "every vote weighs 0"


def test_a_voter_without_weight_still_comes_first_in_a_tie() -> None:
    # a 0 + 1, b 1: equal, a's first voter (who weighs 0) is the first of all
    assert merge(Options(strategy="weighted_voting"), ballots("a", "b", "a", weights=(0, 1, 1))).value == "a"


@pytest.mark.parametrize("bad", [-1.0, -1e-300, math.nan, math.inf])
def test_bad_weights_and_scores_are_refused_where_they_count(bad: float) -> None:
    for strategy in ("weighted_voting", "weighted_consensus"):
        with pytest.raises(ValueError, match="weight"):
            merge(Options(strategy=strategy), ballots("a", "b", weights=(1, bad)))
        with pytest.raises(ValueError, match="weight"):
            merge(Options(strategy=strategy, weights="score"), ballots("a", "b", scores=(1, bad)))
    assert merge(Options(strategy="majority"), ballots("a", weights=(bad,), scores=(bad,))).value == "a"


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", sorted(VOTES))
def test_one_voter_decides_alone(strategy: str) -> None:
    assert outcome(merge(Options(strategy=strategy), ballots({"a": [1]}))) == ({"a": [1]}, "completed", 1.0)


@pytest.mark.parametrize("strategy", sorted(VOTES))
def test_only_abstentions_are_as_good_as_nothing(strategy: str) -> None:
    merged = merge(Options(strategy=strategy), ballots(None, " "))

    assert outcome(merged) == (None, "empty", None)
    assert merged.error == "none of the 2 outputs gives an answer"


def test_the_list_of_answers_is_bounded() -> None:
    # 60 answers with one vote each but the last, which has 150
    outputs = [f"answer {n:02}" for n in range(60)] + ["answer 59"] * 149
    merged = merge(Options(strategy="first_past_the_post"), ballots(*outputs))

    assert merged.votes is not None
    assert len(merged.votes) == 50
    assert merged.votes[0] == {
        "value": "answer 59",
        "votes": 150,
        "task_ids": [f"t{n}" for n in range(59, 159)],
    }
    assert [answer["value"] for answer in merged.votes[1:]] == [f"answer {n:02}" for n in range(49)]


def test_long_answers_are_listed_in_short_but_returned_in_full() -> None:
    text, items = "x" * 5000, ["y" * 5000]
    merged = merge(Options(strategy="first_past_the_post"), ballots(text, items, text))

    assert merged.value == text
    assert merged.votes is not None
    assert [answer["value"] for answer in merged.votes] == ["x" * 1000 + "…", '["' + "y" * 998 + "…"]
    assert len(json.dumps(merged.votes)) < 3000
