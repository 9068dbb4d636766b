"""Webhooks on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.swarms import AggregationOut, SwarmListed, listed_json
from app.api.schemas.tasks import time_json
from app.api.schemas.times import Timestamp
from app.domain.errors import InvalidRequest
from app.domain.webhooks import EVENTS, is_secret
from app.ports.store import SwarmRow
from app.ports.webhooks import Delivery, TenantSecret

WebhookEvent = Literal["swarm_completed", "swarm_paused", "aggregate_completed", "checkpoint"]
WebhookUrl = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2048,
        pattern="^https?://",
        description="Asked with POST; its host must have addresses of the public Internet only",
        examples=["https://example.com/hooks/swarmd"],
    ),
]

_NO_SECRET = "expected whsec_ and the base64 of 24 to 64 random bytes"  # noqa: S105 - words


class WebhookIn(BaseModel):
    """Where events of the run go, signed as Standard Webhooks (https://www.standardwebhooks.com) has it."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    url: WebhookUrl
    events: list[WebhookEvent] = Field(["swarm_completed"], min_length=1, max_length=len(EVENTS))
    secret: str | None = Field(
        None,
        max_length=200,
        repr=False,
        description=f"Signs the messages of this run instead of the tenant's secret: {_NO_SECRET}. Never shown again",
        json_schema_extra={"writeOnly": True},
    )


def webhook_of(value: str | WebhookIn, pointer: str = "/webhook") -> tuple[WebhookIn, str]:
    """Return a webhook, checked as far as its form tells, and the pointer to its URL.

    Raises:
        InvalidRequest: no secret of Standard Webhooks.
    """
    if isinstance(value, str):
        return WebhookIn(url=value), pointer
    if value.secret is not None and not is_secret(value.secret):
        raise InvalidRequest.field(f"{pointer}/secret", _NO_SECRET)
    return value, f"{pointer}/url"


class SecretOut(BaseModel):
    """What signs the tenant's messages, for the receiver to check them with."""

    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])
    created_at: Timestamp
    previous_valid_until: Timestamp | None = Field(
        description="Until then messages are signed with the secret before it, too; null: with this one alone"
    )


class DeliveryAttemptOut(BaseModel):
    attempt: int
    at: Timestamp = Field(description="When it ended")
    latency_ms: float
    status_code: int | None = Field(description="Of the answer; null where there was none")
    error: str | None


class DeliveryOut(BaseModel):
    """One message to a webhook."""

    delivery_id: str = Field(description="The header `webhook-id` of every attempt")
    swarm_id: str
    type: WebhookEvent
    url: str
    status: Literal["pending", "delivered", "dead"] = Field(
        description="dead: its attempts are used up, or the receiver answered 410"
    )
    attempts: list[DeliveryAttemptOut] = Field(description="Oldest first, the last 50")
    created_at: Timestamp
    next_attempt_at: Timestamp | None = Field(description="Of a pending one")
    ended_at: Timestamp | None


class DeliveryPage(BaseModel):
    items: list[DeliveryOut]
    next_cursor: str | None


class WebhookData(SwarmListed):
    """The run as it was when the event was recorded, without outputs."""

    aggregation: AggregationOut | None = Field(description="How the merge went, without the merged value and votes")
    seq: int = Field(description="Of the event, in the run's log (`GET /v1/swarms/{id}/events`)")


class WebhookMessage(BaseModel):
    """What is posted to a webhook, with the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`."""

    type: WebhookEvent
    timestamp: Timestamp = Field(description="When the event happened")
    data: WebhookData


def webhook_data(row: SwarmRow) -> dict[str, Any]:
    """Return a run as messages tell of it."""
    aggregation = None if row.aggregation is None else {**row.aggregation, "votes": None}
    return listed_json(row) | {"aggregation": aggregation}


def secret_json(secret: TenantSecret, now_ms: int) -> dict[str, Any]:
    until_ms = secret.old_until_ms
    return {
        "secret": secret.secret,
        "created_at": time_json(secret.created_at_ms),
        "previous_valid_until": time_json(until_ms) if until_ms is not None and until_ms > now_ms else None,
    }


def delivery_json(row: Delivery) -> dict[str, Any]:
    return {
        "delivery_id": row.delivery_id,
        "swarm_id": row.swarm_id,
        "type": row.type,
        "url": row.url,
        "status": row.status.value,
        "attempts": [
            {
                "attempt": one.attempt,
                "at": time_json(one.at_ms),
                "latency_ms": one.latency_ms,
                "status_code": one.status_code,
                "error": one.error,
            }
            for one in row.attempts
        ],
        "created_at": time_json(row.created_at_ms),
        "next_attempt_at": time_json(row.next_attempt_at_ms),
        "ended_at": time_json(row.ended_at_ms),
    }
