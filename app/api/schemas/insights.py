"""Critical paths and predictions on the wire."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.domain.critical_path import CriticalPath
from app.domain.usage import usd
from app.services.insights import Prediction


class BlameOut(BaseModel):
    """Milliseconds; the parts add up to the makespan."""

    queue: int = Field(description="Ready, but without a slot, or paused")
    rate_limit: int = Field(description="Held back by the provider's limits, and attempts turned away")
    model: int = Field(description="Attempts that answered or run, and the planner")
    tools: int = Field(description="The tools of those attempts")
    retry: int = Field(description="Failed attempts and their back-offs")
    dependency: int = Field(description="From the end of the last dependency to ready; tasks of other runs")
    merge: int = Field(description="Merges, and what came after the last task")


class CriticalPathOut(BaseModel):
    """Where the time of a run went."""

    critical_tasks: list[str] = Field(description="The chain of tasks that the end waited for, first to last")
    critical_steps: int = Field(
        description="Steps that had to be made one after another: over all levels the main agent's and the slowest "
        "sub-agent's (the metric of Kimi K2.5)"
    )
    total_steps: int
    speedup: float = Field(description="What one agent alone would have taken, over the makespan")
    parallel_efficiency: float = Field(ge=0, le=1, description="Speedup over the agents used at the same time")
    parallel_agents: int = Field(description="Agents at work at the same time, at most")
    makespan_ms: int = Field(description="From the creation of the run to its end, or to now")
    blame: BlameOut


class ForecastTokensOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    prompt: int = Field(alias="in")
    completion: int = Field(alias="out")


class ModelForecastOut(BaseModel):
    latency_ms: float = Field(description="Of a call, in the mean")
    calls: int
    cost_usd: float | None = Field(description="null where no price is known")
    price_known: bool
    measured_tasks: int = Field(description="Completed tasks that the figures come from; 0: they are assumed")


class SimulationOut(BaseModel):
    """What a run would cost and how long it would take. Nothing was started."""

    cost_usd: float | None = Field(description="Of the models with a known price; null where no model has one")
    tokens: ForecastTokensOut
    makespan_s: float
    critical_path: list[str] = Field(description="The chain of tasks that the end would wait for, first to last")
    calls: int = Field(description="Failed ones included")
    parallel_agents: int = Field(description="Calls at the same time, at most")
    per_model: dict[str, ModelForecastOut]
    assumptions: list[str] = Field(description="What the figures rest on, in words")


def critical_path_json(path: CriticalPath) -> dict[str, Any]:
    return {
        "critical_tasks": path.critical_tasks,
        "critical_steps": path.critical_steps,
        "total_steps": path.total_steps,
        "speedup": round(path.speedup, 3),
        "parallel_efficiency": round(path.parallel_efficiency, 4),
        "parallel_agents": path.most_parallel,
        "makespan_ms": path.makespan_ms,
        "blame": dict(path.blame),
    }


def simulation_json(prediction: Prediction) -> dict[str, Any]:
    found = prediction.forecast
    served = Counter(route.model for route in prediction.routes.values())
    sums = {lane: found.lanes[lane] for lane in prediction.routes}
    costs = [lane.cost_nano_usd for lane in sums.values() if lane.cost_nano_usd is not None]
    return {
        "cost_usd": usd(sum(costs)) if costs else None,
        "tokens": {
            "in": sum(lane.prompt_tokens for lane in sums.values()),
            "out": sum(round(lane.completion_tokens) for lane in sums.values()),
        },
        "makespan_s": round(found.makespan_s, 3),
        "critical_path": found.critical_tasks,
        "calls": found.calls,
        "parallel_agents": found.most_parallel,
        "per_model": {
            # Two providers may serve models of the same name.
            route.model if served[route.model] == 1 else lane: {
                "latency_ms": round(sums[lane].busy_s / sums[lane].calls * 1000, 3),
                "calls": sums[lane].calls,
                "cost_usd": usd(sums[lane].cost_nano_usd),
                "price_known": route.price is not None,
                "measured_tasks": prediction.measured[lane],
            }
            for lane, route in prediction.routes.items()
        },
        "assumptions": prediction.assumptions,
    }
