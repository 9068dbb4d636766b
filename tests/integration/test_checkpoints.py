"""Merges while a run goes on: readable, announced, and gone once the real one is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.planning import PLAN, REFUSED, Cast, checked_events, ended, events_of, get, run, start, until
from tests.support.service import in_process

pytestmark = pytest.mark.anyio


def tasks(count: int) -> list[dict[str, Any]]:
    return [{"id": f"t{at}"} for at in range(count)]


async def test_a_checkpoint_is_readable_while_the_run_goes_on(tmp_path: Path) -> None:
    cast = Cast()
    cast.hold("t2", "t3", "t4")
    async with in_process(tmp_path, provider=cast) as client:
        body = {"tasks": tasks(5), "aggregate": {"strategy": "concat", "checkpoint_every": 2}}
        swarm_id = await start(client, body)
        first = await until(client, swarm_id, lambda swarm: swarm["aggregated"] is not None)
        results = await get(client, f"/v1/swarms/{swarm_id}/results")
        cast.release("t2", "t3")
        second = await until(client, swarm_id, lambda swarm: swarm["aggregation"]["inputs"] == 4)
        cast.release("t4")
        found = await ended(client, swarm_id)
        log = await checked_events(client, swarm_id)

    assert (first["status"], first["aggregated"]) == ("running", "done t0\n\ndone t1")
    assert first["aggregation"]["status"] == "checkpoint"
    assert first["aggregation"]["missing"] == ["t2", "t3", "t4"]
    assert results["aggregated"] == "done t0\n\ndone t1"
    assert second["aggregated"] == "done t0\n\ndone t1\n\ndone t2\n\ndone t3"
    assert found["aggregated"] == "\n\n".join(f"done t{at}" for at in range(5))
    assert (found["aggregation"]["status"], found["aggregation"]["missing"]) == ("completed", [])
    told = [event for event in log if event["type"] == "checkpoint"]
    assert [(event["completed"], event["inputs"], event["status"]) for event in told] == [
        (2, 2, "checkpoint"),
        (4, 4, "checkpoint"),
    ]


async def test_a_cancelled_run_keeps_its_last_checkpoint(tmp_path: Path) -> None:
    cast = Cast()
    cast.hold("t2")
    async with in_process(tmp_path, provider=cast) as client:
        body = {"tasks": tasks(3), "aggregate": {"strategy": "concat", "checkpoint_every": 2}}
        swarm_id = await start(client, body)
        await until(client, swarm_id, lambda swarm: swarm["aggregated"] is not None)
        await client.post(f"/v1/swarms/{swarm_id}/cancel")
        found = await ended(client, swarm_id)

    assert (found["status"], found["aggregated"]) == ("cancelled", "done t0\n\ndone t1")
    assert found["aggregation"]["missing"] == ["t2"]


async def test_a_vote_so_far_is_a_checkpoint(tmp_path: Path) -> None:
    cast = Cast().on("t0", "yes").on("t1", "no").on("t2", "yes")
    cast.hold("t2", "t3")
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(
            client, {"tasks": tasks(4), "aggregate": {"strategy": "fptp", "checkpoint_every": 1, "tie": "none"}}
        )
        swarm = await until(client, swarm_id, lambda swarm: (swarm["aggregation"] or {}).get("inputs") == 2)
        cast.release("t2", "t3")
        await ended(client, swarm_id)

    assert swarm["aggregation"]["votes"] is not None
    assert swarm["aggregation"]["agreement"] == 0.5


async def test_checkpoints_of_a_model_are_merges_that_the_end_builds_on(tmp_path: Path) -> None:
    cast = Cast().on("merge", lambda asked: "+".join(f"({text})" for text in asked.inputs.values()))
    cast.hold("t2", "t3")
    async with in_process(tmp_path, provider=cast) as client:
        body = {"tasks": tasks(4), "aggregate": {"strategy": "hierarchical", "checkpoint_every": 2}}
        swarm_id = await start(client, body)
        first = await until(client, swarm_id, lambda swarm: swarm["aggregated"] is not None)
        cast.release("t2", "t3")
        found = await ended(client, swarm_id)
        kinds = [event["type"] for event in await events_of(client, swarm_id)]

    assert (first["status"], first["aggregated"]) == ("running", "(done t0)+(done t1)")
    assert cast.of("merge")[0].inputs == {"t0": "done t0", "t1": "done t1"}
    assert found["status"] == "completed"
    final = cast.of("merge")[-1]
    assert "(done t0)+(done t1)" in final.inputs.values()
    assert {"t0", "t1"}.isdisjoint(final.inputs)
    assert all(f"done t{at}" in found["aggregated"] for at in range(4))
    assert "checkpoint" in kinds


async def test_a_goal_has_checkpoints_too(tmp_path: Path) -> None:
    plan = {"subtasks": [{"id": f"t{at}", "prompt": "P"} for at in range(3)]}
    cast = Cast().on(PLAN, plan)
    cast.hold("t2")
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(client, {"goal": "G", "aggregate": {"strategy": "concat", "checkpoint_every": 2}})
        first = await until(client, swarm_id, lambda swarm: swarm["aggregated"] is not None)
        cast.release("t2")
        found = await ended(client, swarm_id)

    assert first["aggregated"] == "done t0\n\ndone t1"
    assert found["aggregated"] == "done t0\n\ndone t1\n\ndone t2"


async def test_many_completions_at_once_make_no_storm(tmp_path: Path) -> None:
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(
            client, {"tasks": tasks(300), "aggregate": {"strategy": "by_role", "checkpoint_every": 1}}, wait_s=60
        )
        log = await checked_events(client, found["swarm_id"])

    assert found["aggregated"] == {"": [f"done t{at}" for at in range(300)]}
    checkpoints = [event for event in log if event["type"] == "checkpoint"]
    assert len(checkpoints) <= 300
    assert found["aggregation"]["status"] == "completed"


# --- batches of orchestrators ----------------------------------------------------------------------------------------


async def test_the_memory_strategy_of_a_batch_merges_as_it_goes(tmp_path: Path) -> None:
    cast = Cast()
    cast.hold(*[f"t{at}" for at in range(4, 20)])
    async with in_process(tmp_path, provider=cast) as client:
        body = {"tasks": tasks(20), "memory_strategy": "checkpoint", "wait": False}
        accepted = await client.post("/v1/agents/batch-execute", json=body)
        assert accepted.status_code == 202, accepted.text
        swarm_id = accepted.json()["swarm_id"]
        first = await until(
            client, swarm_id, lambda swarm: swarm["aggregation"] is not None and swarm["aggregation"]["inputs"] == 4
        )
        cast.release("t4", "t5")
        await until(client, swarm_id, lambda swarm: swarm["aggregation"]["inputs"] == 6)
        cast.release(*[f"t{at}" for at in range(6, 20)])
        found = await ended(client, swarm_id)
        log = await events_of(client, swarm_id)

    assert first["aggregated"] == "\n\n".join(f"done t{at}" for at in range(4))
    assert found["status"] == "completed"
    told = [event["completed"] for event in log if event["type"] == "checkpoint"]
    assert told[:2] in ([2, 4], [4, 6])  # those of the first four may be one


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("none", None),
        ("concat", "yes\n\nno\n\nyes"),
        ("majority-vote", "yes"),
        ("by_role", {"coder": ["yes", "no", "yes"]}),
    ],
)
async def test_an_orchestrators_strategy_merges_its_batches(tmp_path: Path, strategy: str, expected: Any) -> None:
    cast = Cast().on("a", "yes").on("b", "no").on("c", "yes")
    async with in_process(tmp_path, provider=cast) as client:
        config = {"aggregation_strategy": strategy}
        created = await client.post("/v1/agents/create", json={"model": "any", "name": "boss", "swarm_config": config})
        assert created.status_code == 201
        body = {"orchestrator_id": "boss", "tasks": [{"id": name, "role": "coder"} for name in "abc"]}
        answer = await client.post("/v1/agents/batch-execute", json=body)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["aggregated"] == expected
    assert [output["output"] for output in found["outputs"]] == ["yes", "no", "yes"]


async def test_a_decided_vote_of_a_batch_cancels_nobody(tmp_path: Path) -> None:
    cast = Cast().on("task", "yes")
    async with in_process(tmp_path, provider=cast) as client:
        config = {"aggregation_strategy": "majority", "max_parallel_agents": 1}
        await client.post("/v1/agents/create", json={"model": "any", "name": "boss", "swarm_config": config})
        answer = await client.post("/v1/agents/batch-execute", json={"orchestrator_id": "boss", "tasks": tasks(5)})

    assert [output["status"] for output in answer.json()["outputs"]] == ["completed"] * 5
    assert answer.json()["aggregated"] == "yes"


async def test_an_orchestrator_that_synthesizes_asks_a_model_for_a_batch_and_not_for_one_task(tmp_path: Path) -> None:
    cast = Cast().on("merge", "Both.")
    async with in_process(tmp_path, provider=cast) as client:
        config = {"aggregation_strategy": "synthesis"}
        await client.post("/v1/agents/create", json={"model": "any", "name": "boss", "swarm_config": config})
        batch = await client.post("/v1/agents/batch-execute", json={"orchestrator_id": "boss", "tasks": tasks(2)})
        single = await client.post("/v1/agents/execute", json={"orchestrator_id": "boss", "id": "x"})

    assert (batch.json()["aggregated"], len(batch.json()["outputs"])) == ("Both.", 2)
    assert batch.json()["summary"]["total_agents"] == 2
    assert single.json()["output"] == "done x"
    assert len(cast.of("merge")) == 1


async def test_weights_of_a_batch_decide(tmp_path: Path) -> None:
    cast = Cast().on("a", "yes").on("b", "no").on("c", "yes")
    async with in_process(tmp_path, provider=cast) as client:
        config = {"aggregation_strategy": "weighted_voting"}
        await client.post("/v1/agents/create", json={"model": "any", "name": "boss", "swarm_config": config})
        weights = {"a": 1, "b": 5, "c": 1.5}
        body = {"orchestrator_id": "boss", "tasks": [{"id": name, "weight": weights[name]} for name in "abc"]}
        answer = await client.post("/v1/agents/batch-execute", json=body)
        collected = await get(client, "/v1/agents/boss/results", timeout=5)
        wrong = await client.post("/v1/agents/batch-execute", json={"tasks": [{"id": "a", "weight": -1}]})

    assert answer.json()["aggregated"] == "no"
    assert collected["aggregated"] == "no"
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/tasks/0/weight"


async def test_a_failed_task_leaves_the_merged_rest_of_a_batch(tmp_path: Path) -> None:
    cast = Cast().on("t1", REFUSED)
    async with in_process(tmp_path, provider=cast) as client:
        config = {"aggregation_strategy": "concat"}
        await client.post("/v1/agents/create", json={"model": "any", "name": "boss", "swarm_config": config})
        answer = await client.post("/v1/agents/batch-execute", json={"orchestrator_id": "boss", "tasks": tasks(3)})

    found = answer.json()
    assert found["aggregated"] == "done t0\n\ndone t2"
    assert found["outputs"][1]["status"] == "failed"
    assert found["summary"]["missing"] == ["t1"]
