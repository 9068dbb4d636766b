"""What a runner has out at workers is written with the turn that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from app.domain.changes import StartAttempt, StartHedge, StopAttempt
from app.domain.facts import HedgeDropped
from app.ports.assignments import Assigned, Assignments, Standing
from app.ports.dispatch import CallKey
from app.scheduler.handing_out import HandedOut
from tests.support.runs import completed, grant, new_swarm, turn


class Rows:
    def __init__(self, *keys: CallKey) -> None:
        self._keys = keys

    async def standing(self, swarm_ids: Sequence[str]) -> list[Standing]:
        return [Standing(key=key, claimed=False, told=None) for key in self._keys if key.swarm_id in swarm_ids]


def run_of(tasks: int) -> Any:
    state = new_swarm({f"t{index}": [] for index in range(tasks)}).state
    turn(state, grant(tasks))
    return state


@pytest.mark.anyio
async def test_only_calls_of_running_attempts_are_waited_for_and_the_rest_is_cleared_away() -> None:
    state = run_of(3)
    turn(state, completed(state, 2))
    swarm_id = state.swarm_id
    rows = [
        CallKey(swarm_id, 0, 1, 0),
        CallKey(swarm_id, 0, 1, 0, 1),
        CallKey(swarm_id, 1, 0, 0),
        CallKey(swarm_id, 2, 1, 0),
    ]
    handed_out = HandedOut(cast(Assignments, Rows(*rows)))

    assert await handed_out.find(state) == {0: [0, 1]}
    assert handed_out.take(state, []) == Assigned(heard=rows[2:], stopped=[], out=[])
    assert handed_out.take(state, []) is None


def test_starts_ends_and_stops_are_written_with_their_turn() -> None:
    state = run_of(3)
    handed_out = HandedOut(cast(Assignments, Rows()))
    fact = completed(state, 0)

    handed_out.hear(state, fact)
    handed_out.hear(state, HedgeDropped(1, 1))
    changed = handed_out.take(state, [StartAttempt(1, 1), StartHedge(2, 1), StopAttempt(0, 1)])

    key = CallKey(state.swarm_id, 0, 1, 0)
    assert changed == Assigned(
        heard=[key, CallKey(state.swarm_id, 1, 1, 0, 1)],
        stopped=[0],
        out=[CallKey(state.swarm_id, 1, 1, 0), CallKey(state.swarm_id, 2, 1, 0, 1)],
    )


def test_where_calls_end_with_the_process_nothing_is_kept() -> None:
    state = run_of(1)
    handed_out = HandedOut(None)

    handed_out.hear(state, completed(state, 0))

    assert handed_out.take(state, [StartAttempt(0, 1)]) is None
