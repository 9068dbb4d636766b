"""A database that an older release filled keeps every row and value through the migrations to today's tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.domain.swarm import Counts, SwarmStatus
from app.domain.task import TaskKind, TaskStatus
from app.ports.store import TaskFilter
from app.storage.engine import migrate, open_database
from tests.support.databases import old_revisions, place_old_database

Rows = dict[str, list[dict[str, Any]]]


def rows_of(path: Path) -> Rows:
    """Every row of every table, by column."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted((dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')), key=str)
            for name in names
            if name != "alembic_version"
        }


def filled(rows: Rows) -> set[str]:
    return {name for name, found in rows.items() if found}


@pytest.mark.parametrize("revision", [revision for revision in old_revisions() if revision >= "0002"])
def test_every_value_of_every_row_is_kept(tmp_path: Path, revision: str) -> None:
    path = place_old_database(tmp_path / "x.db", revision)
    before = rows_of(path)
    assert {"swarms", "tasks", "task_inputs", "attempts", "events", "agents", "barriers", "usage"} <= filled(before)

    migrate(path)

    after = rows_of(path)
    for name, rows in before.items():
        columns = rows[0].keys() if rows else ()
        kept = [{column: row[column] for column in columns} for row in after[name]]
        assert sorted(kept, key=str) == rows, name
    assert after["steps"] == []
    assert {(row["kind"], row["weight"], row["score"]) for row in after["tasks"]} == {("task", None, None)}


@pytest.mark.anyio
@pytest.mark.parametrize("revision", old_revisions())
async def test_a_run_of_an_older_release_is_loaded_with_all_it_had(tmp_path: Path, revision: str) -> None:
    path = place_old_database(tmp_path / "x.db", revision)
    async with open_database(path) as store:
        [lease] = await store.runs.claim("me", limit=10)
        state = await store.runs.load(lease)
        rows = (await store.tasks.list(lease.swarm_id, TaskFilter(), limit=100, cursor=None)).items

    assert state.status is SwarmStatus.RUNNING
    assert state.counts.total == len(rows) == 21
    assert state.inner == Counts()
    assert state.spec.metadata == {"release": revision}
    assert (state.spec.planner, state.spec.validation, state.spec.roles, state.spec.aggregates) == (
        None,
        None,
        {},
        False,
    )
    for task, row in zip(state.tasks, rows, strict=True):
        assert (task.kind, task.weight, task.step, task.status) == (TaskKind.TASK, 1.0, 0, row.status)
        assert (task.status in {TaskStatus.COMPLETED, TaskStatus.FAILED}) == (task.payload == "")
