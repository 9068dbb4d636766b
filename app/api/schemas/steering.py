"""What is asked of a run while it goes on, on the wire."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.limits import BudgetIn, Parallelism
from app.api.schemas.parts import PromptParts, parts_json
from app.api.schemas.tasks import PriorityIn, TaskId, priority_of
from app.api.schemas.webhooks import WebhookIn, WebhookUrl
from app.domain.errors import InvalidRequest
from app.domain.routing_spec import Tier
from app.domain.task import TaskStatus
from app.services.forks import PAYLOAD_FIELDS, TaskChange


class SwarmPatch(BaseModel):
    """Change a running swarm."""

    model_config = ConfigDict(extra="forbid", strict=True)

    max_parallel_agents: Parallelism | None = None
    budget: BudgetIn | None = Field(None, description="Caps to change; a raised one lets a paused run go on")
    priority: PriorityIn | None = Field(None, description="Of all tasks of the run from now on, instead of their own")

    max_steps: int | None = Field(
        None, ge=1, le=10_000_000, description="Model calls of the whole run; of an ended run too, before its retry"
    )

    def to_changes(self) -> dict[str, Any]:
        """Return what is to be changed."""
        if not {name for name in self.model_fields_set if getattr(self, name) is not None}:
            raise InvalidRequest.field("", "expected max_parallel_agents, budget, priority or max_steps")
        return {
            "max_steps": self.max_steps,
            "max_parallel_agents": self.max_parallel_agents,
            "budget": None if self.budget is None else self.budget.to_fields(),
            "priority": None if self.priority is None else priority_of(self.priority, "/priority"),
        }


class ForkTask(BaseModel):
    """A task of a run and what a fork changes of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    task_id: TaskId
    prompt: str | PromptParts | None = None
    data: Any = None
    model: str | None = Field(None, min_length=1, max_length=200)
    tier: Tier | None = None
    max_output_tokens: int | None = Field(None, ge=1, le=10_000_000)
    output_schema: dict[str, Any] | None = None

    def to_domain(self, pointer: str) -> TaskChange:
        fields = {name: getattr(self, name) for name in PAYLOAD_FIELDS if name in self.model_fields_set}
        if isinstance(self.prompt, list):
            fields["prompt"] = parts_json(self.prompt, f"{pointer}/prompt")
        if not fields and self.model is None:
            raise InvalidRequest.field(pointer, f"expected something to change: model, {', '.join(PAYLOAD_FIELDS)}")
        return TaskChange(task_id=self.task_id, model=self.model, fields=fields)


class ForkTasks(BaseModel):
    """What to run anew; nothing is a replay."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = Field(None, min_length=1, max_length=200, description="Of the new run")
    tasks: list[ForkTask] = Field(default_factory=list, max_length=20_000)
    webhook: WebhookUrl | WebhookIn | None = Field(
        None, description="Where events of the new run are posted; that of the old one is not taken over"
    )

    def to_changes(self) -> list[TaskChange]:
        return [task.to_domain(f"/tasks/{index}") for index, task in enumerate(self.tasks)]


class CancelTasks(BaseModel):
    """Which tasks to cancel; with neither field the whole run."""

    model_config = ConfigDict(extra="forbid", strict=True)

    task_ids: list[TaskId] | None = Field(None, min_length=1, max_length=20_000, description="Ended ones stay")
    states: list[Literal["waiting", "queued", "running", "retrying"]] | None = Field(
        None, min_length=1, description="Of the tasks meant; with `task_ids` only those of them"
    )

    def to_filter(self) -> dict[str, Any] | None:
        """Return which tasks are meant, or None for all of the run."""
        if self.task_ids is None and self.states is None:
            return None
        return {
            "task_ids": None if self.task_ids is None else set(self.task_ids),
            "states": None if self.states is None else [TaskStatus(state) for state in self.states],
        }


class RetryTasks(BaseModel):
    """Which tasks to run again: those that failed, unless said otherwise."""

    model_config = ConfigDict(extra="forbid", strict=True)

    task_ids: list[TaskId] | None = Field(None, min_length=1, max_length=20_000)
    states: list[Literal["failed", "cancelled", "skipped"]] = Field(default=["failed"], min_length=1)
    error: str | None = Field(None, max_length=100, description="Only those that ended with this kind of error")

    def to_filter(self) -> dict[str, Any]:
        return {
            "task_ids": None if self.task_ids is None else set(self.task_ids),
            "states": [TaskStatus(state) for state in self.states],
            "error": self.error,
        }
