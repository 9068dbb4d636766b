"""The jobs of a run that is to be forecast: its tasks, and those that its goal and its merge would add."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.domain import budget, parts
from app.domain.forecast import BYTES_PER_TOKEN, Job
from app.domain.graph import Graph
from app.domain.strategies import HIERARCHICAL, MODEL
from app.domain.swarm import ORCHESTRATOR, SwarmSpec
from app.domain.task import TaskKind, TaskSpec

ASSUMED_SUBTASKS = 5
_SUBTASK_BYTES = 800
_PLANNING_BYTES = 6_000
"""What a planner is told beside the goal, the schema of its answer included."""

_MERGING_BYTES = 1_000
_FAN_IN = 10
"""Outputs that a hierarchical merge takes at once where nothing is said of it."""

_FIRST = 10
_TASK_SECTION_BYTES = 7
"""What a task's section in the prompt has beyond its stored JSON: its heading, less the quotes around the prompt."""

_NO_PROMPT_BYTES = 72
_SEPARATOR_BYTES = 2


def jobs_of(
    spec: SwarmSpec,
    tasks: Sequence[TaskSpec],
    graph: Graph,
    lanes: Mapping[str | None, str],
    *,
    max_output_tokens: int,
) -> list[Job]:
    """Return what would be called for, the given tasks first and in their order.

    Args:
        tasks: where a planner is to make them, the planner alone.
        lanes: by model name; that of the run's own model under None.
        max_output_tokens: for tasks without a cap of their own.
    """
    leading = spec.shared_bytes + _SEPARATOR_BYTES if spec.shared_bytes else 0
    jobs = [
        Job(
            task_id=task.task_id,
            kind=task.kind,
            lane=lanes[task.requested_model],
            priority=task.priority,
            complexity=task.complexity or 0,
            dependencies=graph.dependencies[index],
            allow_failed_dependencies=task.allow_failed_dependencies,
            prompt_bytes=leading + _own_bytes(task),
            messages=2 if leading else 1,
            max_output_tokens=_cap_of(task, max_output_tokens),
            max_retries=task.max_retries,
            timeout_s=task.timeout_s,
        )
        for index, task in enumerate(tasks)
    ]
    if spec.planner is not None:
        jobs = _planned(spec, jobs, lanes[None], leading, max_output_tokens)
    if spec.aggregate.get("strategy") in MODEL:
        jobs += _merges(spec, jobs, lanes, max_output_tokens)
    return jobs


def _own_bytes(task: TaskSpec) -> int:
    """Return the bytes of a task's own message: its prompt as it is, images as words, the rest of it as JSON."""
    payload, pictures = task.payload, 0
    if parts.pictured(payload):
        prompt = json.loads(payload)["prompt"]
        payload, _ = parts.measured(payload, parts.UNKNOWN_PART_TOKENS)
        pictures = parts.expected_tokens(parts.pictures_of(prompt)) * BYTES_PER_TOKEN
    size = len(payload) if payload.isascii() else len(payload.encode())
    escaped = payload.count("\\") if '"prompt":' in payload else -_NO_PROMPT_BYTES
    return size + pictures - escaped + len(task.task_id.encode()) + _TASK_SECTION_BYTES


def _cap_of(task: TaskSpec, max_output_tokens: int) -> int:
    if '"max_output_tokens"' not in task.payload:
        return max_output_tokens
    return budget.caps_of(task.payload, max_output_tokens, None)[0]


def _planned(spec: SwarmSpec, planners: Sequence[Job], lane: str, leading: int, max_output_tokens: int) -> list[Job]:
    """Return the planner with what it would make; as an orchestrator it reads all of that and answers."""
    jobs = [replace(job, prompt_bytes=job.prompt_bytes + _PLANNING_BYTES, messages=2) for job in planners]
    first = len(jobs)
    jobs += [
        Job(
            task_id=f"subtask {number}",
            lane=lane,
            dependencies=range(first),
            prompt_bytes=leading + _SUBTASK_BYTES,
            messages=2 if leading else 1,
            max_output_tokens=max_output_tokens,
            max_retries=spec.retry.max_retries,
            timeout_s=spec.task_timeout_s,
        )
        for number in range(1, min(ASSUMED_SUBTASKS, spec.max_agents) + 1)
    ]
    if spec.planner == ORCHESTRATOR:
        for job in planners:
            jobs.append(replace(job, task_id="answer", dependencies=range(first, len(jobs))))
    return jobs


def _merges(spec: SwarmSpec, jobs: Sequence[Job], lanes: Mapping[str | None, str], max_output_tokens: int) -> list[Job]:
    """Return one merge of everything, or a tree of them."""
    level = [index for index, job in enumerate(jobs) if job.kind != TaskKind.PLANNER]
    fan_in = spec.aggregate.get("batch_size") or _FAN_IN
    merges: list[Job] = []
    while len(level) > 1 or not merges:
        width = fan_in if spec.aggregate["strategy"] == HIERARCHICAL else max(len(level), 1)
        above: list[int] = []
        for start in range(0, len(level), width):
            above.append(len(jobs) + len(merges))
            merges.append(
                Job(
                    task_id=f"merge {len(merges) + 1}",
                    lane=lanes[spec.aggregate.get("model")],
                    priority=_FIRST,
                    dependencies=level[start : start + width],
                    allow_failed_dependencies=True,
                    prompt_bytes=_MERGING_BYTES,
                    messages=2,
                    max_output_tokens=max_output_tokens,
                    max_retries=spec.retry.max_retries,
                    kind=TaskKind.MERGE,
                )
            )
        level = above
    return merges
