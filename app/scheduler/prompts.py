"""What a sub-agent is sent.

The system message begins with the same bytes for every sub-agent of a run, so the provider's prompt cache serves it;
the words of the task's role follow. The user message is the task's own words, what else its answer has to heed, then
one section ``## Task`` with the task as a JSON object, then, for a task with dependencies, one section ``## Inputs``
with ``{task_id: output}`` in ``depends_on`` order (contract, section 2). Where the task's words come as parts, with
images or videos between them, they stay as they are, and the sections are one more text part behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.domain.parts import TEXT, expected_tokens, pictures_of, words_of
from app.domain.swarm import SwarmSpec

_BYTES_PER_TOKEN = 4
"""Rule of thumb for English text and JSON in the tokenizers of current models."""

_QUOTING = 3
"""Bytes that JSON adds to a shortened text: two quotes, and the backslash before the line break of the marker."""

_INPUTS = "\n\n## Inputs\n"
_PLAIN_FIELDS = ("type", "role", "capability_tags", "data")


def messages(
    spec: SwarmSpec,
    task_id: str,
    payload: Mapping[str, Any],
    inputs: Mapping[str, Any],
    *,
    role_prompt: str | None = None,
    heed: str = "",
) -> list[dict[str, Any]]:
    """Return the OpenAI-shaped messages of an attempt's first call.

    Args:
        payload: ``prompt``, ``type``, ``role``, ``capability_tags``, ``data`` and ``extra``, each optional.
        inputs: outputs of the dependencies by task id, parsed, in ``depends_on`` order.
        role_prompt: of the task's role.
        heed: further sections behind the task's own words: a review of its last answer, the format of its output.
    """
    result = system_messages(spec, role_prompt)
    leading = result[0]["content"] if result else ""
    content = user_message(task_id, payload, heed)
    if inputs:
        content += _INPUTS
        fitted = dict(inputs)
        if spec.context_window is not None:
            room = spec.context_window * _BYTES_PER_TOKEN - len(leading.encode()) - len(content.encode())
            room -= _parts_bytes(payload)
            fitted = shorten(inputs, room - len(orjson.dumps(dict.fromkeys(inputs, 0))))
        content += orjson.dumps(fitted).decode()
    prompt = payload.get("prompt")
    if isinstance(prompt, list):
        return [*result, {"role": "user", "content": [*prompt, {"type": TEXT, "text": content}]}]
    return [*result, {"role": "user", "content": content}]


def _parts_bytes(payload: Mapping[str, Any]) -> int:
    """Return what the parts of a prompt take of a context window, images and videos at a guess."""
    prompt = payload.get("prompt")
    if not isinstance(prompt, list):
        return 0
    return len(words_of(prompt).encode()) + expected_tokens(pictures_of(prompt)) * _BYTES_PER_TOKEN


def system_messages(spec: SwarmSpec, role_prompt: str | None = None) -> list[dict[str, Any]]:
    """Return the system message, none where there is nothing to say in it."""
    leading = "\n\n".join(text for text in (spec.system_prompt, spec.shared_context, role_prompt) if text)
    return [{"role": "system", "content": leading}] if leading else []


def shorten(inputs: Mapping[str, Any], max_bytes: int) -> dict[str, Any]:
    """Return ``inputs`` with about ``max_bytes`` of JSON values: all cut in proportion, each marked as cut."""
    max_bytes = max(max_bytes, 0)
    sizes = {task_id: len(orjson.dumps(output)) for task_id, output in inputs.items()}
    total = sum(sizes.values())
    if total <= max_bytes:
        return dict(inputs)
    shortened: dict[str, Any] = {}
    for task_id, output in inputs.items():
        text = output if isinstance(output, str) else orjson.dumps(output).decode()
        marker = f"\n[shortened: the output has {len(text)} characters]"
        keep = max(len(text) * max_bytes // total - len(marker) - _QUOTING, 0)
        shortened[task_id] = text[:keep] + marker
    return shortened


def user_message(task_id: str, payload: Mapping[str, Any], heed: str = "") -> str:
    task = {"id": task_id}
    task.update({name: payload[name] for name in _PLAIN_FIELDS if name in payload})
    task.update(payload.get("extra") or {})
    prompt = payload.get("prompt") or _default_prompt(payload.get("type"))
    if isinstance(prompt, list):
        said = any(part["type"] == TEXT for part in prompt)
        prompt = "" if said else _default_prompt(payload.get("type"))
    return f"{prompt}{heed}\n\n## Task\n{orjson.dumps(task).decode()}".lstrip("\n" if prompt == "" else "")


def _default_prompt(kind: str | None) -> str:
    if kind:
        return f"Carry out this task of type {kind!r} and answer with its result only."
    return "Carry out this task and answer with its result only."
