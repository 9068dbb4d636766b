"""Tasks on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.api.schemas.parts import PromptParts, parts_json
from app.api.schemas.times import Timestamp
from app.api.schemas.tools import ToolIn, tool_names
from app.domain.assigning import explain
from app.domain.errors import InvalidRequest
from app.domain.events import rfc3339
from app.domain.ids import sub_agent_id
from app.domain.parts import shown
from app.domain.rerouting import ROUTE
from app.domain.routing_spec import Tier
from app.domain.task import PRIORITY_NAMES, TaskSpec, TaskStatus
from app.domain.usage import Usage, usd
from app.ports.store import AttemptRow, StepRow, TaskRow

NOT_EMPTY: dict[str, Any] = {"minItems": 1}
"""For the document: the routes refuse an empty list in their own words."""

TaskId = Annotated[str, Field(min_length=1, max_length=256)]

PriorityIn = (
    Annotated[int, Field(ge=1, le=10)]
    | Annotated[str, WithJsonSchema({"type": "string", "enum": list(PRIORITY_NAMES), "title": "PriorityName"})]
)

DEFAULT_TASK_TIMEOUT_S = 120.0
MAX_TIMEOUT_S = 86_400.0


def made_up_ids(tasks: Sequence[TaskIn]) -> list[str]:
    """Return an id for each task that the client gave none, empty for the others; none is one that the client gave."""
    given = {task.id or task.task_id for task in tasks}
    ids = []
    for index, task in enumerate(tasks):
        made_up = "" if task.id or task.task_id else f"task_{index}"
        while made_up in given:
            made_up += "_"
        ids.append(made_up)
    return ids


class TaskIn(BaseModel):
    """One task of a request; a field that is not listed here reaches the sub-agent as it is."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: TaskId | None = Field(None, description="Unique in the request; made up where it is missing")
    task_id: TaskId | None = Field(None, description="The same as `id`")
    type: str | None = Field(None, max_length=200)
    prompt: str | PromptParts | None = Field(
        None, description="What the sub-agent is to do, in words or message parts (text, image_url, video_url)"
    )
    data: Any = None
    depends_on: list[TaskId] = Field(default_factory=list, max_length=20_000)
    role: str | None = Field(None, max_length=200)
    capability_tags: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=100)
    priority: PriorityIn = Field(5, description="1-10, 10 runs first; or low, normal, high, critical (2, 5, 8, 10)")
    complexity: int | None = Field(None, ge=1, le=10)
    model: str | None = Field(None, min_length=1, max_length=200)
    timeout_s: float | None = Field(
        None,
        gt=0,
        le=MAX_TIMEOUT_S,
        description="Seconds of one attempt with its tools; default the run's, with `complexity` 20 + 3 times that",
    )
    max_retries: int | None = Field(None, ge=0, le=100)
    max_steps: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Calls of a model that uses tools, default 30; the last one is offered none, so that it answers",
    )
    max_output_tokens: int | None = Field(None, ge=1, le=10_000_000)
    token_budget: int | None = Field(
        None, ge=1, le=10**12, description="Tokens in + out of the sub-agent over all its calls"
    )
    allow_failed_dependencies: bool = False
    tier: Tier | None = Field(None, description="thinking, instant or light: which models serve it, see `routing`")
    tools: list[ToolIn] | None = Field(
        None, max_length=100, description="Tools it may call, by name (GET /v1/tools); default: its orchestrator's"
    )
    output_schema: dict[str, Any] | None = Field(
        None, description="JSON Schema (2020-12) of the output, which is then the parsed value; checked always"
    )
    weight: float | None = Field(None, ge=0, le=10**9, allow_inf_nan=False, description="Of its vote; default 1")

    def to_domain(
        self, pointer: str, made_up_id: str, *, task_timeout_s: float, max_retries: int, max_input_bytes: int
    ) -> TaskSpec:
        """Return the checked task with its defaults.

        Args:
            pointer: JSON pointer of the task in the request, for errors.
            made_up_id: its id where the client gave none.
        """
        if self.id is not None and self.task_id is not None and self.id != self.task_id:
            raise InvalidRequest.field(f"{pointer}/task_id", "id and task_id are the same thing, but differ here")
        priority = priority_of(self.priority, f"{pointer}/priority")
        encoded = orjson.dumps(self._payload(pointer))
        if len(encoded) > max_input_bytes:
            detail = f"the task's input has {len(encoded)} bytes; at most {max_input_bytes} are taken"
            raise InvalidRequest.field(pointer, detail)
        return TaskSpec(
            task_id=self.id or self.task_id or made_up_id,
            type=self.type,
            role=self.role,
            priority=priority,
            complexity=self.complexity,
            requested_model=self.model,
            timeout_s=self.timeout_s or self._default_timeout_s(task_timeout_s),
            max_retries=max_retries if self.max_retries is None else self.max_retries,
            depends_on=tuple(self.depends_on),
            allow_failed_dependencies=self.allow_failed_dependencies,
            payload=encoded.decode(),
            weight=1.0 if self.weight is None else self.weight,
        )

    def _payload(self, pointer: str) -> dict[str, Any]:
        """Return what the sub-agent reads. Written out, since a request may have 20,000 tasks."""
        payload: dict[str, Any] = {}
        if self.prompt is not None:
            words = self.prompt
            payload["prompt"] = words if isinstance(words, str) else parts_json(words, f"{pointer}/prompt")
        if self.type is not None:
            payload["type"] = self.type
        if self.role is not None:
            payload["role"] = self.role
        if self.capability_tags:
            payload["capability_tags"] = self.capability_tags
        if self.data is not None:
            payload["data"] = self.data
        if self.model_extra:
            payload["extra"] = self.model_extra
        if self.max_output_tokens is not None:
            payload["max_output_tokens"] = self.max_output_tokens
        if self.token_budget is not None:
            payload["token_budget"] = self.token_budget
        if self.tier is not None:
            payload["tier"] = self.tier
        if self.tools is not None:
            payload["tools"] = tool_names(self.tools, f"{pointer}/tools")
        if self.max_steps is not None:
            payload["max_steps"] = self.max_steps
        if self.output_schema is not None:
            payload["output_schema"] = self.output_schema
        return payload

    def _default_timeout_s(self, task_timeout_s: float) -> float:
        return task_timeout_s if self.complexity is None else 20.0 + 3.0 * self.complexity


def priority_of(given: int | str, pointer: str) -> int:
    """Return a priority as a number."""
    if isinstance(given, int):
        return given
    if given not in PRIORITY_NAMES:
        raise InvalidRequest.field(pointer, f"expected 1-10 or one of {', '.join(PRIORITY_NAMES)}")
    return PRIORITY_NAMES[given]


class UsageOut(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class TaskErrorOut(BaseModel):
    type: str = Field(description="Stable machine name", examples=["timeout", "rate_limit", "dependency_failed"])
    message: str
    retryable: bool


class TaskOut(BaseModel):
    """A task and where it stands."""

    task_id: str
    swarm_id: str
    agent_id: str = Field(description="The sub-agent that runs it")
    status: str
    type: str | None
    role: str | None
    priority: int
    complexity: int | None
    depends_on: list[str]
    attempts: int
    output: Any
    error: TaskErrorOut | None
    latency_ms: float | None = Field(description="Duration of the last attempt in milliseconds")
    queue_ms: int | None = Field(description="Milliseconds from ready to the start of the last attempt")
    usage: UsageOut
    cost_usd: float | None = Field(description="null where no price is known")
    model: str | None = Field(description="The model that answered")
    requested_model: str | None
    score: float | None = Field(description="0-1, what the validator gave its output; null where there is none")
    started_at: Timestamp | None
    ended_at: Timestamp | None


class AttemptOut(BaseModel):
    attempt: int
    status: str
    started_at: Timestamp
    ended_at: Timestamp | None
    queue_ms: int
    latency_ms: float | None
    model: str | None
    usage: UsageOut
    cost_usd: float | None
    error: TaskErrorOut | None


class StepOut(BaseModel):
    """One call of an attempt that takes several."""

    step: int
    attempt: int
    kind: str = Field(description="answer, repair, verdict or turn", examples=["answer", "verdict"])
    at: Timestamp
    latency_ms: float
    model: str | None
    usage: UsageOut
    cost_usd: float | None
    record: dict[str, Any] = Field(description="What the next call was made of")


class TaskDetailOut(TaskOut):
    """A task with its input, why it has its model, every attempt, and every call of attempts that take several."""

    kind: str = Field(description="task; or planner or merge, which the run made itself")
    input: dict[str, Any] = Field(description="As it was given; data URIs in a prompt are shown by their beginning")
    routing: dict[str, Any] = Field(
        description="`reason`: why this model; `chain`: where it goes after repeated failure; `considered`: others",
        examples=[{"reason": "tier 'light' is mapped to deepseek-chat", "chain": ["kimi-k2.6"]}],
    )
    attempt_log: list[AttemptOut]
    steps: list[StepOut]


class TaskPage(BaseModel):
    items: list[TaskOut]
    next_cursor: str | None


def usage_json(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": usage.cached_tokens,
    }


def time_json(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)


PAUSED = "paused"
_WOULD_START = frozenset({TaskStatus.QUEUED, TaskStatus.RETRYING})


def task_json(row: TaskRow, *, paused: bool = False) -> dict[str, Any]:
    """Return a task for clients; in a ``paused`` run those that would start are shown as paused."""
    return {
        "task_id": row.task_id,
        "swarm_id": row.swarm_id,
        "agent_id": sub_agent_id(row.swarm_id, row.index),
        "status": PAUSED if paused and row.status in _WOULD_START else row.status,
        "type": row.type,
        "role": row.role,
        "priority": row.priority,
        "complexity": row.complexity,
        "depends_on": row.depends_on,
        "attempts": row.attempts,
        "output": None if row.output_json is None else orjson.Fragment(row.output_json),
        "error": row.error,
        "latency_ms": row.latency_ms,
        "queue_ms": row.queue_ms,
        "usage": usage_json(row.usage),
        "cost_usd": usd(row.cost_nano_usd),
        "model": row.model,
        "requested_model": row.requested_model,
        "score": row.score,
        "started_at": time_json(row.started_at_ms),
        "ended_at": time_json(row.ended_at_ms),
    }


def attempt_json(attempt: AttemptRow) -> dict[str, Any]:
    return {
        "attempt": attempt.attempt,
        "status": attempt.status,
        "started_at": rfc3339(attempt.started_at_ms),
        "ended_at": time_json(attempt.ended_at_ms),
        "queue_ms": attempt.queue_ms,
        "latency_ms": attempt.latency_ms,
        "model": attempt.model,
        "usage": usage_json(attempt.usage),
        "cost_usd": usd(attempt.cost_nano_usd),
        "error": attempt.error,
    }


def task_detail_json(
    row: TaskRow, attempts: Sequence[AttemptRow], steps: Sequence[StepRow], *, paused: bool
) -> dict[str, Any]:
    log = [attempt_json(attempt) for attempt in attempts]
    journal = [
        {
            "step": step.step,
            "attempt": step.attempt,
            "kind": step.record.get("kind"),
            "at": rfc3339(step.at_ms),
            "latency_ms": step.latency_ms,
            "model": step.model,
            "usage": usage_json(step.usage),
            "cost_usd": usd(step.cost_nano_usd),
            "record": dict(step.record),
        }
        for step in steps
    ]
    given = {name: shown(value) if name == "prompt" else value for name, value in row.payload.items() if name != ROUTE}
    return task_json(row, paused=paused) | {
        "kind": row.kind,
        "input": given,
        "routing": explain(row.payload, row.requested_model),
        "attempt_log": log,
        "steps": journal,
    }
