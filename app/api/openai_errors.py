"""What becomes of a failed chat completion on the wire: OpenAI's error envelope, and when its SDKs are to try again."""

from __future__ import annotations

import math

from fastapi.responses import Response

from app.api.errors import openai_error
from app.domain.errors import InvalidRequest, SwarmdError
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
from app.services.swarm_chat import NoMergedAnswer, RunStuck

RATE_LIMIT = "rate_limit"

EXPECTED = (InvalidRequest, UnknownModel, ProviderError, NoMergedAnswer, RunStuck)
"""Failures that ``failure`` knows."""

_NEVER_AGAIN = {"x-should-retry": "false"}
"""OpenAI's SDKs try a 429 and any 5xx again, twice, unless this header of OpenAI's own says otherwise."""


def failure(exc: Exception) -> Response:
    """Return the answer to a request that ended with one of ``EXPECTED``."""
    if isinstance(exc, InvalidRequest):
        param = exc.errors[0].pointer.lstrip("/") if exc.errors else None
        return _error(400, exc.detail, "invalid_request_error", code=exc.code, param=param)
    if isinstance(exc, UnknownModel):
        return _error(404, exc.detail, "invalid_request_error", code="model_not_found", param="model")
    if isinstance(exc, RunStuck):
        return _error(429, exc.detail, "insufficient_quota", code=exc.code, headers=_NEVER_AGAIN)
    if isinstance(exc, SwarmdError):
        # Tried again it would be another run, paid for again.
        return _error(502, exc.detail, "api_error", code=exc.code, headers=_NEVER_AGAIN)
    assert isinstance(exc, ProviderError)
    return _provider_error(exc)


def _provider_error(exc: ProviderError) -> Response:
    if isinstance(exc, RateLimited):
        message = exc.message if RATE_LIMIT in exc.message else f"{RATE_LIMIT}: {exc.message}"
        return _error(429, message, "rate_limit_error", code=RATE_LIMIT, headers=_wait(exc))
    if isinstance(exc, QuotaExhausted):
        return _error(429, exc.message, "insufficient_quota", code="insufficient_quota", headers=_NEVER_AGAIN)
    if isinstance(exc, ProviderTimeout):
        return _error(504, exc.message, "api_error", code=exc.kind)
    if isinstance(exc, Refused) and exc.status is not None and exc.status < 500:
        return _error(400, exc.message, "invalid_request_error", code=exc.kind)
    if isinstance(exc, Unavailable) and exc.retry_after_s is not None:
        return _error(503, exc.message, "api_error", code=exc.kind, headers=_wait(exc))
    if isinstance(exc, AuthenticationRejected):
        # The client's own key is fine; it is the operator's key for the provider that is not.
        message = "the provider rejected the service's key"
        return _error(502, message, "api_error", code=exc.kind, headers=_NEVER_AGAIN)
    return _error(502, exc.message, "api_error", code=exc.kind)


def _wait(exc: ProviderError) -> dict[str, str]:
    return {} if exc.retry_after_s is None else {"Retry-After": f"{max(math.ceil(exc.retry_after_s), 1)}"}


def _error(
    status: int,
    message: str,
    kind: str,
    *,
    code: str | None,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    return Response(openai_error(message, kind, code=code, param=param), status, headers, "application/json")
