"""Which tasks of an ended run a fork runs anew, and which it takes over as they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from app.domain.graph import Graph
from app.domain.task import TaskKind


def affected(graph: Graph, changed: Collection[int]) -> set[int]:
    """Return ``changed`` and everything that depends on it, however far; O(tasks + dependencies)."""
    found = set(changed)
    left = list(found)
    while left:
        for dependent in graph.dependents[left.pop()]:
            if dependent not in found:
                found.add(dependent)
                left.append(dependent)
    return found


_OF_TURN = re.compile(r"t(\d+)-")


def turn_of(task_id: str) -> int:
    """Return the number of the orchestrator's turn that assigned a task (``turns.take_turn`` names it); 0 of others."""
    match = _OF_TURN.match(task_id)
    return int(match[1]) if match else 0


def taken_over(kinds: Sequence[TaskKind], rerun: Collection[int], completed: Collection[int]) -> list[int]:
    """Return the tasks that a fork has, in order: all but merges that would have to be made anew or were never made.

    Merges are planned from what there is then (``scheduler.reducer``), so those that still hold serve again.
    """
    return [
        index
        for index, kind in enumerate(kinds)
        if kind is not TaskKind.MERGE or (index in completed and index not in rerun)
    ]
