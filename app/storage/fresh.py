"""Runs this process has just stored, so that their first claim need not read back what is still in memory."""

from __future__ import annotations

from collections import OrderedDict

from app.domain.swarm import SwarmState
from app.ports.runs import Lease

_FIRST_TOKEN = 1
_MAX_BYTES = 64 * 1024 * 1024
_TASK_BYTES = 1024
"""What a task takes in memory beside its payload, roughly."""


class FreshRuns:
    """States as stored, oldest dropped first beyond 64 MiB in all: a run that waits long is read again.

    Only the first claim of a run takes its state from here: nothing can have changed it before, and wishes of clients
    (``RunStore.control``) are read apart.
    """

    def __init__(self) -> None:
        self._states: OrderedDict[str, tuple[int, SwarmState]] = OrderedDict()
        self._bytes = 0

    def put(self, state: SwarmState) -> None:
        size = sum(len(task.payload) for task in state.tasks) + _TASK_BYTES * len(state.tasks)
        self._states[state.swarm_id] = (size, state)
        self._bytes += size
        while self._bytes > _MAX_BYTES:
            self._forget(next(iter(self._states)))

    def take(self, lease: Lease) -> SwarmState | None:
        """Return the state of a run on its first claim, once; None where it must be read."""
        state = self._forget(lease.swarm_id)
        return state if lease.token == _FIRST_TOKEN else None

    def _forget(self, swarm_id: str) -> SwarmState | None:
        size, state = self._states.pop(swarm_id, (0, None))
        self._bytes -= size
        return state
