"""``GET /v1/swarms/{id}/usage``: what a run cost by model, and snapshots that leave the outputs out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from tests.support.planning import AT_ONCE, Cast, endpoint, run
from tests.support.problems import problem
from tests.support.service import in_process
from tests.support.stage import accepted

pytestmark = pytest.mark.anyio

PRICES = {
    "quick": {"input_per_mtok": 1, "output_per_mtok": 2},
    "deep": {"input_per_mtok": 10, "output_per_mtok": 20},
    "free": {"input_per_mtok": 0, "output_per_mtok": 0},
}
ANSWERS: dict[str, str | int] = {"quick": '{"n": 1}', "deep": "no object", "free": '{"n": 0}'}
SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


async def test_each_call_counts_to_the_model_that_answered_it(tmp_path: Path) -> None:
    """A task whose attempts and repairs other models answered than its last one is told apart."""
    tasks = [
        {"id": "moved", "model": "deep", "output_schema": SCHEMA},  # an answer that does not fit, and its repair
        {"id": "plain", "model": "quick", "output_schema": SCHEMA},
        {"id": "free", "model": "free", "output_schema": SCHEMA},
    ]
    body = {"tasks": tasks, "routing": {"fallbacks": ["quick"], "reroute_after": 1}, "retry": AT_ONCE}
    async with endpoint(ANSWERS) as upstream:
        provider = {"base_url": upstream.url, "models": list(ANSWERS)}
        async with in_process(tmp_path, providers={"p": provider}, default_model="quick", prices=PRICES) as client:
            found = await run(client, body)
            usage = accepted(await client.get(f"/v1/swarms/{found['swarm_id']}/usage"))
            moved = accepted(await client.get(f"/v1/swarms/{found['swarm_id']}/tasks/moved"))

    assert found["status"] == "completed"
    assert [attempt["model"] for attempt in moved["attempt_log"]] == ["deep", "quick"]
    spent = {entry["model"]: entry for entry in usage["models"]}
    assert list(spent) == ["deep", "quick", "free"]
    for name, entry in spent.items():
        price = PRICES[name]
        cost = (
            entry["prompt_tokens"] * price["input_per_mtok"] + entry["completion_tokens"] * price["output_per_mtok"]
        ) / 1e6
        assert entry["cost_usd"] == pytest.approx(cost)
        assert entry["total_tokens"] > 0
    assert sum(entry["cost_usd"] for entry in usage["models"]) == pytest.approx(found["cost_usd"], abs=1e-12)
    assert sum(entry["prompt_tokens"] for entry in usage["models"]) == found["tokens"]["in"]
    assert sum(entry["completion_tokens"] for entry in usage["models"]) == found["tokens"]["out"]
    calls = [orjson.loads(raw)["model"] for raw in upstream.bodies if raw]
    assert calls.count("deep") == 2
    assert spent["deep"]["prompt_tokens"] == moved["attempt_log"][0]["usage"]["prompt_tokens"]


async def test_a_run_that_called_nobody_used_nothing_and_an_unknown_one_is_not_found(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        body = {"tasks": [{"id": "a"}], "start_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
        swarm = accepted(await client.post("/v1/swarms", json=body), 201)
        usage = accepted(await client.get(f"/v1/swarms/{swarm['swarm_id']}/usage"))
        problem(await client.get("/v1/swarms/swm_nobody/usage"), 404)

    assert usage["models"] == []


async def test_a_snapshot_without_outputs_is_else_the_same(tmp_path: Path) -> None:
    async with in_process(tmp_path, provider=Cast()) as client:
        found = await run(client, {"tasks": [{"id": f"t{n}"} for n in range(3)]})
        at = f"/v1/swarms/{found['swarm_id']}/snapshot"
        whole = accepted(await client.get(at))
        bare = accepted(await client.get(at, params={"outputs": "false"}))
        problem(await client.get(at, params={"outputs": "perhaps"}), 422)

    assert [task["output"] for task in whole["tasks"]] == ["done t0", "done t1", "done t2"]
    assert bare["tasks"] == [task | {"output": None} for task in whole["tasks"]]
    assert (bare["seq"], bare["swarm"]) == (whole["seq"], whole["swarm"])
