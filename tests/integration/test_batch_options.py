"""Structured output and checkpoints of execute and batch-execute (contract, sections 2 and 5). Quotes are its."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.driving import serving
from tests.support.planning import MERGE, Cast
from tests.support.providers import Call
from tests.support.service import in_process
from tests.support.stage import accepted

pytestmark = pytest.mark.anyio


async def test_the_output_of_a_task_with_a_schema_is_the_value(tmp_path: Path) -> None:
    """Structured output: asked for natively where the provider can, checked always, repaired once."""

    async def behaviour(call: Call) -> str:
        return '```json\n{"n": 4}\n```'

    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    async with serving(tmp_path, behaviour) as (client, _):
        task = {"task_id": "figures", "output_schema": schema}
        output = accepted(await client.post("/v1/agents/execute", json=task))

    assert (output["status"], output["output"], output["attempts"]) == ("completed", {"n": 4}, 1)


@pytest.mark.parametrize(("strategy", "announced"), [("checkpoint", True), ("full", False)])
async def test_checkpoints_store_what_there_is_so_far(tmp_path: Path, strategy: str, announced: bool) -> None:
    """``memory_strategy: "checkpoint"``: a partial aggregate is stored and announced."""
    chain = [{"id": f"part {n}", **({"depends_on": [f"part {n - 1}"]} if n else {})} for n in range(5)]
    async with serving(tmp_path) as (client, _):
        config = {"aggregation_strategy": "concat"}
        agent = {"model": "any-name", "name": "in parts", "swarm_config": config}
        accepted(await client.post("/v1/agents/create", json=agent), 201)
        body = {"tasks": chain, "memory_strategy": strategy, "orchestrator_id": "in parts"}
        found = accepted(await client.post("/v1/agents/batch-execute", json=body))
        events = accepted(await client.get(f"/v1/swarms/{found['swarm_id']}/events"))["items"]

    kept = [event["inputs"] for event in events if event["type"] == "checkpoint"]
    assert bool(kept) is announced
    assert kept == sorted(kept)  # none of less than the one before


async def test_what_a_model_merged_is_in_the_results_of_its_orchestrator(tmp_path: Path) -> None:
    cast = Cast().on(MERGE, "one report of all")
    async with in_process(tmp_path, provider=cast) as client:
        body = {"name": "merger", "model": "offline", "swarm_config": {"aggregation_strategy": "synthesis"}}
        assert (await client.post("/v1/agents/create", json=body)).status_code == 201
        tasks = [{"id": "a", "prompt": "Do a."}, {"id": "b", "prompt": "Do b."}]

        batch = await client.post("/v1/agents/batch-execute", json={"orchestrator_id": "merger", "tasks": tasks})
        results = await client.get("/v1/agents/merger/results")

    assert batch.json()["aggregated"] == results.json()["aggregated"] == "one report of all"
