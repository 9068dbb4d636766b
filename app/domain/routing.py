"""Which model serves a task, whether it thinks first, where the task goes if that fails, and why: in plain words.

In this order the first that names a model which holds the task's tokens decides: the task itself, the first rule that
it fits, its tier, its complexity (8 and more: thinking, 3 and less: light, where those tiers have models), its role,
and what the run says (its candidates, else its model).

The choice is a pure function of what is stored and of the prices and sizes of models, so it can be explained at any
time without being kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.domain.routing_spec import NO_ROUTING, RoutingSpec, Rule
from app.domain.usage import NANO_USD, Price, Usage
from app.domain.values import value

COMPLEX_FROM = 8
"""From this complexity on a task that names no tier gets the thinking one, where that has models."""

SIMPLE_TO = 3
"""Up to this complexity it gets the light one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is known of a model that may be chosen.

    Attributes:
        price: None where none is known.
        context_tokens: most tokens, prompt and completion, of a call; None where that is not known.
        on_remark: why it is not simply told to think, as a clause; empty where it is.
        off_remark: the same for an answer at once.
        vision: whether it reads images and videos; None where that is not known.
    """

    price: Price | None = None
    context_tokens: int | None = None
    on_remark: str = ""
    off_remark: str = ""
    vision: bool | None = None


@value(kw_only=True)
class TaskNeeds:
    """What the choice goes by.

    Attributes:
        prompt_tokens: estimate of what the task sends, with its shared context.
        max_output_tokens: cap on what a call may answer.
        role_model: what its role is configured to run on, with ``role_tier``.
        vision: whether it is sent images or videos: a model that is known to read text only never serves it.
    """

    model: str | None = None
    tier: str | None = None
    complexity: int | None = None
    type: str | None = None
    role: str | None = None
    prompt_tokens: int = 0
    max_output_tokens: int = 0
    role_model: str | None = None
    role_tier: str | None = None
    vision: bool = False

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.max_output_tokens


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A model that was looked at and not chosen, and why not; None is the default model."""

    model: str | None
    why_not: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The model of a task.

    Attributes:
        model: None for the default model.
        thinking: whether it is told to think; None leaves that to the model.
        chain: models to go to after repeated failure, in order; never ``model`` itself.
        reason: why, in words.
        considered: the other models that were looked at, in the order they were.
    """

    model: str | None
    thinking: bool | None
    chain: tuple[str, ...]
    reason: str
    considered: tuple[PassedOver, ...] = ()

    def after(self, failures: int, reroute_after: int) -> str | None:
        """Return the model that serves the task after so many failures; the last of the chain keeps it."""
        step = min(failures // reroute_after, len(self.chain))
        return self.model if step == 0 else self.chain[step - 1]


@dataclass(frozen=True, slots=True)
class _Step:
    """One place where models are named.

    Attributes:
        why: how the task came to them, as a format of the chosen ``model``.
        tier: the tier that they serve, where it is one that the task did not name itself.
        by_price: whether the preference of the run decides among them; else their order does.
    """

    models: Sequence[str | None]
    why: str
    tier: str | None = None
    by_price: bool = False


def choose(
    task: TaskNeeds,
    routing: RoutingSpec,
    candidates: Mapping[str | None, Candidate],
    *,
    run_model: str | None = None,
) -> Choice:
    """Return the model of a task; in time linear in the rules and the models they name.

    Where no model that is named holds the task's tokens, the first one that was wished for stays: the estimate may be
    wrong, and its provider's refusal says more than ours.

    Args:
        candidates: what is known of the models, by the names that the task, its role, the routing and the run use;
            None is the default model. Of one that is missing nothing is known, which rules no model out.
        run_model: the run's own; None is the default model.
    """
    rule = _rule_of(task, routing)
    too_small: dict[str | None, str] = {}
    steps = list(_steps(task, routing, rule, run_model))
    for step in steps:
        able = _able(step.models, task, candidates, too_small)
        if able:
            break
    else:
        step, wished_for = _wished_for(steps, task, candidates)
        able = [wished_for]
    by_price = step.by_price and routing.prefer == "cheapest"
    if by_price:
        able = sorted(able, key=lambda name: _cost_rank(candidates.get(name), task))
    chosen, *others = able
    reason = step.why.format(model=_shown(chosen))
    if chosen in too_small:
        if _blind(chosen, task, candidates):
            reason += f"; it {_READS_TEXT}, and no other model is named"
        else:
            needed = f"{task.total_tokens:,} tokens"
            reason += f"; no model that is named holds the {needed} of the task, so it may be refused"
        del too_small[chosen]
    else:
        reason += _comparison(able, task, candidates, by_price=by_price)
        if too_small:
            reason += "; left out: " + ", ".join(f"{_shown(name)} ({why})" for name, why in too_small.items())
    thinking, asked_by = _thinking(task, routing, rule, step)
    considered = too_small | {name: _why_not(name, chosen, task, candidates, by_price=by_price) for name in others}
    later = _able(
        [name for name in routing.fallbacks if name != chosen and name not in considered], task, candidates, considered
    )
    chain = dict.fromkeys(name for name in [*others, *later] if name is not None)
    return Choice(
        model=chosen,
        thinking=thinking,
        chain=tuple(chain),
        reason=reason + _wish(thinking, asked_by, candidates.get(chosen)),
        considered=tuple(PassedOver(name, why) for name, why in considered.items()),
    )


def _rule_of(task: TaskNeeds, routing: RoutingSpec) -> Rule | None:
    tier = task.tier or task.role_tier
    for rule in routing.rules:
        if rule.fits(tier=tier, task_type=task.type, role=task.role, complexity=task.complexity):
            return rule
    return None


def _steps(task: TaskNeeds, routing: RoutingSpec, rule: Rule | None, run_model: str | None) -> Iterator[_Step]:
    """Yield the places that name models for the task, in the order they count; at least one, none of them empty."""
    if task.model is not None:
        yield _Step((task.model,), "the task asks for {model}")
    if rule is not None and rule.models:
        number = routing.rules.index(rule) + 1
        yield _Step(rule.models, f"rule {number} ({_escaped(rule.conditions())}) names {{model}}")
    by_tier = _of_tier(routing, task.tier)
    if by_tier:
        yield _Step(by_tier, f"tier '{task.tier}' is mapped to {{model}}", by_price=True)
    elif task.tier is None and task.complexity is not None:
        if task.complexity >= COMPLEX_FROM and routing.tiers.get("thinking"):
            why = f"complexity {task.complexity} is {COMPLEX_FROM} or more: tier 'thinking', mapped to {{model}}"
            yield _Step(routing.tiers["thinking"], why, tier="thinking", by_price=True)
        elif task.complexity <= SIMPLE_TO and routing.tiers.get("light"):
            why = f"complexity {task.complexity} is {SIMPLE_TO} or less: tier 'light', mapped to {{model}}"
            yield _Step(routing.tiers["light"], why, tier="light", by_price=True)
    if task.role_model is not None:
        yield _Step((task.role_model,), f"the role {_escaped(repr(task.role))} runs on {{model}}")
    by_role = () if task.tier is not None else _of_tier(routing, task.role_tier)
    if by_role:
        why = f"the role {_escaped(repr(task.role))} is of tier '{task.role_tier}', mapped to {{model}}"
        yield _Step(by_role, why, tier=task.role_tier, by_price=True)
    if routing.candidates:
        why = "no model that fits is named for the task, so it gets one of the run's candidates, {model}"
        yield _Step(routing.candidates, why, by_price=True)
    yield _Step((run_model,), "no model that fits is named for the task, so it gets the run's, {model}")
    if routing.fallbacks:
        yield _Step(routing.fallbacks, "of the models that were named none holds the task, so it falls back to {model}")


def _of_tier(routing: RoutingSpec, tier: str | None) -> tuple[str, ...]:
    return () if tier is None else routing.tiers.get(tier, ())


_READS_TEXT = "reads text only, the task has images or videos"


def _blind(name: str | None, task: TaskNeeds, candidates: Mapping[str | None, Candidate]) -> bool:
    known = candidates.get(name)
    return task.vision and known is not None and known.vision is False


def _wished_for(
    steps: Sequence[_Step], task: TaskNeeds, candidates: Mapping[str | None, Candidate]
) -> tuple[_Step, str | None]:
    """Return the first model that is named and reads what the task has, where none holds it; else the very first."""
    named = [(step, name) for step in steps for name in step.models]
    return next((one for one in named if not _blind(one[1], task, candidates)), named[0])


def _able(
    names: Sequence[str | None],
    task: TaskNeeds,
    candidates: Mapping[str | None, Candidate],
    too_small: dict[str | None, str],
) -> list[str | None]:
    """Return the models that can take the task, and note in ``too_small`` those that cannot, and why."""
    able: list[str | None] = []
    for name in dict.fromkeys(names):
        known = candidates.get(name)
        if _blind(name, task, candidates):
            too_small[name] = _READS_TEXT
        elif known is None or known.context_tokens is None or task.total_tokens <= known.context_tokens:
            able.append(name)
        else:
            too_small[name] = f"holds {known.context_tokens:,} tokens, the task needs {task.total_tokens:,}"
    return able


def _cost(known: Candidate | None, task: TaskNeeds) -> int | None:
    if known is None or known.price is None:
        return None
    return known.price.cost_nano_usd(Usage(prompt_tokens=task.prompt_tokens, completion_tokens=task.max_output_tokens))


def _cost_rank(known: Candidate | None, task: TaskNeeds) -> tuple[bool, int]:
    cost = _cost(known, task)
    return (cost is None, cost or 0)


def _comparison(
    able: Sequence[str | None], task: TaskNeeds, candidates: Mapping[str | None, Candidate], *, by_price: bool
) -> str:
    """Say what the first was chosen by, where there was a choice."""
    if len(able) == 1:
        return ""
    those = f"of the {len(able)} that hold {task.total_tokens:,} tokens"
    if not by_price:
        return f", the first {those}"
    cost = _cost(candidates.get(able[0]), task)
    if cost is None:
        return f", the first {those}: the price of none is known"
    unpriced = sum(_cost(candidates.get(name), task) is None for name in able)
    beside = f" ({unpriced} of them without a known price, so considered last)" if unpriced else ""
    return f"; it is the cheapest {those}{beside}, at most {_dollars(cost)} a call"


def _why_not(
    name: str | None,
    chosen: str | None,
    task: TaskNeeds,
    candidates: Mapping[str | None, Candidate],
    *,
    by_price: bool,
) -> str:
    least = _cost(candidates.get(chosen), task)
    if not by_price or least is None:
        return f"comes after {_shown(chosen)} in the list"
    cost = _cost(candidates.get(name), task)
    if cost is None:
        return "its price is not known"
    said = f"costs up to {_dollars(cost)} a call"
    return said if cost > least else f"{said}, too, and comes after {_shown(chosen)} in the list"


def _thinking(task: TaskNeeds, routing: RoutingSpec, rule: Rule | None, step: _Step) -> tuple[bool | None, str]:
    """Return whether the model is to think, and what says so.

    A tier says it whether or not it has models of its own: without any, that is all it can mean.
    """
    if rule is not None and rule.thinking is not None:
        return rule.thinking, f"rule {routing.rules.index(rule) + 1}"
    tier = task.tier or step.tier or task.role_tier
    if tier is None:
        return None, ""
    return tier == "thinking", f"tier '{tier}'" + ("" if routing.tiers.get(tier) else ", which is mapped to no model,")


def _wish(thinking: bool | None, asked_by: str, known: Candidate | None) -> str:
    if thinking is None:
        return ""
    said = f"; {asked_by} has it {'think first' if thinking else 'answer at once'}"
    remark = "" if known is None else known.on_remark if thinking else known.off_remark
    return f"{said}, but {remark}" if remark else said


def _shown(name: str | None) -> str:
    return "the default model" if name is None else name


def _escaped(text: str) -> str:
    """Text of clients inside a format string."""
    return text.replace("{", "{{").replace("}", "}}")


def _dollars(nano_usd: int) -> str:
    if nano_usd == 0:
        return "$0"
    dollars = f"{nano_usd / NANO_USD:.6f}".rstrip("0").rstrip(".")
    return "less than $0.000001" if dollars == "0" else f"${dollars}"


__all__ = ["NO_ROUTING", "Candidate", "Choice", "PassedOver", "RoutingSpec", "Rule", "TaskNeeds", "choose"]
