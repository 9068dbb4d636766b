"""Routing on the wire: the ``routing`` of a run, and the explanation of a task's model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain.errors import InvalidRequest
from app.domain.routing import Choice
from app.domain.routing_spec import DEFAULT_REROUTE_AFTER, TIERS, RoutingSpec, Rule, Tier

_MAX_RULES = 50
_MAX_MODELS = 20

Complexity = Annotated[int, Field(ge=1, le=10)]
ModelName = Annotated[str, Field(min_length=1, max_length=200)]
ModelNames = Annotated[list[ModelName], Field(min_length=1, max_length=_MAX_MODELS)]


def _names(given: str | list[str] | None) -> tuple[str, ...]:
    """One name or several, each once."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))


class RuleIn(BaseModel):
    """Tasks that meet every condition that is set are served as it says; the first rule that fits counts."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tier: Tier | None = None
    type: str | None = Field(None, min_length=1, max_length=200)
    role: str | None = Field(None, min_length=1, max_length=200)
    min_complexity: Complexity | None = None
    max_complexity: Complexity | None = None
    model: ModelName | ModelNames | None = Field(
        None, description="A model, or several in order: the first serves, the others follow after repeated failure"
    )
    thinking: bool | None = Field(None, description="Whether the model is to think first; null leaves it to the tier")

    def to_domain(self, pointer: str) -> Rule:
        if self.model is None and self.thinking is None:
            raise InvalidRequest.field(pointer, "expected a model, or thinking, or both")
        least, most = self.min_complexity, self.max_complexity
        if least is not None and most is not None and least > most:
            detail = f"{most} is less than min_complexity, {least}: no task would fit"
            raise InvalidRequest.field(f"{pointer}/max_complexity", detail)
        return Rule(
            tier=self.tier,
            type=self.type,
            role=self.role,
            min_complexity=self.min_complexity,
            max_complexity=self.max_complexity,
            models=_names(self.model),
            thinking=self.thinking,
        )


class TiersIn(BaseModel):
    """By tier a model, or several of which `prefer` takes one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    thinking: ModelName | ModelNames | None = None
    instant: ModelName | ModelNames | None = None
    light: ModelName | ModelNames | None = None


class RoutingIn(BaseModel):
    """Which model serves which task. In this order the first that names one which holds the task's tokens decides: the
    task's own `model`, the first rule that fits, its tier, its complexity (8 and more: tier thinking, 3 and less: tier
    light, where those have models), its role, `candidates`, the run's model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rules: list[RuleIn] = Field(default_factory=list, max_length=_MAX_RULES)
    tiers: TiersIn = Field(default_factory=TiersIn)
    candidates: list[ModelName] = Field(
        default_factory=list, max_length=_MAX_MODELS, description="For tasks for which nothing else names a model"
    )
    prefer: Literal["cheapest", "first"] = Field(
        "cheapest", description="Of several models of a tier, or candidates: by the most a call may cost, or by order"
    )
    fallbacks: list[ModelName] = Field(
        default_factory=list, max_length=_MAX_MODELS, description="For every task, after the models named for it"
    )
    reroute_after: int = Field(
        DEFAULT_REROUTE_AFTER, ge=1, le=100, description="Failures on one model before a task goes to the next"
    )

    def to_domain(self, pointer: str = "/routing") -> RoutingSpec:
        """Return the checked routing.

        Args:
            pointer: its place in the request, for errors.

        Raises:
            InvalidRequest: a rule that says nothing or that no task can fit.
        """
        given: dict[str, str | list[str] | None] = {tier: getattr(self.tiers, tier) for tier in TIERS}
        return RoutingSpec(
            rules=tuple(rule.to_domain(f"{pointer}/rules/{index}") for index, rule in enumerate(self.rules)),
            tiers={tier: _names(models) for tier, models in given.items() if models is not None},
            candidates=_names(self.candidates),
            prefer=self.prefer,
            fallbacks=_names(self.fallbacks),
            reroute_after=self.reroute_after,
        )


class PassedOverOut(BaseModel):
    model: str | None = Field(description="null: the default model")
    why_not: str = Field(examples=["holds 8,000 tokens, the task needs 12,000"])


class ChoiceOut(BaseModel):
    """Which model a task is given, and why, as prices and sizes of models are now."""

    model: str | None = Field(description="null: the default model")
    thinking: bool | None = Field(description="Whether it is told to think first; null: as it does by default")
    chain: list[str] = Field(description="Where the task goes after repeated failure, in order")
    reason: str = Field(examples=["tier 'light' is mapped to deepseek-chat; tier 'light' has it answer at once"])
    considered: list[PassedOverOut]


def choice_json(choice: Choice) -> dict[str, Any]:
    return {
        "model": choice.model,
        "thinking": choice.thinking,
        "chain": list(choice.chain),
        "reason": choice.reason,
        "considered": [{"model": each.model, "why_not": each.why_not} for each in choice.considered],
    }
