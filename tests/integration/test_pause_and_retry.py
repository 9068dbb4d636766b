"""Runs that are paused and resumed, tasks that are cancelled, and what runs again after a run has ended."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.domain.task import PRIORITY_NAMES
from app.ports.provider import Refused
from tests.support.driving import ended, many, run, serving, start, until
from tests.support.keys import mint
from tests.support.providers import Call, hang
from tests.support.service import in_process
from tests.support.stage import Stage, accepted

pytestmark = pytest.mark.anyio


async def tasks_of(client: httpx2.AsyncClient, at: str) -> dict[str, dict[str, Any]]:
    items = accepted(await client.get(f"{at}/tasks"))["items"]
    return {item["task_id"]: item for item in items}


async def shown(client: httpx2.AsyncClient, at: str) -> dict[str, str]:
    return {task_id: task["status"] for task_id, task in (await tasks_of(client, at)).items()}


async def until_shown(client: httpx2.AsyncClient, at: str, task_id: str, status: str) -> None:
    async with asyncio.timeout(30):
        while (await shown(client, at))[task_id] != status:
            await asyncio.sleep(0.005)


async def told(client: httpx2.AsyncClient, at: str) -> list[str]:
    items = accepted(await client.get(f"{at}/events"))["items"]
    assert [event["seq"] for event in items] == list(range(1, len(items) + 1))
    return [event["type"] for event in items]


async def refused(client: httpx2.AsyncClient, at: str, body: Any = None) -> int:
    response = await client.post(at, json=body) if body is not None else await client.post(at)
    return response.status_code


# --- pause and resume ------------------------------------------------------------------------------------------------


async def test_a_paused_run_lets_its_calls_end_and_starts_none(tmp_path: Path) -> None:
    stage = Stage()
    stage.hold("t0", "t1")
    async with in_process(tmp_path, provider=stage.provider) as client:
        tasks = [*many(4), {"id": "after", "depends_on": ["t0"]}]
        at = await start(client, tasks, limits={"max_parallel_agents": 2})
        await stage.until_running("t0", "t1")

        found = accepted(await client.post(f"{at}/pause"), 202)
        assert (found["status"], found["pause_reason"]) == ("paused", "request")
        assert await shown(client, at) == {
            "t0": "running",
            "t1": "running",
            "t2": "paused",
            "t3": "paused",
            "after": "waiting",
        }
        stage.release("t0", "t1")
        await until(lambda: not stage.provider.running)
        again = accepted(await client.post(f"{at}/pause"), 202)
        assert (again["status"], again["counts"]["completed"]) == ("paused", 2)
        assert (await shown(client, at))["after"] == "paused"
        assert sorted(stage.provider.asked) == ["t0", "t1"]

        resumed = accepted(await client.post(f"{at}/resume"), 202)
        assert resumed["pause_reason"] is None
        assert (await ended(client, at))["status"] == "completed"
        types = await told(client, at)
        assert (types.count("swarm_paused"), types.count("swarm_resumed")) == (1, 1)
        assert len(stage.provider.calls) == 5


async def test_a_pause_outlives_the_service(tmp_path: Path) -> None:
    async with serving(tmp_path, hang) as (client, provider):
        at = await start(client, many(2), limits={"max_parallel_agents": 1})
        await until(lambda: len(provider.running) == 1)
        await client.post(f"{at}/pause")
    async with serving(tmp_path) as (client, provider):
        assert (await ended(client, at))["status"] == "paused"
        assert accepted(await client.patch(at, json={"priority": "high"}))["priority"] == PRIORITY_NAMES["high"]
        assert provider.calls == []
        await client.post(f"{at}/resume")
        assert (await ended(client, at))["status"] == "completed"


async def test_a_paused_run_can_be_cancelled(tmp_path: Path) -> None:
    async with serving(tmp_path, hang) as (client, provider):
        at = await start(client, many(2), limits={"max_parallel_agents": 1})
        await until(lambda: len(provider.running) == 1)
        await client.post(f"{at}/pause")

        assert accepted(await client.post(f"{at}/cancel"), 202)["status"] == "cancelled"
        assert provider.running == []


async def test_an_ended_run_is_neither_paused_nor_resumed(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, _):
        at = f"/v1/swarms/{(await run(client, many(1)))['swarm_id']}"

        assert [await refused(client, f"{at}/{verb}") for verb in ("pause", "resume", "retry")] == [409, 409, 409]


async def test_another_tenants_run_is_not_there(tmp_path: Path) -> None:
    keys = {tenant: mint(tmp_path, tenant, "run,read")["key"] for tenant in ("acme", "other")}
    async with serving(tmp_path) as (client, _):
        client.headers["Authorization"] = f"Bearer {keys['acme']}"
        at = f"/v1/swarms/{(await run(client, many(1)))['swarm_id']}"
        client.headers["Authorization"] = f"Bearer {keys['other']}"

        verbs = ("pause", "resume", "retry", "cancel", "tasks/t0/cancel", "tasks/t0/retry")
        assert [await refused(client, f"{at}/{verb}") for verb in verbs] == [404] * 6
        assert (await client.patch(at, json={"budget": {"max_tokens": 1}})).status_code == 404


# --- retry -----------------------------------------------------------------------------------------------------------

CHAIN: list[dict[str, Any]] = [
    {"id": "good"},
    {"id": "bad"},
    {"id": "join", "depends_on": ["bad", "good"]},
    {"id": "last", "depends_on": ["join"]},
    {"id": "worse"},
    {"id": "its", "depends_on": ["worse"]},
]


async def test_only_what_failed_or_was_skipped_for_want_of_it_is_called_again(tmp_path: Path) -> None:
    stage = Stage()
    stage.fail("bad", "worse")
    stage.say("good", 'exactly "this" ä\u2028\n')
    async with in_process(tmp_path, provider=stage.provider) as client:
        found = await run(client, CHAIN, aggregate="concat")
        at = f"/v1/swarms/{found['swarm_id']}"
        assert found["status"] == "partial"
        before = (await tasks_of(client, at))["good"]
        stage.say("bad", "better")
        stage.say("worse", "well")
        stage.say("good", "something else")
        stage.provider.calls.clear()

        going = accepted(await client.post(f"{at}/retry"), 202)
        assert (going["swarm_id"], going["created_at"]) == (found["swarm_id"], found["created_at"])
        done = await ended(client, at)

        assert (done["status"], done["error"], done["counts"]["completed"]) == ("completed", None, 6)
        assert sorted(stage.provider.asked) == ["bad", "its", "join", "last", "worse"]
        assert stage.call("join").inputs == {"bad": "better", "good": 'exactly "this" ä\u2028\n'}
        assert (await tasks_of(client, at))["good"] == before
        assert "exactly" in str(done["aggregated"])
        assert "something else" not in str(done["aggregated"])
        types = await told(client, at)
        assert (types.count("swarm_completed"), types.count("swarm_resumed")) == (2, 1)
        assert types[-1] == "swarm_completed"
        log = accepted(await client.get(f"{at}/tasks/bad"))["attempt_log"]
        assert [attempt["status"] for attempt in log] == ["failed", "completed"]


async def test_a_retry_of_one_task_leaves_the_others_failed(tmp_path: Path) -> None:
    stage = Stage()
    stage.fail("bad", "worse")
    async with in_process(tmp_path, provider=stage.provider) as client:
        at = f"/v1/swarms/{(await run(client, CHAIN))['swarm_id']}"
        stage.say("bad", "better")
        stage.provider.calls.clear()

        accepted(await client.post(f"{at}/tasks/bad/retry"), 202)
        assert (await ended(client, at))["status"] == "partial"

        assert sorted(stage.provider.asked) == ["bad", "join", "last"]
        assert (await shown(client, at))["its"] == "skipped"


@pytest.mark.parametrize(
    ("body", "called"),
    [
        ({"task_ids": ["worse"]}, ["its", "worse"]),
        ({"error": "provider_refused"}, []),
        ({"states": ["cancelled"]}, []),
    ],
)
async def test_filters_say_what_is_meant(tmp_path: Path, body: dict[str, Any], called: list[str]) -> None:
    stage = Stage()
    stage.fail("bad", "worse")
    async with in_process(tmp_path, provider=stage.provider) as client:
        at = f"/v1/swarms/{(await run(client, CHAIN))['swarm_id']}"
        kind = (await tasks_of(client, at))["bad"]["error"]["type"]
        stage.say("worse", "well")
        stage.provider.calls.clear()

        response = await client.post(f"{at}/retry", json=body)

        if called:
            accepted(response, 202)
            await ended(client, at)
            assert sorted(stage.provider.asked) == called
        else:
            assert response.status_code == 409
            assert "2 failed, 0 cancelled, 3 skipped" in response.json()["detail"]
            assert (await client.post(f"{at}/retry", json={"error": kind})).status_code == 202


async def test_tasks_skipped_for_a_reason_of_their_own_do_not_come_along(tmp_path: Path) -> None:
    stage = Stage()
    stage.fail("t0")
    async with in_process(tmp_path, provider=stage.provider) as client:
        limits = {"max_steps": 2, "max_parallel_agents": 1}
        found = await run(client, [*many(3), {"id": "t3", "depends_on": ["t0"]}], limits=limits)
        assert found["counts"]["skipped"] == 2
        at = f"/v1/swarms/{found['swarm_id']}"

        accepted(await client.patch(at, json={"max_steps": 100}))
        accepted(await client.post(f"{at}/tasks/t0/retry"), 202)
        await ended(client, at)

        types = await told(client, at)
        assert types.count("task_queued") == 3 + 1  # t2, whose steps were used up, stays as it is


async def test_tasks_that_do_not_exist_cannot_run_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, _):
        at = f"/v1/swarms/{(await run(client, many(1)))['swarm_id']}"

        assert await refused(client, f"{at}/retry", {"task_ids": ["nope"]}) == 404
        assert await refused(client, f"{at}/tasks/nope/retry") == 404
        assert await refused(client, f"{at}/tasks/nope/cancel") == 404
        bodies: list[Any] = [{"task_ids": []}, {"states": []}, {"states": ["completed"]}, {"what": 1}, []]
        for body in bodies:
            assert await refused(client, f"{at}/retry", body) == 422


async def test_a_run_that_goes_on_tries_again_beside_the_rest(tmp_path: Path) -> None:
    stage = Stage()
    stage.hold("slow")
    stage.fail("bad")
    async with in_process(tmp_path, provider=stage.provider) as client:
        tasks = [{"id": "slow"}, {"id": "bad"}]
        join = {"id": "join", "depends_on": ["bad", "slow"], "allow_failed_dependencies": True}
        at = await start(client, [*tasks, join])
        await stage.until_asked("slow", "bad")
        await until_shown(client, at, "bad", "failed")
        stage.say("bad", "better")
        accepted(await client.post(f"{at}/retry"), 202)
        await until_shown(client, at, "bad", "completed")
        assert (await shown(client, at))["join"] == "waiting"
        stage.release("slow")

        assert (await ended(client, at))["status"] == "completed"
        assert stage.call("join").inputs == {"bad": "better", "slow": "done slow"}


# --- one task --------------------------------------------------------------------------------------------------------


async def test_a_cancelled_task_closes_its_connection_and_skips_what_waits_for_it(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id in {"t0", "t1"}:
            await hang(call)

    async with serving(tmp_path, behaviour) as (client, provider):
        at = await start(client, [*many(2), {"id": "a/b", "depends_on": ["t0"]}, {"id": "c", "depends_on": ["a/b"]}])
        await until(lambda: len(provider.running) == 2)
        began = time.monotonic()

        found = accepted(await client.post(f"{at}/tasks/t0/cancel"), 202)

        assert time.monotonic() - began < 20
        assert (provider.cancelled, provider.running) == (["t0"], ["t1"])
        assert found["status"] == "running"
        assert await shown(client, at) == {"t0": "cancelled", "t1": "running", "a/b": "skipped", "c": "skipped"}
        assert accepted(await client.post(f"{at}/tasks/a/b/cancel"), 202)["status"] == "running"
        accepted(await client.post(f"{at}/tasks/t1/cancel"), 202)
        assert (await ended(client, at))["status"] == "failed"
        assert len(provider.calls) == 2


async def test_a_cancelled_task_runs_again_on_request(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.number == 1:
            await hang(call)
        if call.number == 2:
            raise Refused("no")

    async with serving(tmp_path, behaviour) as (client, provider):
        at = await start(client, [{"id": "t0"}, {"id": "t1", "depends_on": ["t0"]}])
        await until(lambda: len(provider.running) == 1)
        accepted(await client.post(f"{at}/tasks/t0/cancel"), 202)
        assert (await ended(client, at))["status"] == "failed"

        accepted(await client.post(f"{at}/tasks/t0/retry"), 202)
        assert (await ended(client, at))["status"] == "failed"
        accepted(await client.post(f"{at}/tasks/t0/retry"), 202)
        await until(lambda: provider.asked == ["t0", "t0", "t0", "t1"])
        await client.post(f"{at}/cancel")
