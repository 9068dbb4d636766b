"""Webhooks of runs: where to send which events, the messages to be delivered, and the secrets that sign them.

A delivery is stored by the commit that stores its event (``ports.runs.Commit``), so neither is ever there alone. One
method is one transaction, durable (fsync) before it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.events import Event
from app.domain.swarm import SwarmState
from app.domain.webhooks import DeliveryStatus
from app.ports.pages import Page

KEPT_ATTEMPTS = 50
"""Of a delivery: the newest. More only come about where a client has it sent again and again."""

NEW_DELIVERIES = "webhooks.new"
"""Topic of the doorbell, rung when a delivery may be due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where a run's events go.

    Attributes:
        host: name and port of ``url``, what the bound on deliveries at once is about.
        secret: the request's own; None for that of the tenant.
    """

    url: str
    host: str
    events: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One message, ready to be sent: ``body`` is the JSON text, the same at every attempt."""

    delivery_id: str
    type: str
    at_ms: int
    body: str


Outbox = Callable[[SwarmState, Sequence[Event], int], Sequence[NewDelivery]]
"""What is to be sent of a commit's events, as of the state that it stores and its time; called only for runs that have
a webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a delivery: ``status_code`` of the answer, or ``error`` where there was none (or it is no 2xx)."""

    attempt: int
    at_ms: int
    latency_ms: float
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message and how it fared.

    Attributes:
        attempts: the newest ``KEPT_ATTEMPTS``, oldest first.
        next_attempt_at_ms: of a pending one.
        ended_at_ms: when it was delivered or given up.
    """

    delivery_id: str
    tenant_id: str
    swarm_id: str
    type: str
    url: str
    status: DeliveryStatus
    attempts: Sequence[Attempt]
    created_at_ms: int
    next_attempt_at_ms: int | None
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """A pending delivery as its sender needs it; ``failures`` since it was last asked for, ``attempts`` in all."""

    delivery_id: str
    tenant_id: str
    swarm_id: str
    url: str
    host: str
    secret: str | None = field(repr=False)
    body: str = field(repr=False)
    attempts: int
    failures: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSecret:
    """What a tenant's messages are signed with; the one before it signs, too, until ``old_until_ms``."""

    secret: str = field(repr=False)
    created_at_ms: int
    old_secret: str | None = field(default=None, repr=False)
    old_until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    status: DeliveryStatus | None = None
    swarm_id: str | None = None


class WebhookStore(Protocol):
    async def upcoming(
        self, *, limit: int, not_hosts: Collection[str], not_tenants: Collection[str], not_ids: Collection[str]
    ) -> Sequence[Upcoming]:
        """Return the pending deliveries whose next attempt is soonest, due or not, without those named."""
        ...

    async def record(
        self, delivery_id: str, attempt: Attempt, status: DeliveryStatus, *, failures: int, next_at_ms: int | None
    ) -> None:
        """Add an attempt and what follows from it; nothing happens where the delivery is gone.

        Args:
            next_at_ms: of the next attempt, where ``status`` is pending.
        """
        ...

    async def list(self, tenant_id: str, where: DeliveryFilter, *, limit: int, cursor: str | None) -> Page[Delivery]:
        """Newest first.

        Raises:
            InvalidRequest: a cursor that this list never gave out.
        """
        ...

    async def get(self, tenant_id: str, delivery_id: str) -> Delivery | None: ...

    async def redeliver(self, tenant_id: str, delivery_id: str, now_ms: int) -> bool:
        """Make a delivery due now, with its attempts counted anew; False where there is none."""
        ...

    async def secret(self, tenant_id: str) -> TenantSecret | None: ...

    async def first_secret(self, tenant_id: str, secret: str, now_ms: int) -> TenantSecret:
        """Keep ``secret`` where the tenant has none yet; return the one it has."""
        ...

    async def rotate_secret(self, tenant_id: str, secret: str, now_ms: int, *, old_until_ms: int) -> TenantSecret:
        """Replace the tenant's secret; the one it had signs until ``old_until_ms``."""
        ...

    async def prune(self, before_ms: int, *, limit: int) -> int:
        """Remove up to ``limit`` deliveries that ended before ``before_ms``; return how many."""
        ...
