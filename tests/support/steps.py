"""Runs, facts and steps of the pure core in few words, for tests that say what one fact does."""

from __future__ import annotations

from typing import Any

from app.domain.changes import StartAttempt, Step
from app.domain.facts import AttemptCompleted, AttemptFailed, Fact, SlotsGranted
from app.domain.retry import TaskError
from app.domain.swarm import SwarmSpec, SwarmState
from app.domain.task import TaskSpec
from app.domain.transitions import step
from app.domain.usage import Usage
from tests.support.book import START_MS, new_run

LANE = "kimi"
GONE = TaskError(type="provider", message="connection reset", retryable=True)
REFUSED = TaskError(type="refused", message="400 bad request")
THROTTLED = TaskError(type="rate_limit", message="429", retryable=True)


def task(task_id: str, *depends_on: str, **fields: Any) -> TaskSpec:
    return TaskSpec(task_id=task_id, depends_on=depends_on, lane=LANE, **fields)


def run_of(*tasks: TaskSpec, **fields: Any) -> SwarmState:
    return new_run(SwarmSpec(agent_id="agt_01", **fields), tasks)


def tell(state: SwarmState, *facts: Fact, now_ms: int = START_MS) -> Step:
    out = Step()
    for fact in facts:
        step(state, fact, now_ms, out)
    return out


def start(state: SwarmState, count: int = 100, now_ms: int = START_MS) -> list[str]:
    """Grant slots; return the ids of the tasks that started, in order."""
    out = tell(state, SlotsGranted(LANE, count), now_ms=now_ms)
    return [state.tasks[effect.index].task_id for effect in out.effects if isinstance(effect, StartAttempt)]


def completed(index: int, attempt: int = 1, **fields: Any) -> AttemptCompleted:
    values: dict[str, Any] = {"output": '"done"', "model": "offline", "usage": Usage(), "cost_nano_usd": 0}
    return AttemptCompleted(index=index, attempt=attempt, **(values | {"latency_ms": 5.0} | fields))


def failed(index: int, attempt: int = 1, error: TaskError = GONE, **fields: Any) -> AttemptFailed:
    return AttemptFailed(
        index=index, attempt=attempt, error=error, **({"jitter_sample": 0.5, "latency_ms": 5.0} | fields)
    )


def types(out: Step) -> list[str]:
    return [event.type for event in out.events]


def statuses(state: SwarmState) -> list[str]:
    return [task.status.value for task in state.tasks]
