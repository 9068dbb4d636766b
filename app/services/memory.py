"""Shared memory: checks what is kept, and says which version stood in the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import orjson

from app.domain.errors import InvalidRequest, NotFound
from app.ports.clock import Clock
from app.ports.memory import (
    MAX_KEY_CHARS,
    MAX_TTL_S,
    MAX_VALUE_BYTES,
    MemoryCaps,
    MemoryEntry,
    MemoryStore,
    MemoryWrite,
    VersionConflict,
)
from app.ports.pages import Page
from app.services.naming import check_name


@dataclass(frozen=True, slots=True)
class MemoryService:
    """``ports.memory.SharedMemory``, and what clients may do beside. Callers know that the orchestrator is theirs."""

    store: MemoryStore
    clock: Clock
    caps: MemoryCaps

    async def get(self, agent_id: str, key: str) -> MemoryEntry | None:
        return await self.store.get(agent_id, check_name(key, "/key", MAX_KEY_CHARS), self.clock.now_ms())

    async def list(self, agent_id: str, prefix: str, *, limit: int, cursor: str | None) -> Page[MemoryEntry]:
        if prefix:
            check_name(prefix, "/prefix", MAX_KEY_CHARS)
        now_ms = self.clock.now_ms()
        return await self.store.list(agent_id, prefix, limit=limit, cursor=cursor, now_ms=now_ms)

    async def put(
        self,
        tenant_id: str,
        agent_id: str,
        key: str,
        value: Any,
        *,
        if_version: int | None = None,
        ttl_s: float | None = None,
        run_key: str | None = None,
    ) -> MemoryEntry:
        check_name(key, "/key", MAX_KEY_CHARS)
        now_ms = self.clock.now_ms()
        value_json = _serialised(value)
        write = MemoryWrite(
            key=key,
            value_json=value_json.decode(),
            size_bytes=len(key.encode()) + len(value_json),
            if_version=if_version,
            expires_at_ms=_expiry(ttl_s, now_ms),
            run_key=run_key,
        )
        entry = await self.store.put(tenant_id, agent_id, write, self.caps, now_ms)
        if entry is not None:
            return entry
        present = await self.store.get(agent_id, key, now_ms)
        raise VersionConflict(key, if_version or 0, present.version if present else 0)

    async def delete(self, agent_id: str, key: str, if_version: int | None) -> None:
        """Remove an entry.

        Raises:
            NotFound: there is none.
            VersionConflict: it has another version than ``if_version``.
        """
        check_name(key, "/key", MAX_KEY_CHARS)
        now_ms = self.clock.now_ms()
        if await self.store.delete(agent_id, key, if_version, now_ms):
            return
        present = await self.store.get(agent_id, key, now_ms)
        if present is None:
            raise NotFound("memory key", key)
        raise VersionConflict(key, if_version or 0, present.version)

    async def clear(self, tenant_id: str, agent_id: str | None) -> int:
        """Remove all entries of an orchestrator, or of all of a tenant, and return how many there were."""
        return await self.store.clear(tenant_id, agent_id, self.clock.now_ms())


def _serialised(value: Any) -> bytes:
    try:
        value_json = orjson.dumps(value)
    except (TypeError, ValueError) as exc:
        raise InvalidRequest.field("/value", f"cannot be kept as JSON: {exc}") from exc
    if len(value_json) > MAX_VALUE_BYTES:
        raise InvalidRequest.field("/value", f"{len(value_json):,} bytes; at most {MAX_VALUE_BYTES:,} are kept")
    return value_json


def _expiry(ttl_s: float | None, now_ms: int) -> int | None:
    if ttl_s is None:
        return None
    if not 0 < ttl_s <= MAX_TTL_S:
        raise InvalidRequest.field("/ttl_s", f"expected more than 0 and at most {MAX_TTL_S:.0f} seconds")
    return now_ms + math.ceil(ttl_s * 1000)
