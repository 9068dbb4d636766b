"""Tools on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

from app.domain.agent import tool_name
from app.domain.errors import InvalidRequest
from app.ports.tools import Tool, Tools

ToolIn = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64})] | dict[str, Any]
"""A tool's name, or an object that names one, as OpenAI's or an MCP client's."""


class ToolOut(BaseModel):
    name: str
    description: str
    parameters: dict[str, Any] = Field(description="JSON Schema of the arguments")
    available: bool
    reason: str | None = Field(description="Why it is not available here")
    timeout_s: float
    max_output_chars: int
    concurrency: int = Field(
        description="Runs at once in this process; a further one waits for its turn, and that time is the sub-agent's"
    )


class ToolList(BaseModel):
    items: list[ToolOut]
    next_cursor: str | None = None


def tool_json(tool: Tool) -> dict[str, Any]:
    spec, reason = tool.spec, tool.unavailable()
    return {
        "name": spec.name,
        "description": spec.description,
        "parameters": dict(spec.parameters),
        "available": reason is None,
        "reason": reason,
        "timeout_s": spec.timeout_s,
        "max_output_chars": spec.max_output_chars,
        "concurrency": spec.concurrency,
    }


def tool_names(given: list[ToolIn], pointer: str) -> list[str]:
    """Return the names, each once.

    Raises:
        InvalidRequest: an entry that names none.
    """
    names: dict[str, None] = {}
    for index, tool in enumerate(given):
        name = tool_name(tool)
        if not isinstance(name, str) or not 0 < len(name) <= 64:
            raise InvalidRequest.field(f"{pointer}/{index}", "expected the name of a tool, 1-64 characters")
        names[name] = None
    return list(names)


def tool_warnings(names: list[str], tools: Tools) -> list[str]:
    """Return a warning for each tool that cannot be used here."""
    warnings = []
    for name in names:
        tool = tools.find(name)
        reason = "this version does not have it" if tool is None else tool.unavailable()
        if reason is not None:
            warnings.append(f"tool {name!r} is not available: {reason}")
    return warnings
