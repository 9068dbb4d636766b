"""Forecasts, worked out by hand where every call takes equally long."""

from __future__ import annotations

from collections.abc import Sequence
from time import process_time
from typing import Any

import pytest

from app.domain.forecast import (
    ASSUMED_OUTPUT_TOKENS,
    Figures,
    Forecast,
    Job,
    LaneOutlook,
    forecast,
)
from app.domain.retry import RetryPolicy
from app.domain.task import TaskKind
from app.domain.usage import Price

LANE = "p/m"
ONE_SECOND = Figures(latencies_s=(1.0,), output_tokens=10)
PRICE = Price(input_nano_per_mtok=2_000_000_000, output_nano_per_mtok=8_000_000_000)


def outlook(**fields: Any) -> LaneOutlook:
    known: dict[str, Any] = {"alone": ONE_SECOND, "building": ONE_SECOND, "price": PRICE}
    return LaneOutlook(**(known | fields))


def flat(count: int, **fields: Any) -> list[Job]:
    return [Job(task_id=f"t{index}", lane=LANE, **fields) for index in range(count)]


def play(jobs: Sequence[Job], agents: int = 100, retry: RetryPolicy | None = None, **fields: Any) -> Forecast:
    return forecast(jobs, {LANE: outlook(**fields)}, max_parallel_agents=agents, retry=retry or RetryPolicy())


def test_tasks_run_in_waves_of_as_many_agents_as_there_may_be() -> None:
    found = play(flat(250))

    assert (found.makespan_s, found.calls, found.most_parallel, found.failed) == (3.0, 250, 100, 0)
    assert len(found.critical_tasks) == 1


def test_levels_of_a_graph_follow_one_another() -> None:
    """100 -> 10 -> 1: three levels, all of the first at once."""
    jobs = [
        *flat(100),
        *(Job(task_id=f"m{at}", lane=LANE, dependencies=range(at * 10, at * 10 + 10)) for at in range(10)),
        Job(task_id="end", lane=LANE, dependencies=range(100, 110)),
    ]

    found = play(jobs)

    assert found.makespan_s == 3.0
    assert len(found.critical_tasks) == 3
    assert found.critical_tasks[-1] == "end"


def test_the_chain_of_calls_of_less_than_a_millisecond_begins_with_the_planner() -> None:
    jobs = [
        Job(task_id="plan", lane=LANE, kind=TaskKind.PLANNER),
        *flat(5, dependencies=(0,)),
        Job(task_id="merge", lane=LANE, kind=TaskKind.MERGE, dependencies=range(1, 6)),
    ]
    quick = Figures(latencies_s=(0.0003,), output_tokens=10)

    assert play(jobs, alone=quick, building=quick).critical_tasks == ["plan", "t0", "merge"]


def test_outputs_become_part_of_the_prompts_that_build_on_them() -> None:
    """400 bytes and 4 tokens for the message: 104. Two outputs of 10 tokens: 15 + 2 x (40 + 1 + 6) = 109 more bytes."""
    jobs = [
        Job(task_id="a", lane=LANE, prompt_bytes=400),
        Job(task_id="b", lane=LANE, prompt_bytes=400),
        Job(task_id="c", lane=LANE, prompt_bytes=400, dependencies=(0, 1)),
    ]

    sums = play(jobs).lanes[LANE]

    assert sums.prompt_tokens == 104 + 104 + (128 + 4)
    assert sums.completion_tokens == 30
    assert sums.cost_nano_usd == 340 * 2_000 + 30 * 8_000


def test_cached_tokens_cost_what_they_cost() -> None:
    price = Price(input_nano_per_mtok=2_000_000_000, output_nano_per_mtok=0, cached_input_nano_per_mtok=500_000_000)
    half = Figures(latencies_s=(1.0,), output_tokens=10, cached_share=0.5)

    sums = play(flat(10, prompt_bytes=384), price=price, alone=half).lanes[LANE]

    assert sums.cost_nano_usd == 500 * 2_000 + 500 * 500


def test_without_a_price_there_is_no_cost() -> None:
    assert play(flat(2), price=None).lanes[LANE].cost_nano_usd is None


def test_a_model_that_was_never_asked_is_assumed_to_answer_a_page_at_a_usual_pace() -> None:
    """1 s, and 20 ms for each of 256 tokens, or of as few as it may say."""
    found = play(flat(3), alone=Figures())
    assert found.makespan_s == pytest.approx(1 + 0.02 * ASSUMED_OUTPUT_TOKENS)
    assert found.lanes[LANE].completion_tokens == 3 * ASSUMED_OUTPUT_TOKENS

    assert play(flat(1, max_output_tokens=50), alone=Figures()).makespan_s == pytest.approx(2.0)


def test_the_slowest_of_many_calls_is_as_slow_as_was_measured() -> None:
    spread = Figures(latencies_s=[1.0] * 99 + [5.0], output_tokens=1)

    assert play(flat(100), alone=spread).makespan_s == 5.0
    assert play(flat(100), alone=spread).lanes[LANE].busy_s == pytest.approx(104, abs=5)


@pytest.mark.parametrize(
    ("limits", "expected_s"),
    [
        ({"limit": 10}, 10.0),
        ({"max_concurrency": 20}, 5.0),
        # 2 may start at once, then (120 - 1) / 60 a second: the hundredth after 98 / 1.98333 s.
        ({"requests_per_minute": 120}, 98 / (119 / 60) + 1),
        # 114 tokens a call, 114 at once, then about as many a second.
        ({"tokens_per_minute": 114 * 60}, pytest.approx(100, rel=0.03)),
    ],
)
def test_limits_of_the_provider_hold(limits: dict[str, Any], expected_s: float) -> None:
    assert play(flat(100, prompt_bytes=400), **limits).makespan_s == pytest.approx(expected_s)


def test_lanes_of_one_provider_share_its_slots() -> None:
    jobs = [Job(task_id=f"t{index}", lane=f"p/{index % 2}") for index in range(20)]
    lanes = {f"p/{name}": outlook(max_concurrency=5) for name in (0, 1)}

    assert forecast(jobs, lanes, max_parallel_agents=100, retry=RetryPolicy()).makespan_s == 4.0


def test_a_higher_priority_starts_first_then_what_is_more_complex() -> None:
    """One agent; ``x`` takes 1 s after ``high``, while ``low`` would keep it waiting."""
    jobs = [
        Job(task_id="low", lane=LANE, priority=1),
        Job(task_id="plain", lane=LANE),
        Job(task_id="complex", lane=LANE, complexity=9),
        Job(task_id="high", lane=LANE, priority=9),
    ]

    assert play(jobs, agents=1).critical_tasks == ["low"]
    assert play([jobs[1], jobs[2]], agents=1).critical_tasks == ["plain"]


def test_failures_cost_time_and_calls_but_no_tokens() -> None:
    """A quarter fails, and comes again after 1 s of back-off and again in the next wave."""
    found = play(flat(100), error_rate=0.25)

    assert found.failed == 0
    assert 125 <= found.calls <= 145
    assert found.makespan_s >= 3.0
    assert found.lanes[LANE].completion_tokens == 1000


def test_a_task_out_of_attempts_takes_those_along_that_need_it() -> None:
    jobs = [
        Job(task_id="a", lane=LANE, max_retries=1),
        Job(task_id="b", lane=LANE, dependencies=(0,)),
        Job(task_id="c", lane=LANE, dependencies=(1,), allow_failed_dependencies=True, max_retries=0),
    ]

    found = play(jobs, error_rate=1.0, retry=RetryPolicy(base_delay_s=2.0))

    assert found.failed == 3
    assert found.calls == 3
    assert found.makespan_s == 1 + 2 + 1 + 1


def test_a_call_that_takes_longer_than_it_may_fails_by_then() -> None:
    found = play(flat(1, timeout_s=0.5, max_retries=0))

    assert (found.makespan_s, found.failed) == (0.5, 1)


def test_twenty_thousand_tasks_take_a_second_or_two() -> None:
    wide = flat(20_000)
    chain = [Job(task_id=f"t{at}", lane=LANE, dependencies=(at - 1,) if at else ()) for at in range(20_000)]
    started = process_time()

    assert play(wide, 1000, requests_per_minute=60_000, error_rate=0.1).failed <= 5
    assert process_time() - started < 4  # half of one where nothing else runs
    assert play(chain).makespan_s == 20_000
