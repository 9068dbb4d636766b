"""Examples of frames for the AsyncAPI document: of each type one, or one of each form it has."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_SWARM = "swm_01KDYX8Q8M5R7W0E0G6T9V2A3B"
_AGENT = "agt_01KDYX8Q8M5R7W0E0G6T9V2A3B"
_LANE = "openai/gpt-4o-mini"
_COUNTS = {
    "waiting": 0,
    "queued": 0,
    "running": 0,
    "retrying": 0,
    "completed": 3,
    "failed": 0,
    "cancelled": 0,
    "skipped": 0,
    "total": 3,
}
_SPENT: Json = {"latency_ms": 812.4, "queue_ms": 3, "tokens_in": 412, "tokens_out": 96, "tokens_cached": 0}
_BILLED = _SPENT | {"cost_usd": 0.0001194, "model": "gpt-4o-mini"}
_TIMEOUT: Json = {"error": "no answer within 30 s", "error_type": "timeout"}
_MERGED: Json = {"agreement": None, "cost_usd": 0.0, "error": None}


def _of_run(type_: str, seq: int, /, **fields: Any) -> Json:
    at = f"2026-01-31T12:04:{seq:02d}.250Z"
    return {"type": type_, "seq": seq, "ts": at, "swarm_id": _SWARM, "task_id": None} | fields


def _of_task(type_: str, seq: int, task_id: str = "summary", /, **fields: Any) -> Json:
    place = {"task_id": task_id, "agent_id": f"{_AGENT}_00002", "attempt": 1}
    return _of_run(type_, seq) | place | fields


def _waits(type_: str, seq: int) -> Json:
    frame = _of_task(type_, seq)
    del frame["attempt"]
    return frame


EXAMPLES: dict[str, list[Json]] = {
    "swarm_started": [
        _of_run("swarm_started", 1, name="report", orchestrator_id=_AGENT, total=3, max_parallel_agents=100)
    ],
    "task_waiting": [_waits("task_waiting", 4)],
    "task_queued": [_waits("task_queued", 12)],
    "agent_spawned": [_of_task("agent_spawned", 13, queue_ms=3)],
    "agent_step": [
        _of_task(
            "agent_step",
            14,
            kind="calls",
            nth=1,
            latency_ms=640.2,
            tokens_in=388,
            tokens_out=41,
            cost_usd=0.0000828,
            model="gpt-4o-mini",
            tools=["file_reader"],
        ),
        _of_task("agent_step", 2, "plan", step="planner", **_BILLED),
        _of_task("agent_step", 21, "merge", step="merge", queue_ms=0, **_TIMEOUT),
    ],
    "agent_retrying": [_of_task("agent_retrying", 15, retry_in_ms=1038, **_TIMEOUT)],
    "agent_hedged": [_of_task("agent_hedged", 16)],
    "agent_rerouted": [
        _of_task("agent_rerouted", 17, from_lane=_LANE, lane="deepseek/deepseek-chat", model="deepseek-chat"),
        _of_task(
            "agent_rerouted",
            18,
            reason="2 failures",
            from_model="gpt-4o-mini",
            model="deepseek-chat",
            lane="deepseek/deepseek-chat",
            role=None,
        ),
    ],
    "agent_completed": [_of_task("agent_completed", 19, **_BILLED)],
    "agent_failed": [_of_task("agent_failed", 19, queue_ms=3, **_TIMEOUT)],
    "task_skipped": [
        _waits("task_skipped", 20) | {"error": "dependency 'collect' is failed", "error_type": "dependency_failed"}
    ],
    "task_cancelled": [_waits("task_cancelled", 20) | {"error": "cancelled by request", "error_type": "cancelled"}],
    "checkpoint": [
        _of_run(
            "checkpoint",
            18,
            strategy="concat",
            status="checkpoint",
            inputs=2,
            missing=["summary"],
            completed=2,
            **_MERGED,
        )
    ],
    "aggregate_completed": [
        _of_run("aggregate_completed", 22, strategy="concat", status="completed", inputs=3, missing=[], **_MERGED)
    ],
    "swarm_throttled": [_of_run("swarm_throttled", 9, lane=_LANE, limit=16, wait_ms=2000, reason="retry_after")],
    "breaker_changed": [_of_run("breaker_changed", 10, lane=_LANE, state="open", retry_in_ms=30000)],
    "swarm_scaled": [_of_run("swarm_scaled", 8, max_parallel_agents=50, before=100)],
    "swarm_paused": [
        _of_run(
            "swarm_paused",
            11,
            reason="budget",
            detail="the next call may cost 0.004 USD, 0.001 USD of 0.05 are left",
            spent_usd=0.049,
        )
    ],
    "swarm_resumed": [_of_run("swarm_resumed", 12, reason="budget")],
    "swarm_completed": [
        _of_run(
            "swarm_completed",
            23,
            status="completed",
            error=None,
            counts=_COUNTS,
            cost_usd=0.0004,
            steps=4,
            elapsed_s=2.51,
        )
    ],
    "metrics_snapshot": [
        _of_run(
            "metrics_snapshot",
            22,
            counts=_COUNTS,
            active_agents=0,
            success_rate=1.0,
            avg_latency_ms=804.1,
            p50_ms=798.0,
            p95_ms=812.4,
            p99_ms=812.4,
            tokens={"in": 1236, "out": 288, "cached": 0},
            cost_usd=0.0004,
            steps=4,
            tasks_per_s=1.195,
            elapsed_s=2.51,
        )
    ],
}

WEBHOOK_EXAMPLE: Json = {
    "type": "swarm_completed",
    "timestamp": "2026-01-31T12:04:23.250Z",
    "data": {
        "swarm_id": _SWARM,
        "name": "report",
        "status": "completed",
        "agent_id": _AGENT,
        "created_at": "2026-01-31T12:04:01.250Z",
        "started_at": "2026-01-31T12:04:01.250Z",
        "ended_at": "2026-01-31T12:04:23.250Z",
        "counts": _COUNTS,
        "cost_usd": 0.0004,
        "tokens": {"in": 1236, "out": 288, "cached": 0},
        "steps": 4,
        "max_parallel_agents": 100,
        "priority": None,
        "budget": None,
        "pause_reason": None,
        "start_at": None,
        "critical_path": None,
        "error": None,
        "metadata": {"quarter": "2026-Q3"},
        "aggregation": {"strategy": "concat", "status": "completed", "inputs": 3, "missing": []} | _MERGED,
        "seq": 23,
    },
}
