"""What is told of planners and merges, which are no tasks of the run, while it goes on."""

from typing import Any

import pytest

from app.cli import follow
from app.cli.interrupts import Interrupts
from app.cli.progress import plain_line
from app.cli.watch import Snapshot, snapshot_of, watch
from tests.support.run_stream import RunService, whole


def service(seconds: list[list[dict[str, Any]]], status: str = "completed") -> RunService:
    """A run with these events in each second, and figures at the end of it."""
    frames: list[dict[str, Any]] = []
    seq = 0
    for events in seconds:
        for seq, event in enumerate(events, start=seq + 1):  # noqa: B020
            frames.append({**event, "seq": seq})
        frames.append({"type": "metrics_snapshot", "seq": seq})
    return RunService([whole(*frames)], ["running", status], counts={"total": 0})


def snapshots(*seconds: list[dict[str, Any]], status: str = "completed") -> list[Snapshot]:
    with service(list(seconds), status).client() as client:
        return list(watch(client, "swm_1", clock=lambda: 0.0))


def step(of: str, **more: Any) -> dict[str, Any]:
    return {"type": "agent_step", "task_id": "~x", "step": of, **more}


MERGED = {"type": "aggregate_completed", "strategy": "synthesis", "inputs": 12, "missing": [], "error": None}


def test_a_run_without_tasks_yet_says_that_it_plans() -> None:
    line = plain_line(snapshot_of({"status": "planning", "counts": {"total": 0}}))

    assert line.startswith("[0.0 s] 0/0 done (0 %)")
    assert line.endswith("-- planning")


def test_of_many_turns_between_two_looks_the_last_is_told() -> None:
    turns = [step("planner", kind="turn", nth=nth) for nth in (1, 2, 3)]

    seen = snapshots(turns, [], [step("planner"), MERGED])

    assert [each.notes for each in seen] == [
        (),
        ("planner: turn 3",),
        (),
        ("planner: done", "merged 12 outputs (synthesis)"),
        (),
    ]


def test_merges_and_checkpoints_are_counted() -> None:
    checkpoint = {"type": "checkpoint", "completed": 20, "strategy": "hierarchical"}

    seen = snapshots([step("merge"), checkpoint], [step("merge"), step("merge")], [{**MERGED, "missing": ["a", "b"]}])

    assert [each.notes for each in seen[1:-1]] == [
        ("merging: 1 merge done", "checkpoint after 20 completed tasks (hierarchical)"),
        ("merging: 3 merges done",),
        ("merged 12 outputs (synthesis), 2 missing",),
    ]


def test_what_failed_is_a_failure() -> None:
    failed = [step("planner", error="no plan"), {**MERGED, "error": "too\nlong"}]

    last = snapshots(failed, status="failed")[-2]

    assert (last.failures, last.notes) == (("planner: no plan", "merge: too long"), ())


@pytest.mark.parametrize("quiet", [step("agent", kind="tool"), {**MERGED, "strategy": "none"}])
def test_steps_of_sub_agents_and_runs_without_a_merge_are_not_told(quiet: dict[str, Any]) -> None:
    assert [each.notes for each in snapshots([quiet])] == [(), (), ()]


@pytest.mark.parametrize(("progress", "told"), [(True, ["swarmd: planner: done"]), (False, [])])
def test_notes_go_to_stderr_where_progress_is_wanted(
    progress: bool, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with service([[step("planner")]]).client() as client, Interrupts() as interrupts:
        follow.run_to_end(client, b"{}", interrupts, progress=progress)

    said = capsys.readouterr()
    assert said.out == ""
    assert [line for line in said.err.splitlines() if line.startswith("swarmd: ")] == told
