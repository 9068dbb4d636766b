"""``GET /v1/providers``: breakers, limits and error rates (contract, section 7)."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from app.api.deps import CallerDep, ServicesDep, json_response
from app.api.schemas.providers import ProviderList, providers_json

router = APIRouter(prefix="/v1/providers", tags=["operations"])


@router.get("", operation_id="list_providers", response_model=ProviderList)
async def list_providers(services: ServicesDep, caller: CallerDep) -> Response:
    """Show the providers: breaker, adaptive limit, rates, errors and refusals of each model that was used."""
    return json_response(providers_json(services.providers, services.lanes.snapshot()))
