"""Requests as the service builds them, in one call."""

from __future__ import annotations

import json
from typing import Any

from app.ports.provider import ChatRequest, ChatResult, JsonObject
from app.providers.offline import respond


def request_of(prompt: str, *, task: Any = None, inputs: Any = None, system: str = "", **fields: Any) -> ChatRequest:
    text = prompt
    if task is not None:
        text += "\n\n## Task\n" + json.dumps(task)
    if inputs is not None:
        text += "\n\n## Inputs\n" + json.dumps(inputs)
    messages: list[JsonObject] = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": text})
    return ChatRequest(model="offline", messages=messages, **fields)


def ask(prompt: str, **fields: Any) -> ChatResult:
    return respond(request_of(prompt, **fields))


def ask_text(prompt: str, **fields: Any) -> str:
    content = ask(prompt, **fields).content
    assert content is not None
    return content


def ask_json(prompt: str, **fields: Any) -> Any:
    return json.loads(ask_text(prompt, **fields))


def function(name: str, description: str = "", /, **properties: Any) -> JsonObject:
    """An OpenAI-shaped tool definition whose arguments are all required."""
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}
