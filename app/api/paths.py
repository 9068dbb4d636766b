"""Paths whose last part is a name of the client's own."""

from __future__ import annotations

from fastapi import Request

from app.domain.errors import InvalidRequest


def whole_path(request: Request) -> None:
    """Refuse a path that ends in a line break, as a dependency.

    Routes are matched by a pattern whose ``$`` also matches before such an end (Starlette, ``compile_path``): what is
    asked of ``name%0A`` would be done to ``name``.

    Raises:
        InvalidRequest: it does.
    """
    if request.scope["path"].endswith("\n"):
        raise InvalidRequest.field("", "the path ends in a line break")
