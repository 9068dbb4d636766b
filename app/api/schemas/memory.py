"""Shared memory on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.times import Timestamp
from app.domain.events import rfc3339
from app.ports.memory import MAX_TTL_S, MemoryEntry

_MAX_VERSION = 2**53


class MemoryPut(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    value: Any = Field(description="Any JSON, 256 KiB at most")
    if_version: int | None = Field(
        None, ge=0, le=_MAX_VERSION, description="Write only over this version; 0: only where there is no such key"
    )
    ttl_s: float | None = Field(
        None, gt=0, le=MAX_TTL_S, description="Seconds until the entry is forgotten; never without it"
    )


class MemoryOut(BaseModel):
    key: str
    value: Any
    version: int = Field(description="Grows with every write of the orchestrator's memory; as an ETag it is quoted")
    size_bytes: int = Field(description="Of key and value")
    updated_at: Timestamp
    expires_at: Timestamp | None


class MemoryPage(BaseModel):
    items: list[MemoryOut]
    next_cursor: str | None


def memory_json(entry: MemoryEntry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "value": orjson.Fragment(entry.value_json),
        "version": entry.version,
        "size_bytes": entry.size_bytes,
        "updated_at": rfc3339(entry.updated_at_ms),
        "expires_at": None if entry.expires_at_ms is None else rfc3339(entry.expires_at_ms),
    }


def memory_page_json(entries: Iterable[MemoryEntry], next_cursor: str | None) -> dict[str, Any]:
    return {"items": [memory_json(entry) for entry in entries], "next_cursor": next_cursor}
