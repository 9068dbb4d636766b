"""``/v1/audit``: who did what, for the admins of a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.deps import AdminDep, Cursor, Limit, ServicesDep, json_response
from app.api.errors import responses
from app.api.schemas.audit import AuditPage, audit_json
from app.api.schemas.times import moment_ms
from app.ports.audit import AuditFilter

router = APIRouter(prefix="/v1/audit", tags=["account"])


@router.get("", operation_id="list_audit", response_model=AuditPage, responses=responses(403, 422, 503))
async def list_audit(
    services: ServicesDep,
    caller: AdminDep,
    action: Annotated[
        str | None, Query(max_length=100, description="One action, or what stands before its dot: `key`, `key.created`")
    ] = None,
    key_id: Annotated[str | None, Query(max_length=100, description="What was done with this key")] = None,
    since: Annotated[datetime | None, Query(description="RFC 3339, included")] = None,
    until: Annotated[datetime | None, Query(description="RFC 3339, excluded")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List what was done by whom, newest first: keys, credits, prices, roles, orchestrators, steering of runs.

    Each row was written before the request that it tells of was answered; requests that were refused are not in it.
    Rows go after `SWARMD_AUDIT_DAYS`.
    """
    where = AuditFilter(action=action, actor=key_id, from_ms=moment_ms(since), until_ms=moment_ms(until))
    page = await services.audit.list(caller.tenant_id, where, limit=limit, cursor=cursor)
    return json_response({"items": [audit_json(row) for row in page.items], "next_cursor": page.next_cursor})
