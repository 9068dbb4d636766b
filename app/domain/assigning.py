"""Who does a task and by which model: roles by capability and load, models by routing, kept with the task.

Tasks of a request, of a decomposition and of a plan all pass here before they are stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain import parts
from app.domain import roles as profiles
from app.domain.planned import PlannedTask
from app.domain.rerouting import ROUTE
from app.domain.roles import Role, RoleWish
from app.domain.routing import Candidate, TaskNeeds, choose
from app.domain.routing_spec import NO_ROUTING, RoutingSpec
from app.domain.task import TaskSpec
from app.domain.turns import AGENT_PROMPT

_BYTES_PER_TOKEN = 3
"""Fewer than any tokenizer needs for prose: what a prompt is estimated at, for what a model's context holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What tasks of a run are assigned by.

    Attributes:
        roles: by name.
        run_model: the run's own; None is the default model.
        shared_bytes: of what every sub-agent is sent beside its task.
        load: tasks that run elsewhere, by role.
    """

    roles: Mapping[str, Role] = field(default_factory=dict)
    routing: RoutingSpec = NO_ROUTING
    run_model: str | None = None
    max_output_tokens: int
    shared_bytes: int = 0
    load: Mapping[str, int] = field(default_factory=dict)

    def concerns(self, task: TaskSpec) -> bool:
        """Whether there is anything to decide about a task: most tasks of a large batch have nothing."""
        return self.routing is not NO_ROUTING or (
            task.role is not None
            or '"tier":' in task.payload
            or '"capability_tags":' in task.payload
            or parts.pictured(task.payload)
        )

    def models(self, tasks: Iterable[TaskSpec]) -> set[str | None]:
        """Return every model that may come to serve one of these tasks."""
        named = {task.requested_model for task in tasks if task.requested_model is not None}
        used = {role.model for role in self.roles.values() if role.model is not None}
        return named | used | set(self.routing.models()) | {self.run_model}


def assign(tasks: Sequence[TaskSpec], pool: Pool, candidates: Mapping[str | None, Candidate]) -> list[TaskSpec]:
    """Return the tasks with their roles and models; why, and where they go after failures, is in their payloads.

    Args:
        candidates: of ``pool.models(tasks)``.
    """
    concerned = [(at, task, json.loads(task.payload)) for at, task in enumerate(tasks) if pool.concerns(task)]
    wishes = [
        RoleWish(role=task.role, capability_tags=tuple(payload.get("capability_tags") or ()))
        for _, task, payload in concerned
    ]
    names = profiles.assign(wishes, tuple(pool.roles.values()), pool.load)
    others: dict[tuple[tuple[str, ...], str], str | None] = {}
    result = list(tasks)
    for (at, task, payload), wish, name in zip(concerned, wishes, names, strict=True):
        route: dict[str, Any] = {}
        if wish.role is None and name is not None:
            key = (wish.capability_tags, name)
            if key not in others:
                rest = [role for role in pool.roles.values() if role.name != name]
                [others[key]] = profiles.assign([RoleWish(capability_tags=wish.capability_tags)], rest, pool.load)
            if others[key] is not None:
                route["roles"] = [others[key]]
            payload["role"] = name
        role = None if name is None else profiles.find(name, pool.roles)
        needs = TaskNeeds(
            model=task.requested_model,
            tier=payload.get("tier"),
            complexity=task.complexity,
            type=task.type,
            role=name,
            prompt_tokens=_prompt_tokens(task.payload, payload, pool.shared_bytes),
            max_output_tokens=payload.get("max_output_tokens") or pool.max_output_tokens,
            role_model=None if role is None else role.model,
            role_tier=None if role is None else role.tier,
            vision=bool(parts.pictures_of(payload.get("prompt"))),
        )
        choice = choose(needs, pool.routing, candidates, run_model=pool.run_model)
        if choice.thinking is not None:
            route["thinking"] = choice.thinking
        if choice.chain:
            route["chain"] = list(choice.chain)
        if choice.considered:
            route["considered"] = [{"model": one.model, "why_not": one.why_not} for one in choice.considered]
        route["reason"] = choice.reason
        payload[ROUTE] = route
        model = choice.model if choice.model is not None else task.requested_model
        result[at] = replace(task, role=name, requested_model=model, payload=dumped(payload))
    return result


def _prompt_tokens(payload: str, fields: Mapping[str, Any], shared_bytes: int) -> int:
    words, _ = parts.measured(payload, parts.UNKNOWN_PART_TOKENS)
    return (len(words) + shared_bytes) // _BYTES_PER_TOKEN + parts.expected_tokens(
        parts.pictures_of(fields.get("prompt"))
    )


def explain(payload: Mapping[str, Any], requested_model: str | None) -> dict[str, Any]:
    """Return why a task has its model, for people; where nothing was decided that is said, too."""
    stored: dict[str, Any] | None = payload.get(ROUTE)
    if stored is not None:
        return stored
    return {"reason": f"nothing names a model for the task, so it gets the run's, {requested_model}"}


def spec_of(planned: PlannedTask, *, task_timeout_s: float, max_retries: int) -> TaskSpec:
    """Return a planned task as one to run.

    Args:
        task_timeout_s: where it has no complexity; else it is 20 s and 3 s for each point of that.
    """
    payload: dict[str, Any] = {"prompt": planned.prompt} if planned.prompt else {}
    if planned.pictures:
        words = [{"type": parts.TEXT, "text": planned.prompt}] if planned.prompt else []
        payload["prompt"] = [*words, *planned.pictures]
    given = {
        "type": planned.type,
        "role": planned.role,
        "capability_tags": list(planned.capability_tags) or None,
        "data": planned.data,
    }
    payload |= {name: value for name, value in given.items() if value is not None}
    extra = dict(planned.extra)
    for name in _OWN_FIELDS & extra.keys():
        payload[name] = extra.pop(name)
    complexity = planned.complexity
    model, priority = extra.pop("model", None), extra.pop("priority", None)
    if extra:
        payload["extra"] = extra
    return TaskSpec(
        task_id=planned.id,
        type=planned.type,
        role=planned.role,
        complexity=complexity,
        priority=DEFAULT_PRIORITY if priority is None else priority,
        requested_model=model,
        timeout_s=task_timeout_s if complexity is None else 20.0 + 3.0 * complexity,
        max_retries=max_retries,
        depends_on=planned.depends_on,
        allow_failed_dependencies=planned.allow_failed_dependencies,
        payload=dumped(payload),
    )


_OWN_FIELDS = frozenset({"tier", "output_schema", "max_output_tokens", "token_budget", AGENT_PROMPT})
DEFAULT_PRIORITY = 5


def dumped(payload: Mapping[str, Any]) -> str:
    """Return a payload as it is stored: compact, its prompt first."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
