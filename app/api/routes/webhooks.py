"""``/v1/webhooks``: what signs the messages to webhooks, and how each message fared (contract, section 7)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from app.api.deps import AdminDep, CallerDep, Limit, ServicesDep, id_cursor, json_response
from app.api.errors import responses
from app.api.idempotency import KEY_NOT_NEEDED
from app.api.schemas.webhooks import (
    DeliveryOut,
    DeliveryPage,
    SecretOut,
    WebhookMessage,
    delivery_json,
    secret_json,
)
from app.domain.ids import DELIVERY_PREFIX
from app.domain.webhooks import EVENTS, DeliveryStatus
from app.ports.webhooks import DeliveryFilter

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

DeliveryCursor = Annotated[str | None, id_cursor(DELIVERY_PREFIX)]
messages = APIRouter(tags=["webhooks"])
"""What receivers are sent: for the document alone (its `webhooks`), nothing of it is served."""


@router.get(
    "/secret", operation_id="get_webhook_secret", response_model=SecretOut, responses=responses(401, 403, 422, 503)
)
async def get_webhook_secret(services: ServicesDep, caller: AdminDep) -> Response:
    """Show what signs the tenant's messages; it is made when it is first needed. Needs the scope `admin`."""
    secret = await services.webhooks.secret(caller.tenant_id)
    return json_response(secret_json(secret, services.clock.now_ms()))


@router.post(
    "/secret/rotate",
    operation_id="rotate_webhook_secret",
    response_model=SecretOut,
    responses=responses(401, 403, 422, 503),
)
async def rotate_webhook_secret(services: ServicesDep, caller: AdminDep) -> Response:
    """Replace the tenant's secret; for 24 hours messages carry the signatures of both. Needs the scope `admin`.

    An `Idempotency-Key` does nothing here: an answer that holds a secret is not kept.
    """
    secret = await services.webhooks.rotate(caller.tenant_id)
    return json_response(secret_json(secret, services.clock.now_ms()))


@router.get(
    "/deliveries",
    operation_id="list_webhook_deliveries",
    response_model=DeliveryPage,
    responses=responses(401, 403, 422, 503),
)
async def list_webhook_deliveries(
    services: ServicesDep,
    caller: CallerDep,
    status: DeliveryStatus | None = None,
    swarm_id: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 100,
    cursor: DeliveryCursor = None,
) -> Response:
    """List the messages to webhooks, newest first, each with its attempts; `status=dead` are those given up."""
    where = DeliveryFilter(status=status, swarm_id=swarm_id)
    page = await services.webhooks.list(caller.tenant_id, where, limit=limit, cursor=cursor)
    return json_response({"items": [delivery_json(row) for row in page.items], "next_cursor": page.next_cursor})


@router.get(
    "/deliveries/{delivery_id}",
    operation_id="get_webhook_delivery",
    response_model=DeliveryOut,
    responses=responses(401, 403, 404, 422, 503),
)
async def get_webhook_delivery(services: ServicesDep, caller: CallerDep, delivery_id: str) -> Response:
    """Show one message and its attempts."""
    return json_response(delivery_json(await services.webhooks.get(caller.tenant_id, delivery_id)))


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    status_code=202,
    operation_id="redeliver_webhook",
    response_model=DeliveryOut,
    responses=responses(401, 403, 404, 422, 503),
    dependencies=[KEY_NOT_NEEDED],
)
async def redeliver_webhook(services: ServicesDep, caller: CallerDep, delivery_id: str) -> Response:
    """Send a message again, now, whatever became of it: the same body and `webhook-id`, retried as a new one is."""
    return json_response(delivery_json(await services.webhooks.redeliver(caller.tenant_id, delivery_id)), 202)


async def receive(
    body: WebhookMessage,
    webhook_id: Annotated[
        str, Header(description="Of the message, the same at every attempt", examples=["whd_01K..."])
    ],
    webhook_timestamp: Annotated[int, Header(description="Unix seconds of the attempt")],
    webhook_signature: Annotated[str, Header(description="One or more of `v1,<base64>`, separated by blanks")],
) -> None:
    """Posted to the `webhook` of a run. Answer 2xx within 15 seconds; anything else is tried again, 410 is not.

    Check the signature with a library of https://www.standardwebhooks.com, and take a `webhook-id` once: a message may
    come several times.
    """


for _event in EVENTS:
    messages.add_api_route(
        _event, receive, methods=["POST"], status_code=204, operation_id=f"on_{_event}", summary=f"On {_event}"
    )
