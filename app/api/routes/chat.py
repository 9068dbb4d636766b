"""``/v1/chat/completions`` and ``/v1/models``: what any OpenAI SDK expects, its error envelope included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from app.api.completions import ModelAnswers, SwarmAnswers
from app.api.deps import Caller, CallerDep, Services, ServicesDep, json_response
from app.api.errors import responses
from app.api.event_stream import EventStream
from app.api.idempotency import KeyedDep
from app.api.openai_errors import EXPECTED, failure
from app.api.openapi import request_body
from app.api.schemas.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionCreate,
    Model,
    ModelList,
)
from app.api.strict_json import parse, validate
from app.ports.provider import UnknownModel
from app.services.swarm_chat import PREFIX

router = APIRouter(prefix="/v1", tags=["gateway"])

_AGENTS_LISTED = 1000

_EVENTS: dict[str, Any] = {
    "x-event-schema": {"$ref": "#/components/schemas/ChatCompletionChunk"},
    "examples": {"chunks": {"value": 'data: {"object":"chat.completion.chunk", …}\n\ndata: [DONE]\n\n'}},
}
"""Without a schema, which would be that of the whole stream as one text."""


@router.post(
    "/chat/completions",
    operation_id="create_chat_completion",
    response_model=ChatCompletion,
    responses={
        200: {
            "description": "The answer. With `stream: true` in server-sent events: one `ChatCompletionChunk` an event,"
            " `data: [DONE]` at the end; or an event `error` with the envelope of errors",
            "content": {"text/event-stream": _EVENTS},
        },
        **responses(400, 402, 404, 409, 422, 429, 502, 503, 504),
    },
    openapi_extra=request_body(ChatCompletionCreate, ChatCompletionChunk),
)
async def create_chat_completion(
    request: Request, services: ServicesDep, caller: CallerDep, keyed: KeyedDep
) -> Response:
    """Make one model call, or run a swarm (`model: "swarm/<orchestrator>"`) and wait for its merged answer.

    Besides OpenAI's fields it takes `context` and `thinking`, and answers with `latency_ms` and `usage.cost`. A client
    that leaves ends its model call; a swarm goes on, and its id is in the header `X-Swarm-Id`.
    """
    try:
        body = validate(ChatCompletionCreate, parse(await request.body()))
        body.check()
        answers: ModelAnswers | SwarmAnswers
        if body.model.startswith(PREFIX):
            answers = await SwarmAnswers.to(services, caller, keyed, body)
        else:
            answers = ModelAnswers(services, caller, keyed, body)
        # Whole answers are watched too: who waits no longer should not hold a slot.
        return EventStream(answers.write if body.stream else answers.whole, services.slow_client_s)
    except EXPECTED as exc:
        return failure(exc)


@router.get("/models", operation_id="list_models", response_model=ModelList)
async def list_models(services: ServicesDep, caller: CallerDep) -> Response:
    """List the model names that requests may use, the tenant's orchestrators (`swarm/<name>`) among them."""
    data = [_model(name) async for name in _names(services, caller)]
    return json_response({"object": "list", "data": data})


@router.get(
    "/models/{model:path}",
    operation_id="get_model",
    response_model=Model,
    responses=responses(404, 422),
)
async def get_model(
    services: ServicesDep, caller: CallerDep, model: Annotated[str, Path(min_length=1, max_length=300)]
) -> Response:
    """Get one model by its name."""
    try:
        if model.startswith(PREFIX):
            await services.swarm_chat.orchestrator(caller.tenant_id, model)
        else:
            await services.models.resolve(model)
    except UnknownModel as exc:
        return failure(exc)
    return json_response(_model(model))


async def _names(services: Services, caller: Caller) -> AsyncIterator[str]:
    for name in await services.models.names():
        yield name
    cursor: str | None = None
    while True:
        page = await services.agents.list(caller.tenant_id, _AGENTS_LISTED, cursor)
        for agent in page.items:
            yield PREFIX + agent.name
        cursor = page.next_cursor
        if cursor is None:
            return


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "swarmd"}
