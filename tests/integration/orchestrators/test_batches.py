"""Execute and batch-execute (contract, section 2). Quotes are the contract's."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import orjson
import pytest

from app.api.schemas.agents import OutputOut
from app.api.schemas.batches import Accepted, BatchOut
from app.ports.provider import Unavailable
from tests.support.stage import Stage, accepted, pointers

pytestmark = pytest.mark.anyio

OUTPUT = {"id", "task_id", "status", "output", "error", "latency_ms", "usage", "cost_usd", "attempts", "model"}
SUMMARY = {
    *("total_agents", "successful", "failed", "success_rate", "total_tokens", "total_cost_usd", "avg_latency_ms"),
    *("p50_ms", "p95_ms", "p99_ms", "failures", "missing"),
}


async def create(client: httpx2.AsyncClient, name: str, **config: Any) -> str:
    body = {"model": "any-name", "name": name, "swarm_config": config}
    return str(accepted(await client.post("/v1/agents/create", json=body), 201)["agent_id"])


async def batch(client: httpx2.AsyncClient, tasks: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    response = await client.post("/v1/agents/batch-execute", json={"tasks": tasks, **fields})
    found: dict[str, Any] = accepted(response)
    BatchOut.model_validate_json(response.content)
    return found


async def execute(client: httpx2.AsyncClient, **task: Any) -> dict[str, Any]:
    response = await client.post("/v1/agents/execute", json=task)
    found: dict[str, Any] = accepted(response)
    OutputOut.model_validate_json(response.content)
    return found


# --- execute ---------------------------------------------------------------------------------------------------------


async def test_execute_waits_for_one_task(client: httpx2.AsyncClient, stage: Stage) -> None:
    """one task: ``id``/``task_id``, ``type``, ``data``, ``tags``, ``priority``, …; waits;
    ``{"id","task_id","status","output","error","latency_ms","usage","cost_usd","attempts","model"}``."""
    output = await execute(client, id="one", type="sum", data={"x": [1, 2]}, tags=["math"], priority="critical")

    assert set(output) >= OUTPUT
    assert output["id"] == output["task_id"] == "one"
    assert (output["status"], output["output"], output["error"]) == ("completed", "done one", None)
    assert (output["attempts"], output["model"], output["cost_usd"]) == (1, "scripted", 0)
    assert output["latency_ms"] >= 0
    assert output["usage"] == {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "cached_tokens": 0}
    for text in ('"type":"sum"', '"x":[1,2]', '"math"'):
        assert text in stage.call("one").prompt


async def test_execute_answers_200_when_the_task_failed(client: httpx2.AsyncClient, stage: Stage) -> None:
    """Execute and batch answer 200 when tasks failed; … ``error`` is a string there."""
    stage.fail("fails")
    output = await execute(client, task_id="fails")

    assert (output["status"], output["output"], output["error"]) == ("failed", None, "refused by the stage")
    assert output["id"] == "fails"


async def test_execute_names_what_it_cannot_do(client: httpx2.AsyncClient) -> None:
    """A field of this page whose feature is not built yet is a 422 that says so, never silently ignored; the
    exceptions are named in section 2."""
    warned = await execute(client, tools=["web_search"])

    assert any("web_search" in warning for warning in warned["warnings"])
    assert pointers(await client.post("/v1/agents/execute", json={"output_schema": 5})) == ["/output_schema"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 5),
        ("id", ""),
        ("id", "x" * 257),
        ("priority", "urgent"),
        ("priority", 11),
        ("depends_on", ["nobody"]),
        ("depends_on", "a"),
        ("timeout_s", 0),
        ("prompt", 5),
        ("tags", "x"),
        ("max_retries", -1),
    ],
)
async def test_a_wrong_field_of_a_task_is_named(client: httpx2.AsyncClient, field: str, value: Any) -> None:
    """``errors[]`` with a JSON pointer per invalid field."""
    one = await client.post("/v1/agents/execute", json={field: value})
    many = await client.post("/v1/agents/batch-execute", json={"tasks": [{}, {field: value}]})

    assert {pointer.split("/")[1] for pointer in pointers(one)} == {field}
    assert {tuple(pointer.split("/")[1:4]) for pointer in pointers(many)} == {("tasks", "1", field)}


# --- batch: outputs --------------------------------------------------------------------------------------------------


async def test_one_output_per_task_in_the_order_sent(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """``{"outputs": [...], "summary", "swarm_id"}``: **one output per task, in the order sent**, failed ones included
    with ``status`` and ``error``."""
    ids = [f"t{number}" for number in (5, 3, 9, 1, 7)]
    stage.fail("t9")
    stage.hold("t5")
    running = asyncio.create_task(batch(client, [{"id": task_id} for task_id in ids], orchestrator_id=agent))
    await stage.until_running("t5")
    stage.release("t5")
    answer = await running

    assert [output["id"] for output in answer["outputs"]] == ids
    assert all(set(output) >= OUTPUT for output in answer["outputs"])
    assert [output["status"] for output in answer["outputs"]] == [*["completed"] * 2, "failed", *["completed"] * 2]
    assert answer["outputs"][2]["error"] == "refused by the stage"
    assert answer["swarm_id"].startswith("swm_")
    summary = answer["summary"]
    assert set(summary) == SUMMARY
    assert (summary["total_agents"], summary["successful"], summary["failed"]) == (5, 4, 1)
    assert summary["success_rate"] == 0.8
    assert summary["failures"] == [{"task_id": "t9", "error": "refused by the stage"}]
    assert summary["missing"] == ["t9"]
    assert summary["total_tokens"] == 48


async def test_what_waits_for_a_failed_task_has_an_output_too(
    client: httpx2.AsyncClient, stage: Stage, agent: str
) -> None:
    """… failed ones included with ``status`` and ``error``; ``error`` is a string there."""
    stage.fail("root")
    tasks: list[dict[str, Any]] = [{"id": "leaf", "depends_on": ["root"]}, {"id": "root"}, {"id": "free"}]
    leaf, root, free = (await batch(client, tasks, orchestrator_id=agent))["outputs"]

    assert (leaf["status"], root["status"], free["status"]) == ("skipped", "failed", "completed")
    assert "root" in leaf["error"]
    assert leaf["attempts"] == 0


async def test_tasks_without_ids_get_one(client: httpx2.AsyncClient, agent: str) -> None:
    """In requests ``id`` and ``task_id`` are synonyms; a task with neither gets one."""
    tasks = [{}, {"id": "task_0"}, {"task_id": "task_2"}, {}, {"id": "same", "task_id": "same"}]
    outputs = (await batch(client, tasks, orchestrator_id=agent))["outputs"]
    ids = [output["id"] for output in outputs]

    assert len(set(ids)) == 5
    assert (ids[1], ids[2], ids[4]) == ("task_0", "task_2", "same")
    assert all(output["id"] == output["task_id"] for output in outputs)


async def test_a_task_without_an_id_takes_nobodys_name(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """``depends_on`` must resolve … to the newest task of that id: one that the client named."""
    stage.say("task_0", "the named one")
    await batch(client, [{"id": "task_0"}], orchestrator_id=agent)
    stage.say("task_0", "the nameless one")
    await batch(client, [{"prompt": "nameless"}], orchestrator_id=agent)
    await batch(client, [{"id": "later", "depends_on": ["task_0"]}], orchestrator_id=agent)

    assert stage.call("later").inputs == {"task_0": "the named one"}


async def test_ids_may_repeat_across_requests_but_not_within_one(client: httpx2.AsyncClient, agent: str) -> None:
    """ids may repeat across requests; … a duplicate id is a 422 naming it."""
    first = await batch(client, [{"id": "a"}], orchestrator_id=agent)
    again = await batch(client, [{"id": "a"}], orchestrator_id=agent)
    twice = await client.post("/v1/agents/batch-execute", json={"tasks": [{"id": "a"}, {"task_id": "a"}]})
    differing = await client.post("/v1/agents/batch-execute", json={"tasks": [{"id": "a", "task_id": "b"}]})

    assert first["swarm_id"] != again["swarm_id"]
    assert pointers(twice)[0].startswith("/tasks/1/")
    assert "'a'" in twice.json()["detail"]
    assert pointers(differing) == ["/tasks/0/task_id"]


@pytest.mark.parametrize("tasks", [None, [], {}, "x", [{}] * 20_001, [5]])
async def test_1_to_20000_tasks_are_taken(client: httpx2.AsyncClient, tasks: Any) -> None:
    """1-20,000 tasks a swarm …, refused with a clear 4xx before anything is stored."""
    [pointer] = pointers(await client.post("/v1/agents/batch-execute", json={"tasks": tasks}))

    assert pointer.removesuffix("/0") == "/tasks"


# --- batch: how many at once -----------------------------------------------------------------------------------------


async def test_more_tasks_than_the_ceiling(client: httpx2.AsyncClient, stage: Stage) -> None:
    """more tasks than the ceiling; an orchestrator's ``max_parallel_agents`` holds."""
    await create(client, "narrow", max_parallel_agents=3)
    ids = [f"narrow{number}" for number in range(40)]
    stage.hold(*ids[:3])
    stage.provider.most_running = 0
    running = asyncio.create_task(batch(client, [{"id": i} for i in ids], orchestrator_id="narrow"))
    await stage.until_running(*ids[:3])
    stage.release(*ids[:3])
    outputs = (await running)["outputs"]

    assert [output["status"] for output in outputs] == ["completed"] * 40
    assert stage.provider.most_running == 3


@pytest.mark.parametrize(("parallelism", "most"), [(2, 2), (4, 4), (5, 4), (20_000, 4)])
async def test_parallelism_above_the_ceiling_is_lowered(
    client: httpx2.AsyncClient, stage: Stage, parallelism: int, most: int
) -> None:
    """the ``parallelism`` of ``batch-execute`` above the ceiling is lowered, not refused."""
    name = f"lowered-{parallelism}"
    await create(client, name, max_parallel_agents=4)
    ids = [f"{name}-{number}" for number in range(12)]
    stage.hold(*ids)
    stage.provider.most_running = 0
    body = {"tasks": [{"id": task_id} for task_id in ids], "parallelism": parallelism, "orchestrator_id": name}
    running = asyncio.create_task(client.post("/v1/agents/batch-execute", json=body))
    await stage.until_running(*ids[:most])
    stage.release(*ids)
    accepted(await running)

    assert stage.provider.most_running == most


async def test_10_runs_first_and_ties_go_to_the_higher_complexity_then_to_age(
    client: httpx2.AsyncClient, stage: Stage
) -> None:
    """priority 5 (low/normal/high/critical = 2/5/8/10; 10 runs first; ties go to the higher ``complexity``, then to
    age)."""
    await create(client, "one by one", max_parallel_agents=1)
    order: list[tuple[str, dict[str, Any]]] = [
        ("p critical", {"priority": "critical"}),
        ("p 10 later", {"priority": 10}),
        ("p high", {"priority": "high"}),
        ("p 6", {"priority": 6}),
        ("p 5 hard", {"complexity": 9}),
        ("p 5 easy", {"complexity": 2}),
        ("p normal", {"priority": "normal"}),
        ("p default", {}),
        ("p low", {"priority": "low"}),
        ("p 1", {"priority": 1}),
    ]
    sent = [order[index] for index in (0, 9, 8, 6, 5, 7, 2, 4, 3, 1)]
    stage.hold("p critical")
    running = asyncio.create_task(
        batch(client, [{"id": name} | fields for name, fields in sent], orchestrator_id="one by one")
    )
    await stage.until_running("p critical")
    stage.release("p critical")
    await running

    assert stage.order("p ") == [name for name, _ in order]


# --- batch: what reaches the sub-agent -------------------------------------------------------------------------------


async def test_without_an_orchestrator_the_default_one_is_used(client: httpx2.AsyncClient) -> None:
    """A call with no orchestrator uses the tenant's default one."""
    answers = [
        await batch(client, [{}]),
        await execute(client),
        accepted(await client.post("/v1/agents/barrier-execute", json={"tasks": [{}], "barrier_id": 0})),
    ]
    agents = {accepted(await client.get(f"/v1/swarms/{answer['swarm_id']}"))["agent_id"] for answer in answers}

    assert agents == {accepted(await client.get("/v1/agents/default"))["agent_id"]}


async def test_every_extra_field_reaches_the_sub_agent(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """A task may carry any extra field (``source``, ``parser``, ``sources``, ``merge_strategy``, ``format``, …): all
    of it reaches the sub-agent."""
    extra = {
        "source": "https://example.com/a",
        "parser": {"kind": "html", "options": [1, None, True]},
        "sources": ["not a task", 7],
        "merge_strategy": "union",
        "format": "markdown",
        "zürich": "ü",
    }
    task = {"id": "laden", "type": "fetch", "prompt": "Fetch it.", "data": {"k": [1]}, "tags": ["web"], **extra}
    answer = await batch(client, [task], orchestrator_id=agent)
    prompt, _, section = stage.call("laden").prompt.partition("\n\n## Task\n")
    told = orjson.loads(section)

    assert answer["outputs"][0]["status"] == "completed"
    assert prompt == "Fetch it."
    by_tags = {"role": "researcher", "capability_tags": ["web"]}  # to the profile whose tags match best
    assert told == {"id": "laden", "type": "fetch", "data": {"k": [1]}, **by_tags, **extra}


async def test_the_system_prompt_is_the_same_leading_bytes(client: httpx2.AsyncClient, stage: Stage) -> None:
    body = {"model": "m", "name": "system", "system_prompt": "You are one of many."}
    accepted(await client.post("/v1/agents/create", json=body), 201)
    await batch(client, [{"id": "sys a"}, {"id": "sys b"}], orchestrator_id="system")

    for task_id in ("sys a", "sys b"):
        assert stage.call(task_id).request.messages[0] == {"role": "system", "content": "You are one of many."}


async def test_a_memory_strategy_is_one_of_two(client: httpx2.AsyncClient, agent: str) -> None:
    """``memory_strategy?`` ("full" | "checkpoint")."""
    full = await batch(client, [{}], memory_strategy="full", orchestrator_id=agent)
    checkpoint = await batch(client, [{"weight": 2}], memory_strategy="checkpoint", orchestrator_id=agent)
    other = await client.post("/v1/agents/batch-execute", json={"tasks": [{}], "memory_strategy": "photographic"})

    assert full["warnings"] == checkpoint["warnings"] == []
    assert pointers(other) == ["/memory_strategy"]


# --- batch: in the background ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "fields"), [({}, {"wait": False}), ({"async_result_fetch": True}, {})])
async def test_a_batch_in_the_background_answers_202(
    client: httpx2.AsyncClient, stage: Stage, config: dict[str, Any], fields: dict[str, Any]
) -> None:
    """``wait=false`` or the orchestrator's ``async_result_fetch`` → 202 with ``swarm_id``."""
    name = f"background {len(config)}"
    agent_id = await create(client, name, **config)
    stage.hold(name)
    body = {"tasks": [{"id": name}], "orchestrator_id": name, **fields}
    response = await client.post("/v1/agents/batch-execute", json=body)
    Accepted.model_validate_json(response.content)
    swarm_id = accepted(response, 202)["swarm_id"]
    await stage.until_running(name)
    stage.release(name)
    found = accepted(await client.get(f"/v1/agents/{name}/results"))

    assert response.json()["orchestrator_id"] == agent_id
    assert [(output["swarm_id"], output["output"]) for output in found["outputs"]] == [(swarm_id, f"done {name}")]


# --- retries ---------------------------------------------------------------------------------------------------------


async def test_no_retries_where_none_are_wanted(client: httpx2.AsyncClient, stage: Stage) -> None:
    """``max_retries``, ``retry_on_timeout``."""
    await create(client, "never again", max_retries=0)
    await create(client, "not for time", retry_on_timeout=False, timeout_per_agent=0.1)
    stage.fail("gone", error=Unavailable("gone"))
    stage.hold("slow one")
    gone, slow = await asyncio.gather(
        execute(client, id="gone", orchestrator_id="never again"),
        execute(client, id="slow one", orchestrator_id="not for time"),
    )

    assert (gone["status"], gone["attempts"], gone["error"]) == ("failed", 1, "gone")
    assert (slow["status"], slow["attempts"]) == ("failed", 1)
    assert "0.1 s" in slow["error"]


@pytest.mark.long
async def test_by_default_a_task_has_four_attempts(client: httpx2.AsyncClient, stage: Stage, agent: str) -> None:
    """Defaults: … ``max_retries`` 3 (so 4 attempts), base delay 1 s, jitter 0.25."""
    stage.fail("flaky", error=Unavailable("gone"))
    output = await execute(client, id="flaky", orchestrator_id=agent)
    events = accepted(await client.get(f"/v1/swarms/{output['swarm_id']}/events"))["items"]
    delays = [event["retry_in_ms"] for event in events if event["type"] == "agent_retrying"]

    assert (output["status"], output["attempts"]) == ("failed", 4)
    assert [750 * 2**n <= delay <= 1250 * 2**n for n, delay in enumerate(delays)] == [True] * 3
