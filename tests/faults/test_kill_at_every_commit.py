"""Row 2: the process dies at each commit of a run in turn, just before it or just after; the next one ends the run.

Each death is a real one: a forked process whose writer thread calls ``os._exit`` in the middle of its transaction, or
as soon as the transaction is on disk. The provider keeps its own ledger in a file that outlives the process.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.domain.swarm import SwarmStatus
from app.storage.sqlite_writer import SqliteWriter
from tests.support.dags import check_order
from tests.support.databases import place_database
from tests.support.figures import report
from tests.support.providers import Call, ScriptedProvider
from tests.support.runs import new_swarm
from tests.support.scheduling import Scheduling, scheduling

DAG = {
    **{f"read_{index}": [] for index in range(12)},
    **{f"merge_{index}": [f"read_{index + offset}" for offset in (0, 4, 8)] for index in range(4)},
    "left": ["merge_0", "merge_1"],
    "right": ["merge_2", "merge_3"],
    "join": ["left", "right"],
    "report": ["join"],
}
SWARM = new_swarm(DAG, max_parallel_agents=3, aggregate={"strategy": "concat"})
DEAD = 9
FORK = multiprocessing.get_context("fork")


def ledger(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().split() if path.exists() else []


async def run_to_the_end(folder: Path, before_commit: Callable[[], None] | None) -> None:
    """Start the run, or go on with it, until it has ended."""
    log = os.open(folder / "calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def behaviour(call: Call) -> None:
        os.write(log, f"{call.task_id}\n".encode())
        await asyncio.sleep(0)

    async with scheduling(folder / "x.db", ScriptedProvider(behaviour), before_commit=before_commit) as work:
        if await work.store.swarms.get("default", SWARM.state.swarm_id) is None:
            await work.add(SWARM)
        await work.end(SWARM.state.swarm_id)
        await check(work)
    os.close(log)


async def check(work: Scheduling) -> None:
    swarm_id = SWARM.state.swarm_id
    found = await work.store.swarms.snapshot("default", swarm_id)
    assert found is not None
    row, tasks = found
    assert row.status is SwarmStatus.COMPLETED
    assert row.aggregated == "\n\n".join(f"done {task_id}" for task_id in DAG)
    assert all(task.output == f"done {task.task_id}" for task in tasks)
    events = await work.store.events.list(swarm_id, after=0, limit=10_000)
    assert [event.seq for event in events] == list(range(1, row.last_seq + 1))
    frames = [{"type": event.type, "seq": event.seq, "task_id": _task_id(event.body)} for event in events]
    check_order(DAG, frames)


def _task_id(body: str) -> Any:
    return json.loads(body)["task_id"]


def completed(folder: Path) -> set[str]:
    connection = sqlite3.connect(folder / "x.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT task_id FROM tasks WHERE status = 'completed'").fetchall()
    finally:
        connection.close()
    return {task_id for (task_id,) in rows}


def live(folder: str, commit: int, after: bool) -> None:
    """The life of a process that dies at its ``commit``-th commit (0: never)."""
    seen = 0

    def die_before() -> None:
        nonlocal seen
        seen += 1
        if seen == commit and not after:
            os._exit(DEAD)

    transact = SqliteWriter._transact

    def die_after(self: SqliteWriter, *args: object) -> object:
        outcomes = transact(self, *args)  # type: ignore[arg-type]
        if seen == commit and after:
            os._exit(DEAD)
        return outcomes

    SqliteWriter._transact = die_after  # type: ignore[assignment, method-assign]
    asyncio.run(run_to_the_end(Path(folder), die_before))
    os._exit(0)


def lives(folder: Path, commit: int, after: bool) -> int:
    process = FORK.Process(target=live, args=(str(folder), commit, after))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_death_at_any_commit_loses_nothing_and_repeats_only_what_ran(tmp_path: Path, after: bool) -> None:
    deaths = repeats = 0
    for commit in range(1, 200):
        folder = tmp_path / str(commit)
        place_database(folder / "x.db")
        code = lives(folder, commit, after)
        if code == 0:
            break
        assert code == DEAD
        deaths += 1
        kept, called = completed(folder), ledger(folder)

        assert lives(folder, 0, after) == 0, f"the run did not end after a death at commit {commit}"

        repeated = Counter(ledger(folder)[len(called) :])
        repeats = max(repeats, len(ledger(folder)) - len(DAG))
        assert not kept & set(repeated), "a recorded task was called again"
        assert set(ledger(folder)) == set(DAG)
        assert max(Counter(ledger(folder)).values()) <= 2
        assert len(ledger(folder)) - len(DAG) <= SWARM.state.max_parallel_agents

    report(
        2,
        f"{len(DAG)} tasks, killed {'just after' if after else 'just before'} each of {deaths} commits: all ended, "
        f"0 recorded calls repeated, at most {repeats} of the {SWARM.state.max_parallel_agents} in flight repeated, "
        "0 events missing or twice, integrity ok each time",
    )
    assert deaths >= 15
