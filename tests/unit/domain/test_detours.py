"""Where tasks go while the lane of their model is closed, and failures that are the provider's alone."""

from __future__ import annotations

from app.domain import events
from app.domain.budget import Budget
from app.domain.changes import ScheduleRetry, StartAttempt, Step
from app.domain.facts import Rerouted, RetryDue, SlotsGranted
from app.domain.retry import MAX_THROTTLES, TaskError
from app.domain.swarm import SwarmState
from app.domain.task import TaskSpec
from app.domain.transitions import resume
from app.domain.usage import Price
from tests.support.book import START_MS
from tests.support.money import CALL, PRICE, priced
from tests.support.steps import GONE, LANE, REFUSED, THROTTLED, completed, failed, statuses, tell, types

AWAY = Rerouted("big", "other/small", "small")
HOME = Rerouted("big", LANE, None)


def task(task_id: str, *depends_on: str, model: str = "big", **fields: object) -> TaskSpec:
    return TaskSpec(task_id=task_id, depends_on=depends_on, lane=LANE, requested_model=model, **fields)  # type: ignore[arg-type]


def grant(state: SwarmState, lane: str, count: int = 100) -> list[str]:
    effects = tell(state, SlotsGranted(lane, count)).effects
    return [state.tasks[effect.index].task_id for effect in effects if isinstance(effect, StartAttempt)]


def test_what_is_ready_moves_to_the_other_lane_and_says_so() -> None:
    state = priced(task("a"), task("b", model="tiny"), budget=None)

    out = tell(state, AWAY)

    assert types(out) == [events.AGENT_REROUTED]
    assert out.events[0].fields == {"from_lane": LANE, "lane": "other/small", "model": "small"}
    assert {lane: count for lane, count in state.ready_count.items() if count} == {LANE: 1, "other/small": 1}
    assert state.tasks[0].model == "small"
    assert (grant(state, LANE), grant(state, "other/small")) == (["b"], ["a"])


def test_what_becomes_ready_later_goes_there_at_once() -> None:
    state = priced(task("a"), task("b", "a"), budget=None)
    grant(state, LANE)
    tell(state, AWAY)
    assert state.tasks[0].lane == LANE  # its attempt goes on where it is

    tell(state, completed(0))

    assert (state.tasks[1].lane, grant(state, "other/small")) == ("other/small", ["b"])


def test_a_task_that_failed_is_tried_again_elsewhere() -> None:
    state = priced(task("a"), budget=None)
    grant(state, LANE)
    tell(state, AWAY, failed(0))

    tell(state, RetryDue(0, 1), now_ms=START_MS + 10_000)

    assert grant(state, "other/small") == ["a"]


def test_once_the_lane_is_open_again_tasks_come_back() -> None:
    state = priced(task("a"), task("b"), budget=None)
    tell(state, AWAY)
    assert grant(state, "other/small", 1) == ["a"]

    out = tell(state, HOME)

    assert out.events[0].fields == {"from_lane": "other/small", "lane": LANE, "model": "big"}
    assert (state.tasks[1].routed_model, grant(state, LANE)) == (None, ["b"])
    assert (state.tasks[0].lane, state.tasks[0].routed_model) == ("other/small", "small")


def test_to_and_fro_a_task_is_started_once() -> None:
    state = priced(task("a"), task("b"), budget=None)
    for _ in range(3):
        tell(state, AWAY, HOME)

    assert state.ready_count[LANE] == 2
    assert grant(state, "other/small") == []
    assert grant(state, LANE) == ["a", "b"]


def test_the_same_news_twice_changes_nothing() -> None:
    state = priced(task("a"), budget=None)
    tell(state, AWAY)

    assert tell(state, AWAY) == Step()


def test_a_call_is_reserved_for_at_the_price_of_the_model_that_serves_it() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=100 * CALL))
    state.prices |= {"big": PRICE, "small": Price(input_nano_per_mtok=1_000_000, output_nano_per_mtok=10_000_000)}
    tell(state, AWAY)

    grant(state, "other/small")

    assert state.reserved_nano_usd == CALL // 1_000


def test_a_crash_leaves_the_dearest_model_that_may_have_served_on_the_account() -> None:
    state = priced(task("a"), budget=Budget(max_cost_nano_usd=100 * CALL))
    dear = Price(input_nano_per_mtok=3_000_000_000, output_nano_per_mtok=30_000_000_000)
    state.prices |= {"big": PRICE, "small": dear}
    tell(state, AWAY)
    grant(state, "other/small")
    state.reserved_nano_usd = state.reserved_tokens = 0  # as loaded
    state.tasks[0].reserved_nano_usd = state.tasks[0].reserved_tokens = 0
    state.tasks[0].routed_model = None
    state.detours = {}

    resume(state, START_MS, Step(), {"big": ["small"]})

    assert (state.unsettled_nano_usd, state.tasks[0].routed_model) == (3 * CALL, None)


# --- excused failures ------------------------------------------------------------------------------------------------


def fail_times(state: SwarmState, times: int, error: TaskError = GONE, *, excused: bool = False) -> list[int]:
    """Let the one task fail again and again; return the back-offs in milliseconds."""
    delays = []
    now_ms = START_MS
    for _ in range(times):
        tell(state, SlotsGranted(LANE, 1), now_ms=now_ms)
        out = tell(state, failed(0, state.tasks[0].attempt, error=error, excused=excused), now_ms=now_ms)
        for effect in out.effects:
            assert isinstance(effect, ScheduleRetry)
            delays.append(effect.at_ms - now_ms)
            now_ms = effect.at_ms
            tell(state, RetryDue(0, effect.attempt), now_ms=now_ms)
    return delays


def test_an_outage_uses_up_no_retry() -> None:
    state = priced(task("a", max_retries=0), budget=None)

    delays = fail_times(state, 100, excused=True)

    assert (statuses(state), state.tasks[0].failures) == (["queued"], 0)
    assert set(delays) == {1_000}  # the breaker has a back-off of its own


def test_after_an_outage_a_task_may_still_be_turned_away() -> None:
    state = priced(task("a", max_retries=0), budget=None)
    fail_times(state, MAX_THROTTLES + 1, excused=True)

    fail_times(state, 1, THROTTLED)

    assert statuses(state) == ["queued"]


def test_what_no_retry_mends_is_not_excused() -> None:
    state = priced(task("a"), budget=None)

    fail_times(state, 1, REFUSED, excused=True)

    assert statuses(state) == ["failed"]


def test_probes_go_their_own_way_while_the_others_stay() -> None:
    state = priced(task("a"), task("b"), task("c"), budget=None)
    tell(state, AWAY)

    out = tell(state, Rerouted("big", LANE, None, (0, 1)))

    assert types(out) == [events.AGENT_REROUTED] * 2
    assert out.events[0].fields == {"from_lane": "other/small", "lane": LANE, "model": "big"}
    assert (grant(state, LANE), grant(state, "other/small")) == (["a", "b"], ["c"])

    tell(state, failed(0, excused=True))  # the provider is still down
    tell(state, RetryDue(0, 1), now_ms=START_MS + 10_000)

    assert grant(state, "other/small") == ["a"]
