"""What follows from an output: a vote that is decided ends the run early, and every so many outputs are merged."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain import events
from app.domain.changes import Aggregate, MakeCheckpoint, Step, StopAttempt, TaskClosed
from app.domain.facts import AggregateCompleted, CheckpointMade, MergesPlanned, NewTask, PauseRequested, RetryRequested
from app.domain.progress import DECIDED
from app.domain.strategies import Options
from app.domain.swarm import SwarmState, SwarmStatus
from app.domain.task import TaskKind, TaskSpec
from app.domain.voting import Tally
from tests.support.steps import LANE, REFUSED, completed, failed, run_of, start, statuses, task, tell, types


def vote_of(voters: int, strategy: str = "majority", **spec: Any) -> SwarmState:
    names = [f"v{at}" for at in range(voters)]
    state = run_of(*map(task, names), aggregate={"strategy": strategy}, **spec)
    state.tally = Tally.of(Options(strategy=strategy), [1.0] * voters)
    return state


def closed(out: Step) -> list[int]:
    found = [change for change in out.changes if isinstance(change, TaskClosed)]
    assert {change.error for change in found} <= {DECIDED}
    return [change.index for change in found]


# --- votes -----------------------------------------------------------------------------------------------------------


def test_a_decided_vote_cancels_the_rest_and_the_run_is_completed() -> None:
    state = vote_of(5)
    start(state, 4)
    assert closed(tell(state, completed(0, output='"a"'), completed(1, output='"a"'))) == []

    out = tell(state, completed(2, output='"a"'))  # three of five: nothing the others say matters

    assert closed(out) == [3, 4]
    assert [effect for effect in out.effects if isinstance(effect, StopAttempt)] == [StopAttempt(3, 1)]
    assert out.effects[-1] == Aggregate()
    tell(state, AggregateCompleted("a", {"status": "completed"}))
    assert (state.status, state.counts.cancelled) == (SwarmStatus.COMPLETED, 2)


def test_it_is_cancelled_once() -> None:
    state = vote_of(5)
    start(state)
    tell(state, *(completed(index, output='"a"') for index in range(3)))

    assert tell(state, completed(3, output='"b"'), failed(4)) == Step()


def test_an_open_vote_cancels_nothing() -> None:
    state = vote_of(4)
    start(state)

    out = tell(state, completed(0, output='"a"'), completed(1, output='"a"'), completed(2, output='"b"'))

    assert (closed(out), state.decided) == ([], False)  # the fourth may make it a draw
    tell(state, completed(3, output='"b"'))
    assert (state.decided, state.counts.completed) == (False, 4)


def test_voters_that_are_lost_count_for_nobody() -> None:
    state = vote_of(3)
    start(state)
    tell(state, failed(0, error=REFUSED), completed(1, output='"a"'))
    assert not state.decided

    tell(state, completed(2, output='"a"'))

    assert (statuses(state), state.decided) == (["failed", "completed", "completed"], False)  # none was left to cancel


@pytest.mark.parametrize(
    ("least", "status"), [(0.0, SwarmStatus.PARTIAL), (0.75, SwarmStatus.PARTIAL), (0.8, SwarmStatus.FAILED)]
)
def test_who_was_not_needed_does_not_count_as_a_failure(least: float, status: SwarmStatus) -> None:
    """Three of the four that were heard of completed, whatever a decided vote did without."""
    state = vote_of(7, "first_past_the_post", min_success_rate=least)
    state.tally = Tally.of(Options(strategy="first_past_the_post", votes_needed=3), [1.0] * 7)
    start(state)
    tell(state, failed(0, error=REFUSED), *(completed(index, output='"a"') for index in (1, 2, 3)))
    assert (state.counts.completed, state.counts.cancelled) == (3, 3)

    tell(state, AggregateCompleted("a", {"status": "completed"}))

    assert state.status is status


def test_a_vote_that_is_decided_while_the_run_is_paused_ends_it() -> None:
    state = vote_of(3)
    start(state)
    tell(state, PauseRequested())

    tell(state, completed(0, output='"a"'), completed(1, output='"a"'))

    assert (state.status, statuses(state)) == (SwarmStatus.AGGREGATING, ["completed", "completed", "cancelled"])


def test_a_retry_has_nothing_to_do_after_a_decided_vote() -> None:
    state = vote_of(3)
    start(state)
    tell(state, completed(0, output='"a"'), completed(1, output='"a"'))
    tell(state, AggregateCompleted("a", {"status": "completed"}))

    assert tell(state, RetryRequested({2: "{}"})) == Step()
    assert state.status is SwarmStatus.COMPLETED


# --- checkpoints -----------------------------------------------------------------------------------------------------


def checkpointed(**aggregate: Any) -> SwarmState:
    state = run_of(*(task(f"t{at}") for at in range(5)), aggregate={"strategy": "concat"} | aggregate)
    start(state)
    return state


def test_every_so_many_outputs_are_merged_but_the_last() -> None:
    state = checkpointed(checkpoint_every=2)

    effects = [tell(state, completed(index)).effects for index in range(5)]

    assert effects == [[], [MakeCheckpoint()], [], [MakeCheckpoint()], [Aggregate()]]


def test_without_the_wish_there_is_none() -> None:
    state = checkpointed()

    assert [effect for index in range(4) for effect in tell(state, completed(index)).effects] == []


def test_a_checkpoint_is_told_and_kept() -> None:
    state = checkpointed(checkpoint_every=2)
    tell(state, completed(0), completed(1))

    out = tell(state, CheckpointMade("so far", {"strategy": "concat", "status": "checkpoint"}))

    assert types(out) == [events.CHECKPOINT]
    assert (out.events[0].fields["completed"], state.aggregated) == (2, "so far")


def test_a_checkpoint_that_comes_after_the_tasks_is_dropped() -> None:
    state = checkpointed(checkpoint_every=2)
    tell(state, *(completed(index) for index in range(5)))

    assert tell(state, CheckpointMade("so far", {"strategy": "concat"})) == Step()


def test_a_merge_that_ends_in_the_middle_of_a_run_makes_a_checkpoint() -> None:
    state = checkpointed(strategy="hierarchical", checkpoint_every=2)
    tell(state, completed(0), completed(1))
    merge = TaskSpec(task_id="~m", kind=TaskKind.MERGE, depends_on=("t0", "t1"), lane=LANE)
    tell(state, MergesPlanned((NewTask(merge, LANE, None),)))
    start(state)

    assert tell(state, completed(5)).effects == [MakeCheckpoint()]
    assert state.counts.completed == 2
