"""The sub-agents of a run one by one, as its events tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.cli.client import JsonObject

STATES = ("failed", "retrying", "running", "queued", "waiting", "cancelled", "skipped", "completed")
"""Those that a person should see first come first."""

_STATE_AFTER = {
    "task_waiting": "waiting",
    "task_queued": "queued",
    "agent_spawned": "running",
    "agent_step": "running",
    "agent_retrying": "retrying",
    "agent_completed": "completed",
    "agent_failed": "failed",
    "task_cancelled": "cancelled",
    "task_skipped": "skipped",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One sub-agent.

    Attributes:
        state: one of ``STATES``; ``retrying`` from a failed attempt to the end of the next, whose start is not told.
        attempt: the one it is on, or was on at its end; 0 before the first.
        step: calls of that attempt so far; 0 for a sub-agent that makes only one.
        began: time of the start of its first attempt, as the service wrote it; empty before.
    """

    task_id: str
    state: str
    attempt: int = 0
    step: int = 0
    began: str = ""

    def running_s(self, now: str) -> float:
        """Seconds from its start to ``now``, a time of the service too."""
        if not self.began or not now:
            return 0.0
        return max((datetime.fromisoformat(now) - datetime.fromisoformat(self.began)).total_seconds(), 0.0)


class Cells:
    """The sub-agents in the order in which they were made; ``now`` is the time of the latest event."""

    def __init__(self) -> None:
        self._by_id: dict[str, Cell] = {}
        self.now = ""

    def take(self, event: JsonObject) -> None:
        """Put in what an event, or a snapshot, tells."""
        self.now = str(event.get("ts") or self.now)
        kind, task_id = event.get("type"), event.get("task_id")
        state = _STATE_AFTER.get(str(kind))
        if state is None or not isinstance(task_id, str) or isinstance(event.get("step"), str):
            return  # of the run itself; or a call of a planner or a merge, which are no tasks of the run
        before = self._by_id.get(task_id) or Cell(task_id=task_id, state="waiting")
        attempt, began = int(event.get("attempt") or before.attempt), before.began
        step = int(event.get("nth") or 0) if kind == "agent_step" else 0
        if kind == "agent_spawned":
            began = self.now
        elif kind == "agent_retrying":
            attempt += 1
        elif kind == "task_queued" and before.state == "running":  # between two calls
            state, step = "running", before.step
        elif kind == "task_queued" and "attempt" in event:
            # So many attempts it has had. That a further one starts is told by no event.
            state, attempt = "retrying", attempt + 1
            began = began if before.state == "retrying" else self.now
        elif kind == "agent_failed" and event.get("error") == "cancelled":
            state = "cancelled"
        self._by_id[task_id] = Cell(task_id=task_id, state=state, attempt=attempt, step=step, began=began)

    def all(self) -> tuple[Cell, ...]:
        return tuple(self._by_id.values())
