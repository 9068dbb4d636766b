"""Merging the outputs of a run into one value, where no model is needed for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain import strategies
from app.domain.ballots import WEIGHT_ONE
from app.domain.strategies import (
    ALL,
    BY_ROLE,
    CONCAT,
    CONSENSUS,
    FIRST_PAST_THE_POST,
    HIERARCHICAL,
    LOCAL,
    MAJORITY,
    MODEL,
    NONE,
    SYNTHESIS,
    VOTES,
    WEIGHTED_CONSENSUS,
    WEIGHTED_VOTING,
    Options,
    canonical,
)
from app.domain.voting import Rule, Standing

__all__ = [
    "ALL",
    "BUILT",
    "BY_ROLE",
    "COMPLETED",
    "CONCAT",
    "CONSENSUS",
    "EMPTY",
    "FIRST_PAST_THE_POST",
    "HIERARCHICAL",
    "LOCAL",
    "MAJORITY",
    "MODEL",
    "NONE",
    "NO_CONSENSUS",
    "PLANNED",
    "SYNTHESIS",
    "TIED",
    "VOTES",
    "WEIGHTED_CONSENSUS",
    "WEIGHTED_VOTING",
    "Merged",
    "Options",
    "Part",
    "canonical",
    "merge",
]

BUILT = ALL
PLANNED: frozenset[str] = frozenset()

COMPLETED, NO_CONSENSUS, TIED, EMPTY = "completed", "no_consensus", "tied", "empty"

_LISTED_ANSWERS = 50
_LISTED_TASKS = 100
_LISTED_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """One completed task's contribution.

    Attributes:
        output: parsed JSON.
        weight: the task's own, 0 or more.
        score: 0-1, how good the output was found; None: not judged.
        arrived: any number that grows with the time at which the output came in; it matters for ``votes_needed`` only,
            where parts without it come last, in the order of the request.
    """

    task_id: str
    role: str | None
    output: Any
    weight: float = 1.0
    score: float | None = None
    arrived: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge gave.

    Attributes:
        value: the merged value; None unless ``status`` is ``completed``.
        agreement: of a vote, the winner's share of what was cast, 0-1; the leading answer's where none won; None where
            no vote of any weight was cast.
        status: ``completed``; ``no_consensus``: no answer had votes enough; ``tied``: several had the most, and ties
            have no winner; ``empty``: there was nothing to merge, or nobody gave an answer.
        error: why there is no value.
        votes: of a vote, ``[{"value", "votes", "weight", "task_ids"}, …]``, the leading answer first, ``weight`` in
            weighted strategies only. At most 50 answers with 100 tasks each; of a value whose text or JSON is longer
            than 1,000 characters stands the beginning and "…".
    """

    value: Any
    status: str = COMPLETED
    agreement: float | None = None
    error: str | None = None
    votes: list[dict[str, Any]] | None = None


@dataclass(slots=True, kw_only=True)
class _Answer:
    standing: Standing
    value: Any
    voters: list[str]


def merge(options: Options, parts: Sequence[Part]) -> Merged:
    """Merge ``parts``, which are in the order of the request.

    ``none`` gives no value. ``concat`` gives one text, outputs separated by a blank line, those that are not text as
    JSON. ``by_role`` gives ``{role: [output, …]}``; tasks without a role stand under ``""``. Votes give the winning
    answer as the first of its voters spelt it: the value at ``field``, or the whole output. ``ballots.Form.read`` says
    which answers are equal, ``voting`` who wins. Where every vote weighs 0 there is no consensus.

    Raises:
        ValueError: the strategy needs a model, or a weight or score that counts is negative, infinite or no number.
    """
    if options.strategy in MODEL:
        raise ValueError(f"{options.strategy!r} needs a model")
    if options.strategy == NONE:
        return Merged(value=None)
    if not parts:
        return Merged(value=None, status=EMPTY, error="there is no output to merge")
    if options.strategy == CONCAT:
        return Merged(value="\n\n".join(_text(part.output) for part in parts))
    if options.strategy == BY_ROLE:
        by_role: dict[str, list[Any]] = {}
        for part in parts:
            by_role.setdefault(part.role or "", []).append(part.output)
        return Merged(value=by_role)
    return _elected(Rule.of(options), parts)


def _elected(rule: Rule, parts: Sequence[Part]) -> Merged:
    answers: dict[bytes, _Answer] = {}
    quickest: _Answer | None = None
    for index in _order(rule, parts):
        part = parts[index]
        ballot = rule.form.read(part.output)
        if ballot is None:
            continue
        answer = answers.get(ballot.key)
        if answer is None:
            answer = answers[ballot.key] = _Answer(standing=Standing(index), value=ballot.answer, voters=[])
        if index < answer.standing.first:
            answer.value = ballot.answer
        answer.standing.add(index, rule.weigh(ballot, part.weight, part.score))
        answer.voters.append(part.task_id)
        if quickest is None and answer.standing.votes == rule.votes_needed:
            quickest = answer
    if not answers:
        return Merged(value=None, status=EMPTY, error=f"none of the {len(parts)} outputs gives an answer")
    ranked = sorted(answers.values(), key=lambda answer: answer.standing.rank, reverse=True)
    total = sum(answer.standing.weight for answer in ranked)
    winner = ranked[0] if rule.votes_needed is None else quickest
    leader = winner or ranked[0]
    found = Merged(
        value=None,
        agreement=leader.standing.weight / total if total else None,
        votes=[_listed(rule, answer) for answer in ranked[:_LISTED_ANSWERS]],
    )
    weight = leader.standing.weight
    if winner is None or not rule.sufficient(weight, total):
        return _without(found, NO_CONSENSUS, _shortfall(rule, leader.standing, total))
    tied = sum(answer.standing.weight == weight for answer in ranked)
    if tied > 1 and rule.votes_needed is None and rule.tie != strategies.FIRST:
        return _without(found, TIED, f"{tied} answers have the most votes, equally many")
    return Merged(value=winner.value, agreement=found.agreement, votes=found.votes)


def _order(rule: Rule, parts: Sequence[Part]) -> Sequence[int]:
    """Return the places of ``parts`` in the order in which they are counted."""
    places = range(len(parts))
    if rule.votes_needed is None:
        return places
    arrived = [part.arrived for part in parts]
    return sorted(places, key=lambda place: (arrived[place] is None, arrived[place] or 0))


def _without(found: Merged, status: str, error: str) -> Merged:
    return Merged(value=None, status=status, agreement=found.agreement, error=error, votes=found.votes)


def _shortfall(rule: Rule, leading: Standing, total: int) -> str:
    if not total:
        return "every vote weighs 0"
    if rule.votes_needed is not None:
        return f"no answer has the {rule.votes_needed} votes needed; the leading one has {leading.votes}"
    share = f"the leading one has {leading.weight / total:.1%}"
    if not 2 * leading.weight > total and rule.above:
        return f"no answer has more than half of the votes cast; {share}"
    return f"no answer has {float(rule.least):.1%} of the votes cast; {share}"


def _listed(rule: Rule, answer: _Answer) -> dict[str, Any]:
    listed = {"value": _shortened(answer.value), "votes": answer.standing.votes}
    if rule.weights is not None:
        listed["weight"] = answer.standing.weight / WEIGHT_ONE
    return listed | {"task_ids": answer.voters[:_LISTED_TASKS]}


def _shortened(value: Any) -> Any:
    text = _text(value)
    return value if len(text) <= _LISTED_CHARACTERS else f"{text[:_LISTED_CHARACTERS]}…"


def _text(output: Any) -> str:
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
