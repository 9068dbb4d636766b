"""Usage: what a tenant's runs and calls used and cost, and what single calls add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.errors import InvalidRequest, NotFound
from app.domain.usage import Usage
from app.ports.clock import Clock
from app.ports.store import SwarmStore
from app.ports.usage import ModelUsage, UsageQuery, UsageReport, UsageRow, UsageStore, day_of


@dataclass(frozen=True, slots=True)
class UsageService:
    usage: UsageStore
    swarms: SwarmStore
    clock: Clock

    async def report(self, tenant_id: str, query: UsageQuery, limit: int, cursor: str | None) -> UsageReport:
        """Return a page of the tenant's sums.

        Raises:
            InvalidRequest: the period ends before it begins, or the cursor is not of this grouping.
        """
        if (query.last or date.max) < (query.first or date.min):
            raise InvalidRequest.field("/to", f"expected a day not before {query.first}")
        return await self.usage.report(tenant_id, query, limit=limit, cursor=cursor)

    async def of_swarm(self, tenant_id: str, swarm_id: str) -> Sequence[ModelUsage]:
        """Return what a run has used by model, the dearest first.

        Raises:
            NotFound: the tenant has no such run.
        """
        if await self.swarms.get(tenant_id, swarm_id) is None:
            raise NotFound("swarm", swarm_id)
        return await self.usage.of_swarm(swarm_id)

    async def spent_today(self, key_id: str) -> int:
        """Return nano-dollars that a key's calls of today (UTC) cost at most."""
        return await self.usage.spent_today(key_id, day_of(self.clock.now_ms()))

    async def add_call(
        self,
        tenant_id: str,
        key_id: str | None,
        model: str,
        usage: Usage,
        cost_nano_usd: int | None,
        *,
        unsettled_nano_usd: int = 0,
    ) -> None:
        """Count one model call outside of a run, durably.

        Args:
            cost_nano_usd: None where no price is known.
            unsettled_nano_usd: its worst case, where its bill will never be known.
        """
        row = UsageRow(
            tenant_id=tenant_id,
            day=day_of(self.clock.now_ms()),
            key_id=key_id or "",
            model=model,
            calls=1,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cost_nano_usd=cost_nano_usd or 0,
            unpriced_calls=1 if cost_nano_usd is None else 0,
            unsettled_nano_usd=unsettled_nano_usd,
        )
        await self.usage.add([row])
