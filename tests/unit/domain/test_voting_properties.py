"""A vote is decided exactly when no completion of it gives another outcome; ``merge`` says what an outcome is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.aggregate import VOTES, Options, Part, merge
from app.domain.strategies import WEIGHTED
from app.domain.voting import Tally
from tests.support.scenarios import many

LOST = "lost"
NEW = ("new", "newer")
Outcome = tuple[Any, str]


@dataclass(frozen=True)
class Event:
    """What a voter does: give ``answer`` (None: abstain; LOST: never answer), as sure and as good as ``share``."""

    voter: int
    answer: str | None
    share: float | None

    @property
    def output(self) -> Any:
        if self.answer is None:
            return {"sure": 1}
        return {"is": self.answer} if self.share is None else {"is": self.answer, "confidence": self.share}


@st.composite
def all_options(draw: st.DrawFn) -> Options:
    strategy = draw(st.sampled_from(sorted(VOTES)))
    options = Options(strategy=strategy, field="is", tie=draw(st.sampled_from(["first", "none"])))
    if strategy in WEIGHTED:
        options = replace(options, weights=draw(st.sampled_from(["task", "score", "confidence"])))
    if strategy == "first_past_the_post":
        options = replace(options, votes_needed=draw(st.none() | st.integers(1, 4)))
    elif strategy != "weighted_voting":
        thresholds = st.sampled_from([0.0, 0.25, 1 / 3, 0.4, 0.5, 0.6, 2 / 3, 0.75, 1.0]) | st.floats(0, 1)
        options = replace(options, threshold=draw(st.none() | thresholds))
    return options


SHARES = st.none() | st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0])
WEIGHTS = st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, 1.0, 1.0, 2.0, 3.0])


@st.composite
def stories(draw: st.DrawFn, voters: st.SearchStrategy[int], answers: str) -> tuple[list[float], list[Event]]:
    """Draw the voters' weights and what all of them do, in the order in which it happens."""
    count = draw(voters)
    said = st.sampled_from([*answers * 4, None, LOST])
    order = draw(st.permutations(range(count)))
    return (
        draw(st.lists(WEIGHTS, min_size=count, max_size=count)),
        [Event(voter, draw(said), draw(SHARES)) for voter in order],
    )


def told(options: Options, weights: Sequence[float], events: Sequence[Event]) -> Tally:
    count = Tally.of(options, weights)
    for event in events:
        tell(count, event)
    return count


def tell(count: Tally, event: Event) -> None:
    if event.answer == LOST:
        count.lost(event.voter)
    else:
        count.vote(event.voter, event.output, event.share)


def outcome(options: Options, weights: Sequence[float], events: Sequence[Event]) -> Outcome:
    parts = {
        event.voter: Part(str(event.voter), None, event.output, weights[event.voter], event.share, arrived)
        for arrived, event in enumerate(events)
        if event.answer != LOST
    }
    merged = merge(options, [parts[voter] for voter in sorted(parts)])
    return merged.value, merged.status


def completions(options: Options, weights: Sequence[float], so_far: Sequence[Event]) -> Iterator[list[Event]]:
    """Give what the open voters may do: each answer given so far, new ones, or none; with the least weight, or most."""
    open_voters = sorted(set(range(len(weights))) - {event.voter for event in so_far})
    answers = {event.answer for event in so_far if event.answer not in (None, LOST)}
    shares = (0.0, 1.0) if options.weights != "task" else (1.0,)
    deeds = [(answer, share) for answer in (*sorted(filter(None, answers)), *NEW) for share in shares] + [(LOST, 1.0)]
    for order in permutations(open_voters) if options.votes_needed else [open_voters]:
        for done in product(deeds, repeat=len(order)):
            yield [Event(voter, *deed) for voter, deed in zip(order, done, strict=True)]


@settings(many, max_examples=300)
@given(all_options(), stories(st.integers(1, 5), "ab"))
def test_decided_means_that_every_completion_has_the_same_outcome_and_only_then(
    options: Options, story: tuple[list[float], list[Event]]
) -> None:
    weights, events = story
    for so_far in range(max(len(events) - 3, 0), len(events) + 1):
        past = events[:so_far]
        outcomes = {outcome(options, weights, [*past, *rest]) for rest in completions(options, weights, past)}

        assert told(options, weights, past).decided == (len(outcomes) == 1), outcomes


@many
@given(all_options(), stories(st.integers(3, 30), "abc"), st.data())
def test_once_decided_no_completion_changes_the_winner_or_its_status(
    options: Options, story: tuple[list[float], list[Event]], data: st.DataObject
) -> None:
    weights, events = story
    count = Tally.of(options, weights)
    done = 0
    while not count.decided:
        tell(count, events[done])
        done += 1
    answers = st.sampled_from(["a", "b", "c", *NEW, None, LOST])
    others = [Event(event.voter, data.draw(answers), data.draw(SHARES)) for event in events[done:]]
    certain = outcome(options, weights, events[:done])

    assert outcome(options, weights, events) == certain
    assert outcome(options, weights, events[:done] + others) == certain
    for answer in ("a", "b", "c", NEW[0]):
        united = [Event(event.voter, answer, 1.0) for event in events[done:]]
        assert outcome(options, weights, events[:done] + united) == certain


@many
@given(all_options(), stories(st.integers(0, 12), "abc"))
def test_a_decision_comes_at_the_last_voter_at_the_latest_and_stays(
    options: Options, story: tuple[list[float], list[Event]]
) -> None:
    weights, events = story
    count = Tally.of(options, weights)
    seen = [count.decided]
    for event in events:
        tell(count, event)
        seen.append(count.decided)

    assert seen[-1]
    assert seen == sorted(seen)
