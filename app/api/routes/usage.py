"""``/v1/usage``: tokens and cost by model, key, day or swarm (contract, section 7); of one run by model."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.deps import CallerDep, Limit, ServicesDep, cursor_query, json_response
from app.api.errors import responses
from app.api.schemas.usage import SwarmUsageOut, UsagePage, day_from, swarm_usage_json, usage_page_json
from app.ports.usage import UsageGroup, UsageQuery

router = APIRouter(prefix="/v1", tags=["account"])

UsageCursor = Annotated[
    str | None, cursor_query(f"^({'|'.join(group.value for group in UsageGroup)}):", max_length=1000)
]

_DAY = r"^\d{4}-\d{2}-\d{2}$"


def _day(name: str, description: str) -> Any:
    return Query(alias=name, pattern=_DAY, json_schema_extra={"format": "date"}, description=description)


@router.get("/usage", operation_id="get_usage", response_model=UsagePage, responses=responses(422))
async def get_usage(
    services: ServicesDep,
    caller: CallerDep,
    group_by: UsageGroup = UsageGroup.MODEL,
    first: Annotated[str | None, _day("from", "First day, UTC")] = None,
    last: Annotated[str | None, _day("to", "Last day, UTC")] = None,
    limit: Limit = 100,
    cursor: UsageCursor = None,
) -> Response:
    """Sum up what was used and what it cost: models and keys by name, days and swarms the newest first.

    A swarm counts on the day it was created, with all it has used since, and no more once it is deleted; the other
    groups count each call on its day and forget none.
    """
    query = UsageQuery(group=group_by, first=day_from(first, "/from"), last=day_from(last, "/to"))
    report = await services.usage.report(caller.tenant_id, query, limit, cursor)
    return json_response(usage_page_json(group_by, report))


@router.get(
    "/swarms/{swarm_id}/usage", operation_id="get_swarm_usage", response_model=SwarmUsageOut, responses=responses(404)
)
async def get_swarm_usage(services: ServicesDep, caller: CallerDep, swarm_id: str) -> Response:
    """Sum up by model what a run has used and what it cost, the dearest first; planners, merges and judges included."""
    return json_response(swarm_usage_json(swarm_id, await services.usage.of_swarm(caller.tenant_id, swarm_id)))
