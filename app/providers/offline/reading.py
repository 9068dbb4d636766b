"""What the caller sent, taken apart: conversation text, the prompt, and the service's ``Task`` and ``Inputs`` sections.

Nothing here judges or answers; it only reads, and never fails, whatever the shape of the messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from app.ports.provider import ChatRequest, JsonObject

TASK_HEADING = "## Task"
CONTEXT_HEADING = "## Context\n"
"""Begins the system message into which the gateway folds a request's ``context``."""

INPUTS_HEADING = "## Inputs"


def clean(text: str) -> str:
    """``text`` with lone surrogates replaced, because they can neither be encoded nor put into JSON."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def load_json(text: str) -> Any:
    """The JSON value in ``text``, or None when it is none; deep nesting and lone surrogates are refused, not raised."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        pass
    try:  # orjson refuses escaped lone surrogates and NaN, which the standard library reads
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def dump_json(value: Any) -> str:
    """Compact JSON text of a value made of plain JSON types."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError, RecursionError):
        return clean(repr(value))


def content_text(content: Any) -> str:
    """The text of a message's ``content``: a string, null, or a list of parts (``text``, ``image_url``, ...)."""
    if isinstance(content, str):
        return clean(content)
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, Sequence) or isinstance(content, bytes | bytearray):
        return "" if content is None else clean(str(content))
    parts: list[str] = []
    for part in content:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Mapping):
            text = part.get("text")
            if isinstance(text, str):
                parts.append(text)
            else:
                parts.append(f"[{part.get('type', 'part')}]")
    return clean("\n".join(parts))


def message_texts(messages: Sequence[Any]) -> list[str]:
    """The text of every message that is an object, tool-call arguments included, oldest first."""
    texts: list[str] = []
    for message in messages:
        if not isinstance(message, Mapping):
            continue
        text = content_text(message.get("content"))
        calls = message.get("tool_calls")
        if isinstance(calls, list) and calls:
            text += dump_json(calls)
        texts.append(text)
    return texts


def last_user_text(messages: Sequence[Any]) -> str:
    """The text of the newest user message; of the newest message of any role when there is none from a user."""
    newest = ""
    for message in reversed(messages):
        if not isinstance(message, Mapping):
            continue
        text = content_text(message.get("content"))
        if message.get("role") == "user":
            return text
        newest = newest or text
    return newest


def _unfenced(text: str) -> str:
    text = text.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2]
        text = text.rstrip().removesuffix("```")
    return text


def _cut_section(text: str, heading: str) -> tuple[str, JsonObject | None]:
    """Split the last section ``heading`` with a JSON object off the end of ``text``.

    JSON text has no raw line break inside a string, so a heading at the start of a line is never part of the JSON; a
    prompt that happens to use the same heading is kept whole because what follows it is not an object.
    """
    end = len(text)
    while (at := text.rfind(heading, 0, end)) >= 0:
        stop = at + len(heading)
        if (at == 0 or text[at - 1] == "\n") and (stop == len(text) or text[stop] in " \t\r\n:"):
            value = load_json(_unfenced(text[stop:].lstrip(": \t\r\n")))
            if isinstance(value, dict):
                return text[:at].rstrip(), value
            return text, None
        end = at
    return text, None


def split_sections(text: str) -> tuple[str, JsonObject | None, JsonObject | None]:
    """``(prompt, task, inputs)`` of a user message as the service builds it; a missing section is None."""
    rest, inputs = _cut_section(text, INPUTS_HEADING)
    prompt, task = _cut_section(rest, TASK_HEADING)
    if task is not None and inputs is None:  # handed on inside of a prompt, as orchestrators do
        prompt, inputs = _cut_section(prompt, INPUTS_HEADING)
    return prompt.strip(), task, inputs


@dataclass(frozen=True)
class Question:
    """One chat request, taken apart."""

    request: ChatRequest

    @cached_property
    def messages(self) -> list[JsonObject]:
        return [dict(message) for message in self.request.messages if isinstance(message, Mapping)]

    @cached_property
    def user_text(self) -> str:
        return last_user_text(self.messages)

    @cached_property
    def system_texts(self) -> list[str]:
        roles = ("system", "developer")
        return [content_text(m.get("content")) for m in self.messages if m.get("role") in roles]

    @property
    def system_text(self) -> str:
        return "\n".join(self.system_texts)

    @cached_property
    def _sections(self) -> tuple[str, JsonObject | None, JsonObject | None]:
        return split_sections(self.user_text)

    @property
    def prompt(self) -> str:
        """The newest user message without its ``Task`` and ``Inputs`` sections."""
        return self._sections[0]

    @property
    def task(self) -> JsonObject | None:
        return self._sections[1]

    @property
    def inputs(self) -> JsonObject | None:
        """Outputs of earlier tasks by task id, in the order they were sent."""
        return self._sections[2]

    @cached_property
    def fresh_messages(self) -> list[JsonObject]:
        """What came after the newest user message: this turn's own tool calls and their results."""
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].get("role") == "user":
                return self.messages[index + 1 :]
        return self.messages
