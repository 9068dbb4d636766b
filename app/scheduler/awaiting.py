"""Tasks of a run that wait for tasks of other swarms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from app.domain.facts import AwaitedEnded
from app.domain.swarm import SwarmState
from app.domain.task import Awaited
from app.ports.doorbell import Doorbell, events_of
from app.ports.runs import RunStore


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Task ``index`` waits for a task of another swarm."""

    index: int
    awaited: Awaited


class Awaiting:
    """Args:
    wake: called when something may have ended.
    """

    def __init__(self, runs: RunStore, wake: Callable[[], None]) -> None:
        self._runs = runs
        self._wake = wake
        self._waiting: set[_Waiting] = set()
        self._rang = True

    def listen(self, state: SwarmState, doorbell: Doorbell, listening: ExitStack) -> None:
        """Take note of what the run waits for, and hear of it until the context ends."""
        self._waiting = {_Waiting(task.index, awaited) for task in state.tasks for awaited in task.awaits}
        for swarm_id in {waiting.awaited.swarm_id for waiting in self._waiting}:
            listening.enter_context(doorbell.listen(events_of(swarm_id), self._on_ring))

    async def ended(self) -> list[AwaitedEnded]:
        """Ask how those tasks stand, after news of their swarms."""
        if not (self._waiting and self._rang):
            return []
        self._rang = False
        ended = await self._runs.ended(tuple({waiting.awaited for waiting in self._waiting}))
        facts = []
        for waiting in tuple(self._waiting):
            if waiting.awaited in ended:
                self._waiting.discard(waiting)
                facts.append(AwaitedEnded(waiting.index, waiting.awaited, ended[waiting.awaited]))
        return facts

    def _on_ring(self) -> None:
        self._rang = True
        self._wake()
