"""Goals whose planning is cancelled, paused, out of budget, cut off by a stop of the service, or served badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from app.providers.mock_model import MockModelConfig, listening
from tests.support.planning import (
    ATTACHED,
    GOAL,
    ORCHESTRATED,
    PLAN,
    PLAN_OF_THREE,
    TURN,
    Cast,
    assigns,
    ended,
    events_of,
    get,
    hires,
    run,
    said,
    start,
    until,
)
from tests.support.service import in_process

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("planner", [PLAN, TURN])
async def test_a_cancel_while_planning_stops_the_call(tmp_path: Path, planner: str) -> None:
    cast = Cast()
    cast.hold(planner)
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(client, GOAL if planner == PLAN else ORCHESTRATED)
        await cast.until_asked(planner)
        planning = await get(client, f"/v1/swarms/{swarm_id}")
        answer = await client.post(f"/v1/swarms/{swarm_id}/cancel")
        found = await ended(client, swarm_id)
        kinds = [event["type"] for event in await events_of(client, swarm_id)]

    assert answer.status_code == 202
    assert (planning["status"], found["status"]) == ("planning", "cancelled")
    assert [asked.kind for asked in cast.cancelled] == [planner]
    assert len(cast.asked) == 1
    assert "agent_spawned" not in kinds


async def test_a_pause_while_planning_lets_the_call_end_and_starts_no_other(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE)
    cast.hold(PLAN)
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(client, GOAL | ATTACHED)
        await cast.until_asked(PLAN)
        assert (await client.post(f"/v1/swarms/{swarm_id}/pause")).status_code == 202
        await until(client, swarm_id, lambda swarm: swarm["status"] == "paused")
        cast.release(PLAN)
        planned = await until(client, swarm_id, lambda swarm: swarm["counts"]["total"] == 3)
        assert planned["status"] == "paused"
        assert len(cast.asked) == 1
        assert (await client.post(f"/v1/swarms/{swarm_id}/resume")).status_code == 202
        found = await ended(client, swarm_id)

    assert (found["status"], found["counts"]["completed"]) == ("completed", 3)
    assert len(cast.of(PLAN)) == 1


async def test_a_budget_pauses_a_goal_between_calls_and_no_call_is_repeated_once_it_is_raised(tmp_path: Path) -> None:
    turns = [
        said(None, *hires("scout"), *assigns("scout", "Go."), tokens=40_000),
        said(None, *assigns("scout", "On.")),
    ]
    cast = Cast().on(TURN, *turns, "There.")
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(client, ORCHESTRATED | {"budget": {"max_tokens": 50_000}})
        paused = await until(client, swarm_id, lambda swarm: swarm["status"] in {"paused", "completed", "failed"})
        before = len(cast.asked)
        raised = await client.patch(f"/v1/swarms/{swarm_id}", json={"budget": {"max_tokens": 10_000_000}})
        assert raised.status_code == 200, raised.text
        found = await ended(client, swarm_id)

    assert (paused["status"], paused["pause_reason"]) == ("paused", "budget")
    assert before < 5
    assert (found["status"], found["aggregated"]) == ("completed", "There.")
    assert [(asked.kind, asked.task_id) for asked in cast.asked] == [
        (TURN, None),
        ("task", "t1-2-scout"),
        (TURN, None),
        ("task", "t2-1-scout"),
        (TURN, None),
    ]
    assert found["steps"] == 5
    assert found["tokens"] == {"in": 40_040, "out": 10, "cached": 0}


async def test_a_cancel_while_sub_agents_work_ends_the_orchestrator_with_them(tmp_path: Path) -> None:
    cast = Cast().on(TURN, said(None, *hires("scout"), *assigns("scout", "One.", "Two.")))
    cast.hold("t1-3-scout")
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(client, ORCHESTRATED)
        await until(client, swarm_id, lambda swarm: swarm["counts"]["completed"] == 1)
        await client.post(f"/v1/swarms/{swarm_id}/cancel")
        found = await ended(client, swarm_id)

    assert (found["status"], found["counts"]["cancelled"]) == ("cancelled", 1)
    assert len(cast.of(TURN)) == 1


async def test_a_failed_plan_can_be_retried(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, "no plan")
    async with in_process(tmp_path, provider=cast) as client:
        failed = await run(client, GOAL | ATTACHED | {"retry": {"max_retries": 0}})
        cast.on(PLAN, PLAN_OF_THREE)
        answer = await client.post(f"/v1/swarms/{failed['swarm_id']}/retry")
        assert answer.status_code == 202, answer.text
        found = await ended(client, failed["swarm_id"])

    assert (failed["status"], found["status"], found["error"]) == ("failed", "completed", None)
    assert found["counts"]["completed"] == 3


# --- a stop of the service -------------------------------------------------------------------------------------------


async def test_a_stop_between_turns_repeats_nothing_that_was_answered(tmp_path: Path) -> None:
    turns = [said(None, *hires("scout"), *assigns("scout", "One.", "Two.")), said(None, *assigns("scout", "Three."))]
    cast = Cast().on(TURN, *turns, "There.")
    cast.hold("t2-1-scout")
    async with in_process(tmp_path, provider=cast, drain_s=0) as client:
        swarm_id = await start(client, ORCHESTRATED)
        await cast.until_asked("t2-1-scout")
    cast.release("t2-1-scout")
    async with in_process(tmp_path, provider=cast) as client:
        found = await ended(client, swarm_id)

    assert (found["status"], found["aggregated"]) == ("completed", "There.")
    assert [asked.task_id or asked.kind for asked in cast.asked] == [
        TURN,
        "t1-2-scout",
        "t1-3-scout",
        TURN,
        "t2-1-scout",
        "t2-1-scout",
        TURN,
    ]
    replies = cast.of(TURN)[-1].messages
    assert [one["role"] for one in replies] == ["user", "assistant", "tool", "tool", "tool", "assistant", "tool"]


async def test_a_stop_while_a_plan_is_repaired_goes_on_with_the_repair(tmp_path: Path) -> None:
    cast = Cast()

    def held_repair(asked: Any) -> Any:
        cast.hold(PLAN)
        return "no plan"

    cast.on(PLAN, held_repair, PLAN_OF_THREE)
    async with in_process(tmp_path, provider=cast, drain_s=0) as client:
        swarm_id = await start(client, GOAL | ATTACHED)
        await cast.until_asked(PLAN, times=2)
    cast.release(PLAN)
    async with in_process(tmp_path, provider=cast) as client:
        found = await ended(client, swarm_id)

    assert (found["status"], found["counts"]["completed"]) == ("completed", 3)
    assert [asked.repair for asked in cast.of(PLAN)] == [False, True, True]


async def test_a_stop_in_the_middle_of_a_hierarchy_of_merges_repeats_none_that_is_done(tmp_path: Path) -> None:
    cast = Cast().on("merge", lambda asked: "+".join(map(str, asked.inputs.values())))
    tasks = [{"id": f"t{at}"} for at in range(9)]
    async with in_process(tmp_path, provider=cast, drain_s=0) as client:
        body = {"tasks": tasks, "aggregate": {"strategy": "hierarchical", "batch_size": 3}}
        cast.hold("~final_merge-12")
        swarm_id = await start(client, body)
        await cast.until_asked("~final_merge-12")
    cast.release("~final_merge-12")
    async with in_process(tmp_path, provider=cast) as client:
        found = await ended(client, swarm_id)

    assert found["aggregated"] == "+".join(f"done t{at}" for at in range(9))
    assert [asked.task_id for asked in cast.of("merge")][3:] == ["~final_merge-12"] * 2


# --- over sockets, against a model that misbehaves -------------------------------------------------------------------


@asynccontextmanager
async def over_sockets(folder: Path, *scripts: dict[str, Any]) -> AsyncIterator[tuple[httpx2.AsyncClient, Mock]]:
    log = folder / "calls.jsonl"
    async with listening(MockModelConfig(call_log=str(log))) as running, httpx2.AsyncClient() as tester:
        (await tester.post(f"{running.root_url}/mock/script", json=list(scripts))).raise_for_status()
        settings: dict[str, Any] = {"provider_base_url": running.base_url, "default_model": "mock"}
        async with in_process(folder / "data", **settings) as client:
            yield client, Mock(running.model.stats, log)


class Mock:
    """What the mock model counted and logged."""

    def __init__(self, stats: dict[str, int], log: Path) -> None:
        self.stats = stats
        self._log = log

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [orjson.loads(line) for line in self._log.read_bytes().splitlines()]
        return [line for line in lines if line["event"] == event]


PLANNING = {"when_format": "plan"}


@pytest.mark.parametrize("fault", ["garbage", "truncate", "empty_choices", "null_content", "bad_utf8", "reset"])
async def test_a_planner_whose_answer_is_broken_on_the_wire_is_asked_again(tmp_path: Path, fault: str) -> None:
    plan = {"subtasks": [{"id": "a", "prompt": "Say one."}, {"id": "b", "prompt": "Say two."}]}
    scripts = [PLANNING | {"fault": fault}, PLANNING | {"content": orjson.dumps(plan).decode()}]
    async with over_sockets(tmp_path, *scripts) as (client, mock):
        found = await run(client, GOAL)

    assert (found["status"], found["counts"]["completed"]) == ("completed", 2)
    assert mock.stats["received"] in {4, 5}  # bytes that are no UTF-8 may be read, with a repair


async def test_the_repair_of_a_plan_is_asked_with_its_errors_over_the_wire(tmp_path: Path) -> None:
    """The second script matches only a request in which the error of the first answer is quoted."""
    cyclic = {"subtasks": [{"id": name, "prompt": "P", "depends_on": [name]} for name in ("a", "b")]}
    plan = {"subtasks": [{"id": "a", "prompt": "Say one."}]}
    scripts = [
        PLANNING | {"content": orjson.dumps(plan).decode(), "match": "take one of these dependencies out"},
        PLANNING | {"content": orjson.dumps(cyclic).decode()},
    ]
    async with over_sockets(tmp_path, *scripts) as (client, mock):
        found = await run(client, GOAL | {"aggregate": "concat"})

    assert (found["status"], found["counts"]["completed"]) == ("completed", 1)
    first, repair, _ = mock.logged("received")
    assert repair["prompt_tokens"] > first["prompt_tokens"]


async def test_sub_agents_of_a_turn_overlap_in_the_call_log(tmp_path: Path) -> None:
    calls = [*hires("scout"), *assigns("scout", "One.", "Two.", "Three.")]
    turn = [{"name": name, "arguments": arguments} for name, arguments in calls]
    scripts = [
        {"when_tools": True, "tool_calls": turn},
        {"when_tools": True, "content": "All three."},
        {"match": "## Task", "latency_ms": 300, "times": 3, "content": "ok"},
    ]
    async with over_sockets(tmp_path, *scripts) as (client, mock):
        found = await run(client, ORCHESTRATED)

    assert (found["status"], found["aggregated"]) == ("completed", "All three.")
    assert mock.stats["max_in_flight"] == 3
    arrived = [line["t"] for line in mock.logged("received") if line["task_id"]]
    answered = [line["t"] for line in mock.logged("answered") if line["task_id"]]
    assert max(arrived) < min(answered)


async def test_endless_tool_calls_over_the_wire_end(tmp_path: Path) -> None:
    endless = [{"name": "assign_task", "arguments": '{"agent": "gho'}]
    async with over_sockets(tmp_path, {"when_tools": True, "times": None, "tool_calls": endless}) as (client, mock):
        found = await run(client, ORCHESTRATED, wait_s=60)

    assert found["ended_at"] is not None
    assert mock.stats["received"] == found["steps"] <= 51


@pytest.mark.parametrize("planner", ["supervisor", "orchestrator"])
async def test_a_cancel_while_planning_closes_the_connection(tmp_path: Path, planner: str) -> None:
    async with over_sockets(tmp_path, {"hang": True, "times": None}) as (client, mock):
        swarm_id = await start(client, GOAL | {"planner": planner})
        async with asyncio.timeout(30):
            while not mock.stats["in_flight"]:
                await asyncio.sleep(0.005)
            await client.post(f"/v1/swarms/{swarm_id}/cancel")
            while mock.stats["in_flight"]:
                await asyncio.sleep(0.005)
        found = await ended(client, swarm_id)

    assert found["status"] == "cancelled"
    assert (mock.stats["received"], mock.stats["dropped"]) == (1, 1)
