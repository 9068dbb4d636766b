"""Events: what happened to a swarm, in ``seq`` order from 1. They are written with the state they tell of."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from app.domain.values import value

SWARM_STARTED = "swarm_started"
SWARM_SCALED = "swarm_scaled"
SWARM_PAUSED = "swarm_paused"
SWARM_RESUMED = "swarm_resumed"
SWARM_THROTTLED = "swarm_throttled"
BREAKER_CHANGED = "breaker_changed"
SWARM_COMPLETED = "swarm_completed"
TASK_WAITING = "task_waiting"
TASK_QUEUED = "task_queued"
TASK_SKIPPED = "task_skipped"
TASK_CANCELLED = "task_cancelled"
AGENT_SPAWNED = "agent_spawned"
AGENT_COMPLETED = "agent_completed"
AGENT_FAILED = "agent_failed"
AGENT_RETRYING = "agent_retrying"
AGENT_REROUTED = "agent_rerouted"
AGENT_HEDGED = "agent_hedged"
AGENT_STEP = "agent_step"
CHECKPOINT = "checkpoint"
AGGREGATE_COMPLETED = "aggregate_completed"


@value(kw_only=True)
class Event:
    """One event; ``fields`` holds what is particular to its type."""

    seq: int
    type: str
    at_ms: int
    task_id: str | None = None
    agent_id: str | None = None
    attempt: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def as_frame(self, swarm_id: str) -> dict[str, Any]:
        """Return the JSON object that clients see (section 4 of the contract)."""
        frame: dict[str, Any] = {
            "type": self.type,
            "seq": self.seq,
            "ts": rfc3339(self.at_ms),
            "swarm_id": swarm_id,
            "task_id": self.task_id,
        }
        if self.agent_id is not None:
            frame["agent_id"] = self.agent_id
        if self.attempt is not None:
            frame["attempt"] = self.attempt
        frame.update(self.fields)
        return frame


@lru_cache(maxsize=1024)  # what starts or ends together has the same time, and each is written several times
def rfc3339(at_ms: int) -> str:
    """Return Unix milliseconds as RFC 3339 in UTC, e.g. ``2026-01-31T12:04:31.250Z``."""
    return f"{_to_the_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@lru_cache(maxsize=256)
def _to_the_second(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}"
