"""Scripted answers: what a test wants the server to say to the next requests that match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.ports.provider import JsonObject
from app.providers.mock_model.config import FAULT_RATES
from app.providers.offline.reading import message_texts
from app.providers.offline.tool_calls import offered_tools

SCRIPT_FAULTS = frozenset(FAULT_RATES.values())


@dataclass(slots=True, kw_only=True)
class Script:
    """One entry of ``POST /mock/script``; every field that is None leaves that part of the answer alone.

    Attributes:
        match: text that must occur in some message's content, in the calls made so far or in the name of an offered
            tool; None matches every request.
        when_tools: only for requests that offer tools (true), or none (false).
        when_format: only for requests whose ``response_format`` has a schema of this name, or is of this type.
        times: how many requests it still serves; None is without end.
        content: the text of the answer.
        status: an HTTP error status instead of an answer.
        retry_after_s: the ``Retry-After`` beside ``status``.
        raw: the whole body of a 200, as is.
        tool_calls: ``[{"name", "arguments"}]``; arguments are an object or the raw text.
        fault: one of ``SCRIPT_FAULTS``.
        latency_ms: instead of the configured latency.
        huge_body_mb: pads the content.
        usage: the usage object of the answer.
        finish_reason: of the answer.
    """

    match: str | None = None
    when_tools: bool | None = None
    when_format: str | None = None
    times: int | None = 1
    content: str | None = None
    status: int | None = None
    retry_after_s: float | None = None
    raw: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    fault: str | None = None
    latency_ms: float | None = None
    huge_body_mb: float | None = None
    usage: dict[str, Any] | None = None
    finish_reason: str | None = None


_TYPES: dict[str, type | tuple[type, ...]] = {
    "match": str,
    "when_tools": bool,
    "when_format": str,
    "times": int,
    "content": str,
    "status": int,
    "retry_after_s": (int, float),
    "raw": str,
    "tool_calls": list,
    "fault": str,
    "latency_ms": (int, float),
    "huge_body_mb": (int, float),
    "usage": dict,
    "finish_reason": str,
}


def parse_script(entry: Any) -> Script:
    """One entry as sent by a test; ``"hang": true`` is short for ``"fault": "hang"``.

    Raises:
        ValueError: an unknown field or a wrong value.
    """
    if not isinstance(entry, Mapping):
        raise ValueError(f"a script entry must be an object, got {entry!r}")
    fields = dict(entry)
    if fields.pop("hang", False):
        fields["fault"] = "hang"
    for name, value in fields.items():
        if name not in _TYPES:
            raise ValueError(f"unknown script field {name!r}; known are hang, {', '.join(sorted(_TYPES))}")
        if value is not None and (
            not isinstance(value, _TYPES[name]) or isinstance(value, bool) != (_TYPES[name] is bool)
        ):
            raise ValueError(f"script field {name} has the wrong type: {value!r}")
    script = Script(**fields)
    if script.fault is not None and script.fault not in SCRIPT_FAULTS:
        raise ValueError(f"unknown fault {script.fault!r}; known are {', '.join(sorted(SCRIPT_FAULTS))}")
    if script.times is not None and script.times < 1:
        raise ValueError(f"times must be at least 1, got {script.times}")
    if script.status is not None and not 400 <= script.status <= 599:
        raise ValueError(f"status must be an HTTP error, 400 to 599, got {script.status}")
    for call in script.tool_calls or []:
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise ValueError(f"a scripted tool call needs a name, got {call!r}")
    return script


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a request scripts are matched against; ``formats`` are the type and the schema's name."""

    text: str
    tools: bool = False
    formats: tuple[str, ...] = ()


def asked_of(body: JsonObject) -> Asked:
    """What scripts look at in a request of any shape."""
    messages, tools, form = body.get("messages"), body.get("tools"), body.get("response_format")
    texts = message_texts(messages if isinstance(messages, list) else [])
    names = [tool.name for tool in offered_tools(tools)] if isinstance(tools, list) else []
    schema = form.get("json_schema") if isinstance(form, Mapping) else None
    named = [form.get("type") if isinstance(form, Mapping) else None]
    named.append(schema.get("name") if isinstance(schema, Mapping) else None)
    return Asked(
        text="\n".join([*texts, *names]),
        tools=bool(tools),
        formats=tuple(name for name in named if isinstance(name, str)),
    )


def _matches(script: Script, asked: Asked) -> bool:
    if script.when_tools is not None and script.when_tools != asked.tools:
        return False
    if script.when_format is not None and script.when_format not in asked.formats:
        return False
    return script.match is None or script.match in asked.text


class ScriptQueue:
    """Scripts in the order they were queued; the first that matches is used."""

    def __init__(self) -> None:
        self._scripts: list[Script] = []

    def __len__(self) -> int:
        return len(self._scripts)

    def add(self, scripts: list[Script]) -> None:
        self._scripts.extend(scripts)

    def clear(self) -> None:
        self._scripts.clear()

    def take(self, asked: Asked) -> Script | None:
        """The script for a request; it is used up by one."""
        for index, script in enumerate(self._scripts):
            if _matches(script, asked):
                if script.times is not None:
                    script.times -= 1
                    if script.times == 0:
                        del self._scripts[index]
                return script
        return None
