"""``/v1/audit``: who did what, for the admins of a tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.deps import AdminDep, Limit, ServicesDep, id_cursor, json_response
from app.api.errors import responses
from app.api.schemas.audit import AuditPage, audit_json
from app.api.schemas.times import Moment, moment_ms
from app.domain.ids import AUDIT_PREFIX
from app.ports.audit import AuditFilter

router = APIRouter(prefix="/v1/audit", tags=["account"])

AuditCursor = Annotated[str | None, id_cursor(AUDIT_PREFIX)]


@router.get("", operation_id="list_audit", response_model=AuditPage, responses=responses(403, 422, 503))
async def list_audit(
    services: ServicesDep,
    caller: AdminDep,
    action: Annotated[
        str | None, Query(max_length=100, description="One action, or what stands before its dot: `key`, `key.created`")
    ] = None,
    key_id: Annotated[str | None, Query(max_length=100, description="What was done with this key")] = None,
    since: Annotated[Moment | None, Query(description="RFC 3339, included")] = None,
    until: Annotated[Moment | None, Query(description="RFC 3339, excluded")] = None,
    limit: Limit = 100,
    cursor: AuditCursor = None,
) -> Response:
    """List what was done by whom, newest first: keys, credits, prices, roles, orchestrators, steering of runs.

    Each row was written before the request that it tells of was answered; requests that were refused are not in it.
    Rows go after `SWARMD_AUDIT_DAYS`.
    """
    where = AuditFilter(action=action, actor=key_id, from_ms=moment_ms(since), until_ms=moment_ms(until))
    page = await services.audit.list(caller.tenant_id, where, limit=limit, cursor=cursor)
    return json_response({"items": [audit_json(row) for row in page.items], "next_cursor": page.next_cursor})
