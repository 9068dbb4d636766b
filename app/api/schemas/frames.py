"""Frames of the streams that tell of a whole run: what each type carries, for the AsyncAPI document.

The domain writes them (``domain.recorder``, ``domain.figures``); the tests hold every frame of real runs against these
types, which allow no further field. Those that tell of one sub-agent are in ``task_frames``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.swarms import CountsOut, TokensOut
from app.api.schemas.times import Timestamp

Json = dict[str, Any]
Usd = Annotated[float, Field(ge=0, description="US dollars")]
Ms = Annotated[float, Field(ge=0)]
WholeMs = Annotated[int, Field(ge=0)]


def _without_default(schema: Json) -> None:
    schema.pop("default", None)


def absent(description: str, **more: Any) -> Any:
    """Return a field that a frame may lack; it is never null."""
    return Field(default=None, description=description, json_schema_extra=_without_default, **more)


class Frame(BaseModel):
    """What every frame carries."""

    model_config = ConfigDict(extra="forbid")

    seq: int = Field(ge=0, description="Counts from 1 within the swarm, without a gap")
    ts: Timestamp
    swarm_id: str = Field(examples=["swm_01KDYX8Q8M5R7W0E0G6T9V2A3B"])
    cursor: str = absent(
        "On the stream of an orchestrator, in every frame: resumes behind it", pattern="^[0-9]+-[0-9]+$"
    )


class OfRun(Frame):
    task_id: None = Field(description="null: it is of the whole run")


class SwarmStarted(OfRun):
    """The first event of a run."""

    type: Literal["swarm_started"]
    name: str | None
    orchestrator_id: str
    total: int = Field(ge=0, description="Tasks; 0 of a goal, until its planner has made some")
    max_parallel_agents: int = Field(ge=1)
    forked_from: str = absent("The run that this is a fork of")


class SwarmScaled(OfRun):
    """`max_parallel_agents` was changed."""

    type: Literal["swarm_scaled"]
    max_parallel_agents: int = Field(ge=1)
    before: int = Field(ge=1)


class SwarmPaused(OfRun):
    """No further call starts; those under way end and count."""

    type: Literal["swarm_paused"]
    reason: Literal["request", "budget", "key_budget", "credits", "start_at"] = Field(
        description="A client asked; its budget, that of the key that started it, or the tenant's prepaid credits do"
        " not suffice; it begins later"
    )
    detail: str | None
    spent_usd: Usd


class SwarmResumed(OfRun):
    """It goes on; with `retry` it goes on from its end."""

    type: Literal["swarm_resumed"]
    reason: Literal["request", "budget", "key_budget", "credits", "start_at", "retry"]
    tasks: int = absent("Of a retry: tasks that run again; 0 where the merge alone is made again", ge=0)


class SwarmThrottled(OfRun):
    """A model takes no more calls for now, at most one a second for each; or calls wait for a worker, every five."""

    type: Literal["swarm_throttled"]
    lane: str = Field(description="`provider/model`")
    limit: int | None = Field(description="Calls at once; null: no limit is known")
    wait_ms: WholeMs | None = Field(description="null: until a call ends")
    reason: Literal["rate_limit", "concurrency", "retry_after", "breaker", "no_worker", "workers_busy", "no_broker"]
    mcp_servers: list[str] = absent("With `no_worker`: those of a task's tools, where no worker has them")


class BreakerChanged(OfRun):
    """A provider is taken for down, is tried again, or is well again."""

    type: Literal["breaker_changed"]
    lane: str = Field(description="`provider/model`")
    state: Literal["closed", "open", "half_open"]
    retry_in_ms: WholeMs | None


class SwarmCompleted(OfRun):
    """The last event of a run, however it ended; a retry takes it back with `swarm_resumed`."""

    type: Literal["swarm_completed"]
    status: Literal["completed", "partial", "failed", "cancelled"]
    error: str | None
    counts: CountsOut
    cost_usd: Usd
    steps: int = Field(ge=0, description="Model calls")
    elapsed_s: float = Field(ge=0)


class VoteOut(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: Any = Field(description="Of a long one its beginning and …")
    votes: int = Field(ge=0)
    weight: float = absent("In weighted strategies")
    task_ids: list[str]


class _Merged(OfRun):
    strategy: str
    status: str = Field(examples=["completed", "partial", "failed", "checkpoint"])
    inputs: int = Field(ge=0)
    missing: list[str] = Field(description="Tasks whose outputs are not in it")
    agreement: float | None = Field(ge=0, le=1, description="Votes: the winner's share; where nobody won the leader's")
    cost_usd: Usd | None
    error: str | None
    votes: list[VoteOut] = absent("Votes: who voted for what, the first 50 answers")


class Checkpoint(_Merged):
    """The outputs so far are merged, and stored."""

    type: Literal["checkpoint"]
    completed: int = Field(ge=0, description="Tasks")


class AggregateCompleted(_Merged):
    """The outputs are merged, or could not be."""

    type: Literal["aggregate_completed"]


class MetricsSnapshot(OfRun):
    """Every second while a run is watched and once at its end; in no log: `seq` is of the last event it includes."""

    type: Literal["metrics_snapshot"]
    counts: CountsOut
    active_agents: int = Field(ge=0)
    success_rate: float = Field(ge=0, le=1, description="Completed of ended; 1 while none has ended")
    avg_latency_ms: Ms | None
    p50_ms: Ms | None
    p95_ms: Ms | None
    p99_ms: Ms | None
    tokens: TokensOut
    cost_usd: Usd
    steps: int = Field(ge=0, description="Model calls")
    tasks_per_s: float = Field(ge=0)
    elapsed_s: float = Field(ge=0)
