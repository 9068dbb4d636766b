"""Names and options of the aggregation strategies; what they do is in ``aggregate`` and ``voting``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

NONE = "none"
CONCAT = "concat"
BY_ROLE = "by_role"
FIRST_PAST_THE_POST = "first_past_the_post"
MAJORITY = "majority"
WEIGHTED_VOTING = "weighted_voting"
CONSENSUS = "consensus"
WEIGHTED_CONSENSUS = "weighted_consensus"
HIERARCHICAL = "hierarchical"
SYNTHESIS = "synthesis"

WEIGHTED = frozenset({WEIGHTED_VOTING, WEIGHTED_CONSENSUS})
VOTES = frozenset({FIRST_PAST_THE_POST, MAJORITY, CONSENSUS}) | WEIGHTED
"""Strategies that take each output as a vote."""

MODEL = frozenset({HIERARCHICAL, SYNTHESIS})
"""Strategies that ask a model."""

LOCAL = frozenset({NONE, CONCAT, BY_ROLE}) | VOTES
"""Strategies that need no model: ``aggregate.merge`` computes them."""

ALL = LOCAL | MODEL

BY_TASK, BY_SCORE, BY_CONFIDENCE = "task", "score", "confidence"
WEIGHTS = frozenset({BY_TASK, BY_SCORE, BY_CONFIDENCE})

FIRST, NO_WINNER = "first", "none"
TIES = frozenset({FIRST, NO_WINNER})

FANS_IN = (2, 1000)
"""Least and greatest ``batch_size``."""

TAKEN_BY: Mapping[str, frozenset[str]] = {
    "threshold": frozenset({MAJORITY, CONSENSUS, WEIGHTED_CONSENSUS}),
    "field": VOTES,
    "weights": WEIGHTED,
    "tie": VOTES,
    "votes_needed": frozenset({FIRST_PAST_THE_POST}),
    "batch_size": frozenset({HIERARCHICAL}),
    "prompt": MODEL,
    "model": MODEL,
    "output_schema": MODEL,
    "checkpoint_every": ALL - {NONE},
}
"""Which strategies have a use for an option."""

_SPELLINGS = {
    NONE: "off no nothing null disabled",
    CONCAT: "concatenate concatenated concatenation concatenating join joined append",
    BY_ROLE: "role roles byroles perrole grouped groupbyrole groupedbyrole",
    FIRST_PAST_THE_POST: (
        "fptp first firstpastpost plurality pluralityvote pluralityvoting vote votes voting mostvotes mostcommon mode "
        "winnertakesall"
    ),
    MAJORITY: "majorityvote majorityvotes majorityvoting majorityrule absolutemajority simplemajority",
    WEIGHTED_VOTING: (
        "weighted weightedvote weightedvotes weightedmajority weightedmajorityvote weightedmajorityvoting "
        "weightedplurality"
    ),
    CONSENSUS: "agreement agree supermajority qualifiedmajority quorum consensusvote consensusvoting",
    WEIGHTED_CONSENSUS: "consensusweighted weightedagreement weightedsupermajority weightedquorum",
    HIERARCHICAL: (
        "hierarchy hierarchic hierarchicalmerge hierarchicalreduce hierarchicalsummary hierarchicalsynthesis tree "
        "treemerge treereduce mapreduce recursive"
    ),
    SYNTHESIS: (
        "synthesize synthesise synthesized synthesised synthesizer synthesiser synthesizing synthetic llm llmsynthesis "
        "llmmerge llmsummary summary summaries summarize summarise summarized summarised summarizer summariser "
        "summarization summarisation"
    ),
}
_NAMES = {strategy.replace("_", ""): strategy for strategy in ALL} | {
    spelling: strategy for strategy, spellings in _SPELLINGS.items() for spelling in spellings.split()
}


def canonical(name: str) -> str | None:
    """Return the strategy that ``name`` means (case, separators and common spellings forgiven), None if there is none.

    ``vote`` and ``voting`` alone mean that the most votes win, which needs no majority: first_past_the_post.
    """
    return _NAMES.get("".join(name.lower().replace("-", " ").replace("_", " ").split()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the outputs of a run are merged.

    Attributes:
        strategy: canonical name.
        threshold: least share of the votes (by weight in weighted_consensus) that wins, 0-1; None: 2/3 for consensus
            and weighted_consensus. A majority is always more than half; a threshold above 1/2 asks for more.
        field: dot path of the value voted on (``answer``, ``result.0.label``), and of what is returned; None votes on
            whole outputs.
        weights: what a vote weighs in weighted strategies: ``task`` (the task's weight), ``score`` (its score, 0-1,
            1 where it has none) or ``confidence`` (the output's own ``confidence``, else ``score``, 0-1, 0.5 where it
            states none: less than the sure, more than the doubtful, and an equal vote where nobody states any).
        tie: ``first``: of answers with equally many votes that wins whose first voter comes first in the request;
            ``none``: none of them wins.
        votes_needed: the first answer to get so many votes wins; where none gets them none wins. Only for
            first_past_the_post; None: the most votes win.
        batch_size: outputs merged at once, 2-1000; None: as many as the model's context takes.
        prompt, model: of the merging call; None: the service's prompt, the run's model.
        checkpoint_every: completions between two partial merges; None: none are made.
        output_schema: JSON Schema of the merged value.

    Raises:
        ValueError: a value outside its range, or a strategy that does not exist.
    """

    strategy: str
    threshold: float | None = None
    field: str | None = None
    weights: str = BY_TASK
    tie: str = FIRST
    votes_needed: int | None = None
    batch_size: int | None = None
    prompt: str | None = None
    model: str | None = None
    checkpoint_every: int | None = None
    output_schema: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        low, high = FANS_IN
        checks = {
            "strategy": self.strategy in ALL,
            "threshold": self.threshold is None or (math.isfinite(self.threshold) and 0 <= self.threshold <= 1),
            "weights": self.weights in WEIGHTS,
            "tie": self.tie in TIES,
            "votes_needed": self.votes_needed is None or self.votes_needed >= 1,
            "batch_size": self.batch_size is None or low <= self.batch_size <= high,
            "checkpoint_every": self.checkpoint_every is None or self.checkpoint_every >= 1,
        }
        for name, sound in checks.items():
            if not sound:
                raise ValueError(f"aggregate.{name} cannot be {getattr(self, name)!r}")

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Options:
        """Read what ``as_json`` gave; keys of a later version are passed over.

        Raises:
            ValueError: as for the class.
        """
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in stored.items() if name in known and value is not None}
        name = str(given.get("strategy", NONE))
        return cls(**(given | {"strategy": canonical(name) or name}))

    def as_json(self) -> dict[str, Any]:
        """Return what is stored: the strategy and whatever differs from its default."""
        given = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in given.items() if default is MISSING or value != default}
