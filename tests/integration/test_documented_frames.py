"""Frames of real runs of many kinds are what the AsyncAPI document says, and there is one of every type and reason.

Besides, ``conftest`` holds the events of every in-process test of this folder against the document.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.api.asyncapi import FRAMES
from app.services.keys import KeyService
from app.storage.engine import open_database
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.databases import database_in
from tests.support.documented import DOCUMENT, Told, channel_types, faults
from tests.support.driving import QUICK, ended, many, run, serving, start, until
from tests.support.money import OFFLINE_PRICE, TASK, TASK_BILL, TASK_CALL
from tests.support.planning import (
    AT_ONCE,
    ATTACHED,
    GOAL,
    LOST,
    ORCHESTRATED,
    PLAN,
    PLAN_OF_THREE,
    TURN,
    Cast,
    assigns,
    endpoint,
    said,
)
from tests.support.planning import ended as ended_of
from tests.support.planning import run as run_body
from tests.support.planning import start as start_body
from tests.support.providers import Call, hang
from tests.support.service import MockModelProcess, ServiceProcess, in_process
from tests.support.stage import Stage, accepted
from tests.support.streaming import Frame, watch
from tests.support.tool_runs import WITH
from tests.support.tools import Probe, ToolUser, answer_of, calling, serving_tools

pytestmark = pytest.mark.anyio


async def status_of(client: httpx2.AsyncClient, at: str, status: str) -> None:
    async with asyncio.timeout(30):
        while accepted(await client.get(at))["status"] != status:
            await asyncio.sleep(0.005)


async def steered(folder: Path) -> None:
    """Pause, resume, scale, cancel, skip, retry, fork, a start to come."""
    stage = Stage()
    stage.hold("t0")
    stage.fail("bad")
    tasks = [*many(2), {"id": "bad"}, {"id": "late", "depends_on": ["bad"]}, {"id": "never", "depends_on": ["t0"]}]
    async with in_process(folder, provider=stage.provider) as client:
        at = await start(client, tasks, limits={"max_parallel_agents": 1}, retry=QUICK)
        await stage.until_running("t0")
        accepted(await client.patch(at, json={"max_parallel_agents": 2}))
        await client.post(f"{at}/pause")
        await status_of(client, at, "paused")
        for task_id in ("t1", "never"):
            await client.post(f"{at}/tasks/{task_id}/cancel")
        await client.post(f"{at}/resume")
        stage.release("t0")
        assert (await ended(client, at))["status"] == "partial"
        await client.post(f"{at}/retry")
        await ended(client, at)
        accepted(await client.post(f"{at}/fork", json={}), 202)
        soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
        await status_of(client, await start(client, many(1), start_at=soon), "completed")


async def retried(folder: Path) -> None:
    """Attempts that fail and follow each other, an attempt that is slow, and one that never ends."""

    async def behaviour(call: Call) -> None:
        if call.number == 1 and call.task_id == "flaky":
            raise LOST
        if call.task_id == "hangs" or (call.number == 1 and call.task_id == "slow"):
            await hang(call)

    quick = many(20)
    names = [task["id"] for task in quick]
    slow: dict[str, Any] = {"id": "slow", "depends_on": names}
    async with serving(folder, behaviour) as (client, _):
        await run(client, [*quick, slow], retry={"hedge_percentile": 90, "base_delay_s": 0.001, "max_retries": 0})
        tasks: list[dict[str, Any]] = [{"id": "flaky"}, {"id": "hangs", "timeout_s": 0.05, "max_retries": 1}]
        assert (await run(client, tasks))["status"] == "partial"


async def paid(folder: Path) -> None:
    """Runs that their own budget, their key's or their tenant's credits pause, and let go on."""
    async with serving(folder / "own") as (client, _):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        budget = {"max_cost_usd": (TASK_CALL + TASK_BILL) / 10**9}
        at = await start(client, many(4, **TASK), budget=budget, limits={"max_parallel_agents": 1})
        await status_of(client, at, "paused")
        accepted(await client.patch(at, json={"budget": {"max_cost_usd": 1}}))
        await status_of(client, at, "completed")
    async with serving(folder / "credits", credits=True) as (client, _):
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        top_up: dict[str, Any] = {"tenant_id": "default", "amount_usd": f"{(TASK_CALL + TASK_BILL) / 10**9:.9f}"}
        accepted(await client.post("/v1/credits", json=top_up | {"reference": "1"}), 201)
        at = await start(client, many(4, **TASK), limits={"max_parallel_agents": 1})
        await status_of(client, at, "paused")
        accepted(await client.post("/v1/credits", json=top_up | {"amount_usd": 1, "reference": "2"}), 201)
        await status_of(client, at, "completed")
    async with open_database(await database_in(folder / "key")) as database:
        keys = KeyService(database.keys, SystemClock(), SystemEntropy())
        cap = Decimal(TASK_CALL + TASK_BILL) / 10**9
        _, secret = await keys.create("default", "k", ["admin"], max_cost_per_day_usd=cap)
    gate = asyncio.Event()

    async def behaviour(call: Call) -> None:
        if call.task_id == "t0":
            await gate.wait()

    async with serving(folder / "key", behaviour) as (client, provider):
        client.headers["Authorization"] = f"Bearer {secret}"
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        await start(client, many(1, **TASK))
        await until(lambda: provider.running == ["t0"])
        second = await start(client, [{"id": "u0", **TASK}])
        await status_of(client, second, "paused")
        gate.set()
        await status_of(client, second, "completed")


async def planned(folder: Path) -> None:
    """A plan and its merge, a planner that fails, an orchestrator's turns, checkpoints, votes, steps of tools."""
    casts = Cast().on(PLAN, LOST, PLAN_OF_THREE).on("merge", "One."), Cast().on(PLAN, *[LOST] * 9)
    for number, cast in enumerate(casts):
        async with in_process(folder / f"plan{number}", provider=cast) as client:
            await run_body(client, GOAL | ATTACHED)
    turns = Cast().on(TURN, said(None, *assigns("scout", "Go north.")), "North.")
    async with in_process(folder / "turns", provider=turns) as client:
        await run_body(client, ORCHESTRATED)
    held = Cast()
    held.hold("t3")
    async with in_process(folder / "merged", provider=held) as client:
        tasks = many(4)
        swarm_id = await start_body(
            client, {"tasks": tasks, "aggregate": {"strategy": "concat", "checkpoint_every": 2}}
        )
        async with asyncio.timeout(30):
            while accepted(await client.get(f"/v1/swarms/{swarm_id}"))["aggregated"] is None:
                await asyncio.sleep(0.005)
        held.release("t3")
        await ended_of(client, swarm_id)
        for strategy in ("majority", "weighted_voting"):
            await run_body(client, {"tasks": many(3), "aggregate": strategy, "retry": AT_ONCE})
    model = ToolUser(answer_of(calling("probe", {"n": 1})))
    async with serving_tools(folder / "tools", model, Probe()) as client:
        await run(client, [{"id": "t", "prompt": "Count.", **WITH}])


async def rerouted(folder: Path) -> None:
    """Failures that lead to another model, and a provider that is taken for down and leaves its tasks to another."""
    answers: dict[str, str | int] = {"bad": 503, "good": "fine"}
    async with endpoint(answers) as first, endpoint({"spare": "fine"}) as second:
        providers = {
            "p": {"base_url": first.url, "models": list(answers)},
            "q": {"base_url": second.url, "models": ["spare"]},
        }
        settings: dict[str, Any] = {"providers": providers, "default_model": "good", "breaker_failures": 3}
        async with in_process(folder / "chain", **settings) as client:
            routing = {"fallbacks": ["good"], "reroute_after": 1}
            await run_body(client, {"tasks": [{"id": "a", "model": "bad"}], "routing": routing, "retry": AT_ONCE})
        async with in_process(folder / "down", fallbacks={"bad": ["spare"]}, **settings) as client:
            body = {"tasks": many(8, model="bad"), "retry": {"base_delay_s": 0.05, "max_retries": 9}}
            assert (await run_body(client, body))["status"] == "completed"


async def test_every_kind_of_frame_is_as_documented(tmp_path: Path, told: Told) -> None:
    scenarios: list[Callable[[Path], Awaitable[None]]] = [steered, retried, paid, planned, rerouted]
    for scenario in scenarios:
        await scenario(tmp_path / scenario.__name__)

    def values(schema: str, field: str) -> set[str]:
        return set(DOCUMENT["components"]["schemas"][schema]["properties"][field]["enum"])

    def seen(kind: str, field: str) -> set[Any]:
        return {frame[field] for frame in told.frames if frame["type"] == kind}

    assert {frame["type"] for frame in told.frames} == set(FRAMES) - {"metrics_snapshot", "swarm_throttled"}
    assert seen("swarm_paused", "reason") == values("SwarmPaused", "reason")
    assert seen("swarm_resumed", "reason") == values("SwarmResumed", "reason")
    steps = {(frame.get("step"), frame.get("kind")) for frame in told.frames if frame["type"] == "agent_step"}
    assert {("planner", None), ("planner", "turn"), ("merge", None), (None, "calls"), (None, "results")} <= steps
    assert {"from_lane" in frame for frame in told.frames if frame["type"] == "agent_rerouted"} == {True, False}
    assert seen("swarm_completed", "status") >= {"completed", "partial", "failed"}
    assert any(frame.get("votes") for frame in told.frames if frame["type"] == "aggregate_completed")


@pytest.mark.long
def test_what_comes_out_of_the_sockets_is_as_documented(tmp_path: Path) -> None:
    flags = ("--concurrency-limit", "4", "--latency-ms", "150", "--error-rate", "0.1")
    with (
        MockModelProcess(tmp_path, *flags) as model,
        ServiceProcess(tmp_path / "service", *model.as_provider()) as service,
        service.client() as client,
    ):
        agent = accepted(client.post("/v1/agents/create", json={"name": "boss", "model": "mock"}), 201)["agent_id"]
        body = {"orchestrator_id": agent, "tasks": [{"prompt": f"{n}"} for n in range(40)], "wait": False}
        swarm_id = accepted(client.post("/v1/agents/batch-execute", json=body), 202)["swarm_id"]

        live = watch(service.url, f"/swarms/{swarm_id}/stream")
        batched = watch(service.url, f"/swarms/{swarm_id}/stream?batch_ms=50")
        merged = watch(service.url, f"/agents/{agent}/stream", until=lambda frame: frame["type"] == "swarm_completed")
        accept = {"Accept": "text/event-stream"}
        text = client.get(f"/v1/swarms/{swarm_id}/events", headers=accept).text
        listed = accepted(client.get(f"/v1/swarms/{swarm_id}/events?limit=1000"))["items"]

    assert live.code == batched.code == 1000
    assert {"swarm_throttled", "agent_retrying", "metrics_snapshot"} <= {frame["type"] for frame in live.frames}
    assert {frame["type"] for frame in batched.messages} == {"batch"}
    assert all(frame.get("cursor") for frame in merged.messages)
    assert not any("cursor" in frame for frame in live.frames)
    sent: list[Frame] = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert {frame["type"] for frame in sent} <= channel_types("swarmEvents")
    for channel, frames in (
        ("swarmStream", live.messages + batched.messages),
        ("agentStream", merged.messages),
        ("swarmEvents", sent + listed),
    ):
        assert [fault for frame in frames for fault in faults(frame, channel)] == []
