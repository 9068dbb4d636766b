"""API keys on the wire."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.api.schemas.prices import exact_dollars
from app.api.schemas.times import Timestamp, moment_ms
from app.domain.events import rfc3339
from app.domain.usage import usd
from app.ports.keys import KeyRow
from app.services.keys import MAX_GRACE_S

Scope = Literal["read", "run", "admin"]
Name = Annotated[str, Field(min_length=1, max_length=200, description="What the key is for", examples=["ci"])]
Dollars = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False, examples=[25.0]), exact_dollars]
_REQUESTS = Field(None, ge=1, le=10_000_000, description="HTTP requests and handshakes of sockets; null: any number")
_AGENTS = Field(None, ge=1, le=100_000, description="Model calls at once of all work started with the key; null: any")
_COST = "What work started with the key may cost a day (UTC); null: no cap"


_MAX_MS = 253_402_300_800_000
"""The year 10,000."""


def _moment_ms(text: str) -> int:
    return moment_ms(datetime.fromisoformat(text)) or 0


def _a_moment(text: str) -> str:
    try:
        known = 0 <= _moment_ms(text) < _MAX_MS
    except ValueError:
        known = False
    if not known:
        raise ValueError("expected a time such as 2026-12-31T00:00:00Z")
    return text


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    max_cost_per_day_usd: Dollars | None = Field(None, description=_COST)
    max_requests_per_minute: int | None = _REQUESTS
    max_parallel_agents: int | None = _AGENTS
    expires_at: Annotated[str, AfterValidator(_a_moment)] | None = Field(
        None,
        description="RFC 3339; it works no longer from then on; null: it never expires",
        examples=["2026-12-31T00:00:00Z"],
        json_schema_extra={"format": "date-time"},
    )

    def limits(self) -> dict[str, Any]:
        """Return those that were sent, as ``KeyService`` takes them."""
        found: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("max_requests_per_minute", "max_parallel_agents")
            if name in self.model_fields_set
        }
        if "max_cost_per_day_usd" in self.model_fields_set:
            cost = self.max_cost_per_day_usd
            found["max_cost_per_day_usd"] = None if cost is None else Decimal(str(cost))
        if "expires_at" in self.model_fields_set:
            found["expires_at_ms"] = None if self.expires_at is None else _moment_ms(self.expires_at)
        return found


class KeyCreate(_Limits):
    """A key gets no more than the one that mints it has: neither scopes nor limits."""

    name: Name
    scopes: list[Scope] = Field(
        ["read", "run"],
        min_length=1,
        max_length=3,
        description="`read`: look; `run`: start and steer; `admin`: both, and keys, audit log, settings of the tenant",
    )


class KeyChange(_Limits):
    """What is left out stays as it is; null takes a limit away."""

    name: Name | None = None

    def changes(self) -> dict[str, Any]:
        return self.limits() | ({} if self.name is None else {"name": self.name})


class KeyRotate(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    grace_s: float = Field(
        0, ge=0, le=MAX_GRACE_S, allow_inf_nan=False, description="For so long the present secret works, too"
    )


class KeyOut(BaseModel):
    key_id: str = Field(examples=["key_01JZ6M5K8Q1V3X7Y9B2D4F6H8J"])
    name: str
    prefix: str | None = Field(description="How the secret begins; null for keys of older versions")
    scopes: list[Scope]
    max_cost_per_day_usd: float | None
    max_requests_per_minute: int | None
    max_parallel_agents: int | None
    created_at: Timestamp
    last_used_at: Timestamp | None = Field(description="To the minute")
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    old_secret_works_until: Timestamp | None = Field(description="The one before the last rotation")


class KeyMinted(KeyOut):
    key: str = Field(description="The secret: shown this once, kept nowhere", examples=["sk-swarmd-5f2d…"])


class KeyPage(BaseModel):
    items: list[KeyOut]
    next_cursor: str | None


def key_json(row: KeyRow) -> dict[str, Any]:
    return {
        "key_id": row.key_id,
        "name": row.name,
        "prefix": row.prefix,
        "scopes": list(row.scopes),
        "max_cost_per_day_usd": usd(row.max_cost_per_day_nano_usd),
        "max_requests_per_minute": row.max_requests_per_minute,
        "max_parallel_agents": row.max_parallel_agents,
        "created_at": rfc3339(row.created_at_ms),
        "last_used_at": _moment(row.last_used_at_ms),
        "expires_at": _moment(row.expires_at_ms),
        "revoked_at": _moment(row.revoked_at_ms),
        "old_secret_works_until": _moment(row.old_secret_until_ms),
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
