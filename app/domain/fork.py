"""Which tasks of an ended run a fork runs anew, and which it takes over as they are."""

from __future__ import annotations

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


def taken_over(kinds: Sequence[TaskKind], rerun: Collection[int], completed: Collection[int]) -> list[int]:
    """Return the tasks that a fork has, in order: all but merges that would have to be made anew or were never made.

    Merges are planned from what there is then (``scheduler.reducer``), so those that still hold serve again.
    """
    return [
        index
        for index, kind in enumerate(kinds)
        if kind is not TaskKind.MERGE or (index in completed and index not in rerun)
    ]
