"""Merging the outputs of a run into one value, where no model is needed for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NONE = "none"
CONCAT = "concat"
BY_ROLE = "by_role"

BUILT = frozenset({NONE, CONCAT, BY_ROLE})
PLANNED = frozenset(
    {
        "first_past_the_post",
        "majority",
        "weighted_voting",
        "consensus",
        "weighted_consensus",
        "hierarchical",
        "synthesis",
    }
)
"""Strategies of the contract that this version knows by name only."""

_ALIASES = {
    "concatenate": CONCAT,
    "concatenation": CONCAT,
    "role": BY_ROLE,
    "byrole": BY_ROLE,
    "fptp": "first_past_the_post",
    "first": "first_past_the_post",
    "majority_vote": "majority",
    "majority_voting": "majority",
    "weighted": "weighted_voting",
    "weighted_vote": "weighted_voting",
    "synthesize": "synthesis",
    "synthesise": "synthesis",
    "hierarchy": "hierarchical",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One completed task's contribution; ``output`` is the parsed JSON value."""

    task_id: str
    role: str | None
    output: Any


def canonical(name: str) -> str | None:
    """Return the strategy that ``name`` means (case, hyphens and common spellings forgiven), None if there is none."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    plain = _ALIASES.get(plain, plain)
    return plain if plain in BUILT or plain in PLANNED else None


def merge(strategy: str, parts: Sequence[Part]) -> Any:
    """Merge ``parts`` (in the order of the request).

    ``concat`` gives one text, outputs separated by a blank line, those that are not text as JSON. ``by_role`` gives
    ``{role: [output, …]}``; tasks without a role stand under ``""``.

    Raises:
        ValueError: ``strategy`` is not one this function computes.
    """
    if strategy == CONCAT:
        return "\n\n".join(_text(part.output) for part in parts)
    if strategy == BY_ROLE:
        by_role: dict[str, list[Any]] = {}
        for part in parts:
            by_role.setdefault(part.role or "", []).append(part.output)
        return by_role
    raise ValueError(f"no merge for strategy {strategy!r}")


def _text(output: Any) -> str:
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
