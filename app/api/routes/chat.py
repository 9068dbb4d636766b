"""``/v1/chat/completions`` and ``/v1/models``: what any OpenAI SDK expects, its error envelope included."""

from __future__ import annotations

import math
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.api.deps import CallerDep, ServicesDep, json_response
from app.api.errors import openai_error
from app.api.idempotency import KeyedDep, answer_of, reply
from app.api.openapi import request_body
from app.api.schemas.chat import (
    ChatCompletion,
    ChatCompletionCreate,
    ModelList,
    OpenAIErrorEnvelope,
    completion_json,
)
from app.api.strict_json import parse, validate
from app.domain.errors import InvalidRequest
from app.domain.ids import make_id
from app.ports.idempotency import Answer
from app.ports.provider import (
    AuthenticationRejected,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    Refused,
    Unavailable,
    UnknownModel,
)

router = APIRouter(prefix="/v1", tags=["gateway"])

_TIMEOUT_S = 300.0
_RATE_LIMIT = "rate_limit"


def _responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": OpenAIErrorEnvelope} for status in statuses}


@router.post(
    "/chat/completions",
    operation_id="create_chat_completion",
    response_model=ChatCompletion,
    responses=_responses(400, 404, 409, 422, 429, 502, 503, 504),
    openapi_extra=request_body(ChatCompletionCreate),
)
async def create_chat_completion(
    request: Request, services: ServicesDep, caller: CallerDep, keyed: KeyedDep
) -> Response:
    """Make one model call. Besides OpenAI's fields it takes `context` and `thinking`, and answers with `latency_ms`
    and `usage.cost`."""

    async def give() -> Answer:
        completion = await services.chat.complete(
            body.model, body.to_domain(_TIMEOUT_S), tenant_id=caller.tenant_id, key_id=caller.key_id
        )
        now_ms = services.clock.now_ms()
        completion_id = make_id("chatcmpl-", now_ms, services.entropy.bits(80))
        return answer_of(completion_json(completion_id, now_ms // 1000, completion), 200)

    try:
        body = validate(ChatCompletionCreate, parse(await request.body()))
        if body.stream:
            raise InvalidRequest.field("/stream", "this version answers whole; leave stream out or set it to false")
        return reply(await services.idempotency.answer(keyed, give))
    except InvalidRequest as exc:
        param = exc.errors[0].pointer.lstrip("/") if exc.errors else None
        return _error(400, exc.detail, "invalid_request_error", code=exc.code, param=param)
    except UnknownModel as exc:
        return _error(404, exc.detail, "invalid_request_error", code="model_not_found", param="model")
    except ProviderError as exc:
        return _provider_error(exc)


@router.get("/models", operation_id="list_models", response_model=ModelList)
async def list_models(services: ServicesDep, caller: CallerDep) -> Response:
    """List the model names that requests may use."""
    data = [
        {"id": name, "object": "model", "created": 0, "owned_by": "swarmd"} for name in await services.models.names()
    ]
    return json_response({"object": "list", "data": data})


def _provider_error(exc: ProviderError) -> Response:
    if isinstance(exc, RateLimited):
        message = exc.message if _RATE_LIMIT in exc.message else f"{_RATE_LIMIT}: {exc.message}"
        return _error(429, message, "rate_limit_error", code=_RATE_LIMIT, retry_after_s=exc.retry_after_s)
    if isinstance(exc, QuotaExhausted):
        return _error(429, exc.message, "insufficient_quota", code="insufficient_quota")
    if isinstance(exc, ProviderTimeout):
        return _error(504, exc.message, "api_error", code=exc.kind)
    if isinstance(exc, Refused) and exc.status is not None and exc.status < 500:
        return _error(400, exc.message, "invalid_request_error", code=exc.kind)
    if isinstance(exc, Unavailable) and exc.retry_after_s is not None:
        return _error(503, exc.message, "api_error", code=exc.kind, retry_after_s=exc.retry_after_s)
    if isinstance(exc, AuthenticationRejected):
        # The client's own key is fine; it is the operator's key for the provider that is not.
        return _error(502, "the provider rejected the service's key", "api_error", code=exc.kind)
    return _error(502, exc.message, "api_error", code=exc.kind)


def _error(
    status: int,
    message: str,
    kind: str,
    *,
    code: str | None,
    param: str | None = None,
    retry_after_s: float | None = None,
) -> Response:
    headers = {} if retry_after_s is None else {"Retry-After": f"{max(math.ceil(retry_after_s), 1)}"}
    return Response(openai_error(message, kind, code=code, param=param), status, headers, "application/json")
