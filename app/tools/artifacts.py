"""The tool ``save_artifact``: a named output of the sub-agent's task, as a file that clients list and download."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

import orjson

from app.domain.errors import InvalidRequest
from app.ports.artifacts import MAX_NAME_CHARS, ArtifactOwner, Artifacts, ArtifactsFull
from app.ports.blobs import ContentTooLarge
from app.ports.tools import ToolContext, ToolRefused, ToolResult, ToolSpec


class SaveArtifact:
    spec = ToolSpec(
        name="save_artifact",
        description=(
            "Save a file as an output of this task: code, CSV, HTML, Markdown and the like, for people to download."
            " The same name again saves a new version of it."
        ),
        parameters={
            "type": "object",
            "properties": {
                "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_NAME_CHARS,
                    "description": "File name with its ending, e.g. ratios.csv",
                },
                "content": {"type": "string"},
                "encoding": {"enum": ["text", "base64"], "description": "base64 for what is not text"},
                "media_type": {"type": "string", "description": "By the ending where it is left out"},
            },
            "required": ["name", "content"],
            "additionalProperties": False,
        },
    )

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._one_by_one: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def unavailable(self) -> str | None:
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        owner = ArtifactOwner(tenant_id=context.tenant_id, swarm_id=context.swarm_id, task_id=context.task_id)
        name = arguments["name"]
        # Calls of one turn start in their order; their versions must be in it, so that the newest is the last.
        in_turn = self._one_by_one.setdefault((context.swarm_id, name), asyncio.Lock())
        try:
            async with in_turn:
                row = await self._artifacts.save(
                    owner,
                    name,
                    _content(arguments["content"], arguments.get("encoding", "text")),
                    run_key=context.run_key,
                    media_type=arguments.get("media_type"),
                )
        except (InvalidRequest, ContentTooLarge, ArtifactsFull) as exc:
            raise ToolRefused(exc.detail) from exc
        saved = {"saved": row.name, "version": row.version, "bytes": row.size_bytes, "media_type": row.media_type}
        return ToolResult(content=orjson.dumps(saved).decode(), details=saved)


def _content(text: str, encoding: str) -> bytes:
    if encoding == "base64":
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise ToolRefused(f"content is not base64: {exc}") from exc
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise ToolRefused("content holds half of a surrogate pair; send it as base64") from exc
