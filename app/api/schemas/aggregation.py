"""How a run's outputs are merged, on the wire."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain import strategies
from app.domain.errors import InvalidRequest
from app.domain.strategies import Options

_MAX_PROMPT = 256 * 1024
_MAX_TASKS = 1_000_000
_LEAST_FAN_IN, _MOST_FAN_IN = strategies.FANS_IN


class AggregateIn(BaseModel):
    """The strategy and its options; an option that the strategy has no use for is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    strategy: str = Field(
        max_length=100,
        description="One of " + ", ".join(sorted(strategies.ALL)),
        examples=["concat", "majority", "consensus", "synthesis"],
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the votes that wins: consensus and weighted_consensus (default 2/3), majority (from 0.5)",
    )
    field: str | None = Field(
        None,
        max_length=500,
        pattern=r"^[^.]+(\.[^.]+)*$",
        description="Votes: dot path of the value in each output that is voted on and returned; default: all of it",
        examples=["answer", "result.label"],
    )
    weights: Literal["task", "score", "confidence"] | None = Field(
        None,
        description="Weighted votes: by the task's weight (default), its score, or the confidence the output states",
    )
    tie: Literal["first", "none"] | None = Field(
        None, description="Votes: of equals wins whose first voter comes first in the request (default), or none"
    )
    votes_needed: int | None = Field(
        None, ge=1, le=_MAX_TASKS, description="first_past_the_post: the first answer to get so many votes wins"
    )
    batch_size: int | None = Field(
        None, ge=_LEAST_FAN_IN, le=_MOST_FAN_IN, description="hierarchical: outputs merged at once, at most"
    )
    prompt: str | None = Field(
        None, min_length=1, max_length=_MAX_PROMPT, description="hierarchical, synthesis: what the model is told to do"
    )
    model: str | None = Field(None, min_length=1, max_length=200, description="hierarchical, synthesis: who merges")
    checkpoint_every: int | None = Field(
        None, ge=1, le=_MAX_TASKS, description="Completions between two partial merges; default: none are made"
    )
    output_schema: dict[str, Any] | None = Field(
        None, max_length=1000, description="hierarchical, synthesis: JSON Schema of the merged value"
    )


def aggregate_options(given: AggregateIn | str | None, default: str, pointer: str = "/aggregate") -> Options:
    """Return the checked options; a text is a strategy's name, None is ``default`` (canonical).

    Args:
        pointer: JSON pointer of ``given`` in the request.

    Raises:
        InvalidRequest: an unknown strategy, an option it has no use for, or a majority's threshold below 1/2.
    """
    if given is None:
        return Options(strategy=default)
    if isinstance(given, str):
        return Options(strategy=known_strategy(given, pointer))
    strategy = known_strategy(given.strategy, f"{pointer}/strategy")
    set_ = given.model_dump(exclude={"strategy"}, exclude_none=True)
    for name in set_:
        takers = strategies.TAKEN_BY[name]
        if strategy not in takers:
            of = "every strategy but none" if len(takers) > len(strategies.VOTES) else ", ".join(sorted(takers))
            raise InvalidRequest.field(f"{pointer}/{name}", f"{strategy} has no use for it; it is an option of {of}")
    if strategy == strategies.MAJORITY and given.threshold is not None and given.threshold < 0.5:
        detail = f"a majority is at least 0.5, got {given.threshold}; consensus takes less"
        raise InvalidRequest.field(f"{pointer}/threshold", detail)
    return Options(strategy=strategy, **set_)


def known_strategy(name: str, pointer: str) -> str:
    """Return the canonical name of the strategy.

    Raises:
        InvalidRequest: there is no such strategy; the message names all.
    """
    strategy = strategies.canonical(name)
    if strategy is None:
        known = ", ".join(sorted(strategies.ALL))
        raise InvalidRequest.field(pointer, f"unknown aggregation strategy {name[:100]!r}; known: {known}")
    return strategy
