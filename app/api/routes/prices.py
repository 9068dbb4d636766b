"""``/v1/prices``: what model calls cost (contract, sections 3 and 7)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.api.auditing import note
from app.api.deps import CallerDep, OperatorDep, ServicesDep, json_response
from app.api.errors import responses
from app.api.openapi import request_body
from app.api.schemas.prices import PriceChanges, PriceTableOut, prices_json
from app.api.strict_json import body_of

router = APIRouter(prefix="/v1/prices", tags=["account"])


@router.get("", operation_id="list_prices", response_model=PriceTableOut)
async def list_prices(services: ServicesDep, caller: CallerDep) -> Response:
    """List the prices of the models that are known and of those that were set, in US dollars per million tokens.

    A price set here wins over a configured one, and that over the vendor's in the kept table, which counts only at the
    vendor's own endpoint. Of a vendor's rates by length of the prompt, time of day, kind of token or writing to the
    cache the dearest is kept, so that a budget is never overspent. A model that is not listed has no known price: what
    its calls cost is null.
    """
    return json_response(prices_json(await services.prices.list()))


@router.put(
    "",
    operation_id="update_prices",
    response_model=PriceTableOut,
    responses=responses(400, 403, 413, 422, 503),
    openapi_extra=request_body(PriceChanges),
)
async def update_prices(
    request: Request,
    caller: OperatorDep,
    services: ServicesDep,
    body: Annotated[PriceChanges, Depends(body_of(PriceChanges))],
) -> Response:
    """Set the prices of some models, or remove what was set with null; all of them or, on an error, none.

    Only for the operator: an `admin` key of the tenant `default`, since they hold for the whole service, from the next
    call on; what was billed stays as it is.
    """
    changed = await services.prices.merge(body.to_domain())
    note(request, None, {"models": sorted(body.root)[:100]})
    return json_response(prices_json(changed))
