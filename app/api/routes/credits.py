"""``/v1/credits``: what tenants have prepaid (contract, section 7)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from app.api.auditing import note
from app.api.deps import CallerDep, Limit, OperatorDep, ServicesDep, cursor_query, json_response
from app.api.errors import responses
from app.api.openapi import request_body
from app.api.schemas.credits import CreditAccount, CreditAdd, CreditEntryAdded, account_json, entry_json
from app.api.strict_json import body_of
from app.domain.errors import NotFound

router = APIRouter(prefix="/v1/credits", tags=["account"])

CreditCursor = Annotated[str | None, cursor_query("^[0-9]{1,18}$")]


@router.get("", operation_id="get_credits", response_model=CreditAccount, responses=responses(404, 422, 503))
async def get_credits(
    services: ServicesDep,
    caller: CallerDep,
    tenant_id: Annotated[str | None, Query(max_length=200, description="Another tenant: the operator only")] = None,
    limit: Limit = 100,
    cursor: CreditCursor = None,
) -> Response:
    """Show what is left of the prepaid credits, and the ledger: its rows add up to `balance_usd`.

    Rows are only ever added: free credits (`opening`), top-ups, corrections, and every hour what was used since the
    last such row. While `enabled`, a start with nothing left is a 402 and a run that comes to the end of the credits
    pauses until there are more.
    """
    tenant = tenant_id or caller.tenant_id
    if tenant != caller.tenant_id and not caller.is_operator:
        raise NotFound("tenant", tenant)
    # The reservation first: what becomes usage between the two reads is counted twice rather than not at all.
    reserved_nano_usd = await services.reserved_nano_usd(tenant)
    # A tenant that looks before it starts anything sees its free credits; no other name begins a ledger.
    begin = services.credits_enabled and tenant == caller.tenant_id
    standing = await services.credits.standing(tenant, begin=begin)
    page = await services.credits.list(tenant, limit=limit, cursor=cursor)
    return json_response(account_json(tenant, standing, reserved_nano_usd, page, enabled=services.credits_enabled))


@router.post(
    "",
    status_code=201,
    operation_id="add_credits",
    response_model=CreditEntryAdded,
    responses={
        **responses(400, 403, 409, 413, 422, 503),
        200: {"model": CreditEntryAdded, "description": "The reference was there already; nothing was added"},
    },
    openapi_extra=request_body(CreditAdd),
)
async def add_credits(
    request: Request,
    caller: OperatorDep,
    services: ServicesDep,
    body: Annotated[CreditAdd, Depends(body_of(CreditAdd))],
) -> Response:
    """Add to a tenant's credits; paused work goes on at once.

    Only for the operator: an `admin` key of the tenant `default`. A tenant's own `admin` cannot top itself up. What a
    payment provider's webhook handler calls, with the payment's id as `reference`: delivered twice, it counts once.
    """
    row, is_new = await services.credits.add(
        body.tenant_id, body.amount_usd, body.reference, note=body.note, by=caller.key_id
    )
    note(request, body.tenant_id, {"amount_usd": str(body.amount_usd), "reference": body.reference, "new": is_new})
    return json_response(entry_json(row) | {"tenant_id": row.tenant_id}, 201 if is_new else 200)
