"""The OpenAPI document: FastAPI's own, plus the request bodies that ``strict_json`` reads itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

_TEMPLATE = "#/components/schemas/{model}"
_bodies: dict[str, type[BaseModel]] = {}

DESCRIPTION = """
Runs swarms of model-driven sub-agents: post tasks (or a DAG), watch them run in parallel, get every output and one
merged answer. Errors are RFC 9457 problem documents.
"""


def request_body(model: type[BaseModel], *others: type[BaseModel], required: bool = True) -> dict[str, Any]:
    """Return the ``openapi_extra`` of a route whose body is ``model``; ``others`` are only added to the schemas."""
    for named in (model, *others):
        _bodies[named.__name__] = named
    schema = {"$ref": _TEMPLATE.format(model=model.__name__)}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def install(app: FastAPI) -> None:
    """Make ``app.openapi()`` complete."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                webhooks=app.webhooks.routes,
            )
            _, definitions = models_json_schema(
                [(model, "validation") for model in _bodies.values()], ref_template=_TEMPLATE
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(definitions.get("$defs", {}))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
