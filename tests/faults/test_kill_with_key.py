"""The service dies between the commit of a run and its answer; the client tries again with the same key: one run.

The deaths are real: a forked process that ends in its writer's thread, just before a commit or as soon as the
transaction is on disk, so at no time has the client had an answer.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.storage.sqlite_writer import SqliteWriter
from tests.support.databases import place_database
from tests.support.service import in_process
from tests.support.stage import Stage, accepted

FORK = multiprocessing.get_context("fork")
DEAD = 9
KEY = {"Idempotency-Key": "the key"}
TASK = {"prompt": "Say hello."}
BARRIER = {"tasks": [TASK], "barrier_id": "b_1"}
STARTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "a run": ("/v1/swarms", {"tasks": [TASK]}, 1),
    "spawn": ("/v1/agents/default/spawn", {"task_type": "x"}, 1),
    "execute": ("/v1/agents/execute", TASK, 1),
    "a batch": ("/v1/agents/batch-execute", {"tasks": [TASK, TASK]}, 1),
    "a barrier": ("/v1/agents/barrier-execute", BARRIER, 1),
    "a barrier that fails": ("/v1/agents/barrier-execute", BARRIER | {"tasks": [{"depends_on": ["no"]}]}, 0),
}


async def ask(folder: Path, path: str, body: dict[str, Any], ready: Callable[[], None]) -> httpx2.Response:
    async with in_process(folder, provider=Stage().provider) as client:
        accepted(await client.post("/v1/agents/create", json={"model": "any", "name": "default"}), 201)
        ready()
        return await client.post(path, json=body, headers=KEY)


def life(folder: str, name: str, commit: int, after: bool) -> None:
    """Ask, and die at the ``commit``-th commit since; end with 0 where there are fewer."""
    transact = SqliteWriter._transact
    seen: int | None = None

    def counted(self: SqliteWriter, *args: Any) -> Any:
        nonlocal seen
        if seen is not None:
            seen += 1
            if seen == commit and not after:
                os._exit(DEAD)
        outcomes = transact(self, *args)
        if seen == commit and after:
            os._exit(DEAD)
        return outcomes

    def ready() -> None:
        nonlocal seen
        seen = 0

    SqliteWriter._transact = counted  # type: ignore[assignment, method-assign]
    path, body, _ = STARTS[name]
    asyncio.run(ask(Path(folder), path, body, ready))
    os._exit(0)


def lives(*arguments: Any) -> int:
    process = FORK.Process(target=life, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def count(folder: Path, table: str) -> int:
    with closing(sqlite3.connect(folder / "swarmd.db")) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.anyio
@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_a_request_tried_again_after_a_death_at_any_commit_starts_one_run(
    tmp_path: Path, name: str, after: bool
) -> None:
    path, body, runs = STARTS[name]
    deaths = 0
    for commit in range(1, 20):
        folder = tmp_path / str(commit)
        place_database(folder / "swarmd.db")
        code = await asyncio.to_thread(lives, str(folder), name, commit, after)
        if code == 0:
            break
        assert code == DEAD
        deaths += 1
        barriers = count(folder, "barriers")
        assert count(folder, "idempotency_keys") == max(count(folder, "swarms"), barriers), "written apart"
        if runs and "barrier" in name:
            assert barriers == count(folder, "swarms")

        answers = [await ask(folder, path, body, lambda: None) for _ in range(2)]

        assert answers[0].status_code in {200, 201, 202}, answers[0].text
        assert answers[1].content == answers[0].content
        assert count(folder, "swarms") == runs
        assert count(folder, "idempotency_keys") == 1

    assert deaths >= 1
