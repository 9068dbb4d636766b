"""What clients asked of a run (commands in the store), as facts."""

from __future__ import annotations

from dataclasses import replace

from app.domain.budget import Budget
from app.domain.facts import (
    BudgetChanged,
    CancelRequested,
    Fact,
    MaxStepsChanged,
    ParallelismChanged,
    PauseRequested,
    PriorityChanged,
    ResumeRequested,
    RetryRequested,
    TaskCancelRequested,
)
from app.domain.swarm import SwarmState
from app.domain.task import TERMINAL, TaskStatus
from app.ports.runs import Command, RunStore

CANCEL, PAUSE, RESUME, RETRY = "cancel", "pause", "resume", "retry"
SCALE, BUDGET, STEPS, PRIORITY = "scale", "budget", "steps", "priority"


async def facts_of(command: Command, state: SwarmState, runs: RunStore) -> list[Fact]:
    """Return the facts that carry out ``command``; what they need of the store is read here."""
    body = command.body
    match command.kind:
        case "cancel":
            indices = body.get("indices")
            return [CancelRequested()] if indices is None else [TaskCancelRequested(index) for index in indices]
        case "pause":
            return [PauseRequested()]
        case "resume":
            return [ResumeRequested()]
        case "retry":
            return [await _retry(state, body["indices"], runs)]
        case "scale":
            return [ParallelismChanged(body["max_parallel_agents"])]
        case "budget":
            sizes = {} if state.capped else await runs.output_bytes(state.swarm_id)
            return [BudgetChanged(replace(state.budget or Budget(), **body), sizes)]
        case "steps":
            return [MaxStepsChanged(body["max_steps"])]
        case "priority":
            return [PriorityChanged(body["priority"])]
        case _:
            raise ValueError(f"unknown command {command.kind!r}")


async def _retry(state: SwarmState, indices: list[int], runs: RunStore) -> RetryRequested:
    """Those asked for that are unsuccessful, and what was skipped for want of them."""
    tasks = state.tasks
    ended_in_vain = TERMINAL - {TaskStatus.COMPLETED}
    wanted = {index for index in indices if tasks[index].status in ended_in_vain}
    if state.decided:  # what the vote did without may be missing now
        wanted |= {task.index for task in tasks if task.status is TaskStatus.CANCELLED}
    sources = list(wanted)
    while sources:
        for index in state.graph.dependents[sources.pop()]:
            if index not in wanted and tasks[index].status is TaskStatus.SKIPPED:
                wanted.add(index)
                sources.append(index)
    return RetryRequested(await runs.payloads(state.swarm_id, sorted(wanted)))
