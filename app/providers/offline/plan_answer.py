"""A plan as the JSON object that a planner is asked for, kept to the schema that the request names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from app.ports.provider import JsonObject
from app.providers.offline.goals import Goal
from app.providers.offline.planning import Step, make_plan
from app.providers.offline.text import shorten


def plan_answer(goal: Goal, schema: Mapping[str, Any]) -> JsonObject:
    """The plan as an object that keeps to the names, roles and numbers that ``schema`` allows."""
    items, most = _item_schema(schema)
    steps = make_plan(goal)
    if most is not None and len(steps) > most:
        steps = _at_most(steps, most)
    plan: JsonObject = {"subtasks": [_object(step, items) for step in steps]}
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or "synthesis" in properties:
        plan["synthesis"] = synthesis_prompt(goal)
    return plan


def synthesis_prompt(goal: Goal) -> str:
    """How the results are to be put together."""
    return f"Merge the results into one answer to this goal, each claim with its source: {shorten(goal.text, 600)}"


def _at_most(steps: list[Step], most: int) -> list[Step]:
    """The first ``most - 1`` steps and the last one, with dependencies among them only."""
    kept = [*steps[: most - 1], steps[-1]] if most > 1 else steps[:1]
    ids = {step.id for step in kept}
    for step in kept:
        step.depends_on = [each for each in step.depends_on if each in ids]
    return kept


def _item_schema(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], int | None]:
    properties = schema.get("properties")
    listed = properties.get("subtasks") if isinstance(properties, Mapping) else None
    if not isinstance(listed, Mapping):
        return {}, None
    items, most = listed.get("items"), listed.get("maxItems")
    if isinstance(items, Mapping) and isinstance(items.get("$ref"), str):
        definitions = schema.get("$defs")
        items = definitions.get(items["$ref"].rpartition("/")[2]) if isinstance(definitions, Mapping) else None
    return items if isinstance(items, Mapping) else {}, most if isinstance(most, int) and most > 0 else None


def _object(step: Step, items: Mapping[str, Any]) -> JsonObject:
    value: JsonObject = dataclasses.asdict(step)
    properties = items.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return value
    required = items.get("required")
    needed = set(required) if isinstance(required, list) else set()
    kept = {key: each for key, each in value.items() if key in properties and (each or each == 0 or key in needed)}
    roles = properties["role"].get("enum") if isinstance(properties.get("role"), Mapping) else None
    if isinstance(roles, list) and kept.get("role") not in roles:
        kept["role"] = next(
            (role for role in ("researcher", "analyzer") if role in roles), roles[0] if roles else step.role
        )
    bounds = properties.get("complexity")
    if isinstance(bounds, Mapping) and "complexity" in kept:
        if isinstance(options := bounds.get("enum"), list) and options:
            kept["complexity"] = options[min(len(options) - 1, step.complexity * len(options) // 10)]
        elif bounds.get("type") == "string":
            kept["complexity"] = "high" if step.complexity > 6 else "medium" if step.complexity > 3 else "low"
        elif isinstance(bounds.get("maximum"), int | float):
            kept["complexity"] = min(step.complexity, int(bounds["maximum"]))
    return kept
