"""When a vote is decided before all have voted: worked examples."""

import math
from typing import Any

import pytest

from app.domain.aggregate import ALL, VOTES, Options
from app.domain.voting import Tally


def tally(strategy: str, voters: int = 5, of: tuple[float, ...] = (), **options: Any) -> Tally:
    """Open a vote of so many voters of weight 1, or of voters with the weights ``of``."""
    return Tally.of(Options(strategy=strategy, **options), of or (1.0,) * voters)


def decided_after(count: Tally, *events: tuple[int, Any]) -> list[bool]:
    """Return ``decided`` after each ``(voter, answer)``; an answer that is Ellipsis is a voter lost."""
    seen = []
    for index, answer in events:
        if answer is ...:
            count.lost(index)
        else:
            count.vote(index, answer)
        seen.append(count.decided)
    return seen


def test_a_majority_is_decided_by_the_third_of_five() -> None:
    # after two of five the other three could agree on something else; after three, two cannot be more than half
    assert decided_after(tally("majority"), (4, "a"), (2, "A."), (3, "a")) == [False, False, True]


def test_a_lost_voter_makes_a_majority_smaller() -> None:
    # 2 of at most 4 votes are no majority for certain, 2 of at most 3 are
    assert decided_after(tally("majority"), (0, "a"), (1, "a"), (2, ...), (3, ...)) == [False, False, False, True]


def test_no_majority_is_certain_when_none_can_be_reached() -> None:
    # 1-1-1: with both open votes one has 3 of 5. 1-1-1-1: with the open one 2 of 5
    events = [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert decided_after(tally("majority"), *events) == [False, False, False, True]


def test_an_abstention_is_a_voter_lost() -> None:
    assert decided_after(tally("majority", 3), (0, "a"), (1, None), (2, "a")) == [False, False, True]
    assert decided_after(tally("majority", 4), (0, "a"), (1, "a"), (2, " ")) == [False, False, True]  # 2 of at most 3


def test_a_plurality_is_decided_when_the_open_voters_cannot_overtake() -> None:
    # of 6: a 3, b 1, two open: b could have 3, and a tie goes to whose first voter is first: a's (0) before any other
    events = [(0, "a"), (2, "a"), (4, "b"), (5, "a")]
    assert decided_after(tally("first_past_the_post", 6), *events) == [False, False, False, True]


def test_a_tie_that_an_earlier_voter_would_win_is_open() -> None:
    # a 3 (first voter 1), b 1, open 0 and 3: both for b make 3-3 and b's first voter 0: b wins
    events = [(1, "a"), (2, "a"), (4, "b"), (5, "a")]
    count = tally("first_past_the_post", 6)
    assert decided_after(count, *events) == [False, False, False, False]
    count.lost(0)  # now b can have 2 at most
    assert count.decided


def test_a_tie_that_the_rival_would_win_is_open() -> None:
    # b 1 (first voter 0), a 2 (first voter 1), voter 3 open: with it b ties and comes first
    assert decided_after(tally("first_past_the_post", 4), (0, "b"), (1, "a"), (2, "a")) == [False, False, False]


def test_the_first_voter_of_an_answer_may_come_in_late() -> None:
    # a 2, b 1, voter 2 open: with it b has 2 as well; a's first voter is 0, who answered after 3 did
    assert decided_after(tally("first_past_the_post", 4), (3, "a"), (1, "b"), (0, "a")) == [False, False, True]


def test_a_tie_that_has_no_winner_is_open_until_it_cannot_be() -> None:
    # a 3, b 1, two open: they could make it 3-3
    events = [(0, "a"), (2, "a"), (4, "b"), (5, "a"), (1, "c")]
    seen = decided_after(tally("first_past_the_post", 6, tie="none"), *events)
    assert seen == [False, False, False, False, True]


def test_a_new_answer_counts_as_a_rival() -> None:
    # a 1, two open: a new answer could have 2
    assert decided_after(tally("first_past_the_post", 3), (0, "a"), (1, "a")) == [False, True]
    assert decided_after(tally("first_past_the_post", 2), (1, "a")) == [False]  # voter 0 ties and comes first
    assert decided_after(tally("first_past_the_post", 2), (0, "a")) == [True]  # voter 1 can only tie


def test_the_first_to_get_the_votes_needed_decides_at_once() -> None:
    events = [(9, "a"), (0, "b"), (5, "a")]
    assert decided_after(tally("first_past_the_post", 10, votes_needed=2), *events) == [False, False, True]
    assert decided_after(tally("first_past_the_post", 10, votes_needed=1), (3, "a")) == [True]


def test_votes_needed_that_cannot_be_reached_decide_too() -> None:
    # 3 needed of 4: after 1-1 the two open ones could make 3, after 1-1-1 not
    events = [(0, "a"), (1, "b"), (2, "c")]
    assert decided_after(tally("first_past_the_post", 4, votes_needed=3), *events) == [False, False, True]


def test_a_consensus_is_measured_against_all_who_may_still_vote() -> None:
    # two thirds of 6: 4 for certain
    events = [(5, "a"), (4, "a"), (3, "a"), (2, "a")]
    assert decided_after(tally("consensus", 6), *events) == [False, False, False, True]
    # 1-1: the open four make 5 of 6; 2-2: the open two make 4 of 6, which is enough; 2-3: the open one 4 of 6 as well
    events = [(0, "a"), (1, "b"), (2, "a"), (3, "b"), (4, "c")]
    assert decided_after(tally("consensus", 6), *events) == [False, False, False, False, True]


def test_weights_of_the_open_voters_count() -> None:
    # weights 5 1 1 1: the first has more than all others together
    assert decided_after(tally("weighted_voting", of=(5, 1, 1, 1)), (0, "a")) == [True]
    # 3 of 6: the others could tie with something new, but the first voter of all comes first
    assert decided_after(tally("weighted_voting", of=(3, 1, 1, 1)), (0, "a")) == [True]
    assert decided_after(tally("weighted_voting", of=(3, 1, 1, 1), tie="none"), (0, "a"), (3, ...)) == [False, True]
    # consensus: 4 of 6 is two thirds
    assert decided_after(tally("weighted_consensus", of=(1, 1, 4)), (2, "a")) == [True]


def test_open_voters_may_be_as_confident_as_can_be() -> None:
    count = tally("weighted_voting", 3, weights="confidence", field="is")
    count.vote(1, {"is": "a", "confidence": 0.9})
    count.vote(2, {"is": "a", "confidence": 0.05})
    assert not count.decided  # 0.95 against 1 that may come
    count = tally("weighted_voting", 3, weights="score")
    count.vote(1, "a", 0.9)
    count.vote(2, "a", 0.2)
    assert count.decided  # 1.1 against 1


def test_a_voter_without_weight_can_still_turn_a_tie() -> None:
    # a and b weigh 1 each; voter 0, who weighs nothing, may be b's first
    count = tally("weighted_voting", of=(0, 1, 1))
    assert decided_after(count, (1, "a"), (2, "b"), (0, ...)) == [False, False, True]
    count = tally("weighted_voting", of=(0, 1, 1), tie="none")
    assert decided_after(count, (1, "a"), (2, "b")) == [False, True]  # tied whatever it says


@pytest.mark.parametrize("strategy", sorted(VOTES))
def test_without_any_vote_nothing_is_decided_until_nobody_is_left(strategy: str) -> None:
    assert tally(strategy, of=(1, 0)).decided is False
    assert decided_after(tally(strategy, 2), (1, ...), (0, None)) == [False, True]
    assert Tally.of(Options(strategy=strategy), []).decided


def test_a_voter_is_counted_once() -> None:
    count = tally("majority", 5)
    assert decided_after(count, (0, "a"), (0, "a"), (0, ...), (1, "a"), (1, "b")) == [False] * 5
    assert decided_after(count, (2, ...), (2, "a"), (2, "a")) == [False] * 3
    assert decided_after(count, (4, "a")) == [True]


def test_a_decision_is_never_taken_back() -> None:
    count = tally("first_past_the_post", 5, votes_needed=2)
    assert decided_after(count, (0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, ...)) == [False, True, True, True, True]


@pytest.mark.parametrize("index", [-1, 3, 99])
def test_there_is_no_such_voter(index: int) -> None:
    with pytest.raises(IndexError):
        tally("majority", 3).vote(index, "a")
    with pytest.raises(IndexError):
        tally("majority", 3).lost(index)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_bad_weights_and_scores_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        tally("weighted_voting", of=(1, bad))
    count = tally("weighted_voting", 2, weights="score")
    with pytest.raises(ValueError, match="weight"):
        count.vote(0, "a", bad)
    assert tally("majority", of=(1, bad)).decided is False  # where weights do not count they are not looked at


@pytest.mark.parametrize("strategy", sorted(ALL - VOTES))
def test_what_is_no_vote_cannot_be_tallied(strategy: str) -> None:
    with pytest.raises(ValueError, match=strategy):
        tally(strategy)
