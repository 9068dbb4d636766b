"""``/v1/swarms/{id}/messages``: the message bus of a swarm (contract, section 6)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from app.api.deps import CallerDep, Limit, ServicesDep, json_response, wait_query
from app.api.errors import responses
from app.api.idempotency import KEY_NOT_NEEDED, KeyedDep, answer_of, reply
from app.api.openapi import request_body
from app.api.schemas.messages import (
    MessageAck,
    MessageAcked,
    MessageIn,
    MessageOut,
    MessagePage,
    message_json,
    message_page_json,
)
from app.api.schemas.names import NO_CONTROL
from app.api.strict_json import body_of
from app.domain.errors import InvalidRequest
from app.ports.idempotency import Answer
from app.ports.messages import MAX_TOPIC_CHARS

router = APIRouter(prefix="/v1/swarms/{swarm_id}/messages", tags=["messages"])


@router.post(
    "",
    status_code=201,
    operation_id="send_message",
    response_model=MessageOut,
    responses=responses(400, 404, 409, 413, 422, 503),
    openapi_extra=request_body(MessageIn),
)
async def send_message(
    services: ServicesDep,
    caller: CallerDep,
    keyed: KeyedDep,
    swarm_id: str,
    body: Annotated[MessageIn, Depends(body_of(MessageIn))],
) -> Response:
    """Send a message to a sub-agent, or to a topic; it is stored before the answer.

    A swarm keeps 100,000 messages and 64 MiB of them. Beyond, the oldest that everybody they are for has acknowledged
    go; where there is none, 409 with the code `queue_full`.
    """
    await services.swarms.get(caller.tenant_id, swarm_id)

    async def give() -> Answer:
        # Under a key of the client's a crash before the answer was kept sends nothing twice.
        run_key = (
            f"random:{services.entropy.bits(128):032x}" if keyed is None else f"key:{keyed.fingerprint}:{keyed.key}"
        )
        row = await services.messages.send(
            swarm_id, body.sender, body.body, run_key=run_key, to=body.to, topic=body.topic
        )
        return answer_of(message_json(swarm_id, row), 201)

    return reply(await services.idempotency.answer(keyed, give))


@router.get("", operation_id="list_messages", response_model=MessagePage, responses=responses(404, 422))
async def list_messages(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    to: Annotated[str | None, Query(min_length=1, max_length=256, description="Task or sub-agent they are for")] = None,
    topic: Annotated[
        str | None, Query(min_length=1, max_length=MAX_TOPIC_CHARS, json_schema_extra={"pattern": NO_CONTROL})
    ] = None,
    consumer: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=256,
            description="Who reads the topic, by any name",
            json_schema_extra={"pattern": NO_CONTROL},
        ),
    ] = None,
    after: Annotated[int, Query(ge=0, le=2**53, description="Messages behind this position")] = 0,
    cursor: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,15}$", description="`next_cursor` of the page before, as `after`")
    ] = None,
    limit: Limit = 100,
    wait: Annotated[float, wait_query("Seconds to wait where there is none yet")] = 0.0,
) -> Response:
    """List messages in order: all that are kept, or with `to` and `topic` those that were not acknowledged.

    They come again until they are acknowledged, so every one comes at least once.
    """
    if wait > services.max_wait_s:
        raise InvalidRequest.field("/wait", f"expected at most {services.max_wait_s:g} seconds")
    if consumer is not None and topic is None:
        raise InvalidRequest.field("/consumer", "names who reads a topic; send topic, too")
    await services.swarms.get(caller.tenant_id, swarm_id)
    after = max(after, int(cursor or 0))
    rows = await services.messages.list(
        swarm_id, to=to, topic=topic, consumer=consumer, after=after, limit=limit, wait_s=wait
    )
    return json_response(message_page_json(swarm_id, rows, after, limit))


@router.post(
    "/ack",
    operation_id="acknowledge_messages",
    response_model=MessageAcked,
    responses=responses(400, 404, 409, 413, 422, 503),
    openapi_extra=request_body(MessageAck),
    dependencies=[KEY_NOT_NEEDED],
)
async def acknowledge_messages(
    services: ServicesDep,
    caller: CallerDep,
    swarm_id: str,
    body: Annotated[MessageAck, Depends(body_of(MessageAck))],
) -> Response:
    """Acknowledge a consumer's messages up to a position: they do not come again. A smaller one changes nothing."""
    await services.swarms.get(caller.tenant_id, swarm_id)
    acked = await services.messages.ack(swarm_id, body.consumer, body.topic, body.up_to)
    return json_response({"consumer": body.consumer, "topic": body.topic, "acked": acked})
