"""``POST …/retry`` of runs that had grown: their planner goes on from its journal, their outputs are merged anew."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.planning import JUDGE, MERGE, PLAN, REFUSED, TURN, Cast, assigns, hires, run, said
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

PLANNED = {"subtasks": [{"id": "one", "prompt": "Do one."}, {"id": "two", "prompt": "Do two."}]}
ENDED = {"completed", "partial", "failed", "cancelled"}


async def again(
    client: httpx2.AsyncClient, swarm: dict[str, Any], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Retry an ended run and return it once it has ended anew."""
    at = f"/v1/swarms/{swarm['swarm_id']}"
    answer = await client.post(f"{at}/retry", json=body or {})
    assert answer.status_code in {200, 202}, answer.text
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = (await client.get(at)).json()
            if found["status"] in ENDED and found["ended_at"] != swarm["ended_at"]:
                return found
            await asyncio.sleep(0.005)


async def test_a_planner_that_failed_plans_after_all(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, REFUSED)
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"goal": "Do it.", "planner": "supervisor"})
        assert (first["status"], first["counts"]["total"]) == ("failed", 0)
        assert "the model will not" in first["error"]

        cast.on(PLAN, PLANNED)
        second = await again(client, first)

    assert (second["status"], second["error"]) == ("completed", None)
    assert second["counts"]["completed"] == 2
    assert second["aggregation"]["inputs"] == 2
    assert len(cast.of(PLAN)) == 2


async def test_an_orchestrator_that_failed_goes_on_from_its_last_turn(tmp_path: Path) -> None:
    cast = Cast().on(TURN, said(None, *hires("ann"), *assigns("ann", "Do one.", "Do two.")), REFUSED)
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"goal": "Do it.", "planner": "orchestrator"})
        assert (first["status"], first["counts"]["completed"]) == ("partial", 2)
        asked = len(cast.of("task"))

        cast.on(TURN, "All of it is done.")
        second = await again(client, first)

    assert (second["status"], second["aggregated"]) == ("completed", "All of it is done.")
    assert len(cast.of("task")) == asked == 2, "a recorded output was asked for again"
    assert len(cast.of(TURN)) == 3
    assert cast.of(TURN)[2].tool_replies == cast.of(TURN)[1].tool_replies


async def test_an_orchestrators_answer_outlives_the_retry_of_a_sub_agent(tmp_path: Path) -> None:
    turn = said(None, *hires("ann"), *assigns("ann", "Do one.", "Do two."))
    cast = Cast().on(TURN, turn, "One is done.")
    cast.on("task", REFUSED, "done", "done")
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"goal": "Do it.", "planner": "orchestrator"})
        assert (first["status"], first["aggregated"]) == ("partial", "One is done.")

        second = await again(client, first)

    assert (second["status"], second["aggregated"]) == ("completed", "One is done.")
    assert len(cast.of(TURN)) == 2


async def test_a_partial_run_is_merged_anew_with_its_new_outputs(tmp_path: Path) -> None:
    tasks = [{"id": f"t{at}", "prompt": "Do it."} for at in range(6)]
    body = {"tasks": tasks, "aggregate": {"strategy": "hierarchical", "batch_size": 3}}
    cast = Cast().on("t4", REFUSED)
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, body)
        assert (first["status"], first["aggregation"]["missing"]) == ("partial", ["t4"])
        merges = [asked.task_id for asked in cast.of(MERGE)]

        cast.on("t4", "late")
        second = await again(client, first)

    assert (second["status"], second["aggregation"]["missing"]) == ("completed", [])
    assert second["aggregation"]["inputs"] == 6
    calls = Counter(asked.task_id for asked in cast.asked)
    assert calls["t4"] == 2
    assert all(calls[task["id"]] == 1 for task in tasks if task["id"] != "t4")
    anew = [asked for asked in cast.of(MERGE) if asked.task_id not in merges]
    assert {name for asked in anew for name in asked.inputs} == {"t4", merges[-1]}
    assert second["aggregated"] == f"done {anew[-1].task_id}"


async def test_a_merge_that_failed_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    tasks = [{"id": f"t{at}", "prompt": "Do it."} for at in range(3)]
    cast = Cast().on("t1", REFUSED).on(MERGE, REFUSED)
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, {"tasks": tasks, "aggregate": "synthesis"})
        assert (first["aggregated"], first["aggregation"]["status"]) == (None, "failed")

        cast.on("t1", "late").on(MERGE, "merged")
        second = await again(client, first)

    assert (second["status"], second["aggregated"]) == ("completed", "merged")
    assert second["aggregation"]["error"] is None


async def test_a_judged_task_that_failed_begins_a_new_conversation(tmp_path: Path) -> None:
    cast = Cast().on(JUDGE, {"score": 0.1, "critique": "Too short."})
    body = {"tasks": [{"id": "t0", "prompt": "Do it."}], "validate": "Long", "retry": {"max_retries": 0}}
    async with in_process(tmp_path, provider=cast) as client:
        first = await run(client, body)
        assert first["status"] == "failed"

        cast.on(JUDGE, {"score": 0.9, "critique": "Fine."})
        second = await again(client, first)

    assert second["status"] == "completed"
    assert [asked.kind for asked in cast.asked] == ["task", JUDGE, "task", JUDGE]
    assert "Too short." in cast.of("task")[1].prompt
