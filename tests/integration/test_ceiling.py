"""``max_parallel_agents`` of an orchestrator holds for all its running work together, and changes at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.support.service import MockModelProcess, ServiceProcess, in_process, poll
from tests.support.stage import Stage, accepted


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def client(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    async with in_process(tmp_path_factory.mktemp("data"), provider=stage.provider) as client:
        body = {"model": "m", "name": "boss", "swarm_config": {"max_parallel_agents": 4}}
        accepted(await client.post("/v1/agents/create", json=body), 201)
        yield client


async def start(client: httpx2.AsyncClient, ids: list[str], **fields: Any) -> dict[str, Any]:
    body = {"tasks": [{"id": task_id} for task_id in ids], "orchestrator_id": "boss", "wait": False, **fields}
    found: dict[str, Any] = accepted(await client.post("/v1/agents/batch-execute", json=body), 202)
    return found


async def ceiling(client: httpx2.AsyncClient, limit: int) -> None:
    body = {"swarm_config": {"max_parallel_agents": limit}}
    accepted(await client.patch("/v1/agents/boss", json=body))


async def count_settles(stage: Stage, count: int) -> None:
    """Return when ``count`` sub-agents run, and still do after further turns of every runner."""
    steady = 0
    async with asyncio.timeout(30):
        while steady < 50:
            await asyncio.sleep(0.002)
            steady = steady + 1 if len(stage.provider.running) == count else 0


@pytest.mark.anyio
async def test_a_changed_ceiling_acts_on_running_work(client: httpx2.AsyncClient, stage: Stage) -> None:
    """``max_parallel_agents`` …; ``PATCH /agents/{id}``: up at once, down as running sub-agents end."""
    ids = [f"t{number}" for number in range(40)]
    stage.hold(*ids)
    begun = await start(client, ids)
    await count_settles(stage, 4)
    await ceiling(client, 10)
    await count_settles(stage, 10)
    assert accepted(await client.get(f"/v1/swarms/{begun['swarm_id']}"))["max_parallel_agents"] == 10
    await ceiling(client, 3)
    stage.release(*stage.provider.running[:8])
    await count_settles(stage, 3)
    again = {"model": "m", "name": "boss", "swarm_config": {"max_parallel_agents": 20}}
    accepted(await client.post("/v1/agents/create", json=again), 201)
    await count_settles(stage, 20)
    stage.release(*[task_id for task_id in ids if task_id in stage.held])

    assert accepted(await client.get("/v1/agents/boss/results"))["summary"]["successful"] == 40


@pytest.mark.anyio
async def test_a_parallelism_of_its_own_outlives_a_raised_ceiling(client: httpx2.AsyncClient, stage: Stage) -> None:
    """``parallelism?``: what the client asked for below the ceiling stays."""
    ids = [f"t{number}" for number in range(10)]
    stage.hold(*ids)
    await start(client, ids, parallelism=2)
    await count_settles(stage, 2)
    await ceiling(client, 50)
    await count_settles(stage, 2)
    stage.release(*ids)

    assert accepted(await client.get("/v1/agents/boss/results"))["summary"]["successful"] == 10


@pytest.mark.anyio
async def test_a_batch_started_after_another_shares_the_ceiling(client: httpx2.AsyncClient, stage: Stage) -> None:
    """An orchestrator's ``max_parallel_agents`` holds for all its running work together."""
    ids = {name: [f"{name}{number}" for number in range(10)] for name in "ab"}
    stage.hold(*ids["a"], *ids["b"])
    await start(client, ids["a"])
    await count_settles(stage, 4)
    await start(client, ids["b"])
    await count_settles(stage, 4)
    stage.release(*stage.provider.running[:2])
    await count_settles(stage, 4)
    assert {task_id[0] for task_id in stage.provider.running} == {"a", "b"}  # rivals take turns
    stage.release(*stage.held)
    await client.get("/v1/agents/boss/results")


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("mock"), "--latency-ms", "60", "--reply", "ok") as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service"), *mock.as_provider()) as process:
        yield process


def test_the_ceiling_holds_for_batches_spawns_and_barriers_together(
    service: ServiceProcess, mock: MockModelProcess
) -> None:
    """An orchestrator's ``max_parallel_agents`` holds for all its running work together: what the model server saw."""
    limit = 6
    with service.client() as client, httpx2.Client(base_url=mock.root_url) as model:
        body = {"model": "mock", "name": "boss", "swarm_config": {"max_parallel_agents": limit}}
        accepted(client.post("/v1/agents/create", json=body), 201)
        model.post("/mock/reset").raise_for_status()
        tasks = {"tasks": [{} for _ in range(15)], "orchestrator_id": "boss"}
        calls: list[tuple[str, dict[str, Any]]] = [
            *[("/v1/agents/batch-execute", tasks)] * 2,
            ("/v1/agents/barrier-execute", {**tasks, "barrier_id": 0}),
            *[("/v1/agents/boss/spawn", {"task_type": "x"})] * 15,
        ]
        with ThreadPoolExecutor(len(calls)) as threads:
            answers = list(threads.map(lambda call: client.post(call[0], json=call[1]), calls))
        found = accepted(client.get("/v1/agents/boss/results", params={"limit": 1000}))
        stats = model.get("/mock/stats").json()

    assert {answer.status_code for answer in answers} == {200, 202}
    assert found["summary"]["successful"] == stats["received"] == 60
    assert stats["max_in_flight"] == limit


def test_another_orchestrator_is_not_held_back(service: ServiceProcess, mock: MockModelProcess) -> None:
    """… for all *its* running work: the others' ceilings are their own."""
    with service.client() as client, httpx2.Client(base_url=mock.root_url) as model:
        model.post("/mock/reset").raise_for_status()
        for name in ("left", "right"):
            config = {"max_parallel_agents": 5}
            accepted(
                client.post("/v1/agents/create", json={"model": "mock", "name": name, "swarm_config": config}), 201
            )
            body: dict[str, Any] = {"tasks": [{} for _ in range(30)], "orchestrator_id": name, "wait": False}
            accepted(client.post("/v1/agents/batch-execute", json=body), 202)
        poll(lambda: model.get("/mock/stats").json()["max_in_flight"] == 10, what="both at once")
        for name in ("left", "right"):
            assert client.get(f"/v1/agents/{name}/results").json()["summary"]["successful"] == 30

        assert model.get("/mock/stats").json()["max_in_flight"] == 10
