"""Sub-agents one by one, from the events of a run."""

from typing import Any

import pytest

from app.cli.cells import Cell, Cells


def cells(*events: dict[str, Any]) -> tuple[Cell, ...]:
    """The cells after the events, one a second from 12:00:01."""
    made = Cells()
    for second, event in enumerate(events, start=1):
        made.take({"ts": f"2026-01-31T12:00:{second:02}.000Z", "task_id": "a", **event})
    return made.all()


def only(*events: dict[str, Any]) -> tuple[str, int, int, str]:
    [cell] = cells(*events)
    return cell.state, cell.attempt, cell.step, cell.began[17:19]


QUEUED = {"type": "task_queued"}
SPAWNED = {"type": "agent_spawned", "attempt": 1}
RETRYING = {"type": "agent_retrying", "attempt": 1}
FAILED = {"type": "agent_failed", "attempt": 2, "error": "boom"}


@pytest.mark.parametrize(
    ("events", "cell"),
    [
        ([{"type": "task_waiting"}], ("waiting", 0, 0, "")),
        ([{"type": "task_waiting"}, QUEUED], ("queued", 0, 0, "")),
        ([QUEUED, SPAWNED], ("running", 1, 0, "02")),
        ([QUEUED, SPAWNED, {"type": "agent_completed", "attempt": 1}], ("completed", 1, 0, "02")),
        ([QUEUED, {"type": "task_skipped"}], ("skipped", 0, 0, "")),
        ([QUEUED, {"type": "task_cancelled"}], ("cancelled", 0, 0, "")),
        ([SPAWNED, {"type": "agent_failed", "attempt": 1, "error": "cancelled"}], ("cancelled", 1, 0, "01")),
        # A failed attempt, its back-off, and the next one, whose start no event tells.
        ([SPAWNED, RETRYING], ("retrying", 2, 0, "01")),
        ([SPAWNED, RETRYING, {**QUEUED, "attempt": 1}], ("retrying", 2, 0, "01")),
        ([SPAWNED, RETRYING, {**QUEUED, "attempt": 1}, FAILED], ("failed", 2, 0, "01")),
        # Asked to run again after its end: counted from then.
        ([SPAWNED, FAILED, {**QUEUED, "attempt": 2}], ("retrying", 3, 0, "03")),
        # Several calls: between two of them it is queued, and running all the same.
        ([SPAWNED, {"type": "agent_step", "attempt": 1, "nth": 4}], ("running", 1, 4, "01")),
        ([SPAWNED, {"type": "agent_step", "attempt": 1, "nth": 4}, QUEUED], ("running", 1, 4, "01")),
    ],
)
def test_each_event_moves_a_sub_agent(events: list[dict[str, Any]], cell: tuple[str, int, int, str]) -> None:
    assert only(*events) == cell


@pytest.mark.parametrize(
    "event",
    [
        {"type": "swarm_started", "task_id": None},
        {"type": "agent_step", "task_id": "~planner", "step": "planner"},
        {"type": "agent_step", "task_id": "~merge-1", "step": "merge"},
        {"type": "metrics_snapshot", "task_id": None},
        {"type": "something_new"},
    ],
)
def test_what_is_of_the_run_itself_is_no_sub_agent(event: dict[str, Any]) -> None:
    assert cells(event) == ()


def test_the_order_is_that_of_the_run_whatever_happens_first() -> None:
    queued = [{**QUEUED, "task_id": name} for name in "abc"]

    assert [cell.task_id for cell in cells(*queued, {**SPAWNED, "task_id": "b"}, {**SPAWNED, "task_id": "a"})] == [
        "a",
        "b",
        "c",
    ]


def test_a_sub_agent_runs_from_its_start_to_now() -> None:
    cell = Cell(task_id="a", state="running", began="2026-01-31T12:00:01.500Z")

    assert cell.running_s("2026-01-31T12:01:02.000Z") == 60.5
    assert cell.running_s("2026-01-31T12:00:00.000Z") == 0
    assert Cell(task_id="a", state="queued").running_s("2026-01-31T12:00:00.000Z") == 0
