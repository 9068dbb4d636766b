"""Running ended tasks again on a client's request (see ``transitions.step``)."""

from __future__ import annotations

from heapq import heappush

from app.domain import events
from app.domain.facts import RetryRequested, TaskRearmed
from app.domain.recorder import Recorder
from app.domain.swarm import SwarmState, SwarmStatus
from app.domain.task import TERMINAL, TaskState, TaskStatus


def rearm(record: Recorder, fact: RetryRequested) -> None:
    """Put the tasks that can run again back to waiting or queued; the run goes on where it had ended."""
    state = record.state
    chosen = _able(state, {index for index in fact.payloads if _unsuccessful(state.tasks[index])})
    if not chosen or state.status is SwarmStatus.AGGREGATING:
        return
    if state.ended:
        record.become(SwarmStatus.RUNNING)
        state.started_at_ms = record.now_ms
        state.ended_at_ms = state.error = state.aggregated = state.aggregation = None
        record.emit(events.SWARM_RESUMED, fields={"reason": "retry", "tasks": len(chosen)})
    for index in sorted(chosen):
        task = state.tasks[index]
        dependencies = state.graph.dependencies[index]
        task.unmet = sum(state.tasks[one].status not in TERMINAL or one in chosen for one in dependencies)
        task.unmet += task.outer_open
        for dependent in state.graph.dependents[index]:
            if state.tasks[dependent].status is TaskStatus.WAITING:  # for others, and had counted this one as ended
                state.tasks[dependent].unmet += 1
        task.payload = fact.payloads[index]
        task.failures = task.throttles = 0
    for index in sorted(chosen):
        _put_back(record, state.tasks[index])


def _unsuccessful(task: TaskState) -> bool:
    return task.status in TERMINAL and task.status is not TaskStatus.COMPLETED


def _able(state: SwarmState, wanted: set[int]) -> set[int]:
    """Leave out what waits for a task that did not complete and will not run again, and all that waits for those."""
    unable = [
        index
        for index in wanted
        if not state.tasks[index].allow_failed_dependencies
        and (
            state.tasks[index].outer_failed
            or any(_unsuccessful(state.tasks[one]) and one not in wanted for one in state.graph.dependencies[index])
        )
    ]
    able = wanted - set(unable)
    while unable:
        for dependent in state.graph.dependents[unable.pop()]:
            if dependent in able and not state.tasks[dependent].allow_failed_dependencies:
                able.discard(dependent)
                unable.append(dependent)
    return able


def _put_back(record: Recorder, task: TaskState) -> None:
    record.reroute(task)
    status = TaskStatus.WAITING if task.unmet else TaskStatus.QUEUED
    record.move(task, status)
    task.queued_at_ms = record.now_ms if status is TaskStatus.QUEUED else 0
    task.not_before_ms = 0
    if status is TaskStatus.QUEUED:
        heappush(record.state.ready.setdefault(task.lane, []), task.rank())
    record.out.changes.append(TaskRearmed(task.index, status, task.queued_at_ms))
    record.emit(events.TASK_QUEUED if status is TaskStatus.QUEUED else events.TASK_WAITING, task)
