"""The orchestrator's turn: a model that holds ``create_subagent`` and ``assign_task`` as tools.

``take_turn`` decides what the calls of one turn do; whatever is wrong with a call becomes an answer to the model that
says so, never an exception. Running what was assigned, and asking the model again, is the scheduler's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.plan_documents import AttachmentNames
from app.domain.plan_fields import MAX_PROMPT_CHARS, entries_of
from app.domain.planned import PlannedTask

CREATE_SUBAGENT = "create_subagent"
ASSIGN_TASK = "assign_task"

AGENT_PROMPT = "agent_prompt"
"""Key of ``PlannedTask.extra`` that holds the system prompt of the sub-agent."""

MAX_NAME_CHARS = 64
MAX_SYSTEM_PROMPT_CHARS = 20_000
MAX_ARGUMENTS_CHARS = 500_000

_SHOWN = 30
_SLUG_CHARS = 40

ORCHESTRATOR_TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": CREATE_SUBAGENT,
            "description": "Create a specialised sub-agent that tasks can be assigned to, in the same turn already. "
            "The same name again replaces its system prompt.",
            "parameters": {
                "type": "object",
                "required": ["name", "system_prompt"],
                "properties": {
                    "name": {"type": "string", "description": "Unique name, at most 64 characters"},
                    "system_prompt": {
                        "type": "string",
                        "description": "Who it is, what it is good at, how it works and what its answers look like",
                    },
                },
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": ASSIGN_TASK,
            "description": "Give a sub-agent a task and get its answer. All tasks of one turn run in parallel, "
            "also several of one sub-agent.",
            "parameters": {
                "type": "object",
                "required": ["agent", "prompt"],
                "properties": {
                    "agent": {"type": "string", "description": "Name of a sub-agent that was created"},
                    "prompt": {
                        "type": "string",
                        "description": "All that it has to know and do: it sees neither the goal nor earlier answers",
                    },
                    "sources": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Names of the attachments whose full text it is given",
                    },
                },
            },
        },
    },
]
"""OpenAI-shaped tool definitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call as the model made it; ``arguments`` is JSON text, unchecked."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A task to run; its output is the answer to the call."""

    call_id: str
    task: PlannedTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the calls of a turn do. Each call id is either in ``replies`` or that of one assignment.

    Attributes:
        replies: answers that are known at once, by call id.
        assignments: tasks to run in parallel, in the order of their calls.
        team: system prompts by name of sub-agent, after the turn.
    """

    replies: Mapping[str, str]
    assignments: tuple[Assignment, ...]
    team: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class _Desk:
    """The turn being worked out."""

    team: dict[str, str]
    names: AttachmentNames
    assigned: int
    max_subagents: int
    max_assignments: int
    turn: int
    replies: dict[str, str] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)


class _Wrong(Exception):
    """A call that cannot be carried out; the message tells the model what to do."""


def take_turn(
    calls: Sequence[Call],
    team: Mapping[str, str],
    *,
    assigned: int,
    max_subagents: int,
    max_assignments: int,
    attachments: Collection[str],
    turn: int,
) -> Turn:
    """Work out the calls of one turn: first all that create sub-agents, then all that assign tasks, each in order.

    The tasks are ``t<turn>-<position of the call, from 1>-<agent>``, with the sub-agent's name as role and its system
    prompt as ``extra["agent_prompt"]``. Calls that share an id and are the same count once; if they are not the same,
    nobody could tell their answers apart, so none of them is carried out.

    Args:
        team: system prompts by name of sub-agent, before the turn.
        assigned: tasks assigned in earlier turns; they count against ``max_assignments``.
        attachments: names that ``sources`` may hold.
        turn: number of this turn, which makes the ids of tasks unique in the run.
    """
    desk = _Desk(
        team=dict(team),
        names=AttachmentNames(attachments),
        assigned=assigned,
        max_subagents=max_subagents,
        max_assignments=max_assignments,
        turn=turn,
    )
    numbered = list(enumerate(calls, start=1))
    different = Counter(call.id for call in set(calls))
    for tool, act in ((CREATE_SUBAGENT, _create), (ASSIGN_TASK, _assign)):
        done: set[str] = set()
        for position, call in numbered:
            if call.name != tool or call.id in done or different[call.id] > 1:
                continue
            done.add(call.id)
            try:
                act(desk, position, call)
            except _Wrong as exc:
                desk.replies[call.id] = f"Error: {exc}"
    for _, call in numbered:
        if different[call.id] > 1:
            desk.replies[call.id] = (
                f"Error: {different[call.id]} different calls of this turn have the id {_shown(call.id)}, so none was "
                "carried out. Make them again, each with an id of its own."
            )
        elif call.name not in {CREATE_SUBAGENT, ASSIGN_TASK}:
            desk.replies[call.id] = (
                f"Error: there is no tool {_shown(call.name)}. Call {CREATE_SUBAGENT} or {ASSIGN_TASK}, "
                "or answer the goal."
            )
    return Turn(replies=desk.replies, assignments=tuple(desk.assignments), team=desk.team)


def _create(desk: _Desk, position: int, call: Call) -> None:
    arguments = _arguments(call)
    name = " ".join(_text(arguments, "name", "agent", "agent_name").split())
    if len(name) > MAX_NAME_CHARS:
        raise _Wrong(f"name has {len(name)} characters, at most {MAX_NAME_CHARS} are allowed; choose a shorter one.")
    prompt = _text(arguments, "system_prompt", "prompt", "instructions")
    if len(prompt) > MAX_SYSTEM_PROMPT_CHARS:
        raise _Wrong(
            f"system_prompt has {len(prompt)} characters, at most {MAX_SYSTEM_PROMPT_CHARS} are allowed; shorten it."
        )
    existing = _member(name, desk.team)
    if existing is None and len(desk.team) >= desk.max_subagents:
        raise _Wrong(
            f"there are {len(desk.team)} sub-agents, the most that are allowed. "
            f"Assign tasks to these: {_listed(desk.team)}."
        )
    desk.team[existing or name] = prompt
    status = "created" if existing is None else "system prompt replaced"
    desk.replies[call.id] = json.dumps({"name": existing or name, "status": status}, ensure_ascii=False)


def _assign(desk: _Desk, position: int, call: Call) -> None:
    arguments = _arguments(call)
    asked = " ".join(_text(arguments, "agent", "name", "agent_name", "subagent", "agent_id").split())
    prompt = _text(arguments, "prompt", "task", "instructions")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise _Wrong(f"prompt has {len(prompt)} characters, at most {MAX_PROMPT_CHARS} are allowed; shorten it.")
    sources = _sources(arguments.get("sources"), desk.names)
    agent = _member(asked, desk.team)
    if agent is None:
        team = f"The sub-agents are {_listed(desk.team)}." if desk.team else "There is no sub-agent yet."
        raise _Wrong(f"there is no sub-agent {_shown(asked)}. {team} Call {CREATE_SUBAGENT} for a new one.")
    if desk.assigned >= desk.max_assignments:
        raise _Wrong(
            f"{desk.max_assignments} tasks have been assigned, the most that are allowed. Answer the goal now, from "
            "the results that you have, and say what is missing."
        )
    desk.assigned += 1
    task = PlannedTask(
        id=f"t{desk.turn}-{position}-{_slug(agent)}",
        prompt=prompt,
        type=None,
        role=agent,
        extra={AGENT_PROMPT: desk.team[agent]},
        sources=sources,
    )
    desk.assignments.append(Assignment(call_id=call.id, task=task))


def _arguments(call: Call) -> dict[str, Any]:
    if len(call.arguments) > MAX_ARGUMENTS_CHARS:
        raise _Wrong(
            f"the arguments have {len(call.arguments)} characters, at most {MAX_ARGUMENTS_CHARS} are allowed; "
            "shorten them."
        )
    try:
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        raise _Wrong("the arguments are not JSON. Make the call again with one JSON object.") from None
    if not isinstance(value, dict):
        raise _Wrong("the arguments are not a JSON object. Make the call again with one.")
    return value


def _text(arguments: Mapping[str, Any], *names: str) -> str:
    """The argument ``names[0]``; the others are spellings of it that are understood, too."""
    value = next((arguments[name] for name in names if arguments.get(name) is not None), None)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise _Wrong(f"{names[0]} is missing. Make the call again with it.")
    if not isinstance(value, str):
        raise _Wrong(f"{names[0]} has to be a text. Make the call again.")
    return _sendable(value, names[0])


def _sendable(text: str, name: str) -> str:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise _Wrong(
            f"{name} holds characters that cannot be sent (half of a surrogate pair, or NUL). Make the call again "
            "without them."
        )
    return text.strip()


def _sources(value: Any, names: AttachmentNames) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for entry in entries_of(value):
        if not isinstance(entry, str):
            raise _Wrong("sources has to be a list of names of attachments. Make the call again.")
        name = names.find(_sendable(entry, "sources"))
        if name is None:
            there = f"The attachments are {names.listed()}." if names.names else "There are none; leave sources out."
            raise _Wrong(f"{_shown(entry)} is no attachment, or fits several. {there}")
        found[name] = None
    return tuple(found)


def _member(name: str, team: Iterable[str]) -> str | None:
    """The sub-agent of that name; another case is forgiven where only one fits."""
    if name in team:
        return name
    plain = name.casefold()
    fitting = [member for member in team if member.casefold() == plain]
    return fitting[0] if len(fitting) == 1 else None


def _slug(name: str) -> str:
    words = "".join(char if char.isalnum() else " " for char in name.lower()).split()
    return "-".join(words)[:_SLUG_CHARS].strip("-") or "agent"


def _listed(team: Collection[str]) -> str:
    shown = ", ".join(map(_shown, list(team)[:_SHOWN]))
    return shown if len(team) <= _SHOWN else f"{shown} and {len(team) - _SHOWN} more"


def _shown(name: str) -> str:
    """``repr`` writes lone surrogates as escapes, so the answer can be sent."""
    return repr(name if len(name) <= 80 else f"{name[:79]}…")


def tool_result(output: Any, max_chars: int) -> str:
    """Return an output as the answer to a call: at most ``max_chars`` characters, marked where it was shortened."""
    text = _as_text(output)
    return text if len(text) <= max_chars else _cut(text, max_chars)


def tool_results(outputs: Mapping[str, Any], room_chars: int) -> dict[str, str]:
    """Return the answers to several calls, by call id: ``room_chars`` in all, each shortened in proportion."""
    texts = {call_id: _as_text(output) for call_id, output in outputs.items()}
    total = sum(map(len, texts.values()))
    room = max(room_chars, 0)
    if total <= room:
        return texts
    return {call_id: _cut(text, len(text) * room // total) for call_id, text in texts.items()}


def _as_text(output: Any) -> str:
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _cut(text: str, max_chars: int) -> str:
    marker = f"\n[shortened: the output has {len(text)} characters]"
    keep = max_chars - len(marker)
    # Without room for its marker a text shows as much of the marker as fits, never a part that passes for the whole.
    return text[:keep] + marker if keep > 0 else marker.strip()[: max(max_chars, 0)]
