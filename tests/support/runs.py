"""Runs for tests of the store and the scheduler: made without a service, driven by facts, stored by any adapter."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from app.domain.changes import Step
from app.domain.facts import (
    AttemptCompleted,
    AttemptFailed,
    CancelRequested,
    Fact,
    NewTask,
    ParallelismChanged,
    RetryDue,
    SlotsGranted,
    StepTaken,
)
from app.domain.graph import Graph
from app.domain.ids import SWARM_PREFIX, make_id
from app.domain.retry import TaskError
from app.domain.swarm import SwarmSpec, SwarmState, SwarmStatus
from app.domain.task import TERMINAL, TaskSpec, TaskState, TaskStatus
from app.domain.transitions import begin, step
from app.domain.usage import Usage
from app.ports.events import EncodedEvent
from app.ports.runs import Commit, NewSwarm

LANE = "lane"
AGENT = "agt_default"
T0_MS = 1_800_000_000_000
USAGE = Usage(prompt_tokens=10, completion_tokens=5, cached_tokens=2)


def new_swarm(
    tasks: Mapping[str, Sequence[str]] | Sequence[TaskSpec],
    *,
    number: int = 1,
    tenant_id: str = "default",
    named: bool = False,
    start_at_ms: int | None = None,
    **spec: Any,
) -> NewSwarm:
    """A run that is ready to be stored.

    Args:
        tasks: dependencies by task id, or full specs.
        number: makes the id; swarms with larger numbers are newer.
    """
    if isinstance(tasks, Mapping):
        tasks = [TaskSpec(task_id=task_id, depends_on=tuple(names)) for task_id, names in tasks.items()]
    specs = [replace(task, lane=task.lane or LANE) for task in tasks]
    graph = Graph.build([task.task_id for task in specs], [task.depends_on for task in specs])
    now_ms = T0_MS + number
    full = SwarmSpec(**({"agent_id": AGENT} | spec))
    state = SwarmState(
        swarm_id=make_id(SWARM_PREFIX, now_ms, number),
        tenant_id=tenant_id,
        spec=full,
        graph=graph,
        tasks=[_initial(index, task, graph, now_ms) for index, task in enumerate(specs)],
        status=SwarmStatus.RUNNING,
        created_at_ms=now_ms,
        max_parallel_agents=full.max_parallel_agents,
        start_at_ms=start_at_ms,
    )
    first = Step()
    begin(state, now_ms, first)
    events = [EncodedEvent.of(event, state.swarm_id) for event in first.events]
    return NewSwarm(state=state, specs=specs, events=events, named=named)


def _initial(index: int, task: TaskSpec, graph: Graph, now_ms: int) -> TaskState:
    waits = bool(graph.dependencies[index])
    return TaskState(
        index=index,
        task_id=task.task_id,
        kind=task.kind,
        weight=task.weight,
        payload=task.payload,
        status=TaskStatus.WAITING if waits else TaskStatus.QUEUED,
        priority=task.priority,
        complexity=task.complexity or 0,
        lane=task.lane,
        max_retries=task.max_retries,
        timeout_s=task.timeout_s,
        unmet=len(graph.dependencies[index]),
        queued_at_ms=0 if waits else now_ms,
        allow_failed_dependencies=task.allow_failed_dependencies,
        requested_model=task.requested_model,
    )


def turn(state: SwarmState, *facts: Fact, now_ms: int = T0_MS + 1000) -> Commit:
    """Step ``facts`` and return what a runner would commit."""
    out = Step()
    for fact in facts:
        step(state, fact, now_ms, out)
    return Commit(
        state=state,
        changes=out.changes,
        events=[EncodedEvent.of(event, state.swarm_id) for event in out.events],
    )


def grant(count: int, lane: str = LANE) -> SlotsGranted:
    return SlotsGranted(lane, count)


def completed(
    state: SwarmState, index: int, output: str = '"done"', *, tasks: Sequence[NewTask] = ()
) -> AttemptCompleted:
    """The running attempt of task ``index`` ended well; ``tasks`` are what it planned."""
    return AttemptCompleted(
        step=state.tasks[index].step,
        tasks=tuple(tasks),
        index=index,
        attempt=state.tasks[index].attempt,
        output=output,
        model="model",
        usage=USAGE,
        cost_nano_usd=7,
        latency_ms=12.5,
    )


def step_taken(
    state: SwarmState, index: int, record: str = '{"kind":"turn"}', *, tasks: Sequence[NewTask] = ()
) -> StepTaken:
    """A call of the running attempt of task ``index`` gave something to go on with, and ``tasks`` to wait for."""
    return StepTaken(
        index=index,
        attempt=state.tasks[index].attempt,
        step=state.tasks[index].step,
        record=record,
        kind="turn",
        model="model",
        usage=USAGE,
        cost_nano_usd=7,
        latency_ms=2.5,
        tasks=tuple(tasks),
    )


def new_task(task_id: str, *depends_on: str, **fields: Any) -> NewTask:
    """A task to add to a run, served on the lane of the others."""
    return NewTask(TaskSpec(task_id=task_id, depends_on=depends_on, lane=LANE, **fields), LANE, None)


def failed(
    state: SwarmState, index: int, error: TaskError | None = None, *, record: str | None = None
) -> AttemptFailed:
    return AttemptFailed(
        step=state.tasks[index].step,
        record=record,
        index=index,
        attempt=state.tasks[index].attempt,
        error=error or TaskError(type="timeout", message="no answer", retryable=True),
        jitter_sample=0.5,
        latency_ms=3.25,
        usage=USAGE,
        cost_nano_usd=3,
    )


def random_dag(rng: random.Random, size: int) -> dict[str, list[str]]:
    """Tasks whose dependencies stand before them."""
    ids = [f"t{index}" for index in range(size)]
    return {
        task_id: rng.sample(ids[:index], k=min(index, rng.choice((0, 0, 1, 1, 2, 3))))
        for index, task_id in enumerate(ids)
    }


def random_facts(rng: random.Random, state: SwarmState, *, growing: bool = False) -> list[Fact]:
    """A turn's worth of facts that can be true of ``state``; slots come last, as in a runner's turn.

    Args:
        growing: attempts also take several calls, and give work to new tasks that they wait for.
    """
    facts: list[Fact] = []
    for task in list(state.tasks):
        if growing and task.status is TaskStatus.RUNNING and task.step < 3 and rng.random() < 0.4:
            record = f'{{"kind":"turn","nth":{task.step}}}'
            new = [new_task(f"of {task.task_id} {task.step}")] if rng.random() < 0.4 and len(state.tasks) < 30 else []
            facts.append(step_taken(state, task.index, record, tasks=new))
        elif task.status is TaskStatus.RUNNING and rng.random() < 0.5:
            retryable = rng.random() < 0.7
            error = TaskError(type=rng.choice(("timeout", "rate_limit")), message="no", retryable=retryable)
            well = rng.random() < 0.7
            facts.append(
                completed(state, task.index, f'"{rng.random()}"') if well else failed(state, task.index, error)
            )
        elif task.status is TaskStatus.RETRYING and rng.random() < 0.7:
            facts.append(RetryDue(task.index, task.attempt))
    if rng.random() < 0.05:
        facts.append(ParallelismChanged(rng.randint(1, 5)))
    if rng.random() < 0.02:
        facts.append(CancelRequested())
    facts.append(grant(rng.randint(0, 4)))
    return facts


def comparable(state: SwarmState) -> dict[str, Any]:
    """What a runner needs of a state after a restart, whichever process it is in."""
    plain = asdict(state)
    # The limit is the clients' to write; the others are the process's own, looked up or begun anew after a restart.
    for name in ("ready", "latencies_ms", "max_parallel_agents", "merging", "lanes"):
        plain.pop(name)
    plain["ready_count"] = {lane: count for lane, count in plain["ready_count"].items() if count}
    for task in plain["tasks"]:
        del task["throttles"]  # counted since this process took the swarm
        if task["status"] != TaskStatus.RUNNING and not task["going_on"]:  # else the attempt is over
            del task["busy_ms"], task["busy_usage"], task["busy_nano_usd"]
        if not state.capped:
            del task["journal_bytes"]
        if task["status"] == TaskStatus.COMPLETED:  # it makes no call any more
            del task["step"]
            task.pop("journal_bytes", None)
        if task["status"] in TERMINAL:
            task["unmet"] = task["payload"] = task["not_before_ms"] = None
        if task["status"] != TaskStatus.RETRYING:
            task["not_before_ms"] = 0
    return plain
