"""``POST /v1/swarms/simulate`` against what really happens, and the critical path of what happened."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import httpx2
import pytest
from fastapi import FastAPI

from app.api.routes import simulate
from app.api.schemas.insights import critical_path_json
from app.main import create_app
from app.settings import load_settings
from tests.support.databases import place_database
from tests.support.problems import problem
from tests.support.service import BASE_URL, DEADLINE_S, MockModelProcess, clean_environment
from tests.support.stage import accepted, pointers

pytestmark = pytest.mark.anyio

PRICE = {"mock": {"input_per_mtok": 2.0, "output_per_mtok": 8.0}}
WORDS = "Read the report of the plant and say in one sentence what was measured, where and when. " * 6


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    """A service in this loop before a mock model whose calls take 0.6 to 0.8 s."""
    folder = tmp_path_factory.mktemp("simulate")
    with MockModelProcess(folder / "mock", "--latency-ms", "700", "--latency-jitter-ms", "100") as model:
        with mock.patch.dict(os.environ, clean_environment(), clear=True):
            settings = load_settings(
                data_dir=folder / "data", provider_base_url=model.url, default_model="mock", max_agents=500
            )
            made = create_app(settings)
        assert settings.database_path is not None
        place_database(settings.database_path)
        made.include_router(simulate.router)
        async with made.router.lifespan_context(made):
            yield made


@pytest.fixture(scope="module")
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=BASE_URL, timeout=DEADLINE_S) as client:
        accepted(await client.put("/v1/prices", json=PRICE))
        yield client


def flat(count: int) -> dict[str, Any]:
    return {"tasks": [{"id": f"t{at}", "prompt": f"{WORDS} Report {at}."} for at in range(count)]}


def tree(leaves: int, fan_in: int) -> dict[str, Any]:
    """``leaves`` tasks, merged ``fan_in`` at a time, and those merges merged."""
    body = flat(leaves)
    merges = [
        {
            "id": f"m{at}",
            "prompt": "Put these together.",
            "depends_on": [f"t{leaf}" for leaf in range(at * fan_in, at * fan_in + fan_in)],
        }
        for at in range(leaves // fan_in)
    ]
    last = {"id": "end", "prompt": "Put these together.", "depends_on": [merge["id"] for merge in merges]}
    return {"tasks": [*body["tasks"], *merges, last]}


async def simulated(client: httpx2.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = accepted(await client.post("/v1/swarms/simulate", json=body))
    return found


async def ran(client: httpx2.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    swarm: dict[str, Any] = accepted(await client.post("/v1/swarms?wait=25", json=body), 201)
    assert swarm["status"] == "completed"
    return swarm


async def path_of(app: FastAPI, swarm: dict[str, Any]) -> dict[str, Any]:
    row = await app.state.services.swarms.get("default", swarm["swarm_id"])
    return critical_path_json(await app.state.services.insights.critical_path(row))


async def test_nothing_is_started_stored_or_asked(client: httpx2.AsyncClient) -> None:
    before = (await client.get("/v1/swarms")).json(), (await client.get("/v1/agents")).json()

    found = await simulated(client, flat(3) | {"name": "never"})

    assert ((await client.get("/v1/swarms")).json(), (await client.get("/v1/agents")).json()) == before
    assert before[0]["items"] == before[1]["items"] == []
    assert set(found) == {
        "cost_usd", "tokens", "makespan_s", "critical_path", "calls", "parallel_agents", "per_model", "assumptions"
    }  # fmt: skip
    assert (found["calls"], found["parallel_agents"]) == (3, 3)
    # Not measured yet: 1 s + 256 x 20 ms.
    assert found["makespan_s"] == 6.12
    assert found["per_model"]["mock"]["measured_tasks"] == 0
    assert any("not measured" in line for line in found["assumptions"])


@pytest.mark.alone
@pytest.mark.parametrize(("body", "tasks"), [(tree(100, 10), 111), (flat(300), 300)], ids=["100-10-1", "300 at 100"])
async def test_cost_and_makespan_come_within_15_per_cent(
    app: FastAPI, client: httpx2.AsyncClient, body: dict[str, Any], tasks: int
) -> None:
    """The makespan in one of three runs, as the machine may be busy with something else."""
    await ran(client, tree(20, 5))  # measured on this
    predicted = await simulated(client, body)
    makespan = pytest.approx(predicted["makespan_s"] * 1000, rel=0.15)
    took_ms: list[float] = []
    while makespan not in took_ms and len(took_ms) < 3:
        swarm = await ran(client, body)
        path = await path_of(app, swarm)
        took_ms.append(path["makespan_ms"])

        assert predicted["calls"] == swarm["steps"] == tasks
        assert predicted["cost_usd"] == pytest.approx(swarm["cost_usd"], rel=0.15)
        assert predicted["tokens"]["in"] == pytest.approx(swarm["tokens"]["in"], rel=0.15)
        assert predicted["per_model"]["mock"]["measured_tasks"] > 0
        assert predicted["parallel_agents"] == path["parallel_agents"] == 100
        assert len(predicted["critical_path"]) == len(path["critical_tasks"])
    assert makespan in took_ms


async def test_the_parts_of_a_run_add_up_to_its_makespan(app: FastAPI, client: httpx2.AsyncClient) -> None:
    """Two agents for six tasks, then one that builds on all: three waves, of which two are spent in the queue."""
    body = flat(6)
    body["tasks"].append({"id": "end", "depends_on": [task["id"] for task in body["tasks"]]})
    path = await path_of(app, await ran(client, body | {"limits": {"max_parallel_agents": 2}}))

    assert sum(path["blame"].values()) == path["makespan_ms"]
    assert path["critical_tasks"][-1] == "end"
    assert (path["critical_steps"], path["total_steps"], path["parallel_agents"]) == (2, 7, 2)
    assert 1_100 < path["blame"]["queue"] < 2_400
    assert 1_200 < path["blame"]["model"] < 2_400
    assert 0.8 < path["parallel_efficiency"] <= 1


async def test_the_same_requests_are_refused_as_by_a_start(client: httpx2.AsyncClient) -> None:
    cycle = {"tasks": [{"id": "a", "depends_on": ["b"]}, {"id": "b", "depends_on": ["a"]}]}
    response = await client.post("/v1/swarms/simulate", json=cycle)
    assert problem(response, 422)["code"] == "dependency_cycle"
    response = await client.post("/v1/swarms/simulate", json={"tasks": [{"id": "a", "model": "nobody/knows"}]})
    assert pointers(response) == ["/tasks/0/model"]
    response = await client.post("/v1/swarms/simulate", json={"tasks": [{"id": "a"}], "agent": "nobody"})
    assert pointers(response, 404) == ["/agent"]
    assert pointers(await client.post("/v1/swarms/simulate", json={"tasks": []})) == ["/tasks"]


async def test_limits_that_the_run_would_pass_are_named(client: httpx2.AsyncClient) -> None:
    body = flat(30) | {
        "limits": {"max_parallel_agents": 1, "timeout_s": 5, "max_steps": 7},
        "budget": {"max_cost_usd": 0.001, "max_tokens": 5_000},
    }

    assumptions = " | ".join((await simulated(client, body))["assumptions"])

    for limit in ("timeout_s of 5 ", "max_steps of 7 ", "max_cost_usd of 0.001 USD", "max_tokens of 5000 "):
        assert limit in assumptions


async def test_an_orchestrators_limit_holds(client: httpx2.AsyncClient) -> None:
    config = {"name": "narrow", "model": "mock", "swarm_config": {"max_parallel_agents": 2}}
    accepted(await client.post("/v1/agents/create", json=config), 201)

    assert (await simulated(client, flat(8) | {"agent": "narrow"}))["parallel_agents"] == 2


async def test_goals_and_decompositions_are_predicted_too(client: httpx2.AsyncClient) -> None:
    goal = await simulated(client, {"goal": "Compare three ways to store energy."})
    assert goal["calls"] == 1 + 5 + 1
    assert any("5 subtasks" in line for line in goal["assumptions"])

    rows = {"strategy": "rows", "data": [{"value": at} for at in range(40)], "num_agents": 8}
    assert (await simulated(client, {"decompose": rows}))["calls"] == 8


async def test_a_goals_run_has_its_planner_and_its_merge_on_the_path(app: FastAPI, client: httpx2.AsyncClient) -> None:
    path = await path_of(app, await ran(client, {"goal": "Plan: 1. Name a metal. 2. Name a gas. 3. Name a salt."}))

    assert len(path["critical_tasks"]) == 3
    assert path["critical_steps"] == 3
    assert path["blame"]["merge"] > 500
    assert path["blame"]["model"] > 1_000
    assert sum(path["blame"].values()) == path["makespan_ms"]
