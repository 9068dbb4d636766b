"""Orchestrators: what a client configures once and then hands work to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

BUILT_IN_TOOLS = (
    "code_interpreter",
    "file_reader",
    "web_search",
    "http_fetch",
    "memory_read",
    "memory_write",
    "send_message",
    "receive_messages",
    "save_artifact",
)

MEMORY_TOOLS = ("memory_read", "memory_write")

DEFAULT_NAME = "default"
"""The orchestrator of calls that name none."""

RESERVED_NAMES = frozenset(
    {"create", "execute", "batch-execute", "barrier-execute", "barrier-status", "clear-memory", "agents", ".", ".."}
)
"""Names that would collide with a path under ``/v1/agents``; clients take dot segments out of a path."""

_BARRIER_NUMBER = re.compile(r"^(.*?)(\d{1,15})$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """An orchestrator as configured.

    Attributes:
        tools: as the client gave them: names, or objects that name one.
        max_parallel_agents: sub-agents at once, over all its running work together.
        timeout_per_agent: seconds an attempt may take.
        aggregation_strategy: canonical name.
        async_result_fetch: batches answer at once; the client fetches ``results`` later.
    """

    model: str
    system_prompt: str | None = None
    tools: list[Any] = field(default_factory=list)
    max_parallel_agents: int = 100
    timeout_per_agent: float = 30.0
    aggregation_strategy: str = "none"
    shared_memory: bool = False
    async_result_fetch: bool = False
    retry_on_timeout: bool = True
    max_retries: int = 3

    def tool_names(self) -> list[str]:
        """Return the names in ``tools``, and of those for the shared memory where it is on; each once."""
        names = [name for tool in self.tools if isinstance(name := tool_name(tool), str)]
        return list(dict.fromkeys([*names, *(MEMORY_TOOLS if self.shared_memory else ())]))


def tool_name(tool: str | dict[str, Any]) -> Any:
    """Return the name a tool entry carries: itself, its ``name``, its function's name, or its ``type``."""
    if isinstance(tool, str):
        return tool
    function = tool.get("function")
    return tool.get("name") or (function.get("name") if isinstance(function, dict) else None) or tool.get("type")


@dataclass(frozen=True, slots=True)
class BarrierName:
    """A barrier's name taken apart: ``phase_12`` is prefix ``phase_`` and number 12; plain digits are ``barrier_N``."""

    name: str
    prefix: str
    number: int | None

    @classmethod
    def parse(cls, barrier_id: str) -> BarrierName:
        name = f"barrier_{barrier_id}" if barrier_id.isascii() and barrier_id.isdigit() else barrier_id
        match = _BARRIER_NUMBER.match(name)
        if match is None:
            return cls(name, name, None)
        return cls(name, match[1], int(match[2]))
