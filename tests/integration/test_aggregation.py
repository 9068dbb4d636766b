"""Every strategy of ``aggregate`` over HTTP; the expected values are worked out by hand from the scripted answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.planning import (
    LOST,
    NAMED_MODELS,
    ballots,
    ended,
    get,
    merged_in_order,
    run,
    start,
    until,
)
from tests.support.service import in_process

pytestmark = pytest.mark.anyio


# --- what needs no vote ----------------------------------------------------------------------------------------------


async def test_none_is_the_default_of_tasks(tmp_path: Path) -> None:
    cast, tasks = ballots("a", "b")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"tasks": tasks})

    assert (found["status"], found["aggregated"], found["aggregation"]) == ("completed", None, None)


async def test_concat_joins_in_the_order_of_the_request(tmp_path: Path) -> None:
    cast, tasks = ballots("one", "two", "three")
    cast.hold("v0")
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(client, {"tasks": tasks, "aggregate": "concatenate"})
        await until(client, swarm_id, lambda swarm: swarm["counts"]["completed"] == 2)
        cast.release("v0")
        found = await ended(client, swarm_id)

    assert found["aggregated"] == "one\n\ntwo\n\nthree"
    assert found["aggregation"] == {
        "strategy": "concat",
        "status": "completed",
        "inputs": 3,
        "missing": [],
        "agreement": None,
        "cost_usd": 0,
        "error": None,
    }


async def test_by_role_groups_outputs(tmp_path: Path) -> None:
    cast, tasks = ballots("r1", "c1", "r2", "x", role=["researcher", "coder", "researcher", None])
    found = await merged_in_order(tmp_path, cast, tasks, {"strategy": "By-Role"})

    assert found["aggregated"] == {"researcher": ["r1", "r2"], "coder": ["c1"], "": ["x"]}


async def test_what_failed_is_named_and_the_rest_is_merged(tmp_path: Path) -> None:
    cast, tasks = ballots("one", LOST, "three")
    found = await merged_in_order(tmp_path, cast, tasks, "concat")

    assert (found["status"], found["aggregated"]) == ("partial", "one\n\nthree")
    aggregation = found["aggregation"]
    assert (aggregation["status"], aggregation["inputs"], aggregation["missing"]) == ("partial", 2, ["v1"])


async def test_nothing_to_merge(tmp_path: Path) -> None:
    cast, tasks = ballots(LOST, LOST)
    found = await merged_in_order(tmp_path, cast, tasks, "concat")

    assert (found["status"], found["aggregated"]) == ("failed", None)


# --- merges by a model -----------------------------------------------------------------------------------------------


async def test_a_synthesis_is_one_call_with_all_outputs(tmp_path: Path) -> None:
    cast, tasks = ballots("one", "two")
    cast.on("merge", "Both.")
    found = await merged_in_order(tmp_path, cast, tasks, {"strategy": "summarize", "prompt": "As a haiku."})

    assert (found["status"], found["aggregated"], found["steps"]) == ("completed", "Both.", 3)
    [call] = cast.of("merge")
    assert call.inputs == {"v0": "one", "v1": "two"}
    assert "As a haiku." in call.prompt
    assert found["aggregation"]["strategy"] == "synthesis"
    assert found["counts"]["total"] == 2


async def test_a_hierarchy_merges_at_most_its_batch_size_at_once(tmp_path: Path) -> None:
    cast, tasks = ballots(*[f"o{at}" for at in range(9)])
    cast.on("merge", lambda asked: "+".join(map(str, asked.inputs.values())))
    found = await merged_in_order(tmp_path, cast, tasks, {"strategy": "map-reduce", "batch_size": 3})

    assert found["aggregated"] == "+".join(f"o{at}" for at in range(9))
    assert len(cast.of("merge")) == 4  # 3 of 3, then 1 of those 3
    assert all(len(call.inputs) <= 3 for call in cast.of("merge"))
    assert found["aggregation"]["inputs"] == 9


async def test_the_merge_of_a_goal_with_a_schema_gives_the_object(tmp_path: Path) -> None:
    cast, tasks = ballots("one", "two")
    cast.on("merge", '{"n": 2}')
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    found = await merged_in_order(tmp_path, cast, tasks, {"strategy": "synthesis", "output_schema": schema})

    assert found["aggregated"] == {"n": 2}
    assert cast.of("merge")[0].schema["schema"] == schema


async def test_a_merge_that_fails_says_so_and_keeps_the_outputs(tmp_path: Path) -> None:
    cast, tasks = ballots("one", "two")
    cast.on("merge", LOST)
    found = await merged_in_order(tmp_path, cast, tasks, "synthesis")

    assert (found["aggregated"], found["aggregation"]["status"]) == (None, "failed")
    assert found["aggregation"]["error"]
    assert [task["output"] for task in found["results"]["outputs"]] == ["one", "two"]


async def test_a_merge_is_retried_like_a_task(tmp_path: Path) -> None:
    cast, tasks = ballots("one", "two")
    cast.on("merge", LOST, "Both.")
    found = await merged_in_order(tmp_path, cast, tasks, "synthesis", retry={"base_delay_s": 0})

    assert (found["status"], found["aggregated"]) == ("completed", "Both.")
    assert len(cast.of("merge")) == 2


async def test_a_cancel_while_merging_ends_the_run(tmp_path: Path) -> None:
    cast, tasks = ballots("one", "two")
    cast.hold("merge")
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(client, {"tasks": tasks, "aggregate": "synthesis"})
        await cast.until_asked("merge")
        merging = await get(client, f"/v1/swarms/{swarm_id}")
        assert (await client.post(f"/v1/swarms/{swarm_id}/cancel")).status_code == 202
        found = await ended(client, swarm_id)

    assert (merging["status"], found["status"]) == ("aggregating", "cancelled")
    assert [call.kind for call in cast.cancelled] == ["merge"]


# --- refused ---------------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"aggregate": "guess"}, "/aggregate"),
    "unknown in an object": ({"aggregate": {"strategy": "guess"}}, "/aggregate/strategy"),
    "threshold above 1": ({"aggregate": {"strategy": "consensus", "threshold": 1.1}}, "/aggregate/threshold"),
    "negative threshold": ({"aggregate": {"strategy": "consensus", "threshold": -0.1}}, "/aggregate/threshold"),
    "a majority of less": ({"aggregate": {"strategy": "majority", "threshold": 0.4}}, "/aggregate/threshold"),
    "a threshold of nothing": ({"aggregate": {"strategy": "concat", "threshold": 0.4}}, "/aggregate/threshold"),
    "weights unknown": ({"aggregate": {"strategy": "weighted", "weights": "luck"}}, "/aggregate/weights"),
    "a negative weight": ({"tasks": [{"id": "a", "weight": -1}], "aggregate": "weighted"}, "/tasks/0/weight"),
    "an endless weight": ({"tasks": [{"id": "a", "weight": 1e300}], "aggregate": "weighted"}, "/tasks/0/weight"),
    "batch of one": ({"aggregate": {"strategy": "hierarchical", "batch_size": 1}}, "/aggregate/batch_size"),
    "no checkpoints of none": (
        {"aggregate": {"strategy": "none", "checkpoint_every": 2}},
        "/aggregate/checkpoint_every",
    ),
    "unknown model": ({"aggregate": {"strategy": "synthesis", "model": "no-such"}}, "/aggregate/model"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_aggregate_is_refused_by_its_field(tmp_path: Path, wrong: str) -> None:
    body, pointer = WRONG[wrong]
    async with in_process(tmp_path, **NAMED_MODELS) as client:
        response = await client.post("/v1/swarms", json={"tasks": [{"id": "a"}]} | body)
        listed = await get(client, "/v1/swarms")

    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert listed["items"] == []
