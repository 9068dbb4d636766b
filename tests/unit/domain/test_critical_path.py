"""Who is to blame for a run's time. All times are milliseconds from the creation of the run at 0."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import process_time

import pytest

from app.domain.critical_path import (
    BLAMES,
    CriticalPath,
    Throttled,
    Timing,
    Tried,
    critical_chain,
    critical_path,
    critical_steps,
)
from app.domain.task import TaskKind, TaskStatus

LANE = "p/m"


def done(
    task_id: str,
    start: int,
    end: int,
    *after: str,
    queue: int = 0,
    attempts: int = 1,
    kind: TaskKind = TaskKind.TASK,
    steps: int = 1,
) -> Timing:
    return Timing(
        task_id=task_id,
        status=TaskStatus.COMPLETED,
        kind=kind,
        steps=steps,
        depends_on=after,
        lane=LANE,
        attempts=attempts,
        queued_at_ms=start - queue,
        queue_ms=queue,
        started_at_ms=start,
        ended_at_ms=end,
    )


def path(
    timings: Sequence[Timing],
    end: int,
    tried: Mapping[int, Sequence[Tried]] | None = None,
    throttled: Sequence[Throttled] = (),
) -> CriticalPath:
    found = critical_path(
        timings,
        critical_chain(timings, until_ms=end),
        created_at_ms=0,
        until_ms=end,
        tried=tried or {},
        throttled=throttled,
    )
    assert sum(found.blame.values()) == found.makespan_ms == end
    assert set(found.blame) == set(BLAMES)
    return found


def blamed(found: CriticalPath) -> dict[str, int]:
    return {name: spent for name, spent in found.blame.items() if spent}


def test_the_chain_goes_through_the_dependency_that_ended_last() -> None:
    timings = [
        done("quick", 0, 100),
        done("slow", 0, 300),
        done("join", 310, 500, "quick", "slow"),
        done("beside", 0, 450),
    ]

    found = path(timings, 500)

    assert found.critical_tasks == ["slow", "join"]
    assert blamed(found) == {"model": 300 + 190, "dependency": 10}


def test_waiting_for_a_slot_and_for_being_ready_are_told_apart() -> None:
    """``b`` is ready 20 after ``a`` ended and gets its slot 30 later; the run ends 50 after its last task."""
    timings = [done("a", 40, 100, queue=40), done("b", 150, 250, "a", queue=30)]

    assert blamed(path(timings, 300)) == {"queue": 70, "model": 160, "dependency": 20, "merge": 50}


def test_failures_and_their_back_offs_are_retries_and_those_of_refusals_are_the_rate_limits() -> None:
    """Refused at 100-110, again from 200 after 10 in the queue, lost at 400; answers 600-900 after 20 in the queue."""
    tried = [
        Tried(started_at_ms=100, ended_at_ms=110, queue_ms=100, status="failed", error="rate_limit"),
        Tried(started_at_ms=200, ended_at_ms=400, queue_ms=10, status="failed", error="timeout"),
    ]

    found = path([done("a", 600, 900, queue=20, attempts=3)], 900, {0: tried})

    # rate limit: 10 and its back-off 110-190; retry: 200 and its back-off 400-580
    assert blamed(found) == {"queue": 100 + 10 + 20, "rate_limit": 90, "retry": 380, "model": 300}


def test_attempts_that_were_not_looked_up_count_as_retries() -> None:
    assert blamed(path([done("a", 600, 900, queue=20, attempts=3)], 900)) == {"retry": 580, "queue": 20, "model": 300}


def test_a_queue_at_a_lane_that_is_held_back_is_the_rate_limits() -> None:
    """Notices stand for a second or for the wait they name: 500-1,500 and 1,200-3,200 on its lane."""
    throttled = [
        Throttled(lane=LANE, at_ms=1_200, wait_ms=2_000),
        Throttled(lane=LANE, at_ms=500, wait_ms=10),
        Throttled(lane="p/other", at_ms=0, wait_ms=9_000),
    ]

    found = path([done("a", 4_000, 5_000, queue=4_000)], 5_000, throttled=throttled)

    assert blamed(found) == {"queue": 500 + 800, "rate_limit": 2_700, "model": 1_000}


def test_a_failed_last_task_is_a_retry_and_a_cancelled_call_the_models() -> None:
    failed = Timing(
        task_id="a", status=TaskStatus.FAILED, attempts=1, queued_at_ms=0, started_at_ms=10, ended_at_ms=100
    )
    tried = Tried(started_at_ms=10, ended_at_ms=100, queue_ms=10, status="failed", error="request_refused")
    assert blamed(path([failed], 100, {0: [tried]})) == {"queue": 10, "retry": 90}

    cancelled = Tried(started_at_ms=10, ended_at_ms=100, queue_ms=10, status="cancelled", error="cancelled")
    assert blamed(path([failed], 100, {0: [cancelled]})) == {"queue": 10, "model": 90}


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        (
            Timing(task_id="a", status=TaskStatus.RUNNING, attempts=1, queue_ms=30, started_at_ms=30),
            {"queue": 30, "model": 70},
        ),
        (Timing(task_id="a", status=TaskStatus.QUEUED, queued_at_ms=40), {"dependency": 40, "queue": 60}),
        (Timing(task_id="a", status=TaskStatus.WAITING), {"dependency": 100}),
        (Timing(task_id="a", status=TaskStatus.RETRYING, attempts=1, started_at_ms=5), {"retry": 100}),
        (Timing(task_id="a", status=TaskStatus.SKIPPED, ended_at_ms=60), {"dependency": 60, "merge": 40}),
        (
            Timing(task_id="a", status=TaskStatus.CANCELLED, queued_at_ms=10, ended_at_ms=100),
            {"dependency": 10, "queue": 90},
        ),
    ],
)
def test_where_a_task_stands_tells_what_is_waited_for(timing: Timing, expected: dict[str, int]) -> None:
    assert blamed(path([timing], 100)) == expected


def test_a_run_that_goes_on_waits_for_who_has_come_furthest() -> None:
    timings = [
        done("ended late", 0, 99),
        Timing(task_id="queued", status=TaskStatus.QUEUED, queued_at_ms=1),
        Timing(task_id="younger", status=TaskStatus.RUNNING, attempts=1, queued_at_ms=1, started_at_ms=50, queue_ms=49),
        Timing(task_id="elder", status=TaskStatus.RUNNING, attempts=1, queued_at_ms=1, started_at_ms=20, queue_ms=19),
    ]

    assert path(timings, 100).critical_tasks == ["elder"]


def test_a_planner_is_the_models_time_and_a_merge_its_own() -> None:
    """The plan takes 0-200, its tasks wait 10 to be made; the merge waits 5, runs 100."""
    timings = [
        done("plan", 0, 200, kind=TaskKind.PLANNER, steps=2),
        done("a", 210, 400),
        done("b", 210, 500),
        done("merge", 505, 605, kind=TaskKind.MERGE),
    ]

    found = path(timings, 605)

    assert found.critical_tasks == ["plan", "b", "merge"]
    assert blamed(found) == {"model": 200 + 290, "dependency": 10, "merge": 105}
    assert found.critical_steps == 2 + 1 + 1
    assert found.total_steps == 5


def test_a_planner_that_gives_work_and_waits_is_left_out_of_what_its_sub_agents_did() -> None:
    """It thinks 0-100, its sub-agent waits 50 for a slot and works until 400, it answers at 460."""
    timings = [done("plan", 0, 460, kind=TaskKind.PLANNER, steps=2), done("a", 150, 400, queue=50)]

    found = path(timings, 460)

    assert found.critical_tasks == ["a", "plan"]
    assert blamed(found) == {"model": 100 + 250 + 60, "queue": 50}


def test_the_slot_that_a_planner_waited_for_is_a_queue_too() -> None:
    """Over two turns: 30 in the queue, it thinks until 100, then 200-250 and 400-450."""
    timings = [
        done("plan", 30, 450, "b", queue=30, kind=TaskKind.PLANNER, steps=3),
        done("a", 100, 200),
        done("b", 250, 400),
    ]

    found = path(timings, 450)

    assert found.critical_tasks == ["a", "b", "plan"]
    assert blamed(found) == {"queue": 30, "model": 420}
    assert found.critical_steps == 3 + 1


def test_an_attempt_between_two_of_its_calls_was_the_models_time() -> None:
    """Its first call ran 20-60, the next one waits for a slot since then."""
    between = Timing(task_id="a", status=TaskStatus.QUEUED, attempts=1, queued_at_ms=60, queue_ms=20, started_at_ms=20)

    assert blamed(path([between], 100)) == {"queue": 20 + 40, "model": 40}


def test_critical_steps_are_the_slowest_of_each_level() -> None:
    """Levels: {a: 3, b: 5}, {c: 2}, {d: 1, e: 4}; and two steps of the planner."""
    timings = [
        done("plan", 0, 1, kind=TaskKind.PLANNER, steps=2),
        done("d", 3, 4, "c", "a"),
        done("e", 3, 4, "c", steps=4),
        done("c", 2, 3, "b", "a", "a", "of another run", steps=2),
        done("a", 1, 2, steps=3),
        done("b", 1, 2, steps=5),
    ]

    assert critical_steps(timings) == 2 + 5 + 2 + 4
    assert critical_steps([Timing(task_id="never started", status=TaskStatus.SKIPPED)]) == 0
    assert critical_steps([]) == 0


def test_speedup_is_what_one_agent_would_take_and_efficiency_is_that_per_agent() -> None:
    """Three agents, 100 + 100 + 40 of work in 120."""
    found = path([done("a", 0, 100), done("b", 0, 100), done("c", 80, 120)], 120)

    assert (found.model_ms, found.most_parallel) == (240, 3)
    assert found.speedup == 2.0
    assert found.parallel_efficiency == pytest.approx(2 / 3)


def test_agents_that_follow_one_another_are_one() -> None:
    found = path([done("a", 0, 50), done("b", 50, 100), done("c", 100, 100)], 100)

    assert found.most_parallel == 1
    assert found.parallel_efficiency == 1.0


def test_waiting_between_two_calls_is_no_work() -> None:
    """A planner thinks for 100 of 400; two sub-agents work for 150 each, and one waits 30 for its next slot."""
    planner = replace(done("plan", 0, 400, kind=TaskKind.PLANNER), busy_ms=100.0)
    timings = [planner, done("a", 100, 250), replace(done("b", 100, 280), busy_ms=150.0)]

    found = path(timings, 400)

    assert (found.model_ms, found.most_parallel) == (400, 2)


def test_nothing_at_all_has_a_path_too() -> None:
    found = path([], 70)

    assert found.critical_tasks == []
    assert (found.speedup, found.parallel_efficiency, found.critical_steps) == (0, 0, 0)
    assert blamed(found) == {"merge": 70}
    assert path([], 0).speedup == 0


def test_the_parts_add_up_whatever_the_times_are() -> None:
    """Clocks are set back and rows come from different commits: no time is blamed twice, none is missed."""
    rng = random.Random(7)
    for _ in range(500):
        timings = [
            Timing(
                task_id=f"t{index}",
                status=rng.choice(list(TaskStatus)),
                kind=rng.choice([TaskKind.TASK, TaskKind.TASK, TaskKind.PLANNER, TaskKind.MERGE]),
                depends_on=[f"t{rng.randrange(index)}"] if index and rng.random() < 0.5 else [],
                lane=LANE,
                attempts=rng.randint(0, 3),
                queued_at_ms=rng.randint(0, 100),
                queue_ms=rng.randint(0, 50),
                started_at_ms=rng.choice([None, rng.randint(-10, 120)]),
                ended_at_ms=rng.choice([None, rng.randint(-10, 120)]),
            )
            for index in range(rng.randint(0, 8))
        ]
        tried = {
            rng.randrange(8): [
                Tried(started_at_ms=rng.randint(0, 90), ended_at_ms=rng.randint(0, 99), queue_ms=9, status="failed")
            ]
        }
        notices = [Throttled(lane=LANE, at_ms=rng.randint(-50, 100), wait_ms=0) for _ in range(rng.randint(0, 3))]
        found = path(timings, 100, tried, notices)
        assert 0 <= found.parallel_efficiency <= 1


def test_a_long_chain_and_a_wide_run_take_no_longer_than_their_tasks() -> None:
    chain = [done(f"t{at}", at, at + 1, *([f"t{at - 1}"] if at else [])) for at in range(20_000)]
    wide = [done(f"t{at}", 0, 1 + at % 97) for at in range(20_000)]
    started = process_time()

    assert len(path(chain, 20_000).critical_tasks) == 20_000
    assert path(wide, 97).critical_tasks == ["t96"]
    assert process_time() - started < 2


def test_the_tools_of_an_attempt_are_told_apart_from_its_model() -> None:
    worker = replace(done("a", 100, 1_100, queue=100, steps=3), busy_ms=950.0, tools_ms=600.4)

    found = path([worker, done("b", 1_100, 1_300, "a")], 1_300)

    assert (found.blame["queue"], found.blame["model"], found.blame["tools"]) == (100, 600, 600)
    assert sum(found.blame.values()) == found.makespan_ms == 1_300


def test_tools_that_took_longer_than_their_attempt_seems_to_have_take_no_more_than_it() -> None:
    """Clocks differ: one counts milliseconds since 1970, the other since the machine was started."""
    found = path([replace(done("a", 0, 500), tools_ms=502.0)], 500)

    assert (found.blame["model"], found.blame["tools"]) == (0, 500)
