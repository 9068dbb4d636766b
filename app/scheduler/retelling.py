"""What a model said and did in earlier turns, told to it again within the room that there is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from app.ports.provider import JsonObject
from app.scheduler.conversation import Record

MAX_NAME_CHARS = 64
"""Of a tool, as vendors take names."""

_LEAST_SHOWN_CHARS = 80
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def share_of(records: Sequence[Record], room_chars: int, results_chars: int) -> float:
    """Return the part of a model's own words that it is told again, 0-1.

    Args:
        records: of kind ``turn`` or ``calls``.
        room_chars: for these words and the results together; the results leave them half of it at least.
    """
    spoken = sum(map(spoken_chars, records))
    return min(max(room_chars - results_chars, room_chars // 2, 0) / spoken, 1.0) if spoken else 1.0


def spoken_chars(record: Record) -> int:
    """Return how much a model said in a turn, and was told at once."""
    said = [record["content"] or "", record["reasoning_content"] or "", *record.get("replies", {}).values()]
    return sum(map(len, said)) + sum(len(one["arguments"]) for one in record["tool_calls"])


def least_chars(record: Record) -> int:
    """Return what is left of that where it is cut as short as it may be."""
    said = [record["content"] or "", *(one["arguments"] for one in record["tool_calls"])]
    return len(record["reasoning_content"] or "") + sum(min(len(text), _LEAST_SHOWN_CHARS) for text in said)


def told_again(record: Record, share: float = 1.0) -> JsonObject:
    """Return the assistant's message of a turn that called tools; calls that share an id are one.

    Args:
        share: of its words, and of the long values among the arguments of its calls; see ``share_of``. What it thought
            is told whole: vendors that want it back want all of it.
    """
    calls = {
        one["id"]: {
            "id": one["id"],
            "type": "function",
            "function": {"name": _sendable_name(one["name"]), "arguments": _sendable(one["arguments"], share)},
        }
        for one in record["tool_calls"]
    }
    content = _shortened(record["content"] or "", share)
    message: JsonObject = {"role": "assistant", "content": content, "tool_calls": list(calls.values())}
    if record["reasoning_content"]:
        message["reasoning_content"] = record["reasoning_content"]
    return message


def _sendable_name(name: str) -> str:
    """Return a tool's name as strict vendors take it back, also where the model made it up."""
    return _NOT_IN_NAMES.sub("_", name)[:MAX_NAME_CHARS] or "unknown"


def _sendable(arguments: str, share: float) -> str:
    """Return the arguments of a call as strict vendors take them back; the reply says what was wrong with others."""
    try:
        given = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return "{}"
    if share == 1 or not isinstance(given, dict):
        return arguments
    return orjson.dumps({name: _shortened_value(value, share) for name, value in given.items()}).decode()


def _shortened_value(value: Any, share: float) -> Any:
    if isinstance(value, str):
        return _shortened(value, share)
    text = orjson.dumps(value).decode()
    short = _shortened(text, share)
    return value if short == text else short


def _shortened(text: str, share: float) -> str:
    """Return a text with ``share`` of its characters, at least a line of it, marked where it was cut."""
    keep = max(int(len(text) * share), _LEAST_SHOWN_CHARS)
    return text if len(text) <= keep else f"{text[:keep]}\n[shortened: {len(text)} characters]"
