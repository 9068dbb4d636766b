"""Request bodies: strict JSON, then a pydantic model; every error names the field by its RFC 6901 pointer.

Python's and pydantic's own parsers let NaN, 1e999 or lone surrogates through, orjson rounds long integers; what cannot
be stored and sent again as UTF-8 JSON, unchanged, is refused here, before anything sees it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable
from itertools import chain
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.api.deps import services_of
from app.domain.errors import FieldError, InvalidRequest

Model = TypeVar("Model", bound=BaseModel)

_MAX_ERRORS = 50
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_LONG_INTEGER = b"0" * 19
"""Only bodies that hold so many digits in a row are walked through in search of an integer that does not fit."""

_MAX_INTEGER = 2**63

_NUL = b"\\u0000"
"""The only way in which JSON writes it."""

_MAX_NESTING = 100
"""Far above what people write, and far enough below the 254 levels that orjson writes: a value that is accepted here is
stored, and sent again, inside further objects."""


class MalformedJson(InvalidRequest):
    """The body is not JSON at all; there is no field to point at."""

    code = "malformed_json"


def parse(body: bytes) -> Any:
    """Return the JSON value of ``body``.

    Raises:
        MalformedJson: not JSON, not UTF-8, NaN or Infinity, lone surrogates, more than 1,024 levels of nesting.
        InvalidRequest: more than 100 levels, a number that no 64-bit integer holds, or a text with the character NUL,
            which not every database stores.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise MalformedJson(f"the body is not valid JSON: {exc}") from exc
    if body.count(b"[") + body.count(b"{") > _MAX_NESTING:
        _refuse_deep(value)
    if _LONG_INTEGER in body.translate(_DIGITS_ALIKE):  # a regular expression takes 14 times as long
        _refuse_long_integers(json.loads(body), "")  # orjson makes a rounded float of an integer above 64 bits
    if _NUL in body:
        _refuse_nul(value, "")
    return value


def _refuse_nul(value: Any, pointer: str) -> None:
    """As ``_refuse_long_integers``; what was found in the body may also be a backslash with letters behind it."""
    if isinstance(value, str) and "\0" in value:
        raise InvalidRequest.field(pointer, "holds the character NUL (U+0000), which cannot be stored")
    for key, item in _members(value):
        _refuse_nul(str(key), f"{pointer}/{escape(str(key))}")
        _refuse_nul(item, f"{pointer}/{escape(str(key))}")


def _refuse_long_integers(value: Any, pointer: str) -> None:
    """The nesting is bounded by now, so recursion is safe."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_long_integers(item, f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_long_integers(item, f"{pointer}/{index}")
    elif isinstance(value, int) and not -_MAX_INTEGER <= value < _MAX_INTEGER:
        raise InvalidRequest.field(pointer, "expected an integer of at most 64 bits")


def _refuse_deep(value: Any) -> None:
    """Iterative: the parser lets more levels through than Python's stack holds."""
    level = [value]
    for _ in range(_MAX_NESTING):
        members = chain.from_iterable(box.values() if type(box) is dict else box for box in level)
        level = [item for item in members if type(item) is dict or type(item) is list]
        if not level:
            return
    _raise_at_depth(value)


def _raise_at_depth(value: Any) -> None:
    """Name the first part that is nested too deeply."""
    path: list[str] = []
    levels = [_members(value)]
    while levels:
        for key, item in levels[-1]:
            if isinstance(item, (dict, list)):
                path.append(str(key))
                levels.append(_members(item))
                break
        else:
            levels.pop()
            del path[-1:]
        if len(levels) > _MAX_NESTING:
            pointer = "".join(f"/{escape(key)}" for key in path[:3])
            raise InvalidRequest.field(pointer, f"nested more than {_MAX_NESTING} levels deep")


def _members(value: Any) -> Iterable[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else iter(())


def escape(key: str) -> str:
    """Return ``key`` as one reference token of a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def validate(model: type[Model], value: Any) -> Model:
    """Return ``value`` as ``model``.

    Raises:
        InvalidRequest: with one entry for each wrong field, 50 at most.
    """
    for _ in range(_MAX_ERRORS):
        try:
            return model.model_validate(value)
        except ValidationError as exc:
            found = exc
        if not _make_integers(found, value):
            break
    errors = field_errors(found, value)
    raise InvalidRequest(f"{errors[0].pointer or 'the body'}: {errors[0].detail}", errors)


def _make_integers(exc: ValidationError, value: Any) -> bool:
    """Make integers of the whole numbers (``3.0``) that were refused for a fraction; return whether there were any.

    To JSON, and to JSON Schema, both are the same number; some clients can write the one only.
    """
    found = False
    for error in exc.errors(include_url=False, include_context=False):
        given = error["input"]
        if error["type"] == "int_type" and type(given) is float and given.is_integer() and abs(given) < _MAX_INTEGER:
            found = _replace(value, error["loc"], int(given)) or found
    return found


def _replace(value: Any, location: tuple[int | str, ...], number: int) -> bool:
    """Put ``number`` where pydantic's location points to, members of unions left out; return whether it did."""
    holder: Any = None
    key: Any = None
    for part in location:
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int)):
            holder, key = value, part
            value = holder[key]
    if holder is None or type(value) is not float or value != number:
        return False
    holder[key] = number
    return True


def field_errors(exc: ValidationError, value: Any) -> list[FieldError]:
    """Return one entry for each wrong field of ``value``, 50 at most; what a union's members say of it is one entry."""
    found: dict[str, str] = {}
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        pointer = _pointer(error["loc"], value, missing=error["type"] == "missing")
        said = found.get(pointer)
        found[pointer] = error["msg"] if said is None else f"{said}, or: {error['msg']}"
    first = list(found.items())[:_MAX_ERRORS]
    # A union's other members complain of the whole object, beside the one that names the field inside it.
    return [
        FieldError(pointer, detail)
        for pointer, detail in first
        if not any(other.startswith(f"{pointer}/") for other, _ in first)
    ]


def _pointer(location: tuple[int | str, ...], value: Any, *, missing: bool) -> str:
    """Follow pydantic's location through ``value``; it also names the members of unions, which no client has sent."""
    pointer = ""
    for position, part in enumerate(location):
        if isinstance(value, dict):
            if part not in value and not (missing and position == len(location) - 1):
                continue
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            continue
        pointer += f"/{escape(str(part))}"
    return pointer


def _refuse_too_many(value: Any, max_tasks: int) -> None:
    """Count the tasks of a body before they are built: 32 MiB hold ten million, and a million take 1.7 GB."""
    tasks = value.get("tasks") if isinstance(value, dict) else None
    if isinstance(tasks, list) and len(tasks) > max_tasks:
        raise InvalidRequest.field("/tasks", f"{len(tasks)} tasks; at most {max_tasks} are taken")


def body_of(model: type[Model]) -> Callable[[Request], Coroutine[Any, Any, Model]]:
    """Return a dependency that reads and checks the body of the request."""

    async def read(request: Request) -> Model:
        return validate(model, await value_of(request))

    return read


async def value_of(request: Request) -> Any:
    """Return the JSON value of the request's body, which has no more tasks than are taken; a dependency, too."""
    value = parse(await request.body())
    _refuse_too_many(value, (await services_of(request)).caps.max_tasks)
    return value
