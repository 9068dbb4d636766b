"""The audit log: who did what; rows are added, and removed only when they are old enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.ports.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One thing that was done.

    Attributes:
        audit_id: sorts by time.
        tenant_id: of whoever did it.
        actor: id of the key that was used; None in local mode and on the command line.
        action: what was done, past tense: ``key.created``.
        object: id or name of what it was done to.
        detail: further facts, as JSON; never a secret.
        remote: address that the request came from; None on the command line.
    """

    audit_id: str
    tenant_id: str
    at_ms: int
    action: str
    actor: str | None = None
    object: str | None = None
    detail: Mapping[str, Any] | None = None
    remote: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """``action`` may be a whole one or what stands before its dot; times are Unix milliseconds, the end is excluded."""

    action: str | None = None
    actor: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None


class AuditStore(Protocol):
    async def add(self, row: AuditRow) -> None:
        """Write durably."""
        ...

    async def list(self, tenant_id: str, where: AuditFilter, *, limit: int, cursor: str | None) -> Page[AuditRow]:
        """Newest first.

        Raises:
            InvalidRequest: the cursor is none of this list.
        """
        ...

    async def prune(self, before_ms: int, *, limit: int) -> int:
        """Remove at most ``limit`` rows that are older, of all tenants, the oldest first; return how many."""
        ...
