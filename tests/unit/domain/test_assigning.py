"""Planned tasks become tasks of a run, with a role, a model and the reason why."""

from __future__ import annotations

import json
from typing import Any

from app.domain.assigning import Pool, assign, explain, spec_of
from app.domain.planned import PlannedTask
from app.domain.roles import Role
from app.domain.routing import Candidate
from app.domain.routing_spec import RoutingSpec, Rule
from app.domain.task import TaskSpec
from app.domain.usage import Price

KNOWN: dict[str | None, Candidate] = {
    name: Candidate(price=Price(input_nano_per_mtok=1, output_nano_per_mtok=1)) for name in ("big", "small", "spare")
}
CODER = Role(name="coder", system_prompt="You code.", capability_tags=("code", "python"))
LAWYER = Role(name="lawyer", system_prompt="You know the law.", capability_tags=("law",), model="big")
TEAM = {role.name: role for role in (CODER, LAWYER)}


def planned(**fields: Any) -> PlannedTask:
    return PlannedTask(**({"id": "a", "prompt": "Do it.", "type": None, "role": None} | fields))


def pool(**fields: Any) -> Pool:
    values: dict[str, Any] = {"max_output_tokens": 100, "run_model": "small"}
    return Pool(**(values | fields))


def made(task: PlannedTask) -> TaskSpec:
    return spec_of(task, task_timeout_s=120.0, max_retries=2)


def payload(task: TaskSpec) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(task.payload)
    return found


def test_a_planned_task_keeps_what_it_was_given() -> None:
    task = made(
        planned(
            type="audit",
            role="coder",
            depends_on=("z",),
            data={"n": 1},
            extra={"model": "big", "priority": 9, "tier": "light", "colour": "red"},
        )
    )

    assert (task.task_id, task.type, task.role, task.depends_on) == ("a", "audit", "coder", ("z",))
    assert (task.requested_model, task.priority, task.max_retries) == ("big", 9, 2)
    assert payload(task) == {
        "prompt": "Do it.",
        "type": "audit",
        "role": "coder",
        "data": {"n": 1},
        "tier": "light",
        "extra": {"colour": "red"},
    }


def test_time_follows_complexity() -> None:
    assert made(planned()).timeout_s == 120.0
    assert made(planned(complexity=1)).timeout_s == 23.0
    assert made(planned(complexity=10)).timeout_s == 50.0


def test_what_concerns_nobody_is_left_as_it_is() -> None:
    """Most tasks of a large batch: their payloads are not even read."""
    task = made(planned())

    assert assign([task], pool(), KNOWN) == [task]
    assert (
        explain(payload(task), "small")["reason"] == "nothing names a model for the task, so it gets the run's, small"
    )


def test_tags_find_the_role_and_the_next_best_stands_by() -> None:
    tester = Role(name="tester", system_prompt="You test.", capability_tags=("code",))
    team = pool(roles=TEAM | {"tester": tester})
    tasks = [
        made(planned(id=name, capability_tags=tags)) for name, tags in (("a", ("code", "python")), ("b", ("law",)))
    ]

    first, second = assign(tasks, team, KNOWN)

    assert first.role == payload(first)["role"] == "coder"
    assert payload(first)["route"]["roles"] == ["tester"]
    assert second.role == "lawyer"
    assert "roles" not in payload(second)["route"]  # nobody else knows the law


def test_a_role_that_was_asked_for_stays_and_brings_its_model() -> None:
    [task] = assign([made(planned(role="lawyer"))], pool(roles=TEAM), KNOWN)

    assert (task.role, task.requested_model) == ("lawyer", "big")
    assert "roles" not in payload(task)["route"]
    assert "lawyer" in explain(payload(task), "big")["reason"]


def test_a_rule_gives_the_model_and_its_others_are_the_chain() -> None:
    routing = RoutingSpec(rules=(Rule(type="audit", models=("big", "small")),), fallbacks=("spare",))

    audit, other = assign([made(planned(type="audit")), made(planned(id="b"))], pool(routing=routing), KNOWN)

    assert audit.requested_model == "big"
    assert payload(audit)["route"]["chain"] == ["small", "spare"]
    assert payload(other)["route"]["chain"] == ["spare"]


def test_the_models_of_a_run_are_all_that_may_serve_it() -> None:
    routing = RoutingSpec(rules=(Rule(type="audit", models=("small",)),), fallbacks=("spare",))

    named = pool(roles=TEAM, routing=routing, run_model=None).models([made(planned(extra={"model": "own"}))])

    assert named == {"own", "big", "small", "spare", None}
