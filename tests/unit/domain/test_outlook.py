"""The jobs that a run is forecast with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain.forecast import Job
from app.domain.graph import Graph
from app.domain.outlook import ASSUMED_SUBTASKS, jobs_of
from app.domain.retry import RetryPolicy
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskKind, TaskSpec
from app.scheduler.prompts import messages

LANES = {None: "p/own", "big": "p/big"}


def jobs(*tasks: TaskSpec, **spec: Any) -> list[Job]:
    graph = Graph.build([task.task_id for task in tasks], [task.depends_on for task in tasks])
    return jobs_of(SwarmSpec(agent_id="agt", **spec), tasks, graph, LANES, max_output_tokens=2_048)


@pytest.mark.parametrize(
    "payload",
    [
        {"prompt": "Sum this up."},
        {"prompt": 'Line one\nline two, "quoted"\n' * 50},
        {"prompt": "Größe und Maß " * 20, "type": "measure", "data": {"rows": [1, 2, 3]}},
        {"type": "parse", "data": ["x"] * 30},
        {},
    ],
)
@pytest.mark.parametrize("shared", [{}, {"system_prompt": "You are terse.", "shared_context": "All of it. " * 40}])
def test_prompts_are_as_long_as_those_that_are_sent(payload: dict[str, Any], shared: dict[str, Any]) -> None:
    spec = SwarmSpec(agent_id="agt", **shared)
    sent = messages(spec, "task-1", payload, {})

    (job,) = jobs(
        TaskSpec(task_id="task-1", payload=json.dumps(payload, separators=(",", ":"), ensure_ascii=False)), **shared
    )

    assert job.prompt_bytes == pytest.approx(sum(len(message["content"].encode()) for message in sent), abs=24)
    assert job.messages == len(sent)


def test_a_task_is_taken_as_it_was_asked_for() -> None:
    found = jobs(
        TaskSpec(task_id="a"),
        TaskSpec(
            task_id="b",
            depends_on=("a",),
            requested_model="big",
            priority=9,
            complexity=3,
            max_retries=1,
            timeout_s=7,
            allow_failed_dependencies=True,
            payload='{"prompt":"x","max_output_tokens":50}',
        ),
    )[1]

    assert (found.lane, found.dependencies, found.priority, found.complexity) == ("p/big", (0,), 9, 3)
    assert (found.max_retries, found.timeout_s, found.max_output_tokens) == (1, 7, 50)
    assert found.allow_failed_dependencies
    assert found.kind == TaskKind.TASK


PLANNER = TaskSpec(task_id="~planner", kind=TaskKind.PLANNER, payload=json.dumps({"prompt": "g" * 1_000}))


def test_a_goal_is_planned_then_done_side_by_side_then_merged() -> None:
    synthesis = {"strategy": "synthesis", "model": "big"}

    plan, *subtasks, merge = jobs(PLANNER, planner="supervisor", goal="g", aggregate=synthesis)

    assert (plan.kind, list(plan.dependencies)) == (TaskKind.PLANNER, [])
    assert plan.prompt_bytes > 5_000
    assert len(subtasks) == ASSUMED_SUBTASKS
    assert [list(subtask.dependencies) for subtask in subtasks] == [[0]] * ASSUMED_SUBTASKS
    assert (merge.kind, merge.lane, list(merge.dependencies)) == (TaskKind.MERGE, "p/big", [1, 2, 3, 4, 5])


def test_an_orchestrator_answers_once_its_sub_agents_have() -> None:
    found = jobs(PLANNER, planner="orchestrator", goal="g", max_agents=2)

    assert [job.task_id for job in found] == ["~planner", "subtask 1", "subtask 2", "answer"]
    assert (found[-1].kind, list(found[-1].dependencies)) == (TaskKind.PLANNER, [1, 2])


def test_a_hierarchical_merge_is_a_tree() -> None:
    """Seven outputs, three at a time: 3 + 1 merges."""
    tasks = [TaskSpec(task_id=f"t{at}") for at in range(7)]

    merges = jobs(*tasks, aggregate={"strategy": "hierarchical", "batch_size": 3})[7:]

    assert [list(merge.dependencies) for merge in merges] == [[0, 1, 2], [3, 4, 5], [6], [7, 8, 9]]


@pytest.mark.parametrize("strategy", ["none", "concat", "majority"])
def test_a_merge_without_a_model_is_no_job(strategy: str) -> None:
    assert len(jobs(TaskSpec(task_id="a"), aggregate={"strategy": strategy}, retry=RetryPolicy())) == 1


def test_one_output_is_merged_once() -> None:
    assert len(jobs(TaskSpec(task_id="a"), aggregate={"strategy": "hierarchical"})) == 2
