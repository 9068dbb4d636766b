"""``/v1/tools``: what sub-agents can do (contract, section 7)."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from app.api.deps import CallerDep, ServicesDep, json_response
from app.api.schemas.tools import ToolList, tool_json

router = APIRouter(prefix="/v1/tools", tags=["account"])


@router.get("", operation_id="list_tools", response_model=ToolList)
async def list_tools(services: ServicesDep, caller: CallerDep) -> Response:
    """List the tools with their parameters, whether they can be used here, and why not."""
    items = [tool_json(tool) for tool in services.tools.all()]
    return json_response({"items": items, "next_cursor": None})
