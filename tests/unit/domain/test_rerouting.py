"""A task that fails again and again: the next model of its chain, the next role, also after a restart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain import events
from app.domain.changes import Step
from app.domain.facts import Rerouted, RetryDue, RetryRequested, SlotsGranted
from app.domain.rerouting import pick, role_of, take_up
from app.domain.swarm import SwarmState
from app.domain.task import TaskSpec
from tests.support.steps import LANE, REFUSED, THROTTLED, failed, run_of, start, tell

CHAIN = {"chain": ["second", "third"]}
LANES: dict[str | None, str] = {"first": LANE, "second": "two", "third": "three"}


def routed(route: dict[str, Any] | None, **spec: Any) -> SwarmState:
    payload = {"prompt": "x"} if route is None else {"prompt": "x", "route": route}
    task = TaskSpec(
        task_id="a",
        lane=LANE,
        requested_model="first",
        payload=json.dumps(payload, separators=(",", ":")),
        max_retries=9,
    )
    state = run_of(task, **({"reroute_after": 2} | spec))
    state.lanes.update(LANES)
    return state


def fail_once(state: SwarmState, **fields: Any) -> Step:
    """Start the task wherever it is ready, and let the attempt fail; the next one is ready afterwards."""
    task = state.tasks[0]
    tell(state, SlotsGranted(task.lane, 1))
    out = tell(state, failed(0, task.attempt, **fields))
    tell(state, RetryDue(0, task.attempt))
    return out


def rerouted(out: Step) -> list[tuple[Any, Any]]:
    return [(one.fields["from_model"], one.fields["model"]) for one in out.events if one.type == events.AGENT_REROUTED]


def test_the_next_model_of_the_chain_serves_after_so_many_failures() -> None:
    state = routed(CHAIN)

    told = [rerouted(fail_once(state)) for _ in range(5)]

    assert told == [[], [("first", "second")], [], [("second", "third")], []]
    assert (state.tasks[0].model, state.tasks[0].lane) == ("third", "three")
    assert state.ready_count["three"] == 1


def test_the_last_of_a_chain_keeps_the_task() -> None:
    state = routed(CHAIN, reroute_after=1)

    told = [rerouted(fail_once(state)) for _ in range(4)]

    assert told == [[("first", "second")], [("second", "third")], [], []]


def test_refusals_for_the_rate_bring_nobody_to_another_model() -> None:
    state = routed(CHAIN, reroute_after=1)

    assert rerouted(fail_once(state, error=THROTTLED)) == []
    assert state.tasks[0].model == "first"


def test_without_a_chain_there_is_nowhere_to_go() -> None:
    routes: list[dict[str, Any] | None] = [None, {"reason": "so"}, {"chain": []}]
    for route in routes:
        state = routed(route, reroute_after=1)
        assert rerouted(fail_once(state)) == []
        assert state.tasks[0].model == "first"


def test_another_role_is_told_though_the_model_stays() -> None:
    state = routed({"roles": ["coder"]}, reroute_after=1)

    [event] = [one for one in fail_once(state).events if one.type == events.AGENT_REROUTED]

    assert (event.fields["role"], event.fields["model"]) == ("coder", "first")


def test_a_breaker_that_closes_again_does_not_undo_the_chain() -> None:
    state = routed(CHAIN, reroute_after=1)
    tell(state, Rerouted("first", "spare", "stand-in"), Rerouted("first", LANE, None))
    fail_once(state)
    assert state.tasks[0].model == "second"

    tell(state, Rerouted("first", "spare", "stand-in"))

    assert (state.tasks[0].model, state.tasks[0].lane, state.ready_count["two"]) == ("second", "two", 1)


def test_a_process_that_takes_over_knows_the_model_by_the_failures() -> None:
    state = routed(CHAIN)
    state.tasks[0].failures = 3

    take_up(state)

    assert (state.tasks[0].model, state.tasks[0].lane) == ("second", "two")


def test_a_retry_by_a_client_begins_with_the_models_own() -> None:
    state = routed(CHAIN, reroute_after=1)
    payload = state.tasks[0].payload
    fail_once(state)
    tell(state, SlotsGranted("two", 1))
    tell(state, failed(0, 2, error=REFUSED))

    tell(state, RetryRequested({0: payload}))

    assert (state.tasks[0].model, state.tasks[0].lane) == ("first", LANE)
    assert start(state) == ["a"]


@pytest.mark.parametrize(("nth", "expected"), [(0, None), (1, "a"), (2, "b"), (3, "b"), (99, "b")])
def test_a_chain_is_counted_from_one_and_its_last_entry_stays(nth: int, expected: str | None) -> None:
    assert pick(["a", "b"], nth) == expected
    assert pick([], nth) is None


def test_the_role_of_an_attempt_follows_its_failures() -> None:
    payload = {"role": "analyst", "route": {"roles": ["coder", "writer"]}}

    assert [role_of(payload, failures, 2) for failures in range(7)] == [
        *["analyst"] * 2,
        *["coder"] * 2,
        *["writer"] * 3,
    ]
    assert role_of({"role": "analyst"}, 9, 2) == "analyst"
    assert role_of({}, 0, 2) is None
