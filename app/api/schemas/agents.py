"""Orchestrators on the wire (contract, section 2)."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.aggregation import known_strategy
from app.api.schemas.limits import Parallelism
from app.api.schemas.swarms import SummaryOut, summary_json
from app.api.schemas.tasks import MAX_TIMEOUT_S, UsageOut, task_json, usage_json
from app.api.schemas.times import Timestamp
from app.api.schemas.tools import tool_warnings
from app.domain.agent import BUILT_IN_TOOLS, RESERVED_NAMES, AgentConfig, tool_name
from app.domain.errors import InvalidRequest
from app.domain.events import rfc3339
from app.domain.ids import AGENT_PREFIX, sub_agent_id
from app.domain.usage import usd
from app.ports.agents import AgentRow
from app.ports.store import SwarmRow, TaskRow
from app.ports.tools import Tools
from app.services.batches import Collected

_CONFIG_FIELDS = (
    "max_parallel_agents",
    "timeout_per_agent",
    "aggregation_strategy",
    "shared_memory",
    "async_result_fetch",
    "retry_on_timeout",
    "max_retries",
)
_MAX_TEXT = 4 * 1024 * 1024

Name = Annotated[str, Field(min_length=1, max_length=200)]


class SwarmConfigIn(BaseModel):
    """How an orchestrator runs its work; a field that does not exist is named in `warnings` and ignored."""

    model_config = ConfigDict(extra="allow", strict=True)

    max_parallel_agents: Parallelism | None = None
    timeout_per_agent: float | None = Field(None, gt=0, le=MAX_TIMEOUT_S, description="Seconds; default 30")
    aggregation_strategy: str | None = Field(None, max_length=100)
    shared_memory: bool | None = None
    async_result_fetch: bool | None = None
    retry_on_timeout: bool | None = None
    max_retries: int | None = Field(None, ge=0, le=100)

    def given(self) -> dict[str, Any]:
        """Return the fields that are set, checked, the strategy under its canonical name."""
        values = {name: getattr(self, name) for name in _CONFIG_FIELDS if getattr(self, name) is not None}
        if "aggregation_strategy" in values:
            pointer = "/swarm_config/aggregation_strategy"
            values["aggregation_strategy"] = known_strategy(values["aggregation_strategy"], pointer)
        return values


class AgentFields(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    name: Name | None = None
    system_prompt: str | None = Field(None, max_length=_MAX_TEXT)
    tools: list[str | dict[str, Any]] | None = Field(None, max_length=200)
    swarm_config: SwarmConfigIn | None = None

    def checked_name(self) -> str | None:
        name = self.name
        if name is not None and (name in RESERVED_NAMES or name.startswith(AGENT_PREFIX)):
            raise InvalidRequest.field("/name", f"{name!r} is reserved: it collides with a path or an id")
        if name is not None and ("/" in name or not name.isprintable()):
            raise InvalidRequest.field("/name", "expected printable characters without '/', since it stands in paths")
        return name

    def checked_tools(self, tools: Tools) -> list[Any]:
        for index, tool in enumerate(self.tools or ()):
            name = tool_name(tool)
            if name not in BUILT_IN_TOOLS and (not isinstance(name, str) or tools.find(name) is None):
                known = ", ".join(BUILT_IN_TOOLS)
                raise InvalidRequest.field(f"/tools/{index}", f"unknown tool {str(name)[:100]!r}; built in: {known}")
        return list(self.tools or ())

    def ignored(self) -> list[str]:
        """Return a warning for each field that does not exist."""
        names = [*(self.model_extra or ())]
        names += [f"swarm_config.{name}" for name in (self.swarm_config.model_extra or ())] if self.swarm_config else []
        return [f"unknown field {name!r} was ignored" for name in names]


class AgentCreate(AgentFields):
    """Create an orchestrator; the same name again updates it."""

    model: str = Field(min_length=1, max_length=200)

    def to_domain(self, tools: Tools) -> tuple[str | None, AgentConfig]:
        given = self.swarm_config.given() if self.swarm_config else {}
        config = AgentConfig(
            model=self.model, system_prompt=self.system_prompt, tools=self.checked_tools(tools), **given
        )
        return self.checked_name(), config


class AgentPatch(AgentFields):
    """Change some fields of an orchestrator."""

    model: str | None = Field(None, min_length=1, max_length=200)

    def to_domain(self, row: AgentRow, tools: Tools) -> tuple[str, AgentConfig]:
        """Return name and configuration with the given fields changed."""
        changed: dict[str, Any] = {name: getattr(row.config, name) for name in AgentConfig.__slots__}
        changed |= self.swarm_config.given() if self.swarm_config else {}
        if self.model is not None:
            changed["model"] = self.model
        if "system_prompt" in self.model_fields_set:
            changed["system_prompt"] = self.system_prompt
        if self.tools is not None:
            changed["tools"] = self.checked_tools(tools)
        return self.checked_name() or row.name, AgentConfig(**changed)


class SwarmConfigOut(BaseModel):
    max_parallel_agents: int
    timeout_per_agent: float
    aggregation_strategy: str
    shared_memory: bool
    async_result_fetch: bool
    retry_on_timeout: bool
    max_retries: int


class AgentOut(BaseModel):
    """An orchestrator."""

    agent_id: str
    name: str
    kind: str = Field(description="orchestrator")
    model: str
    system_prompt: str | None
    tools: list[Any]
    swarm_config: SwarmConfigOut
    created_at: Timestamp
    updated_at: Timestamp
    warnings: list[str] = Field(description="What is stored but not available in this version, or was ignored")


class SubAgentOut(BaseModel):
    """A sub-agent: the worker of one task."""

    agent_id: str
    kind: str = Field(description="sub_agent")
    orchestrator_id: str
    swarm_id: str
    task_id: str
    status: str


class AgentPage(BaseModel):
    items: list[AgentOut]
    next_cursor: str | None


class OutputOut(BaseModel):
    """What one task gave: failed ones come with `status` and `error`."""

    id: str
    task_id: str
    agent_id: str
    swarm_id: str
    status: str
    output: Any
    error: str | None
    latency_ms: float | None
    usage: UsageOut
    cost_usd: float | None
    attempts: int
    model: str | None
    requested_model: str | None


class AgentResults(BaseModel):
    agent_id: str
    status: str = Field(description="idle, running, completed, partial or failed")
    outputs: list[OutputOut]
    aggregated: Any
    summary: SummaryOut
    pending: int = Field(description="Tasks that have not ended")


class ClearMemory(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    orchestrator_id: str | None = Field(None, max_length=256)


class Cleared(BaseModel):
    cleared: int = Field(description="Entries removed")


def availability_warnings(config: AgentConfig, tools: Tools) -> list[str]:
    """Name what cannot be used here."""
    return tool_warnings(config.tool_names(), tools)


def agent_json(row: AgentRow, tools: Tools, ignored: list[str] | None = None) -> dict[str, Any]:
    config = row.config
    return {
        "agent_id": row.agent_id,
        "name": row.name,
        "kind": "orchestrator",
        "model": config.model,
        "system_prompt": config.system_prompt,
        "tools": config.tools,
        "swarm_config": {name: getattr(config, name) for name in _CONFIG_FIELDS},
        "created_at": rfc3339(row.created_at_ms),
        "updated_at": rfc3339(row.updated_at_ms),
        "warnings": availability_warnings(config, tools) + (ignored or []),
    }


def sub_agent_json(swarm: SwarmRow, task: TaskRow) -> dict[str, Any]:
    return {"kind": "sub_agent", "orchestrator_id": swarm.agent_id} | task_json(task)


def output_json(task: TaskRow) -> dict[str, Any]:
    return {
        "id": task.task_id,
        "task_id": task.task_id,
        "agent_id": sub_agent_id(task.swarm_id, task.index),
        "swarm_id": task.swarm_id,
        "status": task.status,
        "output": None if task.output_json is None else orjson.Fragment(task.output_json),
        "error": None if task.error is None else task.error["message"],
        "latency_ms": task.latency_ms,
        "usage": usage_json(task.usage),
        "cost_usd": usd(task.cost_nano_usd),
        "attempts": task.attempts,
        "model": task.model,
        "requested_model": task.requested_model,
    }


def collected_json(agent_id: str, collected: Collected) -> dict[str, Any]:
    return {
        "agent_id": agent_id,
        "status": collected.status,
        "outputs": [output_json(task) for task in collected.tasks],
        "aggregated": collected.aggregated,
        "summary": summary_json(collected.summary),
        "pending": collected.pending,
    }
