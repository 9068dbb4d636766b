"""Frames of the streams that tell of one task and its sub-agent; see ``frames``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from app.api.schemas.frames import Frame, Ms, Usd, WholeMs, absent


class OfTask(Frame):
    task_id: str = Field(description="The client's id, unique in the swarm")
    agent_id: str = Field(
        description="The sub-agent that has the task", examples=["agt_01KDYX8Q8M5R7W0E0G6T9V2A3B_00000"]
    )
    attempt: int = absent("From 1, once there is one", ge=1)


class TaskWaiting(OfTask):
    """It waits for its dependencies."""

    type: Literal["task_waiting"]


class TaskQueued(OfTask):
    """Its dependencies have ended; it wants a slot."""

    type: Literal["task_queued"]


class TaskSkipped(OfTask):
    """It will not run: a dependency did not complete, or nothing is left to run it with."""

    type: Literal["task_skipped"]
    error: str
    error_type: str = Field(examples=["dependency_failed"])


class TaskCancelled(OfTask):
    """It was cancelled before it started."""

    type: Literal["task_cancelled"]
    error: str
    error_type: str = Field(examples=["cancelled"])


class AgentSpawned(OfTask):
    """The first attempt of a sub-agent starts."""

    type: Literal["agent_spawned"]
    queue_ms: WholeMs


class _Answered(BaseModel):
    latency_ms: Ms
    queue_ms: WholeMs
    tokens_in: int = Field(ge=0)
    tokens_out: int = Field(ge=0)
    tokens_cached: int = Field(ge=0, description="Of `tokens_in`")
    cost_usd: Usd | None = Field(description="null where no price is known")
    model: str
    score: float = absent("What a validator gave the output", ge=0, le=1)


class _Failed(BaseModel):
    error: str
    error_type: str = Field(description="Stable machine name", examples=["timeout"])


class AgentCompleted(_Answered, OfTask):
    """A sub-agent has its output."""

    type: Literal["agent_completed"]


class AgentFailed(_Failed, OfTask):
    """A sub-agent has failed for good; a cancelled one has the error `cancelled`."""

    type: Literal["agent_failed"]
    queue_ms: WholeMs


Inner = Literal["planner", "merge"]


class AgentRetrying(_Failed, OfTask):
    """An attempt failed; another one follows."""

    type: Literal["agent_retrying"]
    retry_in_ms: WholeMs
    step: Inner = absent("Of no sub-agent, but of the planner or a merge")


class LaneRerouted(OfTask):
    """What serves its model is down, or up again: it goes to another one."""

    type: Literal["agent_rerouted"]
    from_lane: str
    lane: str
    model: str | None = Field(description="null: the default model")
    step: Inner = absent("Of no sub-agent, but of the planner or a merge")


class FailureRerouted(OfTask):
    """It failed repeatedly: it goes to another model, or to another role."""

    type: Literal["agent_rerouted"]
    reason: str = Field(examples=["2 failures"])
    from_model: str | None
    model: str | None
    lane: str
    role: str | None
    step: Inner = absent("Of no sub-agent, but of the planner or a merge")


class AgentHedged(OfTask):
    """An attempt is slow: the same call is made a second time, and the first answer counts."""

    type: Literal["agent_hedged"]


class StepTaken(OfTask):
    """A call that is not the attempt's last."""

    type: Literal["agent_step"]
    kind: Literal["answer", "repair", "verdict", "turn", "calls", "results"] = Field(
        description="An output, one made anew after a mismatch, a judge's score, an orchestrator's turn; tool calls"
        " that a model asked for, and what came of them"
    )
    nth: int = Field(ge=1, description="Steps of the task so far")
    latency_ms: Ms
    tokens_in: int = Field(ge=0)
    tokens_out: int = Field(ge=0)
    cost_usd: Usd | None = Field(description="null where no price is known")
    model: str | None
    tools: list[str] = absent("Names of the tools that were called")
    step: Inner = absent("Of no sub-agent, but of the planner or a merge")


class InnerCompleted(_Answered, OfTask):
    """A planner or a merge has its output: they are no sub-agents, but their cost is told."""

    type: Literal["agent_step"]
    step: Inner


class InnerFailed(_Failed, OfTask):
    """A planner or a merge has failed for good."""

    type: Literal["agent_step"]
    step: Inner
    queue_ms: WholeMs
