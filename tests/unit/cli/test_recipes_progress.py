"""What is told of planners and merges, which are no tasks of the run, while it goes on."""

from typing import Any

import httpx2
import orjson
import pytest

from app.cli import follow
from app.cli.client import ServiceClient
from app.cli.interrupts import Interrupts
from app.cli.progress import plain_line
from app.cli.watch import Snapshot, snapshot_of, watch


def service(pages: list[tuple[str, list[dict[str, Any]]]]) -> httpx2.MockTransport:
    """Answers with the next status at each poll, and with the events that came up to then."""
    log: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return httpx2.Response(201, content=orjson.dumps({"swarm_id": "swm_1"}))
        if request.url.path.endswith("/results"):
            return httpx2.Response(200, content=orjson.dumps({"outputs": []}))
        if request.url.path.endswith("/events"):
            body: dict[str, Any] = {"items": log[int(request.url.params["after"]) :]}
        else:
            status, events = pages.pop(0)
            log.extend([{**event, "seq": seq} for seq, event in enumerate(events, start=len(log) + 1)])
            body = {"swarm_id": "swm_1", "status": status, "counts": {"total": 0}}
        return httpx2.Response(200, content=orjson.dumps(body))

    return httpx2.MockTransport(answer)


def snapshots(*pages: tuple[str, list[dict[str, Any]]]) -> list[Snapshot]:
    with ServiceClient("http://x", transport=service(list(pages))) as client:
        return list(watch(client, "swm_1", sleep=lambda _: None, clock=lambda: 0.0))


def step(of: str, **more: Any) -> dict[str, Any]:
    return {"type": "agent_step", "task_id": "~x", "step": of, **more}


MERGED = {"type": "aggregate_completed", "strategy": "synthesis", "inputs": 12, "missing": [], "error": None}


def test_a_run_without_tasks_yet_says_that_it_plans() -> None:
    line = plain_line(snapshot_of({"status": "planning", "counts": {"total": 0}}))

    assert line.startswith("[0.0 s] 0/0 done (0 %)")
    assert line.endswith("-- planning")


def test_of_many_turns_between_two_looks_the_last_is_told() -> None:
    turns = [step("planner", kind="turn", nth=nth) for nth in (1, 2, 3)]

    seen = snapshots(("planning", turns), ("planning", []), ("completed", [step("planner"), MERGED]))

    assert [each.notes for each in seen] == [
        ("planner: turn 3",),
        (),
        ("planner: done", "merged 12 outputs (synthesis)"),
    ]


def test_merges_and_checkpoints_are_counted() -> None:
    checkpoint = {"type": "checkpoint", "completed": 20, "strategy": "hierarchical"}

    seen = snapshots(
        ("running", [step("merge"), checkpoint]),
        ("aggregating", [step("merge"), step("merge")]),
        ("partial", [{**MERGED, "missing": ["a", "b"]}]),
    )

    assert [each.notes for each in seen] == [
        ("merging: 1 merge done", "checkpoint after 20 completed tasks (hierarchical)"),
        ("merging: 3 merges done",),
        ("merged 12 outputs (synthesis), 2 missing",),
    ]


def test_what_failed_is_a_failure() -> None:
    failed = [step("planner", error="no plan"), {**MERGED, "error": "too\nlong"}]

    last = snapshots(("failed", failed))[-1]

    assert (last.failures, last.notes) == (("planner: no plan", "merge: too long"), ())


@pytest.mark.parametrize("quiet", [step("agent", kind="tool"), {**MERGED, "strategy": "none"}])
def test_steps_of_sub_agents_and_runs_without_a_merge_are_not_told(quiet: dict[str, Any]) -> None:
    assert snapshots(("completed", [quiet]))[-1].notes == ()


@pytest.mark.parametrize(("progress", "told"), [(True, ["swarmd: planner: done"]), (False, [])])
def test_notes_go_to_stderr_where_progress_is_wanted(
    progress: bool, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    transport = service([("completed", [step("planner")])])
    with ServiceClient("http://x", transport=transport) as client, Interrupts() as interrupts:
        follow.run_to_end(client, b"{}", interrupts, progress=progress)

    said = capsys.readouterr()
    assert said.out == ""
    assert [line for line in said.err.splitlines() if line.startswith("swarmd: ")] == told
