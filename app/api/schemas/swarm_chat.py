"""Chat requests to a swarm: what of the request the run is given."""

from __future__ import annotations

from typing import Any

from app.api.schemas.chat import ChatCompletionCreate
from app.domain.errors import InvalidRequest
from app.domain.parts import MEDIA, TEXT, Content, check_parts, words_of
from app.services.swarm_chat import SwarmAsk

_MAX_GOAL = 1024 * 1024
_MAX_CONTEXT = 4 * 1024 * 1024
_INSTRUCTIONS = frozenset({"system", "developer"})


def swarm_ask(body: ChatCompletionCreate) -> SwarmAsk:
    """Return the goal, which is the last user message, and what stands around it.

    Raises:
        InvalidRequest: there is no goal, or a field that a swarm has no use for but could not be left out silently.
    """
    for name in ("tools", "tool_choice"):
        if getattr(body, name):
            raise InvalidRequest.field(f"/{name}", "a swarm has the tools of its orchestrator; leave it out")
    index = next((at for at in reversed(range(len(body.messages))) if body.messages[at].role == "user"), None)
    if index is None:
        raise InvalidRequest.field("/messages", "expected a user message: the last one is the goal of the swarm")
    goal = _goal(body.messages[index].content, f"/messages/{index}/content")
    words = _words(goal)
    if len(words) > _MAX_GOAL:
        raise InvalidRequest.field(f"/messages/{index}/content", f"a goal has at most {_MAX_GOAL} characters")
    context = _context(body, index)
    if len(context) > _MAX_CONTEXT:
        detail = f"what is said beside the goal has at most {_MAX_CONTEXT} characters for a swarm, not {len(context)}"
        raise InvalidRequest.field("/messages", detail)
    return SwarmAsk(
        goal=goal,
        words=words,
        shared_context=context or None,
        output_schema=_schema(body.response_format),
        timeout_s=body.timeout,
    )


def _goal(content: str | list[dict[str, Any]] | None, pointer: str) -> Content:
    if isinstance(content, list):
        for at, part in enumerate(content):
            if part.get("type") not in (TEXT, *MEDIA) or not isinstance(part.get(part["type"]), str | dict):
                raise InvalidRequest.field(f"{pointer}/{at}", f"expected a part of type {TEXT}, {' or '.join(MEDIA)}")
            if part["type"] == TEXT and not isinstance(part["text"], str):
                raise InvalidRequest.field(f"{pointer}/{at}/text", "expected a string")
        check_parts(content, pointer)
        if all(part["type"] == TEXT for part in content):
            return words_of(content)
        return content
    if not (content or "").strip():
        raise InvalidRequest.field(pointer, "expected some words: the goal of the swarm")
    return content or ""


def _words(goal: Content) -> str:
    if isinstance(goal, str):
        return goal
    return "\n".join(part["text"] for part in goal if part["type"] == TEXT)


def _context(body: ChatCompletionCreate, goal_at: int) -> str:
    """Return instructions, the request's ``context`` and the earlier turns as one text."""
    told = [message for message in body.messages if message.role in _INSTRUCTIONS]
    sections = [words_of(message.content) for message in told if message.content]
    if (context := body.context_text()) is not None:
        sections.append(f"## Context\n{context}")
    turns = [
        f"{message.role}: {words_of(message.content)}"
        for message in body.messages[:goal_at]
        if message.role not in _INSTRUCTIONS and message.content
    ]
    if turns:
        sections.append("## Conversation so far\n" + "\n\n".join(turns))
    return "\n\n".join(sections)


def _schema(form: dict[str, Any] | None) -> dict[str, Any] | None:
    if form is None or form.get("type") == "text":
        return None
    given = form.get("json_schema")
    schema = given.get("schema") if isinstance(given, dict) else None
    if form.get("type") != "json_schema" or not isinstance(schema, dict):
        raise InvalidRequest.field("/response_format", "a swarm takes text, or json_schema with its schema")
    return schema
