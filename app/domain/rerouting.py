"""A task that failed again and again goes to the next model of its chain, and to the next role that could do it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain import events
from app.domain.recorder import Recorder
from app.domain.swarm import SwarmState
from app.domain.task import TERMINAL, TaskState

ROUTE = "route"
"""Field of a task's payload: why its model and role were chosen, and where it goes after repeated failure."""


def give_to_next(record: Recorder, task: TaskState) -> None:
    """Serve the task's next attempts by the next model and role of its chain after each ``reroute_after`` failures."""
    every = record.state.spec.reroute_after
    if not task.failures or task.failures % every or task.next_model is not None:
        return  # what failed under a next model is its judge
    route = _route_of(task)
    nth = task.failures // every
    before = task.model
    model, role = pick(route.get("chain") or (), nth), pick(route.get("roles") or (), nth)
    if model is not None and model != before:
        _take(record.state, task, model)
    elif role is None or role == pick(route["roles"], nth - 1):
        return
    fields = {
        "reason": f"{task.failures} failures",
        "from_model": before,
        "model": task.model,
        "lane": task.lane,
        "role": role,
    }
    record.emit(events.AGENT_REROUTED, task, fields)


def take_up(state: SwarmState) -> None:
    """Put the open tasks of a stored run on the models that their failures had brought them to; O(tasks)."""
    for task in state.tasks:
        nth = task.failures // state.spec.reroute_after
        if nth and task.status not in TERMINAL:
            model = pick(_route_of(task).get("chain") or (), nth)
            if model is not None:
                _take(state, task, model)


def _route_of(task: TaskState) -> Mapping[str, Any]:
    if f'"{ROUTE}"' not in task.payload:  # which may also be a word of the client's own
        return {}
    route: Mapping[str, Any] = json.loads(task.payload).get(ROUTE) or {}
    return route


def _take(state: SwarmState, task: TaskState, model: str) -> None:
    task.routed_model, task.chained = model, True
    if task.next_model is None:  # else it waits for a judge, or for tools, on their lane
        task.lane = state.lanes.get(model, task.lane)


def pick(chain: Sequence[str], nth: int) -> str | None:
    """Return the ``nth`` entry of a chain, counted from 1; the last one from then on; None of an empty chain."""
    return chain[min(nth, len(chain)) - 1] if chain and nth else None


def role_of(payload: Mapping[str, Any], failures: int, reroute_after: int) -> str | None:
    """Return the role that a task's next attempt has."""
    own: str | None = payload.get("role")
    return pick((payload.get(ROUTE) or {}).get("roles") or (), failures // reroute_after) or own
