"""What was used and what it cost, summed up: by model, key, day or swarm, always of one tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Protocol

from app.domain.usage import Usage


def day_of(at_ms: int) -> str:
    """Return the day (UTC) of a Unix time in milliseconds, as usage is kept: ``2026-01-31``."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


class UsageGroup(StrEnum):
    """What the sums are by, and their order: models and keys by name, days and swarms the newest first."""

    MODEL = "model"
    KEY = "key"
    DAY = "day"
    SWARM = "swarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What one key used of one model on one day; added to what is kept of them.

    Attributes:
        day: UTC, see ``day_of``.
        key_id: empty in local mode.
        model: as the provider names it; empty where no answer told.
        unpriced_calls: those whose cost is unknown.
        unsettled_nano_usd: worst case of calls whose bill will never be known.
    """

    tenant_id: str
    day: str
    key_id: str
    model: str
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_nano_usd: int = 0
    unpriced_calls: int = 0
    unsettled_nano_usd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """Sums of a group; ``unpriced_calls`` is None where that is not counted (a swarm)."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_nano_usd: int
    unpriced_calls: int | None
    unsettled_nano_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """``first`` and ``last`` are days (UTC), both included; None leaves that end open."""

    group: UsageGroup
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """A page of groups, each with its value (a key's or model's may be empty), and the sum over all pages."""

    items: Sequence[tuple[str, UsageSum]]
    next_cursor: str | None
    total: UsageSum


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """What a run's calls to one model used; ``model`` is None where no answer told which it was."""

    model: str | None
    usage: Usage
    cost_nano_usd: int


class UsageStore(Protocol):
    async def add(self, rows: Sequence[UsageRow]) -> None:
        """Add to what is kept, durably; all rows or none."""
        ...

    async def report(self, tenant_id: str, query: UsageQuery, *, limit: int, cursor: str | None) -> UsageReport:
        """Return a page of the tenant's sums; items and total are of the same moment.

        Swarms count on the day they were created, with all they have used since; deleted ones no more.

        Raises:
            InvalidRequest: the cursor is not of this grouping.
        """
        ...

    async def of_swarm(self, swarm_id: str) -> Sequence[ModelUsage]:
        """Return what a run has used by model, the dearest first; the sums are those of the run."""
        ...

    async def spent_today(self, key_id: str, day: str) -> int:
        """Return nano-dollars that a key's calls of a day cost at most: settled, or never to be known."""
        ...

    async def reserved(self, *, tenant_id: str | None = None, key_id: str | None = None) -> int:
        """Return nano-dollars that the calls of runs may cost that were under way when the runs were last committed.

        Args:
            tenant_id: of these runs; or ``key_id``, which started them.
        """
        ...
