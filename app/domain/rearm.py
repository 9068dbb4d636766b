"""Running ended tasks again on a client's request (see ``transitions.step``)."""

from __future__ import annotations

from heapq import heappush

from app.domain import events
from app.domain.changes import TaskRearmed
from app.domain.facts import RetryRequested
from app.domain.recorder import Recorder
from app.domain.swarm import ORCHESTRATOR, SwarmState, SwarmStatus
from app.domain.task import TERMINAL, TaskKind, TaskState, TaskStatus


def rearm(record: Recorder, fact: RetryRequested) -> None:
    """Put the tasks that can run again back to waiting or queued; the run goes on where it had ended."""
    state = record.state
    if not fact.payloads:
        _merge_again(record)
        return
    chosen = _able(state, {index for index in fact.payloads if _may_run_again(state.tasks[index])})
    if not chosen or state.status in {SwarmStatus.AGGREGATING, SwarmStatus.COMPLETED}:
        return  # what a decided vote did without is not missing
    state.tally, state.decided = None, False  # what was counted is no longer all that votes
    if state.ended:
        planning = state.planner is not None and state.planner.index in chosen and not state.counts.total
        record.become(SwarmStatus.PLANNING if planning else SwarmStatus.RUNNING)
        state.started_at_ms = _later_than_merges(record)
        state.ended_at_ms = state.error = None
        if not _is_answered(state):
            record.keep_aggregate(None, None)
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
        if task.chained:
            task.chained, task.routed_model = False, None
        task.going_on = False
    for index in sorted(chosen):
        _put_back(record, state.tasks[index])


def _later_than_merges(record: Recorder) -> int:
    """Now; merges that failed before are told by it from those to come, whatever the clock does."""
    merges = (task.queued_at_ms for task in record.state.tasks if task.kind is TaskKind.MERGE)
    return max(record.now_ms, max(merges, default=-1) + 1)


def _merge_again(record: Recorder) -> None:
    state = record.state
    if state.ended and (state.aggregation or {}).get("status") == "failed" and state.counts.completed:
        record.become(SwarmStatus.AGGREGATING)
        state.started_at_ms = _later_than_merges(record)
        state.ended_at_ms = state.error = None
        record.keep_aggregate(None, None)
        record.emit(events.SWARM_RESUMED, fields={"reason": "retry", "tasks": 0})


def _is_answered(state: SwarmState) -> bool:
    """Whether an orchestrator has given the run's answer, which nothing will make anew."""
    own = state.spec.planner == ORCHESTRATOR and not state.spec.aggregates
    return own and state.planner is not None and state.planner.status is TaskStatus.COMPLETED


def _may_run_again(task: TaskState) -> bool:
    """Merges are planned anew from what there is then."""
    return task.kind is not TaskKind.MERGE and _unsuccessful(task)


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
    record.place(task)
    status = TaskStatus.WAITING if task.unmet else TaskStatus.QUEUED
    record.move(task, status)
    task.queued_at_ms = record.now_ms if status is TaskStatus.QUEUED else 0
    task.not_before_ms = 0
    if status is TaskStatus.QUEUED:
        heappush(record.state.ready.setdefault(task.lane, []), task.rank())
    record.out.changes.append(TaskRearmed(task.index, status, task.queued_at_ms))
    record.emit(events.TASK_QUEUED if status is TaskStatus.QUEUED else events.TASK_WAITING, task)
