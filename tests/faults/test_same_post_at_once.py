"""Row 15: the same POST a hundred times at once with one Idempotency-Key starts one run and gets one answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.figures import report
from tests.support.ledger import calls_of
from tests.support.service import MockModelProcess, ServiceProcess, poll

pytestmark = pytest.mark.anyio

TIMES = 100
TASK = {"id": "one", "prompt": "say it once"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("model"), "--latency-ms", "50") as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: MockModelProcess) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service"), *model.as_provider()) as process:
        yield process


@pytest.fixture(scope="module")
def agent_id(service: ServiceProcess) -> str:
    with service.client() as client:
        created = client.post("/v1/agents/create", json={"name": "once", "model": "mock"})
        return str(created.json()["agent_id"])


def requests_of(agent_id: str) -> dict[str, tuple[str, dict[str, Any]]]:
    task_data = {"prompt": "say it once"}
    return {
        "swarms": ("/v1/swarms", {"tasks": [TASK]}),
        "swarms, waiting": ("/v1/swarms?wait=30", {"tasks": [TASK, {"id": "two", "depends_on": ["one"]}]}),
        "spawn": (f"/v1/agents/{agent_id}/spawn", {"task_type": "say", "input_data": task_data}),
        "execute": ("/v1/agents/execute", {"id": "one", "type": "say", "data": task_data}),
        "batch-execute": ("/v1/agents/batch-execute", {"orchestrator_id": agent_id, "tasks": [TASK, {"id": "b"}]}),
        "batch-execute, not waiting": (
            "/v1/agents/batch-execute",
            {"orchestrator_id": agent_id, "tasks": [TASK, {"id": "c"}], "wait": False},
        ),
        "barrier-execute": (
            "/v1/agents/barrier-execute",
            {"orchestrator_id": agent_id, "tasks": [TASK], "barrier_id": "barrier_0", "wait_for_completion": True},
        ),
    }


CALLS = {"swarms": 1, "swarms, waiting": 2, "spawn": 1, "execute": 1, "batch-execute": 2}
CALLS |= {"batch-execute, not waiting": 2, "barrier-execute": 1}


async def post(service: ServiceProcess, path: str, bodies: list[bytes], key: str) -> list[httpx2.Response]:
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    limits = httpx2.Limits(max_connections=TIMES)
    async with httpx2.AsyncClient(base_url=service.url, timeout=60, limits=limits) as client:
        await asyncio.gather(*(client.get("/healthz") for _ in range(TIMES)))  # connections first: then truly at once
        return await asyncio.gather(*(client.post(path, content=body, headers=headers) for body in bodies))


def started(service: ServiceProcess) -> set[str]:
    with service.client() as client:
        return {swarm["swarm_id"] for swarm in client.get("/v1/swarms", params={"limit": 1000}).json()["items"]}


def received(model: MockModelProcess) -> int:
    return sum(call["event"] == "received" for call in calls_of(model))


def in_peace(service: ServiceProcess) -> bool:
    with service.client() as client:
        swarms = client.get("/v1/swarms", params={"limit": 1000}).json()["items"]
        return all(swarm["status"] not in {"running", "aggregating"} for swarm in swarms)


@pytest.mark.parametrize("name", CALLS)
async def test_a_hundred_times_the_same_post_starts_one_run(
    service: ServiceProcess, model: MockModelProcess, agent_id: str, name: str
) -> None:
    path, body = requests_of(agent_id)[name]
    before, calls_before = started(service), received(model)

    responses = await post(service, path, [json.dumps(body).encode()] * TIMES, f"key of {name}")

    poll(lambda: in_peace(service), what="the end of all runs")
    new = started(service) - before
    calls = received(model) - calls_before
    answers = {response.content for response in responses}
    statuses = {response.status_code for response in responses}
    report(
        15,
        f"{TIMES} x POST {path.partition('?')[0].replace(agent_id, '{id}')} at once with one key: {len(new)} run, "
        f"{calls} calls, {len(answers)} distinct answer of status {', '.join(map(str, sorted(statuses)))}",
    )
    assert len(new) == 1
    assert calls == CALLS[name]
    assert len(answers) == 1
    assert statuses <= {200, 201, 202}


async def test_the_answer_is_the_same_after_a_kill(tmp_path: Path, model: MockModelProcess) -> None:
    """The key is as durable as the run: a client that repeats its POST after a crash starts nothing."""
    with ServiceProcess(tmp_path / "service", *model.as_provider()) as service:
        body = json.dumps({"tasks": [TASK]}).encode()
        (first,) = await post(service, "/v1/swarms", [body], "durable")
        service.restart()
        again = await post(service, "/v1/swarms", [body] * TIMES, "durable")

        assert {response.content for response in again} == {first.content}
        assert started(service) == {first.json()["swarm_id"]}
        report(15, f"{TIMES} x the same POST again after a kill -9: 1 run, the answer of before")


async def test_the_same_key_with_another_body_is_a_conflict(service: ServiceProcess) -> None:
    before = started(service)
    bodies = [json.dumps({"tasks": [{"id": f"t{number % 2}"}]}).encode() for number in range(TIMES)]

    responses = await post(service, "/v1/swarms", bodies, "two bodies")

    assert len(started(service) - before) == 1
    assert {response.status_code for response in responses} == {201, 409}
    assert sorted({response.status_code for response in responses[::2]}) != sorted(
        {response.status_code for response in responses[1::2]}
    )


async def test_without_a_key_every_post_starts_a_run(service: ServiceProcess) -> None:
    """What shows that the other tests can fail."""
    before = started(service)
    async with httpx2.AsyncClient(base_url=service.url, timeout=60) as client:
        await asyncio.gather(*(client.post("/v1/swarms", json={"tasks": [TASK]}) for _ in range(5)))

    assert len(started(service) - before) == 5
