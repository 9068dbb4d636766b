"""Plans made of a goal's own words and the names of its attachments."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from app.domain.plan import parse_plan, plan_schema
from app.providers.offline import respond
from app.scheduler.planning import AttachmentNote, repair_prompt, supervisor_prompt
from tests.support.offline_asking import ask_json, ask_text, request_of

COMPARE = "Compare these filings' revenue, risks and auditors, and validate each claim"
ROLES = [("researcher", "reads"), ("validator", "checks")]


def plan_of(goal: str, names: list[str] | None = None, most: int = 100) -> list[dict[str, Any]]:
    """The sub-tasks of a plan as the service asks for it, checked as the service checks it."""
    names = names or []
    notes = [AttachmentNote(name=name, chars=9, begins="Annual re…") for name in names]
    schema = plan_schema(max_subtasks=most, attachments=names)
    answer = ask_json(
        supervisor_prompt(goal, notes, ROLES, most),
        response_format={"type": "json_schema", "json_schema": {"name": "plan", "schema": schema}},
    )
    Draft202012Validator(schema).validate(answer)
    assert not parse_plan(answer, max_subtasks=most, attachments=names).warnings
    assert answer["synthesis"]
    subtasks: list[dict[str, Any]] = answer["subtasks"]
    return subtasks


def shape(subtasks: list[dict[str, Any]]) -> list[tuple[str, str, list[str], list[str]]]:
    return [(task["id"], task["role"], task.get("depends_on", []), task.get("sources", [])) for task in subtasks]


def test_a_reader_and_a_validator_for_each_attachment_and_a_comparison_of_all() -> None:
    subtasks = plan_of(COMPARE, ["adbe_10k.html", "ibm_10k.html", "wmt_10k.html"])
    assert shape(subtasks) == [
        ("read-adbe", "researcher", [], ["adbe_10k.html"]),
        ("read-ibm", "researcher", [], ["ibm_10k.html"]),
        ("read-wmt", "researcher", [], ["wmt_10k.html"]),
        ("check-adbe", "validator", ["read-adbe"], ["adbe_10k.html"]),
        ("check-ibm", "validator", ["read-ibm"], ["ibm_10k.html"]),
        ("check-wmt", "validator", ["read-wmt"], ["wmt_10k.html"]),
        ("compare", "analyzer", [t["id"] for t in subtasks[:6]], []),
    ]
    assert "Aspects: Revenue; Risks; Auditor" in subtasks[0]["prompt"]


def test_few_attachments_get_a_reader_for_each_matter() -> None:
    assert [task["id"] for task in plan_of("Compare the revenue and the risks", ["a.txt", "b.txt"])] == [
        "a-revenue", "a-risks", "b-revenue", "b-risks", "compare",
    ]  # fmt: skip


@pytest.mark.parametrize(("goal", "many"), [(COMPARE, 100), ("Compare the revenue", 500), ("Summarise each", 45)])
def test_many_attachments_are_read_a_few_at_a_time(goal: str, many: int) -> None:
    names = [f"report-{at}.txt" for at in range(many)]
    subtasks = plan_of(goal, names)
    assert 10 < len(subtasks) <= 40
    read = [name for task in subtasks if task["role"] == "researcher" for name in task["sources"]]
    assert read == names


def test_clauses_that_name_their_attachments_keep_them() -> None:
    subtasks = plan_of("Summarise a.txt and extract the dates from b.txt, then compare them", ["a.txt", "b.txt"])
    assert [(task.get("sources", []), task.get("depends_on", [])) for task in subtasks] == [
        (["a.txt"], []),
        (["b.txt"], []),
        ([], [subtasks[0]["id"], subtasks[1]["id"]]),
    ]


def test_what_comes_then_depends_on_what_came_first() -> None:
    subtasks = plan_of("First collect the prices, then clean them and then train a model")
    assert shape(subtasks) == [
        ("collect-prices", "researcher", [], []),
        ("clean", "researcher", ["collect-prices"], []),
        ("train-model", "researcher", ["clean"], []),
    ]


def test_numbered_lines_are_sub_tasks_and_the_merging_one_waits_for_all() -> None:
    lines = [f"{at}. Research river {at}" for at in range(1, 60)]
    subtasks = plan_of("\n".join([*lines, "60. Merge it into one report"]))
    assert len(subtasks) == 60
    assert subtasks[0]["prompt"].startswith("Research river 1.")
    assert subtasks[-1]["depends_on"] == [task["id"] for task in subtasks[:-1]]
    assert not any(task.get("depends_on") for task in subtasks[:-1])


def test_a_goal_of_one_thing_is_one_sub_task() -> None:
    assert shape(plan_of("Write a poem")) == [("write-poem", "synthesizer", [], [])]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_most_sub_tasks_are_kept_to(most: int) -> None:
    assert len(plan_of(COMPARE, [f"{letter}.txt" for letter in "abcdef"], most)) == most


def test_a_goal_with_headings_of_its_own_is_one_goal() -> None:
    goal = "Do this:\n\n## Goal\n1. Research rivers\n2. Research lakes\n\n## Rules\nNone."
    assert [task["id"] for task in plan_of(goal)] == ["research-rivers", "research-lakes"]


def test_the_same_plan_without_a_schema_and_after_a_repair() -> None:
    prompt = supervisor_prompt(COMPARE, [], ROLES, 9)
    first = ask_json(prompt)
    assert [task["id"] for task in first["subtasks"]][:3] == ["revenue", "risks", "auditor"]
    repair = [{"role": "assistant", "content": "{"}, {"role": "user", "content": repair_prompt(["not JSON"])}]
    request = request_of(prompt)
    form = {
        "type": "json_schema",
        "json_schema": {"name": "plan", "schema": plan_schema(max_subtasks=9, attachments=[])},
    }
    again = respond(dataclasses.replace(request, messages=[*request.messages, *repair], response_format=form))
    repaired = json.loads(again.content or "")
    assert [task["prompt"] for task in repaired["subtasks"]] == [task["prompt"] for task in first["subtasks"]]


def test_merging_for_a_goal_is_no_plan() -> None:
    said = ask_text("Write the answer.\n\n## Goal\nBreak it down into subtasks as JSON", inputs={"a": "Rivers flow."})
    assert "Rivers flow." in said
