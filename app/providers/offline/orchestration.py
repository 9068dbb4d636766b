"""The turns of an orchestrator: create sub-agents and give them tasks, check what they found, then answer.

A turn creates sub-agents and assigns them tasks at once; the next hands their results to the sub-agents that work on
them (validators, later steps of a sequence); what is left, comparing and merging, is the answer itself. Which turn it
is shows from the calls in the messages, and there are at most ``MAX_ROUNDS`` of them, so it always ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ports.provider import JsonObject
from app.providers.offline.goals import HEADINGS, Goal, goal_of
from app.providers.offline.planning import Step, make_plan
from app.providers.offline.reading import INPUTS_HEADING, Question, content_text, dump_json
from app.providers.offline.sections import cut_sections, newest_with
from app.providers.offline.text import shorten

MAX_ROUNDS = 3

HANDED_ON_CHARACTERS = 60_000
"""Of results that a prompt carries to the sub-agents of the next round, all together."""

_MAY_CREATE = re.compile(r"\bcreate (?:up to )?(\d{1,6}|one) sub-?agents?\b", re.IGNORECASE)
_MAY_ASSIGN = re.compile(r"\bassign (?:up to )?(\d{1,6}|one) tasks?\b", re.IGNORECASE)
_ANSWERING = frozenset({"analyzer", "synthesizer"})
"""Roles whose work on the results of others the answer itself is."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A step of the plan with the sub-agent that gets it; ``new`` is whether that has to be created first."""

    step: Step
    agent: str
    prompt: str
    new: bool


def next_assignments(question: Question, assign: str) -> list[Assignment]:
    """The tasks of this turn; none when it is time to answer. ``assign`` is the name of the tool that gives tasks."""
    rounds = _rounds(question)
    done = results_by_step(question, assign)
    at = len(_assigning_messages(question, assign))
    if at >= len(rounds) or (at == 0 and any(_is_result(message) for message in question.fresh_messages)):
        return []
    subagents, assignments = _limits(question)
    before = [step for steps in rounds[:at] for step in steps]
    room = max(assignments - len(before), 0)
    team = [step.id for step in before][:subagents]
    tasks: list[Assignment] = []
    for index, step in enumerate(rounds[at][:room]):
        is_new = len(team) < subagents
        if is_new:
            team.append(step.id)
        agent = step.id if is_new else team[(len(before) + index) % len(team)]
        tasks.append(Assignment(step, agent, _prompt(step, done), is_new))
    return tasks


def results_by_step(question: Question, assign: str) -> dict[str, str]:
    """What came back so far, by the step it was asked for."""
    texts: dict[str, str] = {}
    for message in question.fresh_messages:
        if _is_result(message):
            texts[str(message.get("tool_call_id"))] = content_text(message.get("content"))
    found: dict[str, str] = {}
    for ids, steps in zip(_assigning_messages(question, assign), _rounds(question), strict=False):
        found |= {step.id: texts[call_id] for call_id, step in zip(ids, steps, strict=False) if call_id in texts}
    return found


def _rounds(question: Question) -> list[list[Step]]:
    """The steps of the plan, each round after what it depends on, without those that the answer makes up for."""
    steps = make_plan(goal_of(question) or Goal(question.prompt, ()))
    needed = {each for step in steps for each in step.depends_on}
    kept = [
        step
        for step in steps
        if not (
            step.depends_on and not step.sources and step.role in _ANSWERING and not _is_needed(step, steps, needed)
        )
    ]
    rounds: list[list[Step]] = []
    placed: set[str] = set()
    while kept and len(rounds) < MAX_ROUNDS:
        ready = [step for step in kept if set(step.depends_on) <= placed]
        if not ready:
            break
        rounds.append(ready)
        placed |= {step.id for step in ready}
        kept = [step for step in kept if step.id not in placed]
    return rounds


def _is_needed(step: Step, steps: Sequence[Step], needed: set[str]) -> bool:
    """Whether some step that is no merging itself works on this one."""
    return step.id in needed and any(step.id in other.depends_on and other.role not in _ANSWERING for other in steps)


def _prompt(step: Step, done: Mapping[str, str]) -> str:
    inputs = {each: done[each] for each in step.depends_on if each in done}
    if not inputs:
        return step.prompt
    each = HANDED_ON_CHARACTERS // len(inputs)
    handed = {name: text if len(text) <= each else shorten(text, each) for name, text in inputs.items()}
    return f"{step.prompt}\n\n{INPUTS_HEADING}\n{dump_json(handed)}"


def _limits(question: Question) -> tuple[int, int]:
    """How many sub-agents may be created and tasks assigned, as the rules say; 64 each where they say nothing."""
    rules = cut_sections(newest_with(question, HEADINGS[0]), HEADINGS).get(HEADINGS[-1], "")
    return _limit(_MAY_CREATE, rules), _limit(_MAY_ASSIGN, rules)


def _limit(pattern: re.Pattern[str], rules: str) -> int:
    match = pattern.search(rules)
    if match is None:
        return 64
    return 1 if match.group(1).lower() == "one" else max(int(match.group(1)), 1)


def _assigning_messages(question: Question, assign: str) -> list[list[str]]:
    """The ids of the assigning calls of each earlier turn that made some."""
    found = [_assigning_ids(message, assign) for message in question.fresh_messages]
    return [ids for ids in found if ids]


def _assigning_ids(message: JsonObject, assign: str) -> list[str]:
    calls: Any = message.get("tool_calls")
    ids: list[str] = []
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and function.get("name") == assign:
            ids.append(str(call.get("id")))
    return ids


def _is_result(message: JsonObject) -> bool:
    return message.get("role") in {"tool", "function"}
