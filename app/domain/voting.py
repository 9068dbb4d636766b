"""Who wins a vote, and from when on nothing can change it any more.

One rule serves both: ``Rule.sufficient`` and ``Standing.rank`` say who wins a finished vote (``aggregate.merge``), and
``Tally`` asks them about the worst that the voters who are still open can do.

How the winner is found: the answer with the most votes (by weight in weighted strategies) leads; of several it is the
one whose first voter comes first in the request. It wins if its votes suffice: any weight above 0 (first_past_the_post,
weighted_voting), more than half of the votes cast (majority), the threshold's share of them (consensus,
weighted_consensus). If they do not there is no consensus; if they do and another answer has as many, ``tie`` decides.
With ``votes_needed`` the first answer to get so many votes wins, in the order in which they came in. Votes cast are
those of voters that answered: who failed, abstained or was cancelled counts nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from app.domain import strategies
from app.domain.ballots import WEIGHT_ONE, Ballot, Form, counted
from app.domain.strategies import Options

_CONSENSUS = Fraction(2, 3)
_MAJORITY = Fraction(1, 2)
_ROUNDING = Fraction(1, 10**9)
"""Slack of a threshold, so that 0.8333333333333334 is five of six."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What an ``Options`` asks of a vote.

    Attributes:
        weights: what a vote weighs, as in ``Options``; None: each counts one.
        above: a share that must be passed.
        least: a share that must be reached.
    """

    form: Form
    weights: str | None
    above: Fraction
    least: Fraction
    tie: str
    votes_needed: int | None

    @classmethod
    def of(cls, options: Options) -> Rule:
        """Return the rule.

        Raises:
            ValueError: the strategy takes no votes.
        """
        if options.strategy not in strategies.VOTES:
            raise ValueError(f"{options.strategy!r} is no vote")
        weights = options.weights if options.strategy in strategies.WEIGHTED else None
        least = Fraction(0)
        if options.strategy in strategies.TAKEN_BY["threshold"]:
            if options.threshold is not None:
                least = Fraction(str(options.threshold)) - _ROUNDING
            elif options.strategy != strategies.MAJORITY:
                least = _CONSENSUS
        return cls(
            form=Form(options.field, weights == strategies.BY_CONFIDENCE),
            weights=weights,
            above=_MAJORITY if options.strategy == strategies.MAJORITY else Fraction(0),
            least=least,
            tie=options.tie,
            votes_needed=options.votes_needed if options.strategy == strategies.FIRST_PAST_THE_POST else None,
        )

    def weigh(self, ballot: Ballot, task: float, score: float | None) -> int:
        """Return what a vote counts: in whole votes, or in units of 1 / ``WEIGHT_ONE`` in weighted strategies.

        Scores above 1 count as 1.

        Raises:
            ValueError: the weight is negative, infinite or no number.
        """
        if self.weights is None:
            return 1
        if self.weights == strategies.BY_TASK:
            return counted(task)
        if self.weights == strategies.BY_CONFIDENCE:
            return counted(ballot.confidence)
        return WEIGHT_ONE if score is None else min(counted(score), WEIGHT_ONE)

    def most(self, task: float) -> int:
        """Return the most that the vote of a voter who has not answered can count.

        Raises:
            ValueError: as for ``weigh``.
        """
        if self.weights is None:
            return 1
        return counted(task) if self.weights == strategies.BY_TASK else WEIGHT_ONE

    def sufficient(self, weight: int, total: int) -> bool:
        """Whether an answer with ``weight`` of ``total`` can win; own votes never hurt it, others' never help."""
        return (
            weight * self.above.denominator > total * self.above.numerator
            and weight * self.least.denominator >= total * self.least.numerator
        )


@dataclass(slots=True)
class Standing:
    """How one answer stands.

    Attributes:
        first: place in the request of the first of its voters.
    """

    first: int
    weight: int = 0
    votes: int = 0

    @property
    def rank(self) -> tuple[int, int]:
        """Greatest for the answer that leads; no two answers have the same."""
        return self.weight, -self.first

    def add(self, index: int, weight: int) -> None:
        self.weight += weight
        self.votes += 1
        self.first = min(self.first, index)


class Tally:
    """Counts votes as they come in, in constant time each, and knows when to stop.

    Attributes:
        decided: whether the winner, and that there is one or none and why, is certain whatever the open voters answer,
            also if they answer something new, all the same, nothing or not at all. Never taken back. Which of its
            voters' spellings represents the winning answer may still change. With ``votes_needed`` it is certain for
            the order in which the votes were told, which ``Part.arrived`` tells ``aggregate.merge``.
    """

    __slots__ = ("_answers", "_cast", "_earliest", "_leader", "_left", "_most", "_open", "_rule", "_runner", "_total",
                 "_weights", "_won", "decided")  # fmt: skip

    def __init__(self, rule: Rule, weights: Sequence[float]) -> None:
        self._rule = rule
        self._weights = weights
        self._most = [rule.most(weight) for weight in weights]
        self._left = sum(self._most)  # the most that all open voters can count together
        self._open = len(weights)
        self._earliest = 0  # no open voter comes before
        self._answers: dict[bytes, Standing] = {}
        self._leader: Standing | None = None
        self._runner: Standing | None = None
        self._total = 0
        self._cast = 0
        self._won = False
        self.decided = self._is_decided()

    @classmethod
    def of(cls, options: Options, weights: Sequence[float]) -> Tally:
        """Open a vote of ``len(weights)`` voters, none of whom has answered.

        Args:
            weights: of the voters' tasks, in the order of the request; only ``weights="task"`` uses their values.

        Raises:
            ValueError: the strategy takes no votes, or a weight is negative, infinite or no number.
        """
        return cls(Rule.of(options), tuple(weights))

    def vote(self, index: int, output: Any, score: float | None = None) -> None:
        """Count the output of the voter at ``index``; one who has voted or is lost is not counted again.

        Raises:
            IndexError: there is no such voter.
            ValueError: the score is used, and is negative, infinite or no number.
        """
        ballot = self._rule.form.read(output)
        weight = None if ballot is None else self._rule.weigh(ballot, self._weights[index], score)
        if not self._close(index):
            return
        if ballot is not None and weight is not None:
            self._cast += 1
            self._total += weight
            answer = self._answers.setdefault(ballot.key, Standing(index))
            answer.add(index, weight)
            self._place(answer)
        self.decided = self.decided or self._is_decided()

    def lost(self, index: int) -> None:
        """Count no vote of the voter at ``index``, ever: it failed, was skipped or was cancelled.

        Raises:
            IndexError: there is no such voter.
        """
        if self._close(index):
            self.decided = self.decided or self._is_decided()

    def _close(self, index: int) -> bool:
        if not 0 <= index < len(self._most):
            raise IndexError(f"no voter {index} among {len(self._most)}")
        most = self._most[index]
        if most < 0:
            return False
        self._most[index] = -1
        self._left -= most
        self._open -= 1
        while self._open and self._most[self._earliest] < 0:
            self._earliest += 1
        return True

    def _place(self, answer: Standing) -> None:
        """Keep the two that lead; ``answer`` is the only one whose rank has changed, and ranks only rise."""
        if answer.votes == self._rule.votes_needed:
            self._won = True
        if self._leader is None or answer is self._leader:
            self._leader = answer
        elif answer.rank > self._leader.rank:
            self._leader, self._runner = answer, self._leader
        elif self._runner is None or answer.rank > self._runner.rank:
            self._runner = answer

    def _is_decided(self) -> bool:
        if not self._open or self._won:
            return True
        if self._leader is None:
            return False  # nobody may answer, which is another status than no consensus
        if self._rule.votes_needed is not None:
            return self._leader.votes + self._open < self._rule.votes_needed
        if not self._rule.sufficient(self._leader.weight + self._left, self._total + self._left):
            return True  # if not the leader with all open votes, then nobody
        if not self._rule.sufficient(self._leader.weight, self._total + self._left):
            return False
        return self._stays_ahead(self._leader)

    def _stays_ahead(self, leader: Standing) -> bool:
        """Whether ``leader`` wins even if all open voters side with its closest rival, or with something new."""
        rival = 0 if self._runner is None else self._runner.weight
        if leader.weight != rival + self._left:
            return leader.weight > rival + self._left
        if self._rule.tie != strategies.FIRST:
            return not self._left  # a tie that no open vote has the weight to break
        if leader.first > self._earliest:
            return False
        return self._runner is None or leader.first < self._runner.first
