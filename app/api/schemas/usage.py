"""Usage on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.tasks import usage_json
from app.domain.errors import InvalidRequest
from app.domain.usage import usd
from app.ports.usage import ModelUsage, UsageGroup, UsageReport, UsageSum

_LABELS = {UsageGroup.SWARM: "swarm_id"}
"""Name of the field that says what a sum is of, where it is not the group's own."""


class UsageSums(BaseModel):
    calls: int = Field(description="Model calls; of a swarm: its steps")
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = Field(description="The part of `prompt_tokens` that came from the provider's cache")
    total_tokens: int
    cost_usd: float = Field(description="Of the calls whose cost is known")
    unpriced_calls: int | None = Field(description="Calls whose cost is not known; null by swarm")
    unsettled_cost_usd: float = Field(description="Most that calls whose bill will never be known may have cost")


class UsageItem(UsageSums):
    """One of `model`, `key`, `day`, `swarm_id` says what the sums are of."""

    model: str | None = Field(None, description="null: no answer told")
    key: str | None = Field(None, description="Id of the key; null: without a key, in local mode")
    day: date | None = None
    swarm_id: str | None = None


class UsagePage(BaseModel):
    items: list[UsageItem]
    next_cursor: str | None
    total: UsageSums = Field(description="Over all pages")


class ModelUsageOut(BaseModel):
    model: str | None = Field(description="null: no answer told")
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = Field(description="The part of `prompt_tokens` that came from the provider's cache")
    total_tokens: int
    cost_usd: float = Field(description="Of the calls whose cost is known")


class SwarmUsageOut(BaseModel):
    swarm_id: str
    models: list[ModelUsageOut]


def swarm_usage_json(swarm_id: str, models: Sequence[ModelUsage]) -> dict[str, Any]:
    return {
        "swarm_id": swarm_id,
        "models": [
            {"model": entry.model} | usage_json(entry.usage) | {"cost_usd": usd(entry.cost_nano_usd)}
            for entry in models
        ],
    }


def day_from(text: str | None, pointer: str) -> date | None:
    """Read a day of the query string.

    Raises:
        InvalidRequest: there is no such day.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise InvalidRequest.field(pointer, f"expected a day such as 2026-01-31: {exc}") from exc


def usage_page_json(group: UsageGroup, report: UsageReport) -> dict[str, Any]:
    name = _LABELS.get(group, group.value)
    return {
        "items": [{name: label or None} | _sums_json(sums) for label, sums in report.items],
        "next_cursor": report.next_cursor,
        "total": _sums_json(report.total),
    }


def _sums_json(sums: UsageSum) -> dict[str, Any]:
    return {
        "calls": sums.calls,
        "prompt_tokens": sums.prompt_tokens,
        "completion_tokens": sums.completion_tokens,
        "cached_tokens": sums.cached_tokens,
        "total_tokens": sums.prompt_tokens + sums.completion_tokens,
        "cost_usd": usd(sums.cost_nano_usd),
        "unpriced_calls": sums.unpriced_calls,
        "unsettled_cost_usd": usd(sums.unsettled_nano_usd),
    }
