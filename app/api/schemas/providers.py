"""Providers on the wire: how their limits and breakers stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.ports.admission import LaneSnapshot


class BreakerOut(BaseModel):
    state: Literal["closed", "open", "half_open"]
    opened_count: int
    retry_in_s: float | None = Field(description="Until the first probe; null unless it is open")


class ProviderModel(BaseModel):
    """One model of a provider. Where several services share a database, limits, rates and the breaker are those of all
    of them together; calls, failures, refusals and what waits are those of the one that answers."""

    model: str
    in_flight: int
    waiting: int = Field(description="Calls that could start now but for a limit")
    limit: int | None = Field(description="Calls at once that the provider was seen to take; null: none was refused")
    requests_per_minute: int | None
    tokens_per_minute: int | None
    breaker: BreakerOut
    calls: int
    failures: int = Field(description="No answer, or one with 5xx or that was cut off; a breaker counts outages alone")
    refusals: int = Field(description="Answers with 429")
    error_rate: float = Field(ge=0, le=1, description="Of the last 30 to 60 seconds")
    throttled_ms: int = Field(description="Time that calls had to wait for one of these limits")


class ProviderOut(BaseModel):
    provider: str
    models: list[ProviderModel] = Field(description="Those used since the service started")


class ProviderList(BaseModel):
    items: list[ProviderOut]


def providers_json(names: Sequence[str], lanes: Sequence[LaneSnapshot]) -> dict[str, Any]:
    """Return all providers: the configured ones, and whichever else was used."""
    by_provider: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for lane in lanes:
        by_provider.setdefault(lane.provider, []).append(_model_json(lane))
    return {"items": [{"provider": name, "models": models} for name, models in by_provider.items()]}


def _model_json(lane: LaneSnapshot) -> dict[str, Any]:
    return {
        "model": lane.model,
        "in_flight": lane.in_flight,
        "waiting": lane.waiting,
        "limit": lane.limit,
        "requests_per_minute": lane.requests_per_minute,
        "tokens_per_minute": lane.tokens_per_minute,
        "breaker": {
            "state": lane.breaker.value,
            "opened_count": lane.opened_count,
            "retry_in_s": None if lane.retry_in_s is None else round(lane.retry_in_s, 3),
        },
        "calls": lane.calls,
        "failures": lane.failures,
        "refusals": lane.refusals,
        "error_rate": round(lane.error_rate, 4),
        "throttled_ms": lane.throttled_ms,
    }
