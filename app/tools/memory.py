"""The tools ``memory_read`` and ``memory_write``: the shared memory of the orchestrator that the sub-agent works for.

Whose memory it is comes from the context alone: no argument names another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.domain.errors import InvalidRequest
from app.ports.memory import MAX_KEY_CHARS, MAX_VALUE_BYTES, MemoryEntry, SharedMemory, VersionConflict
from app.ports.tools import ToolContext, ToolRefused, ToolResult, ToolSpec

_LISTED = 200
_MAX_OUTPUT_CHARS = MAX_VALUE_BYTES + 6 * MAX_KEY_CHARS + 500
"""A value that was cut would be no JSON, and nothing could read the rest of it."""

_KEY = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS}


class MemoryRead:
    spec = ToolSpec(
        name="memory_read",
        description=(
            "Read the memory that all sub-agents of this orchestrator share. With `key`: its value and version."
            " Without: the keys that begin with `prefix`, all of them where it is left out."
        ),
        parameters={
            "type": "object",
            "properties": {
                "key": _KEY,
                "prefix": {"type": "string", "maxLength": MAX_KEY_CHARS},
                "after": {**_KEY, "description": "Only keys behind this one: `next` of the list before"},
            },
            "additionalProperties": False,
        },
        max_output_chars=_MAX_OUTPUT_CHARS,
    )

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory

    def unavailable(self) -> str | None:
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        key = arguments.get("key")
        try:
            if key is None:
                return await self._list(context, arguments.get("prefix", ""), arguments.get("after"))
            entry = await self._memory.get(context.agent_id, key)
        except InvalidRequest as exc:
            raise ToolRefused(exc.detail) from exc
        if entry is None:
            return ToolResult.of({"key": key, "found": False, "version": 0})
        return ToolResult.of(
            {"key": key, "found": True, "version": entry.version, "value": orjson.Fragment(entry.value_json)}
        )

    async def _list(self, context: ToolContext, prefix: str, after: str | None) -> ToolResult:
        page = await self._memory.list(context.agent_id, prefix, limit=_LISTED, cursor=after)
        keys = [{"key": entry.key, "version": entry.version, "bytes": entry.size_bytes} for entry in page.items]
        return ToolResult.of({"keys": keys, "next": page.next_cursor})


class MemoryWrite:
    spec = ToolSpec(
        name="memory_write",
        description=(
            "Write a value into the memory that all sub-agents of this orchestrator share. To undo no change of others,"
            " send `if_version` with the version you read, 0 where there was none; after a conflict read again."
        ),
        parameters={
            "type": "object",
            "properties": {
                "key": _KEY,
                "value": {"description": "Any JSON"},
                "if_version": {"type": "integer", "minimum": 0, "maximum": 2**53},
                "ttl_s": {"type": "number", "exclusiveMinimum": 0, "description": "Seconds until it is forgotten"},
            },
            "required": ["key", "value"],
            "additionalProperties": False,
        },
        max_output_chars=_MAX_OUTPUT_CHARS,
    )

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory

    def unavailable(self) -> str | None:
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        key = arguments["key"]
        try:
            entry = await self._memory.put(
                context.tenant_id,
                context.agent_id,
                key,
                arguments["value"],
                if_version=arguments.get("if_version"),
                ttl_s=arguments.get("ttl_s"),
                run_key=context.run_key,
            )
        except InvalidRequest as exc:
            raise ToolRefused(exc.detail) from exc
        except VersionConflict as exc:
            return _conflict(key, exc, await self._memory.get(context.agent_id, key))
        return ToolResult.of({"key": key, "version": entry.version})


def _conflict(key: str, conflict: VersionConflict, present: MemoryEntry | None) -> ToolResult:
    found: dict[str, Any] = {"key": key, "conflict": conflict.detail, "version": conflict.version}
    if present is not None:
        found |= {"version": present.version, "value": orjson.Fragment(present.value_json)}
    return ToolResult.of(found, is_error=True)
