"""``/v1/roles``: the pool of profiles that sub-agents take on (contract, section 5)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from app.api.deps import CallerDep, ServicesDep, json_response
from app.api.errors import responses
from app.api.openapi import request_body
from app.api.schemas.roles import RoleChanges, RolePage, role_page_json
from app.api.strict_json import body_of

router = APIRouter(prefix="/v1/roles", tags=["account"])


@router.get("", operation_id="list_roles", response_model=RolePage, responses=responses(503))
async def list_roles(services: ServicesDep, caller: CallerDep) -> Response:
    """List the roles by name: the built-in ones, and those that were made or replaced.

    A task's `role` names one; other names are taken, too, but bring no system prompt. A task with `capability_tags` and
    no role gets the role that has most of them, of those the most special one, of those the one with the least load.
    """
    return json_response(role_page_json((await services.roles.pool(caller.tenant_id)).values()))


@router.put(
    "",
    operation_id="update_roles",
    response_model=RolePage,
    responses=responses(400, 413, 422, 503),
    openapi_extra=request_body(RoleChanges),
)
async def update_roles(
    services: ServicesDep, caller: CallerDep, body: Annotated[RoleChanges, Depends(body_of(RoleChanges))]
) -> Response:
    """Make or replace some roles, or remove own ones with null; all of them or, on an error, none.

    They hold for the tenant, from the next run on.
    """
    return json_response(role_page_json((await services.roles.merge(caller.tenant_id, body.to_domain())).values()))
