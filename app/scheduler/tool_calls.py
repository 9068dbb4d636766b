"""The tool calls of a sub-agent: which tools it is offered, what is kept of its calls, and how they are told again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.domain.journal import CALLS, RESULTS
from app.domain.swarm import SwarmSpec
from app.ports.provider import ChatResult, JsonObject, ToolCall
from app.ports.tools import Tools
from app.scheduler.conversation import Record
from app.scheduler.retelling import least_chars, share_of, spoken_chars, told_again

DEFAULT_MAX_STEPS = 30
"""Model calls of a sub-agent with tools; the last one is offered none, so that it answers."""

MAX_CALLS = 100
"""Tool calls of one turn that are carried out; every later call to the model tells all of them again."""

_LEAST_SHOWN_CHARS = 200
_LEFT_OUT = "[left out: an earlier result, to keep within the model's context]"


def listed(spec: SwarmSpec, payload: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of the tools that a task may call."""
    own: Sequence[str] | None = payload.get("tools")
    return spec.tools if own is None else own


def offered(
    names: Sequence[str], payload: Mapping[str, Any], records: Sequence[Record], tools: Tools
) -> list[JsonObject]:
    """Return the tools of a task's next call, OpenAI-shaped: those it may call that can be used here."""
    if not names or over(payload, records):
        return []
    found = [tool for name in names if (tool := tools.find(name)) is not None and tool.unavailable() is None]
    return [
        {
            "type": "function",
            "function": {
                "name": tool.spec.name,
                "description": tool.spec.description,
                "parameters": dict(tool.spec.parameters),
            },
        }
        for tool in found
    ]


def over(payload: Mapping[str, Any], records: Sequence[Record]) -> bool:
    """Return whether the next call is a task's last, so that it has to answer."""
    made = sum(record["kind"] == CALLS for record in records)
    return bool(made >= (payload.get("max_steps") or DEFAULT_MAX_STEPS) - 1)


def absent(names: Sequence[str], tools: Tools) -> str:
    """Return a section that tells of the tools which a task may call and which cannot be used here; empty without."""
    reasons = {name: tool.unavailable() for name in names if (tool := tools.find(name)) is not None}
    reasons |= {name: "there is no such tool" for name in names if name not in reasons}
    lines = [f"- {name}: {reason}" for name, reason in reasons.items() if reason is not None]
    return "\n\n## Tools that cannot be used here\n" + "\n".join(lines) if lines else ""


def record_of(result: ChatResult) -> dict[str, Any]:
    """Return what is kept of an answer that calls tools; each call gets an id of its own."""
    record: dict[str, Any] = {
        "kind": CALLS,
        "content": result.content,
        "reasoning_content": result.reasoning_content,
        "tool_calls": [
            {"id": call_id, "name": one.name, "arguments": one.arguments}
            for call_id, one in zip(_ids(result.tool_calls), result.tool_calls[:MAX_CALLS], strict=False)
        ],
        "model": result.model,
    }
    if len(result.tool_calls) > MAX_CALLS:
        record["not_made"] = len(result.tool_calls) - MAX_CALLS
    return record


def _ids(calls: Sequence[ToolCall]) -> Iterator[str]:
    """Return an id for each call, its own where no call before it has that."""
    taken = {call.id for call in calls}
    said = set[str]()
    for nth, call in enumerate(calls):
        call_id = call.id
        if call_id in said:
            while call_id in taken:
                call_id += f"_{nth}"
            taken.add(call_id)
        said.add(call.id)
        yield call_id


def told(records: Sequence[Record], room_chars: int) -> list[JsonObject]:
    """Return the messages of the calls so far and their results, the newest of them whole as far as there is room.

    Args:
        room_chars: of all of them together. Results that do not fit are shortened, the oldest first, and so are the
            model's own words beyond half of it; turns that have no room even then are left out, the oldest first.
    """
    calls = [record for record in records if record["kind"] == CALLS]
    results: list[Mapping[str, str]] = [record["results"] for record in records if record["kind"] == RESULTS]
    results += [{}] * (len(calls) - len(results))
    kept = _kept(calls, results, room_chars)
    messages: list[JsonObject] = []
    if kept < len(calls):
        words = f"[{len(calls) - kept} earlier steps are left out, to keep within the model's context]"
        messages.append({"role": "user", "content": words})
        calls, results = calls[-kept:], results[-kept:]
    share = share_of(calls, room_chars, sum(len(text) for one in results for text in one.values()))
    shown = _fitting(results, room_chars - int(sum(map(spoken_chars, calls)) * share))
    for record, told_results in zip(calls, shown, strict=True):
        assistant = told_again(record, share)
        messages.append(assistant)
        for call_id in (call["id"] for call in assistant["tool_calls"]):
            content = told_results.get(call_id, "Error: the call was not carried out.")
            messages.append({"role": "tool", "tool_call_id": call_id, "content": content})
        if record.get("not_made"):
            messages[-1]["content"] += f"\n[{record['not_made']} further calls were not made: {MAX_CALLS} a turn are]"
    return messages


def _kept(calls: Sequence[Record], results: Sequence[Mapping[str, str]], room_chars: int) -> int:
    """Return how many of the newest turns there is room for, all cut as short as they may be; one at least."""
    left, kept = room_chars, 0
    for record, told_results in zip(reversed(calls), reversed(results), strict=True):
        left -= least_chars(record) + sum(min(len(text), len(_LEFT_OUT)) for text in told_results.values())
        if left < 0 and kept:
            break
        kept += 1
    return kept


def _fitting(results: Sequence[Mapping[str, str]], room_chars: int) -> list[dict[str, str]]:
    left = room_chars
    fitted: list[dict[str, str]] = []
    for one in reversed(results):
        shown = {}
        for call_id, text in one.items():
            if len(text) > left:
                keep = max(left - len(_LEFT_OUT), 0)
                text = text[:keep] + _LEFT_OUT if keep >= _LEAST_SHOWN_CHARS else _LEFT_OUT  # noqa: PLW2901
            left -= len(text)
            shown[call_id] = text
        fitted.append(shown)
    return fitted[::-1]
