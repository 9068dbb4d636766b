"""What every operation of the OpenAPI document has in common: the key it needs, and the errors of the way to a route.

Routes declare only the errors that are their own; the statuses of the gate, of the limits and of the parsers follow
from method, path and parameters, by the functions that decide on them at run time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.api.deps import admin_of, operator_of
from app.api.errors import PROBLEM_JSON, describe, is_openai_path, problem
from app.api.middleware import PUBLIC_PATHS, needed_scope

Json = dict[str, Any]

SECURITY_SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "sk-swarmd-…",
        "description": "A key of `swarmd keys create` or `POST /v1/keys`. Its scopes are `read`, `run` and `admin`; an"
        " operation lists the one it needs, and `admin` may do all. While no key exists and the service listens on a"
        " loopback address, requests of this machine need none.",
    }
}

_EXAMPLES = {
    400: ("malformed_json", "the body is not valid JSON: unexpected end of data: line 1 column 8 (char 7)"),
    401: ("unauthorized", "send a valid key as Authorization: Bearer <key>"),
    402: (
        "insufficient_credits",
        "the tenant 'acme' has 0 USD of credits; the operator adds some with"
        " POST /v1/credits or swarmd credits add --tenant acme; then send the request again",
    ),
    403: (
        "forbidden",
        "this key lacks the scope 'run'; send one that has it, or have an admin of your tenant mint one",
    ),
    404: ("not_found", "no swarm 'swm_01KDYX8Q8M5R7W0E0G6T9V2A3B'"),
    409: ("conflict", "the swarm has ended"),
    412: ("precondition_failed", "it has another version by now; read it again"),
    413: ("body_too_large", "the body is above 33554432 bytes; send the work in several requests"),
    422: ("invalid_request", "/limit: Input should be less than or equal to 1000"),
    429: ("rate_limit", "rate_limit: this key may make 60 requests a minute"),
    500: ("internal", "a fault of the service; see its log"),
    502: ("unavailable", "the provider answered 500"),
    503: ("draining", "the service is stopping; send the request again once it is back"),
    504: ("timeout", "no answer within 300 s"),
}
_RETRY_AFTER: Json = {
    "Retry-After": {"description": "Seconds after which to try again", "schema": {"type": "integer", "minimum": 1}}
}
_HEADERS: dict[int, Json] = {
    401: {"headers": {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}},
    429: {"headers": _RETRY_AFTER},
    503: {"headers": _RETRY_AFTER},
}


def secure(operation: Json, route: APIRoute, method: str) -> None:
    """Say which scope of a key an operation needs."""
    operation["security"] = [] if route.path in PUBLIC_PATHS else [{"bearer": [_scope(route, method)]}]


def complete_errors(operation: Json, route: APIRoute) -> None:
    """Add the statuses that come before a route is reached, and refer each error to its ``shared_responses``."""
    responses: Json = operation["responses"]
    for status in _before_the_route(operation, route):
        responses.setdefault(str(status), {})
    kind = "OpenAIError" if is_openai_path(route.path) else "Problem"
    for name, response in responses.items():
        own = PROBLEM_JSON in response.get("content", {})  # a shape of its own
        if int(name) >= 400 and not own:
            responses[name] = {"$ref": f"#/components/responses/{kind}{name}"}
    operation["responses"] = dict(sorted(responses.items()))


def shared_responses() -> Json:
    """Return the ``components.responses`` that operations refer to: each error as a problem, and in OpenAI's form."""
    return {
        f"{kind}{status}": {
            "description": describe(status),
            "content": {media_type: {"schema": {"$ref": f"#/components/schemas/{model}"}, "example": _example(*what)}},
            **_HEADERS.get(status, {}),
        }
        for kind, model, media_type, path in (
            ("Problem", "Problem", PROBLEM_JSON, "/v1/swarms"),
            ("OpenAIError", "OpenAIErrorEnvelope", "application/json", "/v1/models"),
        )
        for status, (code, detail) in _EXAMPLES.items()
        for what in [(path, status, code, detail)]
    }


def _example(path: str, status: int, code: str, detail: str) -> Any:
    return orjson.loads(bytes(problem(path, status, code, detail).body))


def _scope(route: APIRoute, method: str) -> str:
    calls = set(_calls(route.dependant))
    return "admin" if {admin_of, operator_of} & calls else needed_scope(method, route.path)


def _calls(dependant: Dependant) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def _before_the_route(operation: Json, route: APIRoute) -> Iterator[int]:
    yield from (403, 500)  # of any: in local mode public paths, too, answer to this machine only
    if route.path not in PUBLIC_PATHS:
        yield from (401, 429, 503)
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        yield from (413, 422)
    if "application/json" in content:
        yield 400
    if operation.get("parameters"):
        yield 422
