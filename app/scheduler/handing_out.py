"""What one run has out at workers: what its turns change in that, and what its last runner left out there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.changes import Effect, StartAttempt, StartHedge, StopAttempt
from app.domain.facts import AttemptCompleted, AttemptFailed, Fact, HedgeDropped, StepTaken
from app.domain.swarm import SwarmState
from app.domain.task import TaskStatus
from app.ports.assignments import Assigned, Assignments
from app.ports.dispatch import CallKey

_ANSWERS = frozenset({AttemptCompleted, StepTaken, AttemptFailed})


class HandedOut:
    """Args:
    assignments: None where calls end with this process: then there is nothing to keep.
    """

    def __init__(self, assignments: Assignments | None) -> None:
        self._assignments = assignments
        self._heard: list[CallKey] = []

    async def find(self, state: SwarmState) -> Mapping[int, Sequence[int]]:
        """Return by task the calls that are out; what else is there is of the past, and is cleared away."""
        found: dict[int, list[int]] = {}
        if self._assignments is None:
            return found
        for standing in await self._assignments.standing([state.swarm_id]):
            key = standing.key
            task = state.tasks[key.index]
            if task.status is TaskStatus.RUNNING and (key.attempt, key.step) == (task.attempt, task.step):
                found.setdefault(key.index, []).append(key.call)
            else:
                self._heard.append(key)
        return found

    def hear(self, state: SwarmState, fact: Fact) -> None:
        """Note that a fact of a call is about to be applied, or that the call was never made."""
        if self._assignments is None:
            return
        if type(fact) in _ANSWERS:
            assert isinstance(fact, AttemptCompleted | StepTaken | AttemptFailed)
            self._heard.append(CallKey(state.swarm_id, fact.index, fact.attempt, fact.step, fact.call))
        elif isinstance(fact, HedgeDropped):
            self._heard.append(CallKey(state.swarm_id, fact.index, fact.attempt, state.tasks[fact.index].step, 1))

    def take(self, state: SwarmState, effects: Sequence[Effect]) -> Assigned | None:
        """Return what changes with this turn, to be written with it; None where nothing does."""
        if self._assignments is None:
            return None
        heard, self._heard = self._heard, []
        out, stopped = [], []
        for effect in effects:
            match effect:
                case StartAttempt():
                    out.append(_key(state, effect, 0))
                case StartHedge():
                    out.append(_key(state, effect, 1))
                case StopAttempt():
                    stopped.append(effect.index)
        return Assigned(heard=heard, stopped=stopped, out=out) if heard or stopped or out or state.ended else None


def _key(state: SwarmState, start: StartAttempt | StartHedge, call: int) -> CallKey:
    return CallKey(state.swarm_id, start.index, start.attempt, state.tasks[start.index].step, call)
