"""What a planning model is sent: the goal, its attachments by name and beginning, the roles, and the rules.

Everything that others wrote, except for the goal itself, is sent as JSON: JSON text has no raw line break, so a heading
inside of a document never passes for one of ours. The full texts of attachments are never part of a planner's prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.domain.parts import Content, pictures_of, words_of
from app.domain.planned import Attachment

BEGINS_CHARS = 300

Goal = Content
"""A goal as the client gave it: text, or OpenAI-shaped message parts (``text``, ``image_url``, ``video_url``)."""

_PICTURES_TOLD = "The images and videos of the goal are sent to every sub-agent, too; no prompt has to describe them."

_SUPERVISOR_RULES = """\
You are the supervisor of a swarm of sub-agents. Break the goal above down into subtasks and answer with the plan as \
one JSON object, nothing else.
Each subtask goes to a sub-agent of its own that sees neither the goal nor the other subtasks, so its prompt has to \
say everything that it needs to know.
Subtasks run in parallel as soon as the subtasks in their depends_on have completed, and are sent the outputs of \
those. Name a dependency only where that output is needed, by its id; there must be no cycle.
Give each subtask the role that fits best, and in sources the names of the attachments that it has to read in full; \
no sub-agent sees an attachment that is not in its sources.
Use as few subtasks as the goal needs, {most}. Say in synthesis how the outputs are to be merged into one answer."""

_ORCHESTRATOR_RULES = """\
You are the orchestrator of a swarm of sub-agents. Reach the goal above with the tools create_subagent and assign_task.
A sub-agent sees its system prompt, the prompt of the task it is assigned and the attachments named in its sources, \
nothing else: neither the goal nor the answers of others, unless you put them into the prompt.
Call many tools in one turn where the tasks do not need each other: they run in parallel, and their answers come back \
together. Long answers come back shortened and say so.
You may create {subagents} and assign {assignments} in all. Stop early when the goal is reached: answer with the \
result itself instead of calling a tool, keep with each claim where it comes from, and say what is missing if \
tasks failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentNote:
    """What a planner is told of an attachment: ``chars`` is its length, ``begins`` its first 300 characters or so."""

    name: str
    chars: int
    begins: str

    @classmethod
    def of(cls, attachment: Attachment) -> AttachmentNote:
        """The beginning ends at the last blank of its second half, so that no word is cut where there are words."""
        text = attachment.text
        begins = text[:BEGINS_CHARS]
        if len(text) > BEGINS_CHARS:
            blank = begins.rfind(" ", BEGINS_CHARS // 2)
            begins = begins[: blank if blank > 0 else BEGINS_CHARS] + "…"
        return cls(name=attachment.name, chars=len(text), begins=begins)


def goal_text(goal: Goal) -> str:
    """The words of a goal; a part that is none is named by its type, such as ``[image_url]``."""
    return words_of(goal)


def goal_content(goal: Goal, prompt: str | None = None) -> str | list[dict[str, Any]]:
    """Return the ``content`` of a user message with ``prompt`` (None: the goal's own words) and the goal's pictures.

    Plain text where the goal has no images or videos, else message parts: the text first, then those, as they came.
    """
    text = goal_text(goal) if prompt is None else prompt
    pictures = pictures_of(goal)
    return [{"type": "text", "text": text}, *pictures] if pictures else text


def supervisor_prompt(
    goal: Goal, attachments: Sequence[AttachmentNote], roles: Sequence[tuple[str, str]], max_subtasks: int
) -> str:
    """Return the prompt that asks for a plan (``domain.plan.PLAN_SCHEMA``).

    Args:
        roles: ``(name, what it is for)``.
        max_subtasks: at least 1.
    """
    rules = _SUPERVISOR_RULES.format(most="one only" if max_subtasks == 1 else f"at most {max_subtasks}")
    return _prompt(goal, attachments, roles, rules)


def orchestrator_prompt(
    goal: Goal,
    attachments: Sequence[AttachmentNote],
    roles: Sequence[tuple[str, str]],
    *,
    max_subagents: int,
    max_assignments: int,
) -> str:
    """Return the first user message to an orchestrator (tools: ``domain.turns.ORCHESTRATOR_TOOLS``)."""
    rules = _ORCHESTRATOR_RULES.format(
        subagents=_counted(max_subagents, "sub-agent"), assignments=_counted(max_assignments, "task")
    )
    return _prompt(goal, attachments, roles, rules)


def repair_prompt(errors: Sequence[str]) -> str:
    """Return the user message of the repair round: it follows the planner's own answer, which stays in the messages.

    Args:
        errors: of ``InvalidPlan``, or one that says that the answer was not JSON.
    """
    return (
        "The plan cannot be carried out. Mend what is listed below and answer with the whole plan again, as one JSON "
        f"object, nothing else.\n\n## Errors\n{orjson.dumps(list(errors)).decode()}"
    )


def _prompt(goal: Goal, attachments: Sequence[AttachmentNote], roles: Sequence[tuple[str, str]], rules: str) -> str:
    sections = [f"## Goal\n{goal_text(goal)}"]
    if pictures_of(goal):
        rules = f"{rules}\n{_PICTURES_TOLD}"
    if attachments:
        notes = [{"name": note.name, "characters": note.chars, "begins": note.begins} for note in attachments]
        sections.append(f"## Attachments\n{_json(notes)}")
    if roles:
        sections.append(f"## Roles\n{_json([{'name': name, 'purpose': purpose} for name, purpose in roles])}")
    return "\n\n".join([*sections, f"## Rules\n{rules}"])


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _counted(count: int, noun: str) -> str:
    return f"one {noun}" if count == 1 else f"up to {count} {noun}s"
