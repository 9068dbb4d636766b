"""Webhooks and what sends them. Part of the wiring, as ``main`` is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from app.domain.webhooks import RetrySchedule
from app.net.client import GuardedClient
from app.ports.clock import Clock, Entropy
from app.ports.doorbell import Doorbell
from app.ports.telemetry import DeliveryMetrics
from app.services.delivering import Deliverer, DeliverySettings
from app.services.webhooks import WebhookService
from app.settings import Settings
from app.storage.database import Database

_LOOK_UP_S = 3.0
"""What the name of a new webhook's host gets to be resolved; where it takes longer, the delivery finds out."""


@asynccontextmanager
async def open_webhooks(
    settings: Settings,
    database: Database,
    doorbell: Doorbell,
    clock: Clock,
    entropy: Entropy,
    metrics: DeliveryMetrics,
    node: str,
) -> AsyncIterator[WebhookService]:
    """Deliver while the context lasts, one of several nodes at a time.

    To be entered before the scheduler runs, so that it stops after it.
    """
    bounds = DeliverySettings(
        schedule=RetrySchedule.of(settings.webhook_attempts),
        timeout_s=settings.webhook_timeout_s,
        kept_days=settings.webhook_days,
    )
    async with GuardedClient(allow_private=settings.webhook_private) as client:
        check = partial(client.check, timeout_s=_LOOK_UP_S)
        service = WebhookService(database.webhooks, doorbell, clock, entropy, check)
        may_deliver = None if database.nodes is None else partial(database.nodes.hold, "webhooks", node)
        deliverer = Deliverer(
            database.webhooks, service, client, doorbell, clock, entropy, bounds, metrics, may_deliver
        )
        async with deliverer.running():
            yield service
