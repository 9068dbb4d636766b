"""The pool of profiles: built-in roles with their system prompts, and which of them gets a task.

A role is a profile that a sub-agent takes on: what it is told to be, what it is good at, and which model suits it. A
task names its role, or only says by capability tags what it needs; then the best match with the least load gets it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.role_prompts import PROMPTS
from app.domain.values import value


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A profile.

    Attributes:
        name: as tasks name it.
        system_prompt: comes before the task in every call.
        capability_tags: what it is good at; its name counts as one more.
        model: what its tasks run on where neither they nor the routing say.
        tier: thinking, instant or light, in the same case.
        built_in: whether it comes with the service and was not replaced.
    """

    name: str
    system_prompt: str
    capability_tags: tuple[str, ...] = ()
    model: str | None = None
    tier: str | None = None
    built_in: bool = False


@value(kw_only=True)
class RoleWish:
    """What a task says of who should do it."""

    role: str | None = None
    capability_tags: tuple[str, ...] = ()


_TAGS: dict[str, tuple[str, ...]] = {
    "researcher": ("research", "search", "sources", "facts", "web", "background"),
    "analyzer": ("analysis", "data", "statistics", "comparison", "patterns", "finance"),
    "synthesizer": ("synthesis", "merging", "aggregation", "integration", "report", "overview"),
    "validator": ("validation", "verification", "facts", "quality", "consistency", "testing"),
    "coder": ("code", "programming", "implementation", "debugging", "refactoring", "scripting"),
    "reviewer": ("review", "code", "quality", "feedback", "security", "standards"),
    "writer": ("writing", "text", "report", "documentation", "editing", "translation"),
    "planner": ("planning", "decomposition", "strategy", "scheduling", "architecture", "coordination"),
    "critic": ("critique", "review", "risks", "quality", "reasoning", "alternatives"),
    "summarizer": ("summary", "summarization", "condensing", "text", "overview", "reading"),
    "extractor": ("extraction", "parsing", "data", "entities", "tables", "reading"),
}
"""Equally many for each: of two that match a task's tag alone neither is the more special one, so load decides."""

BUILT_IN: Mapping[str, Role] = {
    name: Role(name=name, system_prompt=PROMPTS[name], capability_tags=tags, built_in=True)
    for name, tags in _TAGS.items()
}

_OTHER_NAMES = {
    "analyser": "analyzer",
    "analyst": "analyzer",
    "data_analyst": "analyzer",
    "aggregator": "synthesizer",
    "merger": "synthesizer",
    "synthesiser": "synthesizer",
    "verifier": "validator",
    "checker": "validator",
    "fact_checker": "validator",
    "programmer": "coder",
    "developer": "coder",
    "engineer": "coder",
    "code_reviewer": "reviewer",
    "author": "writer",
    "editor": "writer",
    "decomposer": "planner",
    "summariser": "summarizer",
    "parser": "extractor",
    "research": "researcher",
}


def canonical(name: str) -> str:
    """Return a role's name without differences of spelling; another name of a built-in role becomes that role's."""
    plain = "_".join(name.casefold().replace("-", " ").replace("_", " ").split())
    return _OTHER_NAMES.get(plain, plain)


def pool(own: Mapping[str, Role]) -> dict[str, Role]:
    """Return all roles of a tenant by name, sorted: its own, and the built-in ones that it has not replaced."""
    return dict(sorted((dict(BUILT_IN) | dict(own)).items()))


def find(name: str, roles: Mapping[str, Role]) -> Role | None:
    """Return the role that a task's ``role`` means; None for a free name, which brings no prompt.

    The very name wins over another spelling of it.
    """
    return roles.get(name) or roles.get(canonical(name))


def assign(
    wishes: Sequence[RoleWish], roles: Collection[Role], load: Mapping[str, int] | None = None
) -> list[str | None]:
    """Decide which role each task gets; in time linear in tasks, and in roles for each new set of tags.

    A task's own role stays as it is named. Else the role wins that has most of the task's tags; of those the one with
    the smallest part of tags that the task does not ask for; of those the one with the least load; then by name. A
    task whose tags nobody has gets none, nor does one without tags.

    Args:
        roles: the pool.
        load: tasks that run elsewhere, by role; those assigned here count as they are assigned.
    """
    by_name = {role.name: role for role in roles}
    tags_of = [(role.name, _tags((*role.capability_tags, role.name))) for role in roles]
    carried = dict(load or {})
    best: dict[tuple[str, ...], tuple[str, ...]] = {}
    assigned: list[str | None] = []
    for wish in wishes:
        name = wish.role
        if name is None and wish.capability_tags:
            if wish.capability_tags not in best:
                best[wish.capability_tags] = _best(_tags(wish.capability_tags), tags_of)
            able = best[wish.capability_tags]
            name = min(able, key=lambda each: carried.get(each, 0)) if able else None
        assigned.append(name)
        if name is not None:
            known = find(name, by_name)
            carrier = name if known is None else known.name
            carried[carrier] = carried.get(carrier, 0) + 1
    return assigned


def _best(wanted: frozenset[str], tags_of: Iterable[tuple[str, frozenset[str]]]) -> tuple[str, ...]:
    """Return the roles that match best, by name."""
    ranks = [(-len(wanted & tags), len(tags), name) for name, tags in tags_of if wanted & tags]
    if not ranks:
        return ()
    first = min(ranks)
    return tuple(sorted(name for overlap, size, name in ranks if (overlap, size) == first[:2]))


def _tags(tags: Iterable[str]) -> frozenset[str]:
    """Tags without differences of spelling; blank ones count for nothing."""
    plain = (" ".join(tag.casefold().replace("-", " ").replace("_", " ").split()) for tag in tags)
    return frozenset(tag for tag in plain if tag)
