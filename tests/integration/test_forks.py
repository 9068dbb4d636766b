"""``POST …/fork``: an ended run once more. What is unchanged is taken over, neither called nor paid again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.domain.ids import sub_agent_id
from app.tools.artifacts import SaveArtifact
from tests.support.planning import (
    MERGE,
    PLAN,
    REFUSED,
    TURN,
    Cast,
    assigns,
    events_of,
    get,
    hires,
    run,
    said,
    tasks_of,
    until,
)
from tests.support.service import in_process
from tests.support.sharing import context, services_of

pytestmark = pytest.mark.anyio

DIAMOND: list[dict[str, Any]] = [
    {"id": "top", "prompt": "Do the top."},
    {"id": "left", "prompt": "Do the left.", "depends_on": ["top"]},
    {"id": "right", "prompt": "Do the right.", "depends_on": ["top"]},
    {"id": "bottom", "prompt": "Do the bottom.", "depends_on": ["left", "right"]},
]


async def fork(
    client: httpx2.AsyncClient, swarm: Mapping[str, Any], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Fork a run and return the new one once it has ended."""
    answer = await client.post(f"/v1/swarms/{swarm['swarm_id']}/fork", json=body or {})
    assert answer.status_code == 202, answer.text
    assert answer.json()["swarm_id"] != swarm["swarm_id"]
    return await until(client, answer.json()["swarm_id"], lambda swarm: swarm["ended_at"] is not None)


async def results(client: httpx2.AsyncClient, swarm: Mapping[str, Any]) -> dict[str, Any]:
    return await get(client, f"/v1/swarms/{swarm['swarm_id']}/results")


def comparable(found: Mapping[str, Any]) -> dict[str, Any]:
    """Results without what names the run or tells what was paid in it."""
    outputs = [
        {name: task[name] for name in ("task_id", "status", "output", "error", "model", "attempts", "score")}
        for task in found["outputs"]
    ]
    return {"outputs": outputs, "aggregated": found["aggregated"], "missing": found["missing"]}


@pytest.mark.parametrize("aggregate", ["none", "concat", "synthesis", "hierarchical"])
async def test_a_replay_calls_no_model_and_gives_the_same_results(tmp_path: Path, aggregate: str) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"tasks": DIAMOND, "aggregate": aggregate})
        asked = len(cast.asked)

        second = await fork(client, first)

        assert len(cast.asked) == asked
        assert comparable(await results(client, second)) == comparable(await results(client, first))
        assert (second["status"], second["steps"], second["cost_usd"]) == ("completed", 0, 0)
        assert second["tokens"] == {"in": 0, "out": 0, "cached": 0}
        [started] = [event for event in await events_of(client, second["swarm_id"]) if event["type"] == "swarm_started"]
        assert started["forked_from"] == first["swarm_id"]


async def test_a_changed_prompt_runs_exactly_its_task_and_what_depends_on_it(tmp_path: Path) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"tasks": DIAMOND})
        before = len(cast.of("task"))

        second = await fork(client, first, {"name": "again", "tasks": [{"task_id": "left", "prompt": "Do it anew."}]})

        asked = [call.prompt for call in cast.of("task")[before:]]
        tasks = await tasks_of(client, second["swarm_id"])
    assert (second["name"], second["status"], second["steps"]) == ("again", "completed", 2)
    assert len(asked) == 2
    assert "Do it anew." in asked[0]
    assert "Do the bottom." in asked[1]
    assert [name for name, task in tasks.items() if task["usage"]["total_tokens"]] == ["left", "bottom"]


async def test_what_failed_before_stays_as_it_is_unless_it_is_changed(tmp_path: Path) -> None:
    cast = Cast().on("task", lambda asked: REFUSED if "Do the left." in asked.prompt else "fine")
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"tasks": DIAMOND, "retry": {"max_retries": 0}})
        assert first["status"] == "partial"

        same = await fork(client, first)
        other = await fork(client, first, {"tasks": [{"task_id": "left", "prompt": "Do it anew."}]})

        assert comparable(await results(client, same)) == comparable(await results(client, first))
    assert (same["status"], same["steps"]) == ("partial", 0)
    assert (other["status"], other["steps"]) == ("completed", 2)


async def test_a_planned_task_can_be_changed_and_only_the_merge_above_it_is_made_anew(tmp_path: Path) -> None:
    plan = {"subtasks": [{"id": "one", "prompt": "Do one."}, {"id": "two", "prompt": "Do two."}]}
    cast = Cast().on(PLAN, plan)
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"goal": "Do it."})

        second = await fork(client, first, {"tasks": [{"task_id": "two", "prompt": "Do two better."}]})

    assert second["status"] == "completed"
    assert len(cast.of(PLAN)) == 1
    assert len(cast.of("task")) == 3
    assert len(cast.of(MERGE)) == 2


async def test_an_orchestrator_goes_on_from_the_turn_that_gave_the_changed_task(tmp_path: Path) -> None:
    cast = Cast().on(
        TURN,
        said(None, *hires("ann"), *assigns("ann", "Do one.", "Do two.")),
        said(None, *assigns("ann", "Do three.")),
        "All of it is done.",
        "Done with the better two.",
    )
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"goal": "Do it.", "planner": "orchestrator"})
        assert first["aggregated"] == "All of it is done."
        replayed = await fork(client, first)
        two = next(
            task for name, task in (await tasks_of(client, first["swarm_id"])).items() if name.startswith("t1-3")
        )

        second = await fork(client, first, {"tasks": [{"task_id": two["task_id"], "prompt": "Do two better."}]})

        tasks = await tasks_of(client, second["swarm_id"])
    assert (replayed["aggregated"], replayed["steps"]) == ("All of it is done.", 0)
    assert second["aggregated"] == "Done with the better two."
    assert len(tasks) == 2  # the third was of a turn after it, which is another one now
    assert second["steps"] == 2
    assert len(cast.of("task")) == 4
    last = cast.of(TURN)[-1]
    assert [message["role"] for message in last.messages[1:]] == ["assistant", "tool", "tool", "tool"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"tasks": [{"task_id": "nobody", "prompt": "x"}]}, 422, "/tasks/0/task_id"),
        ({"tasks": [{"task_id": "top"}]}, 422, "/tasks/0"),
        ({"tasks": [{"task_id": "top", "prompt": "x"}, {"task_id": "top", "prompt": "y"}]}, 422, "/tasks/1/task_id"),
        ({"tasks": [{"task_id": "top", "output_schema": {"type": "nothing"}}]}, 422, None),
        ({"tasks": [{"task_id": "top", "unknown": 1}]}, 422, "/tasks/0/unknown"),
        ({"task": []}, 422, "/task"),
    ],
)
async def test_what_cannot_be_forked_is_refused_by_its_field(
    tmp_path: Path, body: dict[str, Any], status: int, pointer: str | None
) -> None:
    async with in_process(tmp_path, provider=Cast()) as client:
        first = await run(client, {"tasks": DIAMOND})

        answer = await client.post(f"/v1/swarms/{first['swarm_id']}/fork", json=body)

        assert answer.status_code == status, answer.text
        if pointer is not None:
            assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert len((await get(client, "/v1/swarms"))["items"]) == 1


async def test_a_run_that_goes_on_or_does_not_exist_cannot_be_forked(tmp_path: Path) -> None:
    cast = Cast()
    cast.hold("task")
    async with in_process(tmp_path, provider=cast) as client:
        started = (await client.post("/v1/swarms", json={"tasks": DIAMOND})).json()

        assert (await client.post(f"/v1/swarms/{started['swarm_id']}/fork")).status_code == 409
        assert (await client.post("/v1/swarms/swm_00000000000000000000000000/fork")).status_code == 404


async def test_the_same_fork_sent_twice_starts_one_run(tmp_path: Path) -> None:
    async with in_process(tmp_path, provider=Cast()) as client:
        first = await run(client, {"tasks": DIAMOND})
        path, key = f"/v1/swarms/{first['swarm_id']}/fork", {"Idempotency-Key": "once"}

        answers = [await client.post(path, json={}, headers=key) for _ in range(2)]

        assert answers[0].content == answers[1].content
        assert len((await get(client, "/v1/swarms"))["items"]) == 2


async def test_a_fork_takes_along_artifacts_of_kept_tasks_and_messages_to_those_run_anew(tmp_path: Path) -> None:
    async with in_process(tmp_path, provider=Cast()) as client:
        services = services_of(client)
        first = await run(client, {"tasks": DIAMOND})
        swarm_id = first["swarm_id"]
        place = {task["id"]: at for at, task in enumerate(DIAMOND)}
        save = SaveArtifact(services.artifacts)

        async def saved(task_id: str, name: str, content: str) -> None:
            made = replace(context(swarm_id, place[task_id], f"{task_id} {name} {content}"), task_id=task_id)
            assert not (await save.run(made, {"name": name, "content": content})).is_error

        async def sent(sender: str, message: str, **to: str) -> None:
            name = sub_agent_id(swarm_id, place[sender]) if sender in place else sender
            await services.messages.send(swarm_id, name, message, run_key=message, **to)

        for task_id, name, content in (
            ("top", "a.txt", "1"),
            ("left", "a.txt", "2"),
            ("top", "a.txt", "3"),
            ("left", "b.txt", "4"),
        ):
            await saved(task_id, name, content)
        await sent("left", "by a task that runs again", to="bottom")
        await sent("top", "to left", to="left")
        await sent("top", "to right", to="right")
        await sent("client", "of a client", to="left")
        await sent("top", "news", topic="news")

        second = await fork(client, first, {"tasks": [{"task_id": "left", "prompt": "Do it better."}]})
        replayed = await fork(client, first)

        async def artifacts_of(swarm: Mapping[str, Any]) -> list[tuple[str, int, str, str]]:
            path = f"/v1/swarms/{swarm['swarm_id']}/artifacts"
            items = (await client.get(f"{path}?versions=all")).json()["items"]
            return [
                (
                    one["name"],
                    one["version"],
                    one["task_id"],
                    (await client.get(f"{path}/{one['name']}?version={one['version']}")).text,
                )
                for one in items
            ]

        assert await artifacts_of(second) == [("a.txt", 2, "top", "3"), ("a.txt", 1, "top", "1")]
        assert await artifacts_of(replayed) == await artifacts_of(first)
        kept = (await get(client, f"/v1/swarms/{second['swarm_id']}/messages"))["items"]
        top, left = (sub_agent_id(second["swarm_id"], place[name]) for name in ("top", "left"))
        assert [(one["position"], one["sender"], one["sender_seq"], one["to"], one["body"]) for one in kept] == [
            (1, top, 1, left, "to left"),
            (2, "client", 1, left, "of a client"),
            (3, top, 3, None, "news"),
        ]
        later = await services.messages.send(second["swarm_id"], top, "later", run_key="later", to="left")
        assert (later.position, later.sender_seq) == (4, 4)
        await client.delete(f"/v1/swarms/{swarm_id}")
        await services.sweeper.sweep()
        assert [one[3] for one in await artifacts_of(replayed)] == ["3", "2", "1", "4"]
