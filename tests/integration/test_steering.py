"""Runs that are cancelled, scaled, limited or that fail, with a provider that does as the test says."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from app.domain.usage import Usage
from app.ports.provider import ChatResult, ProviderError, RateLimited, Refused, Unavailable
from tests.support.driving import ended, many, run, serving, start, statuses, until
from tests.support.problems import problem
from tests.support.providers import Call, hang
from tests.support.service import in_process
from tests.support.stage import Stage, accepted

pytestmark = pytest.mark.anyio

# --- cancel and delete -----------------------------------------------------------------------------------------------


async def test_a_cancel_stops_every_call_within_250_ms_and_makes_no_new_one(tmp_path: Path) -> None:
    """The quickest of three, as the machine may be busy with something else."""
    tasks = [*many(30), {"id": "after", "depends_on": ["t0"]}]
    took_s: list[float] = []
    async with serving(tmp_path, hang) as (client, provider):
        for turn in range(1, 4):
            at = await start(client, tasks, limits={"max_parallel_agents": 20})
            await until(lambda: len(provider.running) == 20)
            began = time.monotonic()

            response = await client.post(f"{at}/cancel")

            took_s.append(time.monotonic() - began)
            assert response.status_code == 202
            assert response.json()["status"] == "cancelled"
            assert response.json()["counts"]["cancelled"] == 31
            assert provider.running == []
            assert len(provider.cancelled) == len(provider.calls) == 20 * turn
        assert min(took_s) < 0.25
        events = (await client.get(f"{at}/events")).json()["items"]
        told = [event["type"] for event in events]
        assert told.count("agent_failed") == 20
        assert told.count("task_cancelled") == 11
        assert all(event["error"] == "cancelled" for event in events if event["type"] == "agent_failed")
        assert (events[-1]["type"], events[-1]["status"]) == ("swarm_completed", "cancelled")
        again = await client.post(f"{at}/cancel")
        assert (again.status_code, again.json()["status"]) == (202, "cancelled")
        assert len((await client.get(f"{at}/events")).json()["items"]) == len(events)


async def test_a_running_swarm_is_not_deleted_and_a_cancelled_one_is(tmp_path: Path) -> None:
    async with serving(tmp_path, hang) as (client, provider):
        at = await start(client, many(1))
        await until(lambda: bool(provider.running))

        refused = await client.delete(at)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        await client.post(f"{at}/cancel")

        assert (await client.delete(at)).status_code == 204


async def test_one_hung_task_holds_up_nobody_else(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id == "t0":
            await hang(call)

    async with serving(tmp_path, behaviour) as (client, provider):
        at = await start(client, [*many(20), {"id": "after", "depends_on": ["t1", "t19"]}])
        async with asyncio.timeout(30):
            while (found := (await client.get(at)).json())["counts"]["completed"] < 20:
                await asyncio.sleep(0.005)
        assert (found["counts"]["running"], provider.running) == (1, ["t0"])
        assert "after" in provider.asked
        await client.post(f"{at}/cancel")


# --- parallelism -----------------------------------------------------------------------------------------------------


async def test_parallelism_changes_while_the_run_goes_on(tmp_path: Path) -> None:
    gate = asyncio.Semaphore(0)

    async def behaviour(_: Call) -> None:
        await gate.acquire()

    async with serving(tmp_path, behaviour) as (client, provider):
        at = await start(client, many(40), limits={"max_parallel_agents": 5})
        await until(lambda: len(provider.running) == 5)

        raised = await client.patch(at, json={"max_parallel_agents": 12})
        assert raised.json()["max_parallel_agents"] == 12
        await until(lambda: len(provider.running) == 12)

        await client.patch(at, json={"max_parallel_agents": 3})
        for _ in range(10):
            gate.release()
        await until(lambda: len(provider.running) == 3)
        gate.release()
        await until(lambda: len(provider.calls) == 14)
        assert len(provider.running) == 3
        for _ in range(40):
            gate.release()
        assert (await ended(client, at))["status"] == "completed"
        assert provider.most_running == 12
        events = (await client.get(f"{at}/events")).json()["items"]
        scaled = [
            (event["before"], event["max_parallel_agents"]) for event in events if event["type"] == "swarm_scaled"
        ]
        assert scaled == [(5, 12), (12, 3)]


async def test_all_swarms_together_stay_below_the_services_limit(tmp_path: Path) -> None:
    async def behaviour(_: Call) -> None:
        await asyncio.sleep(0.002)

    async with serving(tmp_path, behaviour, max_agents=7) as (client, provider):
        await asyncio.gather(*(run(client, many(15)) for _ in range(6)))

        assert provider.most_running == 7
        assert len(provider.calls) == 90


async def test_ready_tasks_run_by_priority_then_complexity_then_age(tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = [
        {"id": "blocker", "priority": 10},
        {"id": "low", "priority": "low"},
        {"id": "normal"},
        {"id": "normal, hard", "complexity": 9},
        {"id": "normal, younger"},
        {"id": "critical", "priority": "critical"},
        {"id": "high", "priority": 8},
    ]
    async with serving(tmp_path) as (client, provider):
        await run(client, tasks, limits={"max_parallel_agents": 1})

        order = ["blocker", "critical", "high", "normal, hard", "normal", "normal, younger", "low"]
        assert provider.asked == order


# --- failures and retries --------------------------------------------------------------------------------------------


async def test_failures_are_retried_and_told(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.number == 1:
            raise Unavailable("the upstream is away", status=503)
        if call.number == 2:
            raise RateLimited("slow down", status=429, retry_after_s=0.002)

    async with serving(tmp_path, behaviour) as (client, _):
        found = await run(client, [{"id": "a", "max_retries": 1}])

        assert statuses(found) == {"a": "completed"}
        at = f"/v1/swarms/{found['swarm_id']}"
        task = (await client.get(f"{at}/tasks/a")).json()
        attempts = [(attempt["status"], (attempt["error"] or {}).get("type")) for attempt in task["attempt_log"]]
        assert attempts == [("failed", "provider_unavailable"), ("failed", "rate_limit"), ("completed", None)]
        assert task["error"] is None
        events = (await client.get(f"{at}/events")).json()["items"]
        told = [event["type"] for event in events if event["task_id"] == "a"]
        assert told == [
            *("task_queued", "agent_spawned", "agent_retrying", "task_queued", "agent_retrying", "task_queued"),
            "agent_completed",
        ]


async def test_a_task_fails_once_its_retries_are_used_up(tmp_path: Path) -> None:
    async def behaviour(_: Call) -> None:
        raise Unavailable("the upstream is away")

    async with serving(tmp_path, behaviour) as (client, provider):
        found = await run(client, [{"id": "a", "max_retries": 2}, {"id": "b", "depends_on": ["a"]}])

        assert (found["status"], statuses(found)) == ("failed", {"a": "failed", "b": "skipped"})
        assert provider.asked == ["a"] * 3
        outputs = {output["task_id"]: output for output in found["results"]["outputs"]}
        error = {"type": "provider_unavailable", "message": "the upstream is away", "retryable": True}
        assert outputs["a"]["error"] == error
        assert outputs["b"]["error"]["type"] == "dependency_failed"
        assert found["results"]["missing"] == ["a", "b"]
        assert found["results"]["summary"]["success_rate"] == 0


async def test_what_no_retry_mends_fails_at_once(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id == "a":
            raise Refused("the context is too long", status=400)

    async with serving(tmp_path, behaviour) as (client, provider):
        found = await run(
            client,
            [{"id": "a"}, {"id": "b", "depends_on": ["a"], "allow_failed_dependencies": True}, {"id": "c"}],
            aggregate="concat",
        )

        assert found["status"] == "partial"
        assert statuses(found) == {"a": "failed", "b": "completed", "c": "completed"}
        assert sorted(provider.asked) == ["a", "b", "c"]
        assert next(call for call in provider.calls if call.task_id == "b").inputs == {}
        assert (found["aggregation"]["status"], found["aggregation"]["missing"]) == ("partial", ["a"])


@pytest.mark.parametrize(
    "answer",
    [
        ChatResult(content="\ud800 lone", model="m", usage=Usage(prompt_tokens=1)),
        ChatResult(content=None, model="m"),
        ChatResult(content="fine", model="lone \udfff"),
        ProviderError("a message with \ud800 in it"),
        ValueError("a bug with \udfff in it"),
    ],
    ids=["content", "no content", "model", "error", "bug"],
)
async def test_what_cannot_be_stored_is_a_failed_attempt(tmp_path: Path, answer: ChatResult | Exception) -> None:
    async def behaviour(call: Call) -> ChatResult | None:
        if call.number > 1 or call.task_id != "a":
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with serving(tmp_path, behaviour) as (client, provider):
        found = await run(client, [{"id": "a"}, {"id": "b", "depends_on": ["a"]}])

        assert found["status"] == "completed"
        kept = isinstance(answer, ChatResult) and answer.content == "fine"
        assert provider.asked == (["a", "b"] if kept else ["a", "a", "b"])
        task = (await client.get(f"/v1/swarms/{found['swarm_id']}/tasks/a")).json()
        failures = [] if kept else ["failed"]
        assert [attempt["status"] for attempt in task["attempt_log"]] == [*failures, "completed"]
        assert (await client.get("/readyz")).status_code == 200


async def test_an_absurd_bill_does_not_stop_the_run(tmp_path: Path) -> None:
    async def behaviour(_: Call) -> ChatResult:
        usage = Usage(prompt_tokens=2**62, completion_tokens=2**80)
        return ChatResult(content="x", model="m", usage=usage, cost_nano_usd=10**30)

    async with serving(tmp_path, behaviour) as (client, _):
        found = await run(client, many(3))

        assert found["status"] == "completed"


async def test_a_task_that_takes_too_long_times_out(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.number == 1:
            await hang(call)

    async with serving(tmp_path, behaviour) as (client, provider):
        found = await run(client, [{"id": "a", "timeout_s": 0.05}])

        assert statuses(found) == {"a": "completed"}
        assert provider.cancelled == ["a"]
        task = (await client.get(f"/v1/swarms/{found['swarm_id']}/tasks/a")).json()
        assert task["attempt_log"][0]["error"]["type"] == "timeout"
        assert 50 <= task["attempt_log"][0]["latency_ms"] < 1000


# --- the steps of a run ----------------------------------------------------------------------------------------------


async def test_a_run_that_has_used_up_its_steps_goes_on_once_it_may_make_more(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        tasks = [{"id": f"t{n}", "prompt": "x"} for n in range(5)]
        body = {"tasks": tasks, "limits": {"max_steps": 3, "max_parallel_agents": 1}}
        found = accepted(await client.post("/v1/swarms", params={"wait": 20}, json=body), 201)
        at = f"/v1/swarms/{found['swarm_id']}"
        everything = {"states": ["failed", "skipped"]}
        refused = problem(await client.post(f"{at}/retry", json=everything), 409)
        too_few = problem(await client.patch(at, json={"max_steps": 3}), 422)
        accepted(await client.patch(at, json={"max_steps": 100}))
        accepted(await client.post(f"{at}/retry", json=everything), 202)
        done = await ended(client, at)

    assert (found["steps"], found["counts"]["completed"], found["counts"]["skipped"]) == (3, 3, 2)
    assert 'PATCH with {"max_steps": 6}' in refused["detail"]
    assert [error["pointer"] for error in too_few["errors"]] == ["/max_steps"]
    assert (done["status"], done["steps"], done["counts"]["completed"]) == ("completed", 5, 5)


async def test_steps_can_be_raised_while_a_run_goes_on(tmp_path: Path) -> None:
    stage = Stage()
    stage.hold("t0")
    async with in_process(tmp_path, provider=stage.provider) as client:
        tasks = [{"id": f"t{n}", "prompt": "x"} for n in range(5)]
        at = await start(client, tasks, limits={"max_steps": 2, "max_parallel_agents": 1})
        await stage.until_running("t0")
        accepted(await client.patch(at, json={"max_steps": 5}))
        stage.release("t0")
        done = await ended(client, at)

    assert (done["status"], done["steps"]) == ("completed", 5)
