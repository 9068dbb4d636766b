"""Spawn, results and clear-memory (contract, section 2). Quotes are the contract's."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from app.api.schemas.agents import AgentResults, SubAgentOut
from tests.support.stage import Stage, accepted, pointers

pytestmark = pytest.mark.anyio


async def spawn(client: httpx2.AsyncClient, agent: str, **fields: Any) -> dict[str, Any]:
    body = {"task_type": "step", **fields}
    found: dict[str, Any] = accepted(await client.post(f"/v1/agents/{agent}/spawn", json=body), 202)
    return found


async def results(client: httpx2.AsyncClient, agent: str, **params: Any) -> dict[str, Any]:
    response = await client.get(f"/v1/agents/{agent}/results", params=params)
    found: dict[str, Any] = accepted(response)
    AgentResults.model_validate_json(response.content)
    return found


# --- spawn -----------------------------------------------------------------------------------------------------------


async def test_spawn_answers_at_once_and_runs_in_the_background(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """202 ``{"agent_id": <the sub-agent>, "task_id", "swarm_id", "orchestrator_id", "status": "queued", …}``; answers
    at once, runs in the background."""
    stage.hold("slow")
    spawned = await spawn(client, agent, id="slow")
    orchestrator = accepted(await client.get(f"/v1/agents/{agent}"))

    assert spawned["status"] == "queued"
    assert spawned["orchestrator_id"] == orchestrator["agent_id"]
    assert spawned["agent_id"] != orchestrator["agent_id"]
    assert spawned["task_id"] == "slow"
    await stage.until_running("slow")
    assert accepted(await client.get(f"/v1/swarms/{spawned['swarm_id']}"))["status"] == "running"
    stage.release("slow")
    assert (await results(client, agent))["outputs"][0]["output"] == "done slow"


async def test_the_sub_agents_id_works_as_an_agents(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """The sub-agent's id works in ``GET /agents/{id}`` and ``/results``."""
    stage.hold("held")
    spawned = await spawn(client, agent, id="held")
    await stage.until_running("held")
    path = f"/v1/agents/{spawned['agent_id']}"
    running = await client.get(path)
    SubAgentOut.model_validate_json(running.content)
    early = await results(client, spawned["agent_id"], timeout=0)
    stage.release("held")
    late = await results(client, spawned["agent_id"])

    assert accepted(running)["status"] == "running"
    assert running.json()["agent_id"] == spawned["agent_id"]
    assert running.json()["orchestrator_id"] == spawned["orchestrator_id"]
    assert (early["status"], early["outputs"], early["pending"]) == ("running", [], 1)
    assert (late["status"], late["pending"]) == ("completed", 0)
    assert [output["output"] for output in late["outputs"]] == ["done held"]
    assert accepted(await client.get(path))["status"] == "completed"


async def test_input_and_tags_reach_the_sub_agent(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """``task_type``, ``input_data`` {}, ``capability_tags[]``, ``priority`` (1-10, default 5)."""
    await spawn(
        client, agent, id="told", input_data={"q": "why"}, capability_tags=["math"], priority="high", format="md"
    )
    await results(client, agent)
    prompt = stage.call("told").prompt

    for text in ('"type":"step"', '"q":"why"', '"capability_tags":["math"]', '"format":"md"'):
        assert text in prompt


async def test_two_spawns_without_ids_are_two_tasks(client: httpx2.AsyncClient, agent: str) -> None:
    """A task with neither gets one."""
    first, second = await spawn(client, agent), await spawn(client, agent)

    assert first["task_id"] != second["task_id"]
    assert len((await results(client, agent))["outputs"]) == 2


async def test_a_later_spawn_may_depend_on_an_earlier_one(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """``depends_on`` … to the newest task of that id of an earlier request … (awaited while it runs)."""
    stage.hold("first")
    await spawn(client, agent, id="first")
    await spawn(client, agent, id="second", depends_on=["first"])
    await stage.until_running("first")
    assert "second" not in stage.provider.asked
    stage.release("first")
    await results(client, agent)

    assert stage.call("second").inputs == {"first": "done first"}


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"{"])
async def test_a_spawn_without_a_body_is_refused(client: httpx2.AsyncClient, agent: str, body: bytes) -> None:
    """Bad input: spawn with no body."""
    response = await client.post(f"/v1/agents/{agent}/spawn", content=body)

    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    assert (await results(client, agent))["status"] == "idle"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_type", None),
        ("task_type", 5),
        ("task_type", ""),
        ("input_data", "text"),
        ("input_data", []),
        ("capability_tags", "math"),
        ("capability_tags", [1]),
        ("priority", 0),
        ("priority", 11),
        ("priority", "urgent"),
        ("priority", 1.5),
        ("depends_on", ["nobody"]),
        ("timeout_s", -1),
        ("id", ""),
    ],
)
async def test_a_wrong_type_is_refused_by_name(client: httpx2.AsyncClient, agent: str, field: str, value: Any) -> None:
    """Bad input: wrong types."""
    response = await client.post(f"/v1/agents/{agent}/spawn", json={"task_type": "x"} | {field: value})

    assert {pointer.split("/")[1] for pointer in pointers(response)} == {field}


async def test_nobody_can_spawn(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/v1/agents/nobody/spawn", json={"task_type": "x"})).status_code == 404


# --- results ---------------------------------------------------------------------------------------------------------


async def test_results_wait_until_nothing_is_outstanding(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """Long-poll: answers when nothing of this orchestrator is outstanding …:
    ``{"agent_id","status","outputs","aggregated","summary","pending"}``."""
    stage.hold("one", "two")
    await spawn(client, agent, id="one")
    await spawn(client, agent, id="two")
    await stage.until_running("one", "two")
    waiting = asyncio.create_task(results(client, agent))
    stage.release("one")
    await results(client, agent, timeout=0.05)
    assert not waiting.done()
    stage.release("two")
    found = await asyncio.wait_for(waiting, 1.5)  # well before the poll that backs up the doorbell

    assert set(found) == {"agent_id", "status", "outputs", "aggregated", "summary", "pending"}
    assert [output["task_id"] for output in found["outputs"]] == ["one", "two"]
    assert (found["status"], found["pending"]) == ("completed", 0)
    assert found["summary"]["successful"] == found["summary"]["total_agents"] == 2


async def test_results_answer_when_the_time_is_up(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """… or the time is up."""
    stage.hold("late")
    await spawn(client, agent, id="early")
    await results(client, agent)
    await spawn(client, agent, id="late")
    await stage.until_running("late")
    found = await results(client, agent, timeout=0.2)
    stage.release("late")

    assert (found["status"], found["pending"]) == ("running", 1)
    assert [output["task_id"] for output in found["outputs"]] == ["early"]


async def test_results_since_and_limit(client: httpx2.AsyncClient, agent: str) -> None:
    """``since``, ``limit``."""
    for task_id in ("a", "b", "c"):
        await spawn(client, agent, id=task_id)
        await results(client, agent)
    newest = await results(client, agent, limit=2)
    swarm_id = newest["outputs"][-1]["swarm_id"]
    ended_at = accepted(await client.get(f"/v1/swarms/{swarm_id}/tasks/c"))["ended_at"]
    since = await results(client, agent, since=ended_at)
    after = (datetime.fromisoformat(ended_at) + timedelta(seconds=1)).isoformat()

    assert [output["task_id"] for output in newest["outputs"]] == ["b", "c"]
    assert [output["task_id"] for output in since["outputs"]] == ["c"]
    assert (await results(client, agent, since=after))["outputs"] == []


async def test_results_are_aggregated_as_configured(client: httpx2.AsyncClient, agent: str) -> None:
    """``aggregated`` is the merged value itself."""
    await client.patch(f"/v1/agents/{agent}", json={"swarm_config": {"aggregation_strategy": "by-role"}})
    await spawn(client, agent, id="x", role="coder")
    await spawn(client, agent, id="y", role="critic")

    assert (await results(client, agent))["aggregated"] == {"coder": ["done x"], "critic": ["done y"]}


async def test_failures_are_in_the_results(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """``error`` is a string there, in events and in ``summary``."""
    stage.fail("bad")
    spawned = await spawn(client, agent, id="bad")
    failed = await results(client, agent)
    await spawn(client, agent, id="good")
    partial = await results(client, agent)

    assert (failed["status"], partial["status"]) == ("failed", "partial")
    [output] = failed["outputs"]
    assert (output["status"], output["error"]) == ("failed", "refused by the stage")
    assert failed["summary"]["failures"] == [{"task_id": "bad", "error": "refused by the stage"}]
    assert (await results(client, spawned["agent_id"]))["status"] == "failed"


async def test_an_idle_orchestrator_answers_at_once(client: httpx2.AsyncClient, agent: str) -> None:
    found = await asyncio.wait_for(results(client, agent), 1.5)

    assert (found["status"], found["outputs"], found["pending"]) == ("idle", [], 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout", "-1"),
        ("timeout", "1e9"),
        ("timeout", "1000000000"),
        ("timeout", "nan"),
        ("timeout", "soon"),
        ("limit", "0"),
        ("limit", "99999999"),
        ("since", "yesterday"),
    ],
)
async def test_a_wrong_timeout_is_refused(client: httpx2.AsyncClient, agent: str, field: str, value: str) -> None:
    """Bad input: a results timeout of -1 or 10⁹."""
    response = await client.get(f"/v1/agents/{agent}/results", params={field: value})

    assert pointers(response) == [f"/{field}"]


@pytest.mark.parametrize(
    "agent_id", ["nobody", "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV_00000", "x" * 10_000]
)
async def test_an_unknown_agent_is_not_found(client: httpx2.AsyncClient, agent_id: str) -> None:
    assert (await client.get(f"/v1/agents/{agent_id}")).status_code == 404
    assert (await client.get(f"/v1/agents/{agent_id}/results")).status_code == 404


# --- clear-memory ----------------------------------------------------------------------------------------------------


async def test_clear_memory_needs_no_body(client: httpx2.AsyncClient, agent: str) -> None:
    """body optional: ``orchestrator_id``; ``{"cleared": <entries>}``."""
    assert accepted(await client.post("/v1/agents/clear-memory")) == {"cleared": 0}
    assert accepted(await client.post("/v1/agents/clear-memory", json={})) == {"cleared": 0}
    assert accepted(await client.post("/v1/agents/clear-memory", json={"orchestrator_id": agent})) == {"cleared": 0}
    assert (await client.post("/v1/agents/clear-memory", json={"orchestrator_id": "nobody"})).status_code == 404
    assert pointers(await client.post("/v1/agents/clear-memory", json={"orchestrator_id": 5})) == ["/orchestrator_id"]
