"""Tasks that a run gets while it goes on: of a plan, an orchestrator's turn, a merge (see ``transitions.step``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.domain import events
from app.domain.changes import TaskAdded
from app.domain.facts import NewTask
from app.domain.recorder import Recorder
from app.domain.swarm import SwarmStatus
from app.domain.task import TERMINAL, TaskKind, TaskState, TaskStatus


def grow(record: Recorder, new_tasks: Sequence[NewTask], waiting: TaskState | None = None) -> None:
    """Add tasks behind the last; O(tasks of the run), a few times in its life.

    Args:
        new_tasks: each depends on tasks of the run, or on new ones before it.
        waiting: a task that waits for all of the new ones; its status is the caller's.
    """
    state = record.state
    first = len(state.tasks)
    index_of = {task.task_id: task.index for task in state.tasks}
    index_of |= {new.spec.task_id: first + at for at, new in enumerate(new_tasks)}
    dependencies = [tuple(index_of[name] for name in dict.fromkeys(new.spec.depends_on)) for new in new_tasks]
    waits = None
    if waiting is not None:
        waits = (waiting.index, tuple(range(first, first + len(new_tasks))))
        # Counted anew: what it waited for before may run again since.
        before = state.graph.dependencies[waiting.index]
        waiting.unmet = sum(state.tasks[index].status not in TERMINAL for index in before) + waiting.outer_open
        waiting.unmet += len(new_tasks)
    state.graph = state.graph.grown(dependencies, waits)
    asked_for = any(new.spec.kind is TaskKind.TASK for new in new_tasks)
    if state.status is SwarmStatus.PLANNING and asked_for:
        record.become(SwarmStatus.RUNNING)
    for new, indices in zip(new_tasks, dependencies, strict=True):
        _add(record, new, indices)


def unique_id(taken: Collection[str], wanted: str) -> str:
    """Return ``wanted``, changed where it is ``taken``."""
    while wanted in taken:
        wanted += "_"
    return wanted


def _add(record: Recorder, new: NewTask, dependencies: tuple[int, ...]) -> None:
    state, spec = record.state, new.spec
    unmet = sum(index >= len(state.tasks) or state.tasks[index].status not in TERMINAL for index in dependencies)
    task = TaskState(
        index=len(state.tasks),
        task_id=spec.task_id,
        kind=spec.kind,
        status=TaskStatus.WAITING,
        priority=spec.priority,
        complexity=spec.complexity or 0,
        lane=new.lane,
        max_retries=spec.max_retries,
        timeout_s=spec.timeout_s,
        unmet=unmet,
        allow_failed_dependencies=spec.allow_failed_dependencies,
        payload=spec.payload,
        requested_model=new.requested_model,
        weight=spec.weight,
    )
    state.tasks.append(task)
    state.lanes.setdefault(new.requested_model, new.lane)
    counts = state.counts if task.kind is TaskKind.TASK else state.inner
    counts.waiting += 1
    if not unmet:
        record.ready(task)
    record.out.changes.append(TaskAdded(task.index, new, task.status, task.queued_at_ms))
    record.emit(events.TASK_WAITING if unmet else events.TASK_QUEUED, task)
