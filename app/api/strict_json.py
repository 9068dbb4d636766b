"""Request bodies: strict JSON, then a pydantic model; every error names the field by its RFC 6901 pointer.

Python's and pydantic's own parsers let NaN, 1e999 or lone surrogates through; what cannot be stored and sent again as
UTF-8 JSON is refused here, before anything sees it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.domain.errors import FieldError, InvalidRequest

Model = TypeVar("Model", bound=BaseModel)

_MAX_ERRORS = 50
_SUSPICIOUS = re.compile(rb"\d{16}|[eE][+]?\d{3}")
"""Numbers that may not fit: only bodies that hold one are walked through."""

_MAX_INTEGER = 2**63


class MalformedJson(InvalidRequest):
    """The body is not JSON at all; there is no field to point at."""

    code = "malformed_json"


def parse(body: bytes) -> Any:
    """Return the JSON value of ``body``.

    Raises:
        MalformedJson: not JSON, not UTF-8, nested too deeply, NaN or Infinity, lone surrogates.
        InvalidRequest: a number that no double or 64-bit integer holds.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise MalformedJson(f"the body is not valid JSON: {exc}") from exc
    if _SUSPICIOUS.search(body):
        _refuse_unstorable(value, "")
    return value


def _refuse_unstorable(value: Any, pointer: str) -> None:
    """The nesting is bounded by the parser (1,024 levels), so recursion is safe."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(item, f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unstorable(item, f"{pointer}/{index}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidRequest.field(pointer, "expected a number that fits a double")
    elif isinstance(value, int) and not isinstance(value, bool) and not -_MAX_INTEGER <= value < _MAX_INTEGER:
        raise InvalidRequest.field(pointer, "expected an integer of at most 64 bits")


def escape(key: str) -> str:
    """Return ``key`` as one reference token of a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def validate(model: type[Model], value: Any) -> Model:
    """Return ``value`` as ``model``.

    Raises:
        InvalidRequest: with one entry for each wrong field, 50 at most.
    """
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        errors = field_errors(exc)
    raise InvalidRequest(f"{errors[0].pointer or 'the body'}: {errors[0].detail}", errors[:_MAX_ERRORS])


def field_errors(exc: ValidationError) -> list[FieldError]:
    found = []
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        pointer = "".join(f"/{escape(str(part))}" for part in error["loc"])
        found.append(FieldError(pointer, error["msg"]))
    return found


def body_of(model: type[Model]) -> Callable[[Request], Coroutine[Any, Any, Model]]:
    """Return a dependency that reads and checks the body of the request."""

    async def read(request: Request) -> Model:
        return validate(model, parse(await request.body()))

    return read
