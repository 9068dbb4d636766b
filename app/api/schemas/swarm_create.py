"""What starts a swarm, on the wire."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.aggregation import AggregateIn, aggregate_options
from app.api.schemas.decompose import DECOMPOSE, AttachmentsIn
from app.api.schemas.limits import (
    BudgetIn,
    ContextWindow,
    LimitsIn,
    RetryIn,
)
from app.api.schemas.parts import PromptPart, PromptParts, TextPart, parts_json
from app.api.schemas.routing import RoutingIn
from app.api.schemas.run_options import JudgeIn, judge
from app.api.schemas.tasks import NOT_EMPTY, TaskIn, made_up_ids
from app.api.schemas.times import moment_ms
from app.api.schemas.webhooks import WebhookIn, WebhookUrl
from app.domain import strategies
from app.domain.agent import tool_name
from app.domain.budget import Budget
from app.domain.errors import InvalidRequest
from app.domain.retry import RetryPolicy
from app.domain.routing_spec import DEFAULT_REROUTE_AFTER
from app.domain.strategies import Options
from app.domain.swarm import DEFAULT_BATCH_PAUSE_S, SUPERVISOR, SwarmSpec
from app.services.composing import Goal, Work

_MAX_AHEAD_MS = 366 * 86_400_000
_MAX_TEXT = 4 * 1024 * 1024
_MAX_GOAL = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caps:
    """The service's own bounds on a request."""

    max_tasks: int
    max_input_bytes: int


class SwarmCreate(BaseModel):
    """Start a run. Exactly one of `tasks`, `goal` and `decompose`."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)

    tasks: Annotated[list[TaskIn], Field(fail_fast=True, json_schema_extra=NOT_EMPTY)] | None = Field(
        None, description="The DAG; 1-20,000 tasks"
    )
    name: str | None = Field(None, min_length=1, max_length=200)
    agent: str | None = Field(None, min_length=1, max_length=256, description="Orchestrator, by id or name")
    model: str | None = Field(None, min_length=1, max_length=200)
    system_prompt: str | None = Field(None, max_length=_MAX_TEXT)
    shared_context: str | None = Field(None, max_length=_MAX_TEXT)
    aggregate: AggregateIn | str | None = None
    limits: LimitsIn = Field(default_factory=LimitsIn)
    retry: RetryIn = Field(default_factory=RetryIn)
    on_task_failure: Literal["continue", "fail_fast"] = "continue"
    min_success_rate: float = Field(0.0, ge=0, le=1)
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=1000)
    goal: Annotated[str, Field(min_length=1, max_length=_MAX_GOAL)] | PromptParts | None = Field(
        None,
        description="What is wanted, in words or message parts: a planner makes the tasks, and each of them is sent the"
        " goal's images and videos",
    )
    planner: Literal["supervisor", "orchestrator"] | None = Field(
        None, description="Of a goal: supervisor (default) plans once, orchestrator assigns work turn by turn"
    )
    attachments: AttachmentsIn | None = Field(None, description="Texts that the goal is about")
    decompose: DECOMPOSE | None = None
    context_window: ContextWindow = None
    output_schema: dict[str, Any] | None = Field(
        None, description="JSON Schema of each task's output; with a goal, of the merged value"
    )
    budget: BudgetIn | None = None
    routing: RoutingIn | None = None
    validation: JudgeIn | None = Field(
        None, alias="validate", description="A judge of every output; a text is its rubric"
    )
    webhook: WebhookUrl | WebhookIn | None = Field(
        None,
        description="Where events of the run are posted: a URL, for its end, or which events, and with which secret",
    )
    start_at: str | None = Field(
        None,
        max_length=40,
        description="RFC 3339, within a year: when it begins; until then it is paused, with `pause_reason` start_at",
        examples=["2027-01-31T06:00:00Z"],
    )

    def to_domain(self, caps: Caps, agent_id: str) -> tuple[SwarmSpec, Work]:
        """Return the checked run and what it is to do.

        Raises:
            InvalidRequest: not exactly one kind of work, no or too many tasks, an unknown strategy, …
        """
        if self.limits.batch_pause_s is not None and self.limits.batch_size is None:
            raise InvalidRequest.field("/limits/batch_pause_s", "is the rest behind batch_size calls, which is not set")
        kind = self._kind_of_work()
        retry = RetryPolicy(
            max_retries=self.retry.max_retries,
            base_delay_s=self.retry.base_delay_s,
            jitter=self.retry.jitter,
            hedge_percentile=self.retry.hedge_percentile,
        )
        planner = None if kind != "goal" else self.planner or SUPERVISOR
        default = strategies.NONE
        if kind == "decompose":
            default = strategies.CONCAT
        elif planner == SUPERVISOR:
            default = strategies.SYNTHESIS
        options = aggregate_options(self.aggregate, default)
        if kind == "goal" and self.output_schema is not None:
            options = self._with_schema(options, planner)
        routing = None if self.routing is None else self.routing.to_domain()
        spec = SwarmSpec(
            name=self.name,
            agent_id=agent_id,
            grouped=self.agent is not None,
            model=self.model,
            system_prompt=self.system_prompt,
            shared_context=self.shared_context,
            max_parallel_agents=self.limits.max_parallel_agents,
            max_steps=self.limits.max_steps or 0,
            timeout_s=self.limits.timeout_s,
            retry=retry,
            on_task_failure=self.on_task_failure,
            min_success_rate=self.min_success_rate,
            aggregate=options.as_json(),
            metadata=self.metadata,
            context_window=self.context_window,
            batch_size=self.limits.batch_size or 0,
            batch_pause_s=self.limits.batch_pause_s or DEFAULT_BATCH_PAUSE_S,
            budget=None if self.budget is None else Budget(**self.budget.to_fields()),
            token_budgets=any(task.token_budget is not None for task in self.tasks or ()),
            planner=planner,
            goal=None if self.goal is None else goal_text(self.goal),
            max_agents=self.limits.max_agents,
            task_timeout_s=self.limits.task_timeout_s,
            output_schema=None if kind == "goal" else self.output_schema,
            validation=judge(self.validation),
            routing=None if routing is None else routing.as_json(),
            reroute_after=DEFAULT_REROUTE_AFTER if routing is None else routing.reroute_after,
        )
        return spec, self._work(caps)

    def tool_names(self) -> list[str]:
        """Return the tools that its tasks name, each once."""
        tools = [tool for task in self.tasks or () for tool in task.tools or ()]
        return list(dict.fromkeys(name for tool in tools if isinstance(name := tool_name(tool), str)))

    def _kind_of_work(self) -> str:
        given = [name for name in ("tasks", "goal", "decompose") if getattr(self, name) is not None]
        if not given:
            raise InvalidRequest.field("/tasks", "expected at least one task; or a goal, or decompose")
        if len(given) > 1:
            raise InvalidRequest.field(
                f"/{given[1]}", f"expected exactly one of tasks, goal and decompose, not {given}"
            )
        if given[0] == "tasks" and not self.tasks:
            raise InvalidRequest.field("/tasks", "expected at least one task")
        for name in ("planner", "attachments"):
            if given[0] != "goal" and getattr(self, name) is not None:
                raise InvalidRequest.field(f"/{name}", "belongs to a goal, and there is none")
        return given[0]

    def _work(self, caps: Caps) -> Work:
        if self.decompose is not None:
            return self.decompose.to_domain()
        if self.goal is not None:
            if not goal_text(self.goal).strip():
                raise InvalidRequest.field("/goal", "expected some words")
            content = self.goal if isinstance(self.goal, str) else parts_json(self.goal, "/goal")
            if not isinstance(content, str) and (size := len(orjson.dumps(content))) > caps.max_input_bytes:
                raise InvalidRequest.field("/goal", f"has {size} bytes; at most {caps.max_input_bytes} are taken")
            return Goal(content=content, attachments=None if self.attachments is None else self.attachments.to_domain())
        tasks = self.tasks or []
        return [
            task.to_domain(
                f"/tasks/{index}",
                made_up_id,
                task_timeout_s=self.limits.task_timeout_s,
                max_retries=self.retry.max_retries,
                max_input_bytes=caps.max_input_bytes,
            )
            for index, (task, made_up_id) in enumerate(zip(tasks, made_up_ids(tasks), strict=True))
        ]

    def _with_schema(self, options: Options, planner: str | None) -> Options:
        if planner == SUPERVISOR and options.strategy not in strategies.MODEL:
            detail = f"is that of the merged value, which {options.strategy} takes from outputs as they are"
            raise InvalidRequest.field("/output_schema", detail)
        return replace(options, output_schema=options.output_schema or self.output_schema)

    def start_at_ms(self, now_ms: int) -> int | None:
        """Return when the run is to begin, Unix milliseconds; None for at once.

        Raises:
            InvalidRequest: no time, or one more than a year ahead.
        """
        if self.start_at is None:
            return None
        try:
            at_ms = moment_ms(datetime.fromisoformat(self.start_at))
        except (ValueError, OverflowError) as exc:
            raise InvalidRequest.field("/start_at", "expected a time such as 2027-01-31T06:00:00Z") from exc
        if at_ms is not None and at_ms - now_ms > _MAX_AHEAD_MS:
            raise InvalidRequest.field("/start_at", "expected a time within a year from now")
        return at_ms


def goal_text(goal: str | list[PromptPart]) -> str:
    """Return the words of a goal."""
    if isinstance(goal, str):
        return goal
    return "\n".join(part.text for part in goal if isinstance(part, TextPart) and part.text)
