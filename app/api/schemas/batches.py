"""Work handed to an orchestrator, on the wire: spawn, execute, batches and barriers (contract, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.agents import OutputOut, output_json
from app.api.schemas.limits import ContextWindow
from app.api.schemas.run_options import ignored_options, meant_options
from app.api.schemas.swarm_create import Caps
from app.api.schemas.swarms import SummaryOut, summary_json
from app.api.schemas.tasks import NOT_EMPTY, PriorityIn, TaskIn
from app.api.schemas.tools import tool_warnings
from app.domain.agent import AgentConfig, tool_name
from app.domain.errors import InvalidRequest
from app.ports.tools import Tools
from app.services.barriers import BarrierState
from app.services.batches import NamedTask
from app.services.results import Results

AgentRef = Annotated[str, Field(min_length=1, max_length=256, description="Orchestrator, by id or name")]


class WorkTask(TaskIn):
    """A task for an orchestrator; every further field (`sources`, `format`, …) reaches the sub-agent."""

    tags: list[Annotated[str, Field(max_length=200)]] | None = Field(
        None, max_length=100, description="The same as `capability_tags`"
    )

    def to_work(self, pointer: str, made_up_id: str, config: AgentConfig, caps: Caps) -> NamedTask:
        if self.tags and not self.capability_tags:
            self.capability_tags = self.tags
        spec = self.to_domain(
            pointer,
            made_up_id,
            task_timeout_s=config.timeout_per_agent,
            max_retries=config.max_retries,
            max_input_bytes=caps.max_input_bytes,
        )
        sources = (self.model_extra or {}).get("sources")
        names = [name for name in sources if isinstance(name, str)] if isinstance(sources, list) else []
        return NamedTask(spec, tuple(names))

    def warnings(self, tools: Tools) -> list[str]:
        names = [name for tool in self.tools or () if isinstance(name := tool_name(tool), str)]
        return tool_warnings(names, tools)


class WorkRequest(BaseModel):
    """What requests with several tasks share."""

    model_config = ConfigDict(extra="allow", strict=True)

    tasks: Annotated[list[WorkTask], Field(fail_fast=True, json_schema_extra=NOT_EMPTY)]
    orchestrator_id: AgentRef | None = None
    agent_id: AgentRef | None = Field(None, description="The same as `orchestrator_id`")

    def to_work(self, config: AgentConfig, caps: Caps, make_up_id: Callable[[], str]) -> list[NamedTask]:
        """Return the checked tasks; a made-up id is unique, so that no later request can mean it by mistake."""
        if not self.tasks:
            raise InvalidRequest.field("/tasks", "expected at least one task")
        return [
            task.to_work(f"/tasks/{index}", "" if task.id or task.task_id else make_up_id(), config, caps)
            for index, task in enumerate(self.tasks)
        ]

    aggregate: Any = Field(None, description="As for a swarm; default: the orchestrator's aggregation_strategy")
    output_schema: Any = Field(None, description="JSON Schema of each task's output")
    validation: Any = Field(None, alias="validate", description="A judge of every output, as for a swarm")
    routing: Any = Field(None, description="Which model serves which task, as for a swarm")

    def options(self) -> dict[str, Any]:
        """Return the body of ``RunOptionsIn`` that the request holds."""
        return meant_options(self._given())

    def _given(self) -> dict[str, Any]:
        given = {
            "aggregate": self.aggregate,
            "output_schema": self.output_schema,
            "validate": self.validation,
            "routing": self.routing,
        }
        return {name: value for name, value in given.items() if value is not None}

    def warnings(self, tools: Tools) -> list[str]:
        found = [warning for task in self.tasks if task.tools for warning in task.warnings(tools)]
        found += ignored_options(self._given())
        found += [f"unknown field {name!r} was ignored" for name in self.model_extra or ()]
        return list(dict.fromkeys(found))


class BatchExecute(WorkRequest):
    """Run tasks in parallel and get one output for each, in the order sent."""

    parallelism: int | None = Field(None, ge=1, description="Lowered to the orchestrator's max_parallel_agents")
    memory_strategy: Literal["full", "checkpoint"] | None = Field(
        None, description="checkpoint: the outputs so far are merged after every tenth of the tasks"
    )
    context_window: ContextWindow = None
    wait: bool = True


class BarrierExecute(WorkRequest):
    """Run tasks behind a named barrier."""

    barrier_id: Annotated[str, Field(min_length=1, max_length=256)] | Annotated[int, Field(ge=0, le=10**15)]
    wait_for_completion: bool = True
    dependency_check: Literal["strict", "lenient"] = "strict"


class Execute(WorkTask):
    """Run one task and wait for its output."""

    orchestrator_id: AgentRef | None = None
    agent_id: AgentRef | None = Field(None, description="The same as `orchestrator_id`")


class Executed(OutputOut):
    warnings: list[str] = Field(description="What was asked for but is not available in this version")


class Spawn(BaseModel):
    """Start one sub-agent in the background; further fields reach it as they are."""

    model_config = ConfigDict(extra="allow", strict=True)

    task_type: str = Field(min_length=1, max_length=200)
    input_data: dict[str, Any] = Field(default_factory=dict)
    capability_tags: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=100)
    priority: PriorityIn = 5

    def task_fields(self) -> dict[str, Any]:
        """Return the fields of the one task to be run."""
        return dict(self.model_extra or {}) | {
            "type": self.task_type,
            "data": self.input_data,
            "capability_tags": self.capability_tags,
            "priority": self.priority,
        }


class Spawned(BaseModel):
    agent_id: str = Field(description="The sub-agent")
    task_id: str
    swarm_id: str
    orchestrator_id: str
    status: str
    warnings: list[str]


class BatchOut(BaseModel):
    outputs: list[OutputOut] = Field(description="One for each task, in the order sent")
    summary: SummaryOut
    swarm_id: str
    status: str
    aggregated: Any
    warnings: list[str]


class Accepted(BaseModel):
    """The work goes on in the background."""

    swarm_id: str
    orchestrator_id: str
    status: str
    total: int
    warnings: list[str]


class BarrierOut(BaseModel):
    barrier_id: str | int
    state: Literal["pending", "running", "completed", "failed"]
    error: str | None
    total: int
    completed: int
    failed: int
    swarm_id: str | None
    orchestrator_id: str


class BarrierExecuted(BarrierOut):
    outputs: list[OutputOut]
    summary: SummaryOut | None
    warnings: list[str]


def batch_json(results: Results, warnings: list[str]) -> dict[str, Any]:
    return {
        "outputs": [output_json(task) for task in results.tasks],
        "summary": summary_json(results.summary),
        "swarm_id": results.swarm.swarm_id,
        "status": results.swarm.status,
        "aggregated": results.swarm.aggregated,
        "warnings": warnings,
    }


def barrier_json(barrier_id: str | int, state: BarrierState) -> dict[str, Any]:
    return {
        "barrier_id": barrier_id,
        "state": state.state,
        "error": state.error,
        "total": state.total,
        "completed": state.completed,
        "failed": state.failed,
        "swarm_id": state.swarm_id,
        "orchestrator_id": state.agent_id,
    }


def barrier_executed_json(
    barrier_id: str | int, state: BarrierState, results: Results | None, warnings: list[str]
) -> dict[str, Any]:
    return barrier_json(barrier_id, state) | {
        "outputs": [output_json(task) for task in results.tasks] if results else [],
        "summary": summary_json(results.summary) if results else None,
        "warnings": warnings,
    }
