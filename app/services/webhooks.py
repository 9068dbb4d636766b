"""Webhooks: whether a URL may be one, messages about a run's events, what signs them, and how they fared.

``services.delivering`` sends the messages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.domain.errors import InvalidRequest, NotFound
from app.domain.events import Event, rfc3339
from app.domain.swarm import SwarmState
from app.domain.webhooks import SECRET_BYTES, delivery_id, make_secret
from app.ports.clock import Clock, Entropy
from app.ports.doorbell import Doorbell
from app.ports.fetching import FetchRefused
from app.ports.pages import Page
from app.ports.store import SwarmRow
from app.ports.webhooks import (
    NEW_DELIVERIES,
    Delivery,
    DeliveryFilter,
    NewDelivery,
    Outbox,
    TenantSecret,
    Webhook,
    WebhookStore,
)

SECRET_OVERLAP_MS = 24 * 3_600_000
"""How long a replaced secret signs beside the new one."""


def outbox(render: Callable[[SwarmRow], dict[str, Any]]) -> Outbox:
    """Return what makes the messages about a run's events.

    Args:
        render: a run as clients see it, without its outputs.
    """

    def messages(state: SwarmState, events: Sequence[Event], at_ms: int) -> list[NewDelivery]:
        wanted = [event for event in events if event.type in state.spec.webhook_events]
        return [_message(state, event, at_ms, render) for event in wanted]

    return messages


def _message(state: SwarmState, event: Event, at_ms: int, render: Callable[[SwarmRow], dict[str, Any]]) -> NewDelivery:
    data = render(SwarmRow.of(state)) | {"seq": event.seq}
    body = {"type": event.type, "timestamp": rfc3339(event.at_ms), "data": data}
    return NewDelivery(
        delivery_id=delivery_id(state.swarm_id, event.seq, at_ms),
        type=event.type,
        at_ms=at_ms,
        body=orjson.dumps(body).decode(),
    )


@dataclass(frozen=True, slots=True)
class WebhookService:
    """``check`` returns host and port of a URL, or raises ``FetchRefused`` where it must not be asked."""

    store: WebhookStore
    doorbell: Doorbell
    clock: Clock
    entropy: Entropy
    check: Callable[[str], Awaitable[str]]

    async def checked(self, url: str, events: Sequence[str], secret: str | None, pointer: str) -> Webhook:
        """Return a webhook that may be called.

        Raises:
            InvalidRequest: it leads to an address that is not public, or is no URL to be asked at all.
        """
        try:
            host = await self.check(url)
        except FetchRefused as exc:
            raise InvalidRequest.field(pointer, exc.detail) from exc
        return Webhook(url=url, host=host, events=tuple(dict.fromkeys(events)), secret=secret)

    async def secret(self, tenant_id: str) -> TenantSecret:
        """Return what signs the tenant's messages, made when it is first asked for."""
        found = await self.store.secret(tenant_id)
        return found or await self.store.first_secret(tenant_id, self._new_secret(), self.clock.now_ms())

    async def rotate(self, tenant_id: str) -> TenantSecret:
        """Replace the tenant's secret; for a day messages are signed with both."""
        now_ms = self.clock.now_ms()
        return await self.store.rotate_secret(
            tenant_id, self._new_secret(), now_ms, old_until_ms=now_ms + SECRET_OVERLAP_MS
        )

    async def secrets_of(self, tenant_id: str, own: str | None) -> list[str]:
        """Return what signs a message, newest first."""
        if own is not None:
            return [own]
        found = await self.secret(tenant_id)
        if found.old_secret is None or (found.old_until_ms or 0) <= self.clock.now_ms():
            return [found.secret]
        return [found.secret, found.old_secret]

    async def list(self, tenant_id: str, where: DeliveryFilter, *, limit: int, cursor: str | None) -> Page[Delivery]:
        """Newest first."""
        return await self.store.list(tenant_id, where, limit=limit, cursor=cursor)

    async def get(self, tenant_id: str, delivery: str) -> Delivery:
        found = await self.store.get(tenant_id, delivery)
        if found is None:
            raise NotFound("delivery", delivery)
        return found

    async def redeliver(self, tenant_id: str, delivery: str) -> Delivery:
        """Send a message once more, now, whatever became of it; it keeps its id, and is retried as a new one is."""
        if not await self.store.redeliver(tenant_id, delivery, self.clock.now_ms()):
            raise NotFound("delivery", delivery)
        self.doorbell.ring(NEW_DELIVERIES)
        return await self.get(tenant_id, delivery)

    def _new_secret(self) -> str:
        return make_secret(self.entropy.bits(8 * SECRET_BYTES))
