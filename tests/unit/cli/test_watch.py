"""Following a swarm: figures as the service gives them, reasons and sub-agents from its events."""

from typing import Any

import pytest

from app.cli.watch import Snapshot, snapshot_of, watch
from tests.support.run_stream import Frame, RunService, cut_off, whole


def event(seq: int, kind: str, task_id: str | None = None, **more: Any) -> Frame:
    return {"type": kind, "seq": seq, "ts": f"2026-01-31T12:00:{seq:02}.000Z", "task_id": task_id, **more}


def figures(seq: int, **more: Any) -> Frame:
    return event(seq, "metrics_snapshot", **more)


def follow(service: RunService, clock: list[float] | None = None, **options: Any) -> list[Snapshot]:
    ticks = iter(clock or ())
    with service.client() as client:
        return list(watch(client, "swm_1", clock=lambda: next(ticks, 0.0), **options))


def test_each_second_has_its_figures_and_the_end_has_its_status() -> None:
    first = figures(1, counts={"total": 4, "completed": 1, "running": 2, "waiting": 1}, p95_ms=7.5, cost_usd=0.25)
    second = figures(2, counts={"total": 4, "completed": 3, "failed": 1}, p95_ms=8, tasks_per_s=2.5, elapsed_s=1.6)
    ended = {"counts": {"total": 4, "completed": 3, "failed": 1}, "created_at": "2026-01-31T12:00:00.000Z"}
    stream = whole(event(1, "swarm_started"), first, event(2, "agent_completed", "a"), second)
    service = RunService([stream], ["planning", "partial"], **ended, ended_at="2026-01-31T12:00:01.750Z", cost_usd=0.5)

    opened, running, done, final = follow(service)

    assert (opened.status, opened.percent) == ("planning", 100)
    assert (running.status, running.ended, running.running, running.p95_ms) == ("planning", 1, 2, 7.5)
    assert (done.ended, done.percent, done.cost_usd) == (4, 100, 0.5)
    assert (final.status, final.ended, final.elapsed_s, final.cost_usd) == ("partial", 4, 1.75, 0.5)
    assert (final.p95_ms, final.tasks_per_s) == (8.0, 2.5)


def test_a_run_that_has_ended_is_one_snapshot() -> None:
    stream = whole(event(1, "agent_spawned", "a", attempt=1), figures(1, p50_ms=3.0), event(2, "swarm_completed"))

    [only] = follow(RunService([stream], ["cancelled"]))

    assert (only.status, only.p50_ms, [cell.task_id for cell in only.cells]) == ("cancelled", 3.0, ["a"])


def test_between_figures_sub_agents_are_shown_ten_times_a_second_and_the_clock_goes_on() -> None:
    spawned = [event(seq, "agent_spawned", f"t{seq}", attempt=1) for seq in range(2, 6)]
    stream = whole(event(1, "agent_spawned", "t1", attempt=1), figures(1, elapsed_s=5.0), *spawned)
    # At the start; when the figures come and are shown; then asked, and where it is time shown, for each event.
    clock = [0.0, 1.0, 1.0, 1.05, 1.125, 1.125, 1.15, 1.25, 1.25]

    seen = follow(RunService([stream], ["running", "completed"]), clock)

    assert [(len(each.cells), each.elapsed_s) for each in seen[1:-1]] == [(1, 5.0), (3, 5.125), (5, 5.25)]


def test_history_is_not_shown_event_by_event() -> None:
    history = [event(seq, "task_queued", f"t{seq}") for seq in range(1, 50)]
    service = RunService([whole(*history, figures(49))], ["running", "completed"])

    assert [len(each.cells) for each in follow(service, [float(n) for n in range(200)])] == [0, 49, 49]


def test_what_failed_is_told_until_it_runs_again() -> None:
    failed = [event(n, "agent_failed", f"t{n}", error=f"boom\n no. {n}") for n in range(1, 6)]
    resumed = event(6, "swarm_resumed", reason="retry")

    [_, first, second, _] = follow(RunService([whole(*failed, figures(5), resumed, figures(6))]))

    assert first.failures == ("t3: boom no. 3", "t4: boom no. 4", "t5: boom no. 5")
    assert second.failures == ()


def test_a_pause_says_why_and_is_over_when_the_run_goes_on() -> None:
    paused = event(1, "swarm_paused", reason="budget", detail="1 USD of 1 USD is spent")
    stream = whole(paused, figures(1), event(2, "swarm_resumed"), figures(2))

    [_, while_paused, after, _] = follow(RunService([stream]))

    assert (while_paused.status, while_paused.failures) == ("paused", ("paused: 1 USD of 1 USD is spent",))
    assert (after.status, after.failures) == ("running", ())


def test_a_lost_connection_is_told_and_nothing_comes_twice() -> None:
    said: list[str] = []
    frames: list[Frame] = []
    cut = cut_off(event(1, "swarm_started"), event(2, "task_queued", "a"))

    service = RunService([cut, whole(event(3, "agent_spawned", "a"), figures(3))])
    last = follow(service, say=said.append, each=frames.append)[-1]

    assert [frame["seq"] for frame in frames] == [1, 2, 3, 3]
    assert [cell.state for cell in last.cells] == ["running"]
    assert len(said) == 2


@pytest.mark.parametrize("document", [{"status": "running"}, {"status": "running", "counts": None, "tokens": None}])
def test_a_swarm_without_numbers_is_a_snapshot_of_zeros(document: dict[str, Any]) -> None:
    snapshot = snapshot_of(document)

    assert (snapshot.total, snapshot.percent, snapshot.cost_usd, snapshot.p95_ms) == (0, 0, 0.0, None)


def test_every_final_state_counts_as_ended() -> None:
    counts = {"completed": 5, "failed": 1, "cancelled": 1, "skipped": 1, "running": 2, "total": 10}

    snapshot = snapshot_of({"status": "running", "counts": counts, "tokens": {"in": 3, "out": 4}, "cost_usd": "0.5"})

    assert (snapshot.ended, snapshot.percent, snapshot.running, snapshot.cost_usd) == (8, 80, 2, 0.5)
