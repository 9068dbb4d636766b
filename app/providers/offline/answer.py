"""``respond``: which behaviour answers a request, and the usage and length of its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.domain.usage import Usage
from app.ports.provider import ChatRequest, ChatResult
from app.providers.offline.claims_answer import claims_answer
from app.providers.offline.code_lines import review_lines
from app.providers.offline.code_python import review_python
from app.providers.offline.code_report import code_report
from app.providers.offline.document_report import document_report
from app.providers.offline.formats import formatted
from app.providers.offline.json_answer import json_answer
from app.providers.offline.lines import listed_lines, numbered_lines, subtasks
from app.providers.offline.materials import Material, find_materials
from app.providers.offline.merge import merge
from app.providers.offline.orchestration import results_by_step
from app.providers.offline.quoting import quoted_answer
from app.providers.offline.reading import Question, message_texts
from app.providers.offline.report import Report, Room, room_for
from app.providers.offline.tables import rows_report
from app.providers.offline.text import shorten
from app.providers.offline.tokens import cut_to_tokens, estimate_messages, estimate_tokens
from app.providers.offline.tool_calls import choose_calls, offered_tools, orchestration_tools, tool_results

MODEL = "offline"
"""The one place where an answer says what made it."""

SHORT_RESULT = 600

_PLANS = re.compile(
    r"\b(?:plan|planner|planning|break (?:it |this )?down|decompose|subtasks|sub-tasks|steps|goal|to-?do list)\b",
    re.IGNORECASE,
)
_GOAL = re.compile(r"^## (?:The goal|Goal)\n(\S[^\n]*)", re.MULTILINE)
_GENERIC_IDS = frozenset({"report", "final", "merge", "merged", "aggregate", "aggregator", "synthesis", "summary"})


def respond(request: ChatRequest) -> ChatResult:
    """Answer ``request`` from its own content; the same request always gets the same answer, and none fails."""
    question = Question(request)
    prompt_tokens = estimate_messages(message_texts(question.messages))
    calls = choose_calls(question)
    if calls:
        said = sum(estimate_tokens(call.name + call.arguments) for call in calls)
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=said)
        return ChatResult(content=None, model=MODEL, usage=usage, finish_reason="tool_calls", tool_calls=tuple(calls))
    content, finish_reason = _text(question), "stop"
    limit = request.max_output_tokens
    if limit is not None and estimate_tokens(content) > limit:
        content, finish_reason = cut_to_tokens(content, limit), "length"
    usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=estimate_tokens(content))
    return ChatResult(content=content, model=MODEL, usage=usage, finish_reason=finish_reason)


def _text(question: Question) -> str:
    results = tool_results(question)
    materials = find_materials(question)
    as_json = json_answer(question, materials, results)
    if as_json is not None:
        return as_json
    room = room_for(question.system_text + "\n" + question.prompt, question.request.max_output_tokens)
    if results:
        return _orchestrated(question, room) or _told_results(question, results)
    asked = formatted(question, room) or claims_answer(question, materials, room)
    if asked:
        return asked
    if question.inputs:
        return merge(question.inputs, _title(question), room)
    if len(materials) == 1:
        return _report(materials[0]).render(room)
    if materials:
        return merge(_named({material.name: _report(material).render(room) for material in materials}), "", room)
    return _plan(question) or quoted_answer(question)


def _report(material: Material) -> Report:
    if material.kind == "rows":
        return rows_report(material.name, material.rows)
    if material.kind == "python":
        return code_report(material.name, review_python(material.text))
    if material.kind == "code":
        return code_report(material.name, review_lines(material.text, material.language))
    return document_report(material.name, material.text, part=material.part)


def _named(reports: Mapping[str, str]) -> dict[str, str]:
    return {name or f"text {at}": report for at, (name, report) in enumerate(reports.items(), start=1)}


def _title(question: Question) -> str:
    """What a merged report is about, where a goal or the task's id tells."""
    goal = _GOAL.search(question.prompt[:40_000])
    if goal is not None:
        return shorten(goal.group(1), 120).rstrip(".")
    task_id = question.task.get("id") if question.task else None
    if (
        not isinstance(task_id, str)
        or task_id.lower() in _GENERIC_IDS
        or task_id.startswith("~")
        or not task_id.strip()
    ):
        return ""
    return shorten(task_id, 120)


def _plan(question: Question) -> str:
    """A numbered plan for a goal with listed lines, or for any goal that asks for a plan; empty otherwise."""
    goal = question.prompt or _goal_of(question.task)
    lines = numbered_lines(goal)
    if not lines and _PLANS.search((goal + " " + question.system_text)[:20_000]):
        lines = subtasks(goal)
    if not lines:
        lines = listed_lines(goal)
    return "\n".join(f"{at}. {line}" for at, line in enumerate(lines, start=1)) if len(lines) > 1 else ""


def _goal_of(task: Mapping[str, Any] | None) -> str:
    goal = task.get("goal") if task else None
    return goal if isinstance(goal, str) else ""


def _orchestrated(question: Question, room: Room) -> str:
    """An orchestrator's answer: the results of its sub-agents merged, each under the name of its task."""
    tools = orchestration_tools(offered_tools(question.request.tools))
    outputs = results_by_step(question, tools[1].name) if tools else {}
    return merge(outputs, "", room) if outputs else ""


def _told_results(question: Question, results: list[tuple[str, str]]) -> str:
    """What the tools said: short results as they are, long ones as reports."""
    # That a sub-agent was created is no result; what it answered is.
    results = [(name, text) for name, text in results if not name.startswith("create_")] or results
    if all(len(text) <= SHORT_RESULT for _, text in results):
        if len(results) == 1:
            return results[0][1].strip() or f"`{results[0][0]}` returned nothing."
        return "\n".join(f"- `{name}`: {shorten(text, SHORT_RESULT) or 'nothing'}" for name, text in results)
    outputs: dict[str, str] = {}
    for name, text in results:
        key = name if name not in outputs else f"{name} {len(outputs) + 1}"
        outputs[key] = text
    room = room_for(question.system_text + "\n" + question.prompt, question.request.max_output_tokens)
    return merge(outputs, "", room)
