"""What a client asked of routing: rules, tiers, candidates, fallbacks; and how that is kept as JSON.

Which model a task then gets is decided in ``domain.routing``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from app.domain.roles import canonical

Tier = Literal["thinking", "instant", "light"]
TIERS: tuple[Tier, ...] = ("thinking", "instant", "light")

Preference = Literal["cheapest", "first"]

DEFAULT_REROUTE_AFTER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: the tasks that fit every condition that is set get these models.

    Attributes:
        min_complexity: 1-10; a task of no known complexity fits no rule that asks for one. So ``max_complexity``.
        models: in order: the first that fits serves, the others follow after repeated failure. Empty: the rule only
            says whether to think.
        thinking: whether the model is to think first; None leaves it to the task's tier.
    """

    tier: str | None = None
    type: str | None = None
    role: str | None = None
    min_complexity: int | None = None
    max_complexity: int | None = None
    models: tuple[str, ...] = ()
    thinking: bool | None = None

    def fits(self, *, tier: str | None, task_type: str | None, role: str | None, complexity: int | None) -> bool:
        """Return whether a task meets every condition; roles are compared without differences of spelling."""
        if self.tier is not None and self.tier != tier:
            return False
        if self.type is not None and self.type != task_type:
            return False
        if self.role is not None and (role is None or canonical(self.role) != canonical(role)):
            return False
        if self.min_complexity is None and self.max_complexity is None:
            return True
        return complexity is not None and (self.min_complexity or 1) <= complexity <= (self.max_complexity or 10)

    def conditions(self) -> str:
        """Return the conditions in words."""
        named = [("tier", self.tier), ("type", self.type), ("role", self.role)]
        words = [f"{name} {value!r}" for name, value in named if value is not None]
        if self.min_complexity is not None and self.max_complexity is not None:
            words.append(f"complexity {self.min_complexity} to {self.max_complexity}")
        elif self.min_complexity is not None:
            words.append(f"complexity {self.min_complexity} or more")
        elif self.max_complexity is not None:
            words.append(f"complexity {self.max_complexity} or less")
        return ", ".join(words) or "every task"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSpec:
    """How the tasks of a run come to their models.

    Attributes:
        rules: the first that a task fits counts.
        tiers: by tier the models that may serve it.
        candidates: models that may serve a task for which nothing else names one.
        prefer: which of several models of a tier, or candidates, serves: the cheapest or the first that fits.
        fallbacks: what every task goes to when the models named for it keep failing, in order.
        reroute_after: failures of a task on one model before it goes to the next, >= 1.
    """

    rules: tuple[Rule, ...] = ()
    tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    candidates: tuple[str, ...] = ()
    prefer: Preference = "cheapest"
    fallbacks: tuple[str, ...] = ()
    reroute_after: int = DEFAULT_REROUTE_AFTER

    def models(self) -> tuple[str, ...]:
        """Return every model named anywhere, once, in the order they are named."""
        named = [name for rule in self.rules for name in rule.models]
        named += [name for models in self.tiers.values() for name in models]
        return tuple(dict.fromkeys([*named, *self.candidates, *self.fallbacks]))

    def as_json(self) -> dict[str, Any]:
        """Return what ``of`` reads; only what differs from the defaults."""
        stored: dict[str, Any] = {}
        if self.rules:
            stored["rules"] = [_rule_json(rule) for rule in self.rules]
        if self.tiers:
            stored["tiers"] = {tier: list(models) for tier, models in self.tiers.items()}
        if self.candidates:
            stored["candidates"] = list(self.candidates)
        if self.prefer != "cheapest":
            stored["prefer"] = self.prefer
        if self.fallbacks:
            stored["fallbacks"] = list(self.fallbacks)
        if self.reroute_after != DEFAULT_REROUTE_AFTER:
            stored["reroute_after"] = self.reroute_after
        return stored

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> RoutingSpec:
        """Return what ``as_json`` made; None and ``{}`` give the routing that asks for nothing."""
        if not stored:
            return NO_ROUTING
        return cls(
            rules=tuple(Rule(**{**rule, "models": tuple(rule.get("models", ()))}) for rule in stored.get("rules", ())),
            tiers={tier: tuple(models) for tier, models in stored.get("tiers", {}).items()},
            candidates=tuple(stored.get("candidates", ())),
            prefer=stored.get("prefer", "cheapest"),
            fallbacks=tuple(stored.get("fallbacks", ())),
            reroute_after=stored.get("reroute_after", DEFAULT_REROUTE_AFTER),
        )


NO_ROUTING = RoutingSpec()

_RULE_FIELDS = ("tier", "type", "role", "min_complexity", "max_complexity", "thinking")


def _rule_json(rule: Rule) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(rule, name) for name in _RULE_FIELDS if getattr(rule, name) is not None}
    models: Sequence[str] = rule.models
    return values | ({"models": list(models)} if models else {})
