"""The audit log: who did what to keys, credits, prices, roles, orchestrators and runs.

What is noted is bounded: rows go when they are older than the operator keeps them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from app.domain.ids import AUDIT_PREFIX, make_id
from app.ports.audit import AuditFilter, AuditRow, AuditStore
from app.ports.clock import Clock, Entropy
from app.ports.pages import Page
from app.services.periodic import beside, every

_PRUNE_S = 3600.0
_DAY_MS = 86_400_000
_BATCH = 2_000


class AuditService:
    """Args:
    kept_days: how long rows are kept.
    """

    def __init__(self, audit: AuditStore, clock: Clock, entropy: Entropy, *, kept_days: int) -> None:
        self._audit = audit
        self._clock = clock
        self._entropy = entropy
        self._kept_days = kept_days

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Remove what is old enough, now and every hour."""
        async with beside(every(_PRUNE_S, self.prune, "audit_not_pruned"), "audit"):
            yield

    async def note(
        self,
        tenant_id: str,
        action: str,
        *,
        actor: str | None = None,
        object: str | None = None,  # noqa: A002 - the log's own word
        detail: Mapping[str, Any] | None = None,
        remote: str | None = None,
    ) -> None:
        """Write what was done (``ports.audit.AuditRow``), durably."""
        now_ms = self._clock.now_ms()
        row = AuditRow(
            audit_id=make_id(AUDIT_PREFIX, now_ms, self._entropy.bits(80)),
            tenant_id=tenant_id,
            at_ms=now_ms,
            action=action,
            actor=actor,
            object=object,
            detail=detail,
            remote=remote,
        )
        await self._audit.add(row)

    async def list(self, tenant_id: str, where: AuditFilter, *, limit: int, cursor: str | None) -> Page[AuditRow]:
        """Newest first."""
        return await self._audit.list(tenant_id, where, limit=limit, cursor=cursor)

    async def prune(self) -> int:
        """Remove what is old enough, in pieces; return how many rows."""
        before_ms = self._clock.now_ms() - self._kept_days * _DAY_MS
        total = 0
        while removed := await self._audit.prune(before_ms, limit=_BATCH):
            total += removed
        return total
