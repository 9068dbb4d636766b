"""What follows from an output beside the tasks that waited for it: a vote may be decided, a checkpoint be due."""

from __future__ import annotations

import json

from app.domain import events
from app.domain.changes import MakeCheckpoint
from app.domain.facts import AttemptCompleted
from app.domain.recorder import Recorder
from app.domain.retry import TaskError
from app.domain.swarm import ORCHESTRATOR, SwarmStatus
from app.domain.task import TERMINAL, TaskKind, TaskState, TaskStatus

_MOST_CHECKPOINTS = 200
"""Of a run: each looks at all outputs so far."""

DECIDED = TaskError(type="vote_decided", message="cancelled: the vote was decided without it")


def note(record: Recorder, task: TaskState, fact: AttemptCompleted) -> None:
    """Take note of a task that has just completed; O(1) but for the one that decides a vote."""
    state = record.state
    if task.kind is TaskKind.MERGE and state.status is SwarmStatus.RUNNING:
        record.out.effects.append(MakeCheckpoint())
        return
    if task.kind is TaskKind.PLANNER and state.spec.planner == ORCHESTRATOR and not state.spec.aggregates:
        _take_answer(record, fact)
    if task.kind is not TaskKind.TASK:
        return
    if state.tally is not None:
        state.tally.vote(task.index, json.loads(fact.output), fact.score)
    every = state.spec.checkpoint_every
    if every is not None:
        every = max(every, state.counts.total // _MOST_CHECKPOINTS)
    if every is not None and state.counts.completed % every == 0 and state.counts.open:
        record.out.effects.append(MakeCheckpoint())


def _take_answer(record: Recorder, fact: AttemptCompleted) -> None:
    """An orchestrator merges what its sub-agents found itself: its answer is the run's."""
    state = record.state
    missing = [
        task.task_id for task in state.tasks if task.kind is TaskKind.TASK and task.status is not TaskStatus.COMPLETED
    ]
    aggregation = {
        "strategy": ORCHESTRATOR,
        "status": "partial" if missing else "completed",
        "inputs": state.counts.completed,
        "missing": missing,
        "agreement": None,
        "cost_usd": 0.0,
        "error": None,
    }
    record.keep_aggregate(json.loads(fact.output), aggregation)
    record.emit(events.AGGREGATE_COMPLETED, fields=aggregation)


def stop_decided_vote(record: Recorder) -> None:
    """Cancel what has not ended once a vote is decided; O(1) until then."""
    state = record.state
    if state.tally is None or state.decided or not state.counts.open or not state.tally.decided:
        return
    state.decided = True
    for task in state.tasks:
        if task.status not in TERMINAL:
            record.cancel(task, DECIDED)
