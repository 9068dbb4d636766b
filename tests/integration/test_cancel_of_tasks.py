"""``POST /v1/swarms/{id}/cancel`` with a body: some tasks of a run are cancelled at once, and the run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.driving import ended, many, start
from tests.support.problems import pointers, problem
from tests.support.service import in_process
from tests.support.stage import Stage, accepted

pytestmark = pytest.mark.anyio

TASKS = [*many(6), {"id": "after", "depends_on": ["t4"]}, {"id": "beside", "depends_on": ["t1"]}]


async def test_the_tasks_named_are_cancelled_and_the_others_go_on(tmp_path: Path) -> None:
    stage = Stage()
    stage.hold("t0", "t1")
    async with in_process(tmp_path, provider=stage.provider) as client:
        at = await start(client, TASKS, limits={"max_parallel_agents": 2})
        await stage.until_running("t0", "t1")
        body = {"task_ids": ["t0", "t4", "t5"]}
        answer = accepted(await client.post(f"{at}/cancel", json=body), 202)
        stage.release("t0", "t1")
        found = await ended(client, at)
        again = accepted(await client.post(f"{at}/cancel", json=body), 202)
        rows = {row["task_id"]: row["status"] for row in accepted(await client.get(f"{at}/tasks"))["items"]}

    assert (answer["status"], answer["counts"]["cancelled"], answer["counts"]["skipped"]) == ("running", 3, 1)
    assert stage.provider.cancelled == ["t0"]
    assert found["status"] == "partial"
    assert {task_id for task_id, status in rows.items() if status == "cancelled"} == {"t0", "t4", "t5"}
    assert rows["after"] == "skipped"
    assert {rows[task_id] for task_id in ("t1", "t2", "t3", "beside")} == {"completed"}
    assert again["counts"] == found["counts"]


async def test_states_say_which_tasks_are_meant(tmp_path: Path) -> None:
    stage = Stage()
    stage.hold("t0")
    async with in_process(tmp_path, provider=stage.provider) as client:
        at = await start(client, TASKS, limits={"max_parallel_agents": 1})
        await stage.until_running("t0")
        some = {"states": ["queued", "waiting"], "task_ids": ["t0", "t1", "beside"]}
        first = accepted(await client.post(f"{at}/cancel", json=some), 202)
        rest = accepted(await client.post(f"{at}/cancel", json={"states": ["queued"]}), 202)
        stage.release("t0")
        found = await ended(client, at)

    assert (first["counts"]["cancelled"], first["counts"]["skipped"], first["counts"]["running"]) == (1, 1, 1)
    assert (rest["counts"]["cancelled"], rest["counts"]["skipped"]) == (5, 2)
    assert (found["counts"]["completed"], stage.provider.cancelled) == (1, [])


@pytest.mark.parametrize("body", [None, {}])
async def test_nothing_named_is_the_whole_run(tmp_path: Path, body: Any) -> None:
    stage = Stage()
    stage.hold("t0")
    async with in_process(tmp_path, provider=stage.provider) as client:
        at = await start(client, TASKS)
        await stage.until_running("t0")
        answer = accepted(await client.post(f"{at}/cancel", json=body), 202)

    assert answer["status"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"task_ids": []}, "/task_ids"),
        ({"task_ids": "t0"}, "/task_ids"),
        ({"states": ["completed"]}, "/states/0"),
        ({"tasks": ["t0"]}, "/tasks"),
        ([], ""),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_cancelled(tmp_path: Path, body: Any, pointer: str) -> None:
    stage = Stage()
    stage.hold("t0")
    async with in_process(tmp_path, provider=stage.provider) as client:
        at = await start(client, TASKS)
        await stage.until_running("t0")
        refused = problem(await client.post(f"{at}/cancel", json=body), 422)
        unknown = problem(await client.post(f"{at}/cancel", json={"task_ids": ["t0", "nobody"]}), 404)
        found = accepted(await client.get(at))
        stage.release("t0")

    assert pointers(refused) == [pointer]
    assert "nobody" in unknown["detail"]
    assert found["counts"]["cancelled"] == 0
