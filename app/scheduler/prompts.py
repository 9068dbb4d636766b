"""What a sub-agent is sent.

The system message is the same bytes for every sub-agent of a run, so the provider's prompt cache serves it. The user
message is the task's own words, then one section ``## Task`` with the task as a JSON object, then, for a task with
dependencies, one section ``## Inputs`` with ``{task_id: output}`` in ``depends_on`` order (contract, section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.domain.swarm import SwarmSpec

_PLAIN_FIELDS = ("type", "role", "capability_tags", "data")


def messages(
    spec: SwarmSpec, task_id: str, payload: Mapping[str, Any], inputs: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the OpenAI-shaped messages of an attempt's first call.

    Args:
        payload: ``prompt``, ``type``, ``role``, ``capability_tags``, ``data`` and ``extra``, each optional.
        inputs: outputs of the dependencies by task id, parsed, in ``depends_on`` order.
    """
    result: list[dict[str, Any]] = []
    leading = "\n\n".join(text for text in (spec.system_prompt, spec.shared_context) if text)
    if leading:
        result.append({"role": "system", "content": leading})
    return [*result, {"role": "user", "content": user_message(task_id, payload, inputs)}]


def user_message(task_id: str, payload: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    task = {"id": task_id}
    task.update({name: payload[name] for name in _PLAIN_FIELDS if payload.get(name)})
    task.update(payload.get("extra") or {})
    prompt = payload.get("prompt") or _default_prompt(payload.get("type"))
    sections = [prompt, "## Task\n" + orjson.dumps(task).decode()]
    if inputs:
        sections.append("## Inputs\n" + orjson.dumps(dict(inputs)).decode())
    return "\n\n".join(sections)


def _default_prompt(kind: str | None) -> str:
    if kind:
        return f"Carry out this task of type {kind!r} and answer with its result only."
    return "Carry out this task and answer with its result only."
