"""Shared memory: what the sub-agents of one orchestrator keep for each other, as keys and JSON values.

A version is a number that grows with every write of the orchestrator's memory and is never given out again, also not
after a removal: who read version 7 and may write only on top of it overwrites nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from app.domain.errors import Conflict
from app.ports.pages import Page

MAX_KEY_CHARS = 256
MAX_TTL_S = 10 * 366 * 86_400.0
MAX_VALUE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCaps:
    """Of one orchestrator; key and value count in UTF-8 bytes, and four bytes are taken for one token.

    A write that leaves more removes entries: first those whose time is up, then the least recently written ones until
    nine tenths of each cap are left at most, and never the entry just written.
    """

    max_entries: int = 10_000
    max_bytes: int = 16 * 1024 * 1024
    max_tokens: int = 1_000_000

    @property
    def room_bytes(self) -> int:
        """What both the cap in bytes and that in tokens leave room for."""
        return min(self.max_bytes, 4 * self.max_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEntry:
    """Times are Unix milliseconds.

    Attributes:
        value_json: the value, serialised.
        size_bytes: of key and value.
        run_key: of the tool call that wrote it, None for a client's write.
    """

    key: str
    value_json: str
    version: int
    size_bytes: int
    updated_at_ms: int
    expires_at_ms: int | None
    run_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryWrite:
    """One write; ``if_version`` None writes in any case, 0 only where there is no such key, else only over that."""

    key: str
    value_json: str
    size_bytes: int
    if_version: int | None
    expires_at_ms: int | None
    run_key: str | None


class VersionConflict(Conflict):
    """The key does not have the version that the write was to go on top of.

    Attributes:
        version: that it has; 0 where there is no such key.
    """

    code = "version_conflict"

    def __init__(self, key: str, expected: int, version: int) -> None:
        has = f"has version {version}" if version else "is not there"
        wanted = f"version {expected} was expected" if expected else "it was expected not to be there"
        super().__init__(f"memory key {key!r} {has}; {wanted}")
        self.version = version


class MemoryStore(Protocol):
    """Entries whose time is up are never returned and count as absent."""

    async def get(self, agent_id: str, key: str, now_ms: int) -> MemoryEntry | None: ...

    async def list(
        self, agent_id: str, prefix: str, *, limit: int, cursor: str | None, now_ms: int
    ) -> Page[MemoryEntry]:
        """Return the entries whose keys begin with ``prefix``, in the order of their keys' code points."""
        ...

    async def put(
        self, tenant_id: str, agent_id: str, write: MemoryWrite, caps: MemoryCaps, now_ms: int
    ) -> MemoryEntry | None:
        """Write durably and make room (``MemoryCaps``); None where ``if_version`` does not hold, and nothing was.

        Where the ``run_key`` has written before, nothing is written, whatever is there by now, and what it wrote then
        is returned.
        """
        ...

    async def delete(self, agent_id: str, key: str, if_version: int | None, now_ms: int) -> bool:
        """Remove an entry; False where there is none, or not in that version."""
        ...

    async def clear(self, tenant_id: str, agent_id: str | None, now_ms: int) -> int:
        """Remove all entries of an orchestrator, or of all of a tenant, and return how many there were."""
        ...


class SharedMemory(Protocol):
    """What tools may do with the memory of the orchestrator they run for."""

    async def get(self, agent_id: str, key: str) -> MemoryEntry | None:
        """Raises InvalidRequest where no such key can be."""
        ...

    async def list(self, agent_id: str, prefix: str, *, limit: int, cursor: str | None) -> Page[MemoryEntry]: ...

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
        """Write one entry, durable before it returns; a write repeated with its ``run_key`` succeeds as it did.

        Raises:
            InvalidRequest: the key or value is too long, or cannot be kept.
            VersionConflict: ``if_version`` does not hold.
        """
        ...
