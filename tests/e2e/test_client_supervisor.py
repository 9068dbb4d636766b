"""A client as users write them: a supervisor over chat completions. The plan is JSON, parsed by ``json.loads`` on the
content and nothing else; then the workers run in parallel; then their results are merged. No key is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.service import ServiceProcess

# --- the program -----------------------------------------------------------------------------------------------------

PLAN = """You are a supervisor. Break down this goal into subtasks for specialist sub-agents.

Goal: {goal}

Return JSON with keys "roles" and "tasks": two lists of strings of equal length."""

PLAN_BY_TEMPLATE = """Plan the work on the following goal.

Goal: {goal}

Respond ONLY with valid JSON, no markdown, in this form:
{{"roles": ["role of sub-agent 1", "..."], "tasks": ["task of sub-agent 1", "..."]}}"""

PLAN_FOR_SYSTEM = """You are a planner. You answer with a JSON object with the keys "roles" (list of strings) and
"tasks" (list of strings, one for each role). No other text."""


class Supervisor:
    def __init__(self, base_url: str, model: str = "kimi-k2.5") -> None:
        self.base_url = base_url
        self.model = model
        self.session = requests.Session()
        self.session.headers["Authorization"] = "Bearer none"

    def chat(self, messages: list[dict[str, str]], **extra: Any) -> str:
        body = {"model": self.model, "messages": messages, **extra}
        response = self.session.post(f"{self.base_url}/chat/completions", json=body, timeout=60)
        response.raise_for_status()
        answer = response.json()
        assert answer["latency_ms"] >= 0
        assert answer["usage"]["cost"] == 0
        return str(answer["choices"][0]["message"]["content"])

    def plan(self, messages: list[dict[str, str]], **extra: Any) -> list[tuple[str, str]]:
        plan = json.loads(self.chat(messages, **extra))
        return list(zip(plan["roles"], plan["tasks"], strict=True))

    def work(self, role: str, task: str, context: dict[str, Any]) -> str:
        messages = [{"role": "system", "content": f"You are a {role}."}, {"role": "user", "content": task}]
        return self.chat(messages, context=context, thinking={"type": "disabled"})

    def merge(self, goal: str, results: list[str]) -> str:
        listed = "\n\n".join(f"### Result {n}\n{result}" for n, result in enumerate(results, start=1))
        return self.chat([{"role": "user", "content": f"Merge these results into one answer to: {goal}\n\n{listed}"}])

    def run(self, goal: str, prompt: str = PLAN) -> tuple[list[tuple[str, str]], list[str], str]:
        plan = self.plan([{"role": "user", "content": prompt.format(goal=goal)}])
        with ThreadPoolExecutor(max_workers=len(plan)) as pool:
            results = list(pool.map(lambda step: self.work(step[0], step[1], {"goal": goal}), plan))
        return plan, results, self.merge(goal, results)


# --- its tests -------------------------------------------------------------------------------------------------------

GOALS = [
    "Compare SQLite with PostgreSQL for a small web shop and recommend one.",
    "Research the electric bicycle market. Analyze the three largest makers. Write a two-page report.",
    "1. List the risks of moving to the cloud\n2. Estimate the cost of each\n3. Verify the estimates\n4. Summarize",
    "Café menu in Zürich: translate it, check \"prices\" and 'allergens', and propose {three} changes.",
    "Write a poem",
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("supervisor")) as process:
        yield process


@pytest.fixture
def supervisor(service: ServiceProcess) -> Supervisor:
    return Supervisor(f"{service.url}/v1")


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("prompt", [PLAN, PLAN_BY_TEMPLATE], ids=["keys", "template"])
def test_a_plan_is_carried_out_and_merged(supervisor: Supervisor, goal: str, prompt: str) -> None:
    """A client whose only parser is ``json.loads`` on the content gets bare JSON …, keyless too."""
    plan, results, merged = supervisor.run(goal, prompt)

    assert plan
    assert all(isinstance(role, str) and role and isinstance(task, str) and task for role, task in plan)
    assert len(results) == len(plan)
    assert all(results)
    assert merged


@pytest.mark.parametrize("goal", GOALS)
def test_the_keys_may_be_asked_for_by_the_system_message(supervisor: Supervisor, goal: str) -> None:
    messages = [{"role": "system", "content": PLAN_FOR_SYSTEM}, {"role": "user", "content": goal}]
    plan = supervisor.plan(messages, response_format={"type": "json_object"})

    assert plan
    assert all(isinstance(role, str) and isinstance(task, str) for role, task in plan)


@pytest.mark.parametrize(
    "context", [{"k": 1}, {"history": [{"role": "user", "content": "hi"}]}, [1, 2], "text", {"roles": 1}]
)
def test_context_does_not_change_the_shape_of_the_plan(supervisor: Supervisor, context: Any) -> None:
    """``context`` is folded into the prompt: as something to know, not as something to answer with."""
    plan = supervisor.plan([{"role": "user", "content": PLAN.format(goal=GOALS[1])}], context=context)

    assert len(plan) > 1
    assert all(isinstance(role, str) and isinstance(task, str) for role, task in plan)


def test_the_plan_may_be_handed_to_the_orchestrator(supervisor: Supervisor) -> None:
    """The same client, its workers as one batch: roles, tasks and order are kept."""
    plan = supervisor.plan([{"role": "user", "content": PLAN.format(goal=GOALS[2])}])
    workers = [{"id": f"w{n}", "role": role, "prompt": task} for n, (role, task) in enumerate(plan)]
    merge = {"id": "merge", "prompt": "Merge the results.", "depends_on": [worker["id"] for worker in workers]}
    body = {"tasks": [*workers, merge]}
    response = requests.post(f"{supervisor.base_url}/agents/batch-execute", json=body, timeout=60)
    outputs = response.json()["outputs"]

    assert [output["task_id"] for output in outputs] == [*[worker["id"] for worker in workers], "merge"]
    assert {output["status"] for output in outputs} == {"completed"}
