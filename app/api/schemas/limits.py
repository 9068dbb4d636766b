"""Limits, retries and budgets of a run on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.tasks import DEFAULT_TASK_TIMEOUT_S, MAX_TIMEOUT_S
from app.domain.budget import Budget, nano
from app.domain.errors import InvalidRequest
from app.domain.swarm import DEFAULT_MAX_AGENTS
from app.domain.usage import usd
from app.ports.store import SwarmRow

Parallelism = Annotated[int, Field(ge=1, le=1000)]
ContextWindow = Annotated[
    int | None,
    Field(
        ge=256,
        le=100_000_000,
        description="Tokens a sub-agent may be sent: outputs of its dependencies and its earlier steps are shortened,"
        " never the task itself",
    ),
]


class LimitsIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    max_parallel_agents: Parallelism = 100
    max_steps: int | None = Field(
        None, ge=1, le=10_000_000, description="Model calls of the run; default 4,000, more where the tasks need more"
    )
    max_agents: int = Field(
        DEFAULT_MAX_AGENTS, ge=1, le=20_000, description="Of a goal: sub-agents that its planner may ask for"
    )
    timeout_s: float | None = Field(None, gt=0, le=30 * MAX_TIMEOUT_S, description="Of the whole run")
    task_timeout_s: float = Field(DEFAULT_TASK_TIMEOUT_S, gt=0, le=MAX_TIMEOUT_S)
    batch_size: int | None = Field(
        None, ge=1, le=1_000_000, description="Calls that start in a row, before none does for `batch_pause_s`"
    )
    batch_pause_s: float | None = Field(
        None, gt=0, le=3600, description="Rest behind `batch_size` calls; 1 second without it"
    )


class RetryIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    max_retries: int = Field(3, ge=0, le=100)
    base_delay_s: float = Field(1.0, ge=0, le=3600)
    jitter: float = Field(0.25, ge=0, le=1)
    hedge_percentile: float | None = Field(
        None, ge=50, lt=100, description="An attempt slower than so many per cent of the run's gets a second call"
    )


class BudgetIn(BaseModel):
    """Hard caps: a call is made only if its worst case still fits."""

    model_config = ConfigDict(extra="forbid", strict=True)

    max_cost_usd: float | None = Field(None, gt=0, le=10**9)
    max_tokens: int | None = Field(None, ge=1, le=10**15, description="In + out, the whole run")
    per_agent_tokens: int | None = Field(None, ge=1, le=10**12, description="In + out, each sub-agent")
    on_exceeded: Literal["pause", "fail"] | None = Field(None, description="pause (default) or fail")

    def to_fields(self) -> dict[str, Any]:
        """Return what is set, as fields of the domain's ``Budget``."""
        fields = {
            "max_cost_nano_usd": None if self.max_cost_usd is None else nano(self.max_cost_usd),
            "max_tokens": self.max_tokens,
            "per_agent_tokens": self.per_agent_tokens,
            "on_exceeded": self.on_exceeded,
        }
        if fields["max_cost_nano_usd"] == 0:
            raise InvalidRequest.field("/budget/max_cost_usd", "expected a billionth of a dollar or more")
        found = {name: value for name, value in fields.items() if value is not None}
        if not found:
            caps = "max_cost_usd, max_tokens, per_agent_tokens"
            raise InvalidRequest.field("/budget", f"expected at least one of {caps}, on_exceeded")
        return found


class BudgetOut(BaseModel):
    """What a run may cost and what is spent of it."""

    max_cost_usd: float | None
    max_tokens: int | None
    per_agent_tokens: int | None
    on_exceeded: Literal["pause", "fail"]
    spent_usd: float = Field(description="Settled, and the most that calls with an unknown bill may have cost")
    spent_tokens: int
    unsettled_usd: float = Field(description="The part of it whose bill will never be known (lost or cancelled calls)")


def budget_json(row: SwarmRow, budget: Budget) -> dict[str, Any]:
    return {
        "max_cost_usd": usd(budget.max_cost_nano_usd),
        "max_tokens": budget.max_tokens,
        "per_agent_tokens": budget.per_agent_tokens,
        "on_exceeded": budget.on_exceeded,
        "spent_usd": usd(row.cost_nano_usd + row.unsettled_nano_usd),
        "spent_tokens": row.usage.total_tokens + row.unsettled_tokens,
        "unsettled_usd": usd(row.unsettled_nano_usd),
    }
