"""The OpenAPI document: FastAPI's own, made complete.

FastAPI does not know the request bodies that ``strict_json`` reads itself, what stands between a client and a route,
and that a query or a header cannot be null.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api.errors import Problem
from app.api.openapi_errors import SECURITY_SCHEMES, Json, complete_errors, secure, shared_responses
from app.api.schemas.chat import OpenAIErrorEnvelope

_TEMPLATE = "#/components/schemas/{model}"
_bodies: dict[str, type[BaseModel]] = {model.__name__: model for model in (Problem, OpenAIErrorEnvelope)}

DESCRIPTION = Path(__file__).with_name("guide.md").read_text(encoding="utf-8")
"""What stands above all calls at ``/docs``; the README's test runs what it shows."""

TAGS = [
    {"name": name, "description": description}
    for name, description in (
        ("swarms", "Runs: start, watch, steer, results"),
        ("agents", "Orchestrators, and work handed to them: spawn, execute, batches, barriers"),
        ("gateway", "OpenAI-compatible model calls; errors have the envelope of OpenAI"),
        ("streams", "Tickets for the WebSocket streams, which `/asyncapi.json` describes"),
        ("graphs", "Saved graphs"),
        ("files", "Uploads for sub-agents to read"),
        ("artifacts", "Files that sub-agents saved"),
        ("memory", "Shared memory of orchestrators"),
        ("messages", "The message bus of a run"),
        ("webhooks", "Messages to receivers of yours"),
        ("account", "Keys, credits, usage, prices, roles, tools, audit"),
        ("operations", "Is it alive, is it ready, what does it measure"),
    )
]


def request_body(model: type[BaseModel], *others: type[BaseModel], required: bool = True) -> dict[str, Any]:
    """Return the ``openapi_extra`` of a route whose body is ``model``; ``others`` are only added to the schemas."""
    for named in (model, *others):
        _bodies[named.__name__] = named
    schema = {"$ref": _TEMPLATE.format(model=model.__name__)}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def install(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Make ``app.openapi()`` complete; ``routers`` are those of the app whose routes the document lists."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                webhooks=app.webhooks.routes,
                tags=TAGS,
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
                servers=[{"url": "/", "description": "Where this document is served; by default port 8000"}],
            )
            _complete(document, routers)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: Json, routers: Sequence[APIRouter]) -> None:
    _, definitions = models_json_schema([(model, "validation") for model in _bodies.values()], ref_template=_TEMPLATE)
    components: Json = document.setdefault("components", {})
    schemas: Json = components.setdefault("schemas", {})
    schemas.update(definitions.get("$defs", {}))
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = SECURITY_SCHEMES
    components["responses"] = shared_responses()
    examples: Json = orjson.loads(Path(__file__).with_name("examples.json").read_bytes())
    for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
        for method in sorted(route.methods or ()):
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:  # some are left out by settings
                secure(operation, route, method)
                complete_errors(operation, route)
                _add_examples(operation, examples.get(operation["operationId"], {}))
                for parameter in operation.get("parameters", ()):
                    parameter["schema"] = _without_null(parameter["schema"])
    for item in document.get("webhooks", {}).values():
        item["post"]["responses"].pop("422", None)  # what receivers answer is their own affair


def _add_examples(operation: Json, recorded: Json) -> None:
    """Add what ``scripts/lib/examples.py`` sent and was answered."""
    if "request" in recorded:
        operation["requestBody"]["content"]["application/json"]["example"] = recorded["request"]
    if "response" in recorded:
        operation["responses"][str(recorded["status"])]["content"]["application/json"]["example"] = recorded["response"]


def _without_null(schema: Json) -> Json:
    """A parameter is left out; it cannot be sent as null."""
    members = [member for member in schema.get("anyOf", ()) if member != {"type": "null"}]
    if len(members) != 1:
        return schema
    return {**{key: value for key, value in schema.items() if key != "anyOf"}, **members[0]}
