"""Goals within limits: time, steps, money, slots; and what consoles and clients see of planners and merges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from tests.support.planning import (
    ATTACHED,
    GOAL,
    JUDGE,
    ORCHESTRATED,
    PLAN,
    PLAN_OF_THREE,
    REFUSED,
    TURN,
    Cast,
    assigns,
    ended,
    endpoint,
    events_of,
    get,
    hires,
    run,
    said,
    start,
    tasks_of,
)
from tests.support.problems import pointers, problem
from tests.support.service import in_process

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("planner", [PLAN, TURN])
async def test_one_slot_is_enough(tmp_path: Path, planner: str) -> None:
    """A planner that waits for its sub-agents holds no slot that they need."""
    cast = Cast().on(PLAN, PLAN_OF_THREE)
    cast.on(TURN, said(None, *hires("scout"), *assigns("scout", "One.", "Two.")), "There.")
    body = (GOAL | ATTACHED) if planner == PLAN else ORCHESTRATED
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, body | {"limits": {"max_parallel_agents": 1}})

    assert found["status"] == "completed"
    assert cast.most_running == 1


async def test_an_orchestrators_ceiling_of_one_is_enough_for_several_goals(tmp_path: Path) -> None:
    cast = Cast().on(TURN, said(None, *hires("scout"), *assigns("scout", "One.", "Two.")), "There.")
    cast.on(
        TURN, lambda asked: "There." if asked.tool_replies else said(None, *hires("s"), *assigns("s", "One.", "Two."))
    )
    async with in_process(tmp_path, provider=cast) as client:
        config = {"max_parallel_agents": 1}
        await client.post("/v1/agents/create", json={"model": "any", "name": "boss", "swarm_config": config})
        ids = [await start(client, ORCHESTRATED | {"agent": "boss"}) for _ in range(3)]
        found = [await ended(client, swarm_id) for swarm_id in ids]

    assert [swarm["status"] for swarm in found] == ["completed"] * 3
    assert cast.most_running == 1


@pytest.mark.parametrize("planner", [PLAN, TURN])
async def test_the_time_limit_of_a_run_ends_its_planning(tmp_path: Path, planner: str) -> None:
    cast = Cast()
    cast.hold(planner)
    body = GOAL if planner == PLAN else ORCHESTRATED
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, body | {"limits": {"timeout_s": 0.6}})

    assert found["status"] == "failed"
    assert "timeout_s" in found["error"]
    assert len(cast.cancelled) == 1


async def test_a_budget_that_fails_says_so_and_makes_no_call_beyond_it(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, said(orjson.dumps(PLAN_OF_THREE).decode(), tokens=40_000))
    body = GOAL | ATTACHED | {"budget": {"max_tokens": 45_000, "on_exceeded": "fail"}}
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, body)

    assert found["status"] == "failed"
    assert "40002 of 45000" in found["error"]
    assert len(cast.asked) <= 2


async def test_a_budget_below_the_first_call_is_refused_by_a_field_that_was_sent(tmp_path: Path) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        document = problem(await client.post("/v1/swarms", json=GOAL | {"budget": {"max_tokens": 100}}), 422)

    assert pointers(document)[0].split("/")[1] in {"budget", "goal"}, document
    assert cast.asked == []


async def test_a_token_budget_of_a_task_counts_its_judges_too(tmp_path: Path) -> None:
    cast = Cast().on("a", said("Paris.", tokens=9_000)).on(JUDGE, {"score": 0.1, "critique": "No."})
    task = {"id": "a", "prompt": "P", "token_budget": 30_000, "max_output_tokens": 50}
    async with in_process(tmp_path, provider=cast) as client:
        body = {"tasks": [task], "validate": "Right?", "retry": {"max_retries": 50, "base_delay_s": 0}}
        found = await run(client, body)

    [output] = found["results"]["outputs"]
    assert found["status"] == "failed"
    assert output["usage"]["total_tokens"] <= 30_000
    assert len(cast.asked) < 12


async def test_the_step_limit_covers_planner_sub_agents_and_merge(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED | {"limits": {"max_steps": 4}})

    assert found["steps"] == len(cast.asked) == 4
    assert found["counts"]["completed"] == 3
    assert found["aggregation"]["status"] == "failed", found["aggregation"]
    assert found["aggregation"]["error"]


async def test_consoles_see_sub_agents_only_and_the_bill_covers_all_calls(tmp_path: Path) -> None:
    answers = {"plan-it": orjson.dumps({"subtasks": [{"id": "a", "prompt": "A"}, {"id": "b", "prompt": "B"}]}).decode()}
    prices = {"plan-it": {"input_per_mtok": 10, "output_per_mtok": 100}}  # 0.02 a call of 1,000 + 100 tokens
    async with endpoint(answers) as upstream:
        provider = {"base_url": upstream.url, "models": ["plan-it"]}
        async with in_process(tmp_path, providers={"p": provider}, default_model="plan-it", prices=prices) as client:
            found = await run(client, {"goal": "G"})
            path = f"/v1/swarms/{found['swarm_id']}"
            graph = await get(client, f"{path}/graph")
            snapshot = await get(client, f"{path}/snapshot")
            planner = await get(client, f"{path}/tasks/~planner")
            usage = (await get(client, "/v1/usage", group_by="swarm"))["items"]

    assert (found["status"], found["steps"], found["cost_usd"]) == ("completed", 4, 0.08)
    assert found["tokens"] == {"in": 4_000, "out": 400, "cached": 0}
    assert [node["task_id"] for node in graph["nodes"]] == ["a", "b"]
    assert graph["edges"] == []
    assert [task["task_id"] for task in snapshot["tasks"]] == ["a", "b"]
    assert snapshot["swarm"]["counts"]["total"] == 2
    assert (planner["status"], planner["cost_usd"], planner["kind"]) == ("completed", 0.02, "planner")
    assert found["aggregation"]["cost_usd"] == 0.02
    assert found["results"]["summary"]["total_agents"] == 2
    assert [item["cost_usd"] for item in usage] == [0.08]


async def test_the_stream_of_a_goal_has_no_gap_and_ends(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED)
        path = f"/v1/swarms/{found['swarm_id']}/events"
        stream = await client.get(path, headers={"accept": "text/event-stream"})
        logged = await events_of(client, found["swarm_id"])

    sent = [orjson.loads(line.removeprefix("data: ")) for line in stream.text.splitlines() if line.startswith("data: ")]
    assert [event for event in sent if event["type"] != "metrics_snapshot"] == logged
    assert sum(event["type"] == "agent_spawned" for event in sent) == 3


async def test_a_subtask_may_have_the_name_that_a_merge_would_get(tmp_path: Path) -> None:
    cast = Cast().on("merge", "Merged.")
    ids = ["~final_merge-2", "~merge-2"]
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"tasks": [{"id": task_id} for task_id in ids], "aggregate": "synthesis"})
        tasks = await tasks_of(client, found["swarm_id"])

    assert found["status"] == "completed"
    assert list(tasks) == ids
    assert found["counts"]["total"] == 2


async def test_an_ended_goal_can_be_deleted(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED)
        deleted = await client.delete(f"/v1/swarms/{found['swarm_id']}")
        gone = await client.get(f"/v1/swarms/{found['swarm_id']}")

    assert (deleted.status_code, gone.status_code) == (204, 404)


async def test_a_failed_merge_is_made_again_by_a_retry(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE).on("merge", REFUSED, "Merged.")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED)
        answer = await client.post(f"/v1/swarms/{found['swarm_id']}/retry")
        assert answer.status_code == 202, answer.text
        again = await ended(client, found["swarm_id"])

    assert found["aggregation"]["status"] == "failed"
    assert (again["status"], again["aggregated"]) == ("completed", "Merged.")
    assert len(cast.of("north")) == 1


async def test_a_goal_with_a_key_starts_once(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE)
    async with in_process(tmp_path, provider=cast) as client:

        async def post(goal: str) -> httpx2.Response:
            body: dict[str, Any] = GOAL | ATTACHED | {"goal": goal}
            return await client.post("/v1/swarms", json=body, headers={"Idempotency-Key": "g1"})

        first, again, other = await post("One."), await post("One."), await post("Two.")
        await ended(client, first.json()["swarm_id"])

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert first.json()["swarm_id"] == again.json()["swarm_id"]
    assert len(cast.of(PLAN)) == 1
