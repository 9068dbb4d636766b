"""What a run does with the outputs of its tasks, on the wire: for swarms and for requests to orchestrators."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.aggregation import AggregateIn, aggregate_options
from app.api.schemas.routing import RoutingIn
from app.domain.strategies import NONE
from app.services.batches import RunOptions

_MAX_RUBRIC = 100_000


class ValidateIn(BaseModel):
    """A judge of every output: what it scores below the threshold is done again, with its critique."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rubric: str = Field(min_length=1, max_length=_MAX_RUBRIC, description="What a good output is")
    threshold: float = Field(0.7, ge=0, le=1, allow_inf_nan=False, description="Least score that is accepted, 0-1")
    model: str | None = Field(None, min_length=1, max_length=200, description="Default: the task's own")


JudgeIn = ValidateIn | Annotated[str, Field(min_length=1, max_length=_MAX_RUBRIC)]


def judge(given: ValidateIn | str | None) -> dict[str, Any] | None:
    """Return the judge of a run as it is stored; a text is its rubric."""
    if given is None:
        return None
    judge_in = ValidateIn(rubric=given) if isinstance(given, str) else given
    return judge_in.model_dump(exclude_none=True)


class RunOptionsIn(BaseModel):
    """Fields of a request to an orchestrator that mean the same as in a swarm's."""

    model_config = ConfigDict(extra="ignore", strict=True, populate_by_name=False)

    aggregate: AggregateIn | str | None = None
    output_schema: dict[str, Any] | None = None
    validation: JudgeIn | None = Field(None, alias="validate")
    routing: RoutingIn | None = None

    def to_domain(self) -> RunOptions:
        return RunOptions(
            aggregate=None if self.aggregate is None else aggregate_options(self.aggregate, NONE),
            output_schema=self.output_schema,
            validation=judge(self.validation),
            routing=None if self.routing is None else self.routing.to_domain(),
        )


_KINDS: dict[str, tuple[type, ...]] = {
    "aggregate": (dict, str),
    "output_schema": (dict,),
    "validate": (dict, str),
    "routing": (dict,),
}


def meant_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options in a request that may hold any further field: a value of another kind is no option of ours."""
    return {name: value for name, value in given.items() if isinstance(value, _KINDS[name])}


def ignored_options(given: dict[str, Any]) -> list[str]:
    """Return a warning for each that is no option of ours."""
    return [
        f"field {name!r} was ignored: it is none of {' and '.join(kind.__name__ for kind in _KINDS[name])}"
        for name, value in given.items()
        if not isinstance(value, _KINDS[name])
    ]
