"""Errors on the wire: RFC 9457 ``application/problem+json``, the same shape for every failure; on the paths that the
SDKs of OpenAI call, OpenAI's error envelope.

No stack trace, key or file path leaves: what is not one of our own errors answers 500 with its reference in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.api.strict_json import MalformedJson, escape
from app.domain.errors import (
    Conflict,
    CreditsUsedUp,
    FieldError,
    Forbidden,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    StoreUnavailable,
    SwarmdError,
    UnknownReference,
)

_log = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"

_STATUS: tuple[tuple[type[SwarmdError], int, str], ...] = (
    (MalformedJson, 400, "Malformed JSON"),
    (InvalidRequest, 422, "Invalid request"),
    (CreditsUsedUp, 402, "Payment required"),
    (Forbidden, 403, "Forbidden"),
    (NotFound, 404, "Not found"),
    (Conflict, 409, "Conflict"),
    (PreconditionFailed, 412, "Precondition failed"),
    (StoreUnavailable, 503, "Store unavailable"),
)
_TITLES = {
    400: "Bad request",
    404: "Not found",
    405: "Method not allowed",
    413: "Body too large",
    429: "Too many requests",
    401: "Unauthorized",
    500: "Internal error",
    502: "The model's provider failed",
    504: "The model's provider took too long",
}
_RETRY_AFTER_S = "5"
_OPENAI_PATHS = ("/v1/chat/completions", "/v1/models")
_OPENAI_BELOW = "/v1/models/"
_OPENAI_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


class InvalidField(BaseModel):
    pointer: str = Field(description="RFC 6901 JSON pointer into the request", examples=["/tasks/2/depends_on/0"])
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:swarmd:problem:invalid_request"])
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request")
    code: str = Field(description="Stable machine name", examples=["invalid_request"])
    errors: list[InvalidField] | None = Field(None, description="The wrong fields, where there are any")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI ``responses`` of a route's own errors; ``openapi_errors`` adds the bodies and the others."""
    return {status: {"description": describe(status)} for status in statuses}


def is_openai_path(path: str) -> bool:
    """Return whether the SDKs of OpenAI call ``path``: errors have their envelope there."""
    return path in _OPENAI_PATHS or path.startswith(_OPENAI_BELOW)


def describe(status: int) -> str:
    for _, known, title in _STATUS:
        if known == status:
            return title
    return _TITLES.get(status, "Error")


def problem(
    path: str,
    status: int,
    code: str,
    detail: str,
    *,
    title: str | None = None,
    errors: Sequence[FieldError] = (),
    extra: dict[str, Any] | None = None,
) -> Response:
    """Return a problem document as a response, OpenAI's envelope where ``path`` is one of its."""
    headers = {"Retry-After": _RETRY_AFTER_S} if status == 503 else None
    if is_openai_path(path):
        kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        param = errors[0].pointer.lstrip("/") if errors else None
        return Response(openai_error(detail, kind, code=code, param=param), status, headers, "application/json")
    body: dict[str, Any] = {
        "type": f"urn:swarmd:problem:{code}",
        "title": title or describe(status),
        "status": status,
        "detail": detail,
        "instance": path,
        "code": code,
    }
    if errors:
        body["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in errors]
    content = orjson.dumps(body | (extra or {}))
    return Response(content, status, headers, media_type=PROBLEM_JSON)


def openai_error(message: str, kind: str, *, code: str | None, param: str | None) -> bytes:
    """Return OpenAI's error envelope (its API reference, errors)."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def install(app: FastAPI, allowed: Callable[[str], str | None]) -> None:
    """Make every failure of ``app`` a problem document.

    Args:
        allowed: the methods that a path takes, for ``Allow``.
    """

    async def on_swarmd_error(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, SwarmdError)
        status = next((status for kind, status, _ in _STATUS if isinstance(exc, kind)), 500)
        errors = exc.errors if isinstance(exc, InvalidRequest | UnknownReference) else ()
        return problem(request.url.path, status, exc.code, exc.detail, errors=errors)

    async def on_validation_error(request: Request, exc: Exception) -> Response:
        """Query and path parameters; bodies are checked by ``strict_json``."""
        assert isinstance(exc, RequestValidationError)
        errors = [
            FieldError("".join(f"/{escape(str(part))}" for part in error["loc"][1:]), error["msg"])
            for error in exc.errors()
        ]
        detail = f"{errors[0].pointer}: {errors[0].detail}" if errors else "invalid request"
        return problem(request.url.path, 422, InvalidRequest.code, detail, errors=errors)

    async def on_http_exception(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        code = _TITLES.get(exc.status_code, "error").lower().replace(" ", "_")
        response = problem(request.url.path, exc.status_code, code, str(exc.detail))
        response.headers.update(exc.headers or {})
        if exc.status_code == 405 and (methods := allowed(request.url.path)) is not None:
            response.headers["Allow"] = methods
        return response

    async def on_bug(request: Request, exc: Exception) -> Response:
        _log.error("request_crashed", path=request.url.path, method=request.method, exc_info=exc)
        response = problem(
            request.url.path, 500, "internal", "a fault of the service; see its log", title="Internal error"
        )
        response.headers["Connection"] = "close"  # the server will, since Starlette passes the exception on to it
        return response

    app.add_exception_handler(SwarmdError, on_swarmd_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_bug)
