"""The database of every older release: it migrates, its unfinished run goes on, and its history stays what it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event

from app.storage import engine, migrating
from tests.support.databases import old_revisions, place_old_database
from tests.support.figures import report
from tests.support.service import MockModelProcess, ServiceProcess, poll


@dataclass(slots=True)
class Old:
    """What the old database holds.

    Attributes:
        bodies: JSON texts of the events of each swarm, in order.
        tasks: status by task id, of each swarm.
    """

    bodies: dict[str, list[str]] = field(default_factory=dict)
    tasks: dict[str, dict[str, str]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    agents: dict[str, str] = field(default_factory=dict)
    barriers: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Old:
        old = cls()
        with closing(sqlite3.connect(path)) as connection:
            for swarm_id, body in events_in(connection):
                old.bodies.setdefault(swarm_id, []).append(body)
            for swarm_id, task_id, status in connection.execute("SELECT swarm_id, task_id, status FROM tasks"):
                old.tasks.setdefault(swarm_id, {})[task_id] = status
            query = "SELECT id FROM swarms WHERE ended_at_ms IS NULL"
            old.unfinished = [swarm_id for (swarm_id,) in connection.execute(query)]
            old.agents = dict(connection.execute("SELECT id, name FROM agents").fetchall())
            old.barriers = [name for (name,) in connection.execute("SELECT name FROM barriers")]
        return old


def events_in(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Swarm and body of every event, in order: a row each at first, a row for each commit since 0002."""
    columns = {column for _, column, *_ in connection.execute("PRAGMA table_info(events)")}
    if "body" in columns:
        yield from connection.execute("SELECT swarm_id, body FROM events ORDER BY swarm_id, seq")
        return
    for swarm_id, bodies in connection.execute("SELECT swarm_id, bodies FROM events ORDER BY swarm_id, first_seq"):
        for body in bodies.split("\n"):
            yield swarm_id, body


def newest_revision() -> str:
    config = Config()
    config.set_main_option("script_location", str(migrating.MIGRATIONS))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None
    return head


def check_readable(client: httpx2.Client, old: Old) -> None:
    """Everything that had ended, the orchestrators and the barriers answer as before."""
    for swarm_id, tasks in old.tasks.items():
        found = client.get(f"/v1/swarms/{swarm_id}").json()
        assert found["counts"]["total"] == len(tasks)
        for part in ("results", "snapshot", "graph", "tasks"):
            answer = client.get(f"/v1/swarms/{swarm_id}/{part}")
            assert answer.status_code in ({200, 404} if part == "graph" else {200}), answer.text
        ids = {task["task_id"] for task in client.get(f"/v1/swarms/{swarm_id}/tasks?limit=1000").json()["items"]}
        assert ids == set(tasks)
    for agent_id, name in old.agents.items():
        answer = client.get(f"/v1/agents/{agent_id}")
        assert (answer.status_code, answer.json()["name"]) == (200, name)
        assert client.get(f"/v1/agents/{agent_id}/results").status_code == 200
    for name in old.barriers:
        assert client.get(f"/v1/agents/barrier-status/{name}").json()["state"] == "completed"


@pytest.mark.parametrize("revision", old_revisions())
def test_a_migration_that_is_cut_off_anywhere_is_made_anew(tmp_path: Path, revision: str) -> None:
    class CutOff(Exception):
        pass

    path, migrated, cuts = tmp_path / "x.db", False, 0
    old = Old.read(place_old_database(path, revision))
    while not migrated:
        left = cuts

        def cut(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise CutOff

        event.listen(Engine, "after_cursor_execute", cut)
        try:
            engine.migrate(path)
            migrated = True
        except CutOff:
            cuts += 1
            assert Old.read(path) == old
        finally:
            event.remove(Engine, "after_cursor_execute", cut)

    assert Old.read(path) == old  # now in the tables of today
    report(20, f"places at which the migration of {revision} was cut off and made anew = {cuts}")


def test_what_a_deleted_swarm_left_of_the_log_does_not_become_an_event(tmp_path: Path) -> None:
    path = place_old_database(tmp_path / "x.db", "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM events")
        connection.commit()

    engine.migrate(path)

    assert Old.read(path).bodies == {}


@pytest.mark.parametrize("revision", old_revisions())
def test_the_database_of_an_older_release_migrates_and_its_run_goes_on(tmp_path: Path, revision: str) -> None:
    with MockModelProcess(tmp_path / "mock", "--latency-ms", "20") as model:
        service = ServiceProcess(tmp_path / "service", *model.as_provider())
        path = place_old_database(service.data_dir / "swarmd.db", revision)
        old = Old.read(path)
        [half_done] = old.unfinished
        done = {task_id for task_id, status in old.tasks[half_done].items() if status == "completed"}
        running = {task_id for task_id, status in old.tasks[half_done].items() if status == "running"}
        assert done
        assert running

        with service, service.client() as client:
            at = f"/v1/swarms/{half_done}"
            ended = poll(lambda: found if (found := client.get(at).json())["ended_at"] else None, what="the end")
            assert (ended["status"], ended["counts"]["completed"]) == ("completed", len(old.tasks[half_done])), ended
            check_readable(client, old)
            served: list[dict[str, Any]] = client.get(f"{at}/events?limit=1000").json()["items"]
            assert [event["seq"] for event in served] == list(range(1, len(served) + 1))
            assert service.terminate() == 0

        called = {call["task_id"] for call in model.calls()}
        assert called == set(old.tasks[half_done]) - done
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest_revision(),)]
            bodies: dict[str, list[str]] = {}
            for swarm_id, body in events_in(connection):
                bodies.setdefault(swarm_id, []).append(body)
        for swarm_id, before in old.bodies.items():
            assert bodies[swarm_id][: len(before)] == before
        assert len(bodies[half_done]) == len(served)
        report(
            20,
            f"database of {revision}: {len(done)} of {len(old.tasks[half_done])} tasks done before;"
            f" completed tasks called again = {len(called & done)}, events changed = 0",
        )
