"""The checker itself: silent about a run that kept its promises, and not about any single one that was broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli.chaos_report import as_json, findings, kept, verdict, violations
from tests.support.ledger import Audit, Grave, Ledgers, Record, Shown, TaskRow, read_record

GRAPH = {"a": [], "b": ["a"], "c": ["a"]}


def event(seq: int, kind: str, task_id: str | None = None) -> dict[str, object]:
    return {"seq": seq, "type": kind, "task_id": task_id, "swarm_id": "swm"}


LOG = [
    event(1, "swarm_started"),
    event(2, "agent_spawned", "a"),
    event(3, "agent_completed", "a"),
    event(4, "agent_spawned", "b"),
    event(5, "agent_spawned", "c"),
    event(6, "agent_completed", "c"),
    event(7, "agent_retrying", "b"),
    event(8, "agent_completed", "b"),
    event(9, "swarm_completed"),
]


def call(event: str, task_id: str) -> dict[str, object]:
    return {"event": event, "task_id": task_id}


def row(status: str, attempt: int, output: str | None = None) -> TaskRow:
    return TaskRow(status, attempt, output)


def record(tasks: dict[str, TaskRow], attempts: dict[str, list[tuple[int, str]]], status: str = "running") -> Record:
    return Record(integrity="ok", status=status, last_seq=9, tasks=tasks, attempts=attempts)


def story() -> Ledgers:
    """One kill while ``b`` was in flight; ``a`` and ``c`` had completed, and the client knew."""
    done = {"a": row("completed", 1, '"A"'), "c": row("completed", 1, '"C"')}
    grave = Grave(record(done | {"b": row("running", 1)}, {}), lines=5)
    return Ledgers(
        graph=GRAPH,
        planned_kills=1,
        graves=[grave],
        shown=[Shown(0, "a", "A"), Shown(1, "b", "B")],
        frames=[(0, one) for one in LOG[:6]] + [(0, event(6, "metrics_snapshot"))] + [(1, one) for one in LOG[6:]],
        calls=[
            call("received", "a"),
            call("answered", "a"),
            call("received", "b"),
            call("received", "c"),
            call("answered", "c"),
            call("received", "b"),
            call("answered", "b"),
        ],
        going_again_s=[0.9],
        log=list(LOG),
        final=record(done | {"b": row("completed", 2, '"B"')}, {"b": [(1, "abandoned")]}, "completed"),
    )


def test_a_run_that_kept_its_promises_is_found_to_have() -> None:
    audit = Audit(story())

    assert kept(findings(audit)), violations(findings(audit))
    report = as_json(findings(audit), audit)
    assert (report["kept"], report["calls"], report["calls_repeated"], report["in_flight_at_kills"]) == (True, 4, 1, 1)


def change(ledgers: Ledgers, task_id: str, task: TaskRow) -> None:
    ledgers.final = replace(ledgers.final, tasks={**ledgers.final.tasks, task_id: task})


def lose_a_task(ledgers: Ledgers) -> None:
    ledgers.final = replace(ledgers.final, tasks={key: ledgers.final.tasks[key] for key in ("a", "b")})


def leave_a_task_open(ledgers: Ledgers) -> None:
    change(ledgers, "b", row("queued", 1))


def forget_what_was_told(ledgers: Ledgers) -> None:
    grave = ledgers.graves[0]
    ledgers.graves[0] = replace(grave, record=record({**grave.record.tasks, "c": row("running", 1)}, {}))


def replace_what_a_kill_found(ledgers: Ledgers) -> None:
    change(ledgers, "c", row("completed", 1, '"other"'))


def replace_what_the_api_showed(ledgers: Ledgers) -> None:
    change(ledgers, "b", row("completed", 2, '"other"'))


def repeat_a_recorded_call(ledgers: Ledgers) -> None:
    ledgers.calls.append(call("received", "a"))
    change(ledgers, "a", row("completed", 2, '"A"'))


def repeat_a_call_that_the_client_knew_to_be_over(ledgers: Ledgers) -> None:
    """Told by the stream before the kill, and not in the database at the kill."""
    forget_what_was_told(ledgers)
    ledgers.calls.append(call("received", "c"))


def repeat_without_a_reason(ledgers: Ledgers) -> None:
    ledgers.calls.insert(3, call("received", "b"))
    change(ledgers, "b", row("completed", 3, '"B"'))
    ledgers.final = replace(ledgers.final, attempts={"b": [(1, "abandoned"), (2, "abandoned")]})


def repeat_a_call_twice_for_one_attempt(ledgers: Ledgers) -> None:
    """A second kill came before the service had noticed the first one: that excuses no further call."""
    ledgers.graves.append(ledgers.graves[0])
    ledgers.planned_kills = 2
    repeat_without_a_reason(ledgers)


def call_without_an_attempt(ledgers: Ledgers) -> None:
    change(ledgers, "b", row("completed", 1, '"B"'))
    ledgers.final = replace(ledgers.final, attempts={})


def lose_an_attempt(ledgers: Ledgers) -> None:
    ledgers.final = replace(ledgers.final, attempts={})


def leave_a_gap(ledgers: Ledgers) -> None:
    ledgers.frames = [(kills, one) for kills, one in ledgers.frames if one["seq"] != 7]


def leave_a_gap_in_the_list(ledgers: Ledgers) -> None:
    del ledgers.log[6]


def send_an_event_twice(ledgers: Ledgers) -> None:
    ledgers.frames.insert(6, ledgers.frames[5])


def send_events_out_of_order(ledgers: Ledgers) -> None:
    ledgers.frames[3], ledgers.frames[4] = ledgers.frames[4], ledgers.frames[3]


def tell_another_story(ledgers: Ledgers) -> None:
    ledgers.frames[4] = (0, event(5, "agent_spawned", "b"))


def start_too_early(ledgers: Ledgers) -> None:
    ledgers.graph = {**GRAPH, "c": ["a", "b"]}


def complete_twice(ledgers: Ledgers) -> None:
    ledgers.log[6] = event(7, "agent_completed", "c")


def go_on_too_late(ledgers: Ledgers) -> None:
    ledgers.going_again_s.append(5.2)


def break_the_database(ledgers: Ledgers) -> None:
    ledgers.final = replace(ledgers.final, integrity="row 3 missing from index tasks_by_client_id")


def end_otherwise(ledgers: Ledgers) -> None:
    ledgers.final = replace(ledgers.final, status="partial")


def kill_too_seldom(ledgers: Ledgers) -> None:
    ledgers.planned_kills = 2


FRAUDS: dict[Callable[[Ledgers], None], str] = {
    lose_a_task: "tasks lost: c is not there",
    leave_a_task_open: "tasks lost: b is queued",
    forget_what_was_told: "tasks lost: c was told as completed and was not at kill 1",
    replace_what_a_kill_found: "outcomes replaced: c: not what kill 1 found",
    replace_what_the_api_showed: "outcomes replaced: b: not what the API showed after 1 kills",
    repeat_a_recorded_call: "calls for a task recorded before a kill: a: completed at kill 1, called again",
    repeat_a_call_that_the_client_knew_to_be_over: "calls for a task recorded before a kill: c: completed at kill 1",
    repeat_without_a_reason: "calls repeated, all of them in flight at a kill: b: 3 calls, 1 met by kills",
    repeat_a_call_twice_for_one_attempt: "calls repeated, all of them in flight at a kill: b: 3 calls, 1 met by kills",
    call_without_an_attempt: "calls without a recorded attempt: b: 2 calls, 1 attempts recorded",
    lose_an_attempt: "calls without a recorded attempt: b: 2 attempts, of which [] are on record",
    leave_a_gap: "events missing: 7",
    leave_a_gap_in_the_list: "events missing: 7",
    send_an_event_twice: "events twice or out of order: 6",
    send_events_out_of_order: "events twice or out of order: 4",
    tell_another_story: "events told otherwise than logged: 5",
    start_too_early: "tasks started before their dependencies: c started before b had completed",
    complete_twice: "tasks started before their dependencies: agent_completed twice for c",
    go_on_too_late: "from a restart to the first call, slowest: 5.20 s",
    break_the_database: "integrity_check: row 3 missing",
    end_otherwise: "tasks: 3, ended partial",
    kill_too_seldom: "kills: 1 of 2",
}


@pytest.mark.parametrize("fraud", FRAUDS, ids=lambda fraud: fraud.__name__)
def test_a_broken_promise_is_found(fraud: Callable[[Ledgers], None]) -> None:
    ledgers = story()
    fraud(ledgers)
    found = findings(Audit(ledgers))

    assert not kept(found)
    assert any(line.startswith(FRAUDS[fraud]) for line in violations(found)), violations(found)


def test_too_few_kills_are_told_from_a_broken_promise() -> None:
    ledgers = story()
    assert verdict(findings(Audit(ledgers))) == "every promise was kept"
    kill_too_seldom(ledgers)
    assert verdict(findings(Audit(ledgers))) == "no promise was broken, but there were only 1 of 2 kills"
    lose_a_task(ledgers)
    assert verdict(findings(Audit(ledgers))) == "NOT every promise was kept"


def test_a_failed_attempt_explains_a_further_call() -> None:
    ledgers = story()
    ledgers.calls.insert(3, call("received", "b"))
    change(ledgers, "b", row("completed", 3, '"B"'))
    ledgers.final = replace(ledgers.final, attempts={"b": [(1, "failed"), (2, "abandoned")]})
    ledgers.graves[0] = replace(ledgers.graves[0], lines=6)
    audit = Audit(ledgers)

    assert (audit.unexplained, audit.unrecorded) == ([], [])


def test_reading_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    """What is only in the write-ahead log is read too, and stays there for the service to recover."""
    path = tmp_path / "swarmd.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE swarms (id, status, last_seq)")
    writer.execute("CREATE TABLE tasks (swarm_id, ix, task_id, status, attempt, output)")
    writer.execute("CREATE TABLE attempts (swarm_id, ix, attempt, status)")
    writer.execute("INSERT INTO swarms VALUES ('swm', 'running', 4), ('other', 'failed', 1)")
    writer.execute(
        """INSERT INTO tasks VALUES ('swm', 0, 'a', 'completed', 2, '"A"'), ('other', 0, 'x', 'failed', 1, 0)"""
    )
    writer.execute("INSERT INTO attempts VALUES ('swm', 0, 1, 'abandoned')")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    found = read_record(tmp_path, "swm")

    assert found == Record(
        integrity="ok",
        status="running",
        last_seq=4,
        tasks={"a": row("completed", 2, '"A"')},
        attempts={"a": [(1, "abandoned")]},
    )
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert before["swarmd.db-wal"]
    writer.close()


def test_a_swarm_that_is_not_there_is_lost(tmp_path: Path) -> None:
    ledgers = story()
    ledgers.final = replace(ledgers.final, status=None, tasks={}, attempts={}, last_seq=0)

    assert len(Audit(ledgers).lost) == 3
