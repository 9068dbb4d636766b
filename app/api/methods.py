"""Which methods a path takes: what ``Allow`` says in an answer with 405 (RFC 9110, section 10.2.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fastapi import APIRouter
from fastapi.routing import APIRoute

_PARAMETER = re.compile(r"\{[^}]*\}")


def methods_at(routers: Sequence[APIRouter]) -> Callable[[str], str | None]:
    """Return a function from a path to the methods of its resource, as ``Allow`` lists them; None of an unknown path.

    Starlette alone names those of the first route it meets, and each of ours has one. Of several templates that match
    (a task's id may hold slashes) the resource is the one with the most fixed text.
    """
    found: dict[str, tuple[re.Pattern[str], set[str]]] = {}
    for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
        found.setdefault(route.path_format, (route.path_regex, set()))[1].update(route.methods or ())
    by_fixed_text = sorted(found, key=lambda template: len(_PARAMETER.sub("", template)), reverse=True)

    def allowed(path: str) -> str | None:
        for template in by_fixed_text:
            pattern, methods = found[template]
            if pattern.match(path):
                return ", ".join(sorted(methods))
        return None

    return allowed
