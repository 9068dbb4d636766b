"""Orchestrators (contract, section 2): create, look up, change, delete, fetch results. Quotes are the contract's."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from app.api.schemas.agents import AgentOut, AgentPage
from app.domain.agent import BUILT_IN_TOOLS, RESERVED_NAMES
from tests.support.stage import Stage, accepted, pointers

pytestmark = pytest.mark.anyio


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of the test's own: the tests of this module share one service."""
    return str(request.node.name).partition("[")[0].removeprefix("test_")


async def create(client: httpx2.AsyncClient, name: str | None, **fields: Any) -> dict[str, Any]:
    body = {"model": "any-name", **fields} | ({} if name is None else {"name": name})
    response = await client.post("/v1/agents/create", json=body)
    AgentOut.model_validate_json(response.content)
    found: dict[str, Any] = accepted(response, 201)
    return found


async def spawn(client: httpx2.AsyncClient, agent: str, task_id: str, **fields: Any) -> dict[str, Any]:
    body = {"task_type": "step", "input_data": {"n": 1}, "id": task_id, **fields}
    found: dict[str, Any] = accepted(await client.post(f"/v1/agents/{agent}/spawn", json=body), 202)
    return found


# --- create ----------------------------------------------------------------------------------------------------------


async def test_create_answers_with_id_and_name(client: httpx2.AsyncClient, name: str) -> None:
    """``POST /agents/create`` … 201 ``{"agent_id", "name", …}``."""
    made = await create(client, name, system_prompt="Be short.", tools=["code_interpreter"])

    assert made["agent_id"].startswith("agt_")
    assert made["name"] == name
    assert made["model"] == "any-name"
    assert made["system_prompt"] == "Be short."
    assert made["tools"] == ["code_interpreter"]


async def test_create_is_idempotent_by_name(client: httpx2.AsyncClient, name: str) -> None:
    """The same name again succeeds, updates the config and returns the same ``agent_id``."""
    first = await create(client, name, swarm_config={"max_parallel_agents": 3})
    again = await create(client, name, model="another", system_prompt="New.", swarm_config={"max_parallel_agents": 9})

    assert again["agent_id"] == first["agent_id"]
    got = accepted(await client.get(f"/v1/agents/{name}"))
    assert (got["model"], got["system_prompt"]) == ("another", "New.")
    assert got["swarm_config"]["max_parallel_agents"] == 9


async def test_a_hundred_creates_of_one_name_at_once_make_one(client: httpx2.AsyncClient, name: str) -> None:
    """The same name again succeeds … and returns the same ``agent_id``."""
    made = await asyncio.gather(*(create(client, name) for _ in range(100)))

    assert len({each["agent_id"] for each in made}) == 1


async def test_without_a_name_each_create_makes_a_new_one(client: httpx2.AsyncClient) -> None:
    """``name?``: optional; the one that is made up works as any other."""
    first, second = await create(client, None), await create(client, None)

    assert first["agent_id"] != second["agent_id"]
    assert accepted(await client.get(f"/v1/agents/{first['name']}"))["agent_id"] == first["agent_id"]


async def test_every_field_of_swarm_config_is_stored_and_returned(client: httpx2.AsyncClient, name: str) -> None:
    """``swarm_config?`` {``max_parallel_agents``, ``timeout_per_agent`` (s), ``aggregation_strategy``, …}."""
    config = {
        "max_parallel_agents": 1000,
        "timeout_per_agent": 2.5,
        "aggregation_strategy": "by_role",
        "shared_memory": True,
        "async_result_fetch": True,
        "retry_on_timeout": False,
        "max_retries": 0,
    }
    made = await create(client, name, swarm_config=config)

    assert made["swarm_config"] == config
    assert accepted(await client.get(f"/v1/agents/{name}"))["swarm_config"] == config
    assert made["warnings"] == []


async def test_the_defaults(client: httpx2.AsyncClient, name: str) -> None:
    """Defaults: ``timeout_per_agent`` 30 s, ``max_retries`` 3 …, priority 5; ``max_parallel_agents`` is 100."""
    config = (await create(client, name))["swarm_config"]
    spawned = await spawn(client, name, name)
    results = accepted(await client.get(f"/v1/agents/{name}/results"))

    assert config["timeout_per_agent"] == 30
    assert config["max_retries"] == 3
    assert config["max_parallel_agents"] == 100
    assert config["aggregation_strategy"] == "none"
    assert results["aggregated"] is None
    task = accepted(await client.get(f"/v1/swarms/{spawned['swarm_id']}/tasks/{name}"))
    assert task["priority"] == 5


@pytest.mark.parametrize("taken", [*sorted(RESERVED_NAMES), "agt_mine", ".", "..", "a/b", "a\nb"])
async def test_names_that_collide_are_refused(client: httpx2.AsyncClient, taken: str) -> None:
    """Names that collide with paths (``create``, ``execute``, …) or begin with ``agt_`` are refused."""
    response = await client.post("/v1/agents/create", json={"model": "m", "name": taken})

    assert pointers(response) == ["/name"]


async def test_every_path_below_agents_is_a_reserved_name(client: httpx2.AsyncClient) -> None:
    """Names that collide with paths … are refused."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    words = {path.split("/")[3] for path in paths if path.startswith("/v1/agents/")}

    assert {word for word in words if not word.startswith("{")} <= RESERVED_NAMES


@pytest.mark.parametrize("tool", BUILT_IN_TOOLS)
async def test_built_in_tools_are_accepted_and_what_is_unavailable_is_listed(
    client: httpx2.AsyncClient, name: str, tool: str
) -> None:
    """The names of the built-in tools … are always accepted, validated, stored and returned; what is unavailable is
    listed in ``warnings``."""
    as_object = {"type": "function", "function": {"name": tool, "parameters": {"type": "object"}}}
    listed = {one["name"]: one for one in accepted(await client.get("/v1/tools"))["items"]}
    made = await create(client, name, tools=[tool, as_object, {"type": tool}])

    assert accepted(await client.get(f"/v1/agents/{name}"))["tools"] == [tool, as_object, {"type": tool}]
    assert bool([warning for warning in made["warnings"] if tool in warning]) is not listed[tool]["available"]


@pytest.mark.parametrize("tool", ["telepathy", "", {"type": "function", "function": {"name": "telepathy"}}, {}])
async def test_other_tools_are_refused(client: httpx2.AsyncClient, tool: Any) -> None:
    """… other names are a 422."""
    response = await client.post("/v1/agents/create", json={"model": "m", "tools": ["web_search", tool]})

    assert pointers(response) == ["/tools/1"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("none", "none"),
        ("concat", "concat"),
        ("by-role", "by_role"),
        ("first-past-the-post", "first_past_the_post"),
        ("majority", "majority"),
        ("Weighted Voting", "weighted_voting"),
        ("consensus", "consensus"),
        ("weighted_consensus", "weighted_consensus"),
        ("hierarchical", "hierarchical"),
        ("synthesis", "synthesis"),
    ],
)
async def test_all_strategies_are_accepted(client: httpx2.AsyncClient, name: str, given: str, stored: str) -> None:
    """The names … of all aggregation strategies are always accepted …; hyphens and common spellings accepted."""
    made = await create(client, name, swarm_config={"aggregation_strategy": given})

    assert made["swarm_config"]["aggregation_strategy"] == stored
    assert made["warnings"] == []


async def test_another_strategy_is_refused(client: httpx2.AsyncClient) -> None:
    """… other names are a 422."""
    body = {"model": "m", "swarm_config": {"aggregation_strategy": "telepathy"}}

    assert pointers(await client.post("/v1/agents/create", json=body)) == ["/swarm_config/aggregation_strategy"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", None),
        ("model", ""),
        ("model", 5),
        ("name", ""),
        ("name", "x" * 201),
        ("system_prompt", ["x"]),
        ("tools", "web_search"),
        ("swarm_config", []),
        ("swarm_config/max_parallel_agents", 0),
        ("swarm_config/max_parallel_agents", 1001),
        ("swarm_config/max_parallel_agents", "5"),
        ("swarm_config/max_parallel_agents", True),
        ("swarm_config/timeout_per_agent", 0),
        ("swarm_config/timeout_per_agent", -1),
        ("swarm_config/max_retries", -1),
        ("swarm_config/retry_on_timeout", "yes"),
        ("swarm_config/async_result_fetch", 1),
    ],
)
async def test_a_wrong_field_is_named(client: httpx2.AsyncClient, field: str, value: Any) -> None:
    """``max_parallel_agents`` is … ≤ 1,000 by request; ``errors[]`` with a JSON pointer per invalid field."""
    outer, _, inner = field.partition("/")
    body = {"model": "m"} | {outer: {inner: value} if inner else value}
    response = await client.post("/v1/agents/create", json=body)

    assert {pointer.removeprefix("/") for pointer in pointers(response)} == {field}


async def test_a_config_field_that_does_not_exist_is_not_ignored_in_silence(
    client: httpx2.AsyncClient, name: str
) -> None:
    made = await create(client, name, mood="good", swarm_config={"speed": 11})

    assert [warning for warning in made["warnings"] if "mood" in warning]
    assert [warning for warning in made["warnings"] if "speed" in warning]


# --- id or name ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["agent_id", "name"])
async def test_id_or_name_everywhere(client: httpx2.AsyncClient, name: str, key: str) -> None:
    """Wherever an orchestrator id is taken, its *name* is too."""
    made = await create(client, f"{name} {key}")
    agent_id, ref = made["agent_id"], made[key]
    task = {"tasks": [{"id": "t"}]}

    assert accepted(await client.get(f"/v1/agents/{ref}"))["agent_id"] == agent_id
    assert accepted(await client.patch(f"/v1/agents/{ref}", json={"model": "x"}))["agent_id"] == agent_id
    assert (await spawn(client, ref, "s"))["orchestrator_id"] == agent_id
    runs = [
        accepted(await client.post("/v1/agents/execute", json={"id": "e", "orchestrator_id": ref})),
        accepted(await client.post("/v1/agents/batch-execute", json=task | {"orchestrator_id": ref})),
        accepted(
            await client.post("/v1/agents/barrier-execute", json=task | {"orchestrator_id": ref, "barrier_id": 1})
        ),
        accepted(await client.post("/v1/swarms", json=task | {"agent": ref}), 201),
    ]
    for run in runs:
        assert accepted(await client.get(f"/v1/swarms/{run['swarm_id']}"))["agent_id"] == agent_id
    status = accepted(await client.get("/v1/agents/barrier-status/1", params={"orchestrator_id": ref}))
    assert status["orchestrator_id"] == agent_id
    results = accepted(await client.get(f"/v1/agents/{ref}/results"))
    assert results["agent_id"] == agent_id
    assert len(results["outputs"]) == 5
    listed = accepted(await client.get("/v1/swarms", params={"agent": ref}))["items"]
    assert {swarm["swarm_id"] for swarm in listed} >= {run["swarm_id"] for run in runs}
    accepted(await client.post("/v1/agents/clear-memory", json={"orchestrator_id": ref}))
    assert (await client.delete(f"/v1/agents/{ref}")).status_code == 204


# --- list, get, patch, delete ----------------------------------------------------------------------------------------


async def test_the_list_pages_and_stays_stable_while_rows_are_added(client: httpx2.AsyncClient, name: str) -> None:
    """``?limit=&cursor=`` → ``{"items": […], "next_cursor": null|"…"}``; … stable while rows are added."""
    mine = [(await create(client, f"{name} {number}"))["agent_id"] for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        response = await client.get("/v1/agents", params=params)
        page = AgentPage.model_validate_json(response.content)
        assert len(page.items) <= 2
        seen += [item.agent_id for item in page.items]
        await create(client, None) if len(seen) < 4 else None
        cursor = page.next_cursor
        if cursor is None:
            break

    assert len(seen) == len(set(seen))
    assert set(mine) <= set(seen)
    assert pointers(await client.get("/v1/agents", params={"limit": 1001})) == ["/limit"]


async def test_patch_changes_what_it_names_and_nothing_else(client: httpx2.AsyncClient, name: str) -> None:
    """``GET/PATCH/DELETE /agents/{id}``: the usual."""
    made = await create(client, name, system_prompt="Old.", swarm_config={"max_retries": 1, "timeout_per_agent": 7})
    patched = accepted(
        await client.patch(f"/v1/agents/{name}", json={"name": f"{name} 2", "swarm_config": {"max_retries": 2}})
    )

    assert patched["agent_id"] == made["agent_id"]
    assert patched["name"] == f"{name} 2"
    assert patched["system_prompt"] == "Old."
    assert patched["swarm_config"] == made["swarm_config"] | {"max_retries": 2}
    assert accepted(await client.patch(f"/v1/agents/{name} 2", json={"system_prompt": None}))["system_prompt"] is None
    assert (await client.get(f"/v1/agents/{name}")).status_code == 404


async def test_a_name_that_is_taken_cannot_be_patched_to(client: httpx2.AsyncClient, name: str) -> None:
    await create(client, name)
    await create(client, f"{name} 2")

    assert (await client.patch(f"/v1/agents/{name} 2", json={"name": name})).status_code == 409
    assert pointers(await client.patch(f"/v1/agents/{name} 2", json={"name": "execute"})) == ["/name"]


async def test_a_deleted_orchestrator_is_gone_and_its_swarms_stay(client: httpx2.AsyncClient, name: str) -> None:
    made = await create(client, name)
    run = accepted(await client.post("/v1/agents/batch-execute", json={"agent_id": name, "tasks": [{}]}))

    assert (await client.delete(f"/v1/agents/{name}")).status_code == 204
    assert (await client.get(f"/v1/agents/{made['agent_id']}")).status_code == 404
    assert (await client.delete(f"/v1/agents/{name}")).status_code == 404
    assert accepted(await client.get(f"/v1/swarms/{run['swarm_id']}"))["status"] == "completed"
    assert (await create(client, name))["agent_id"] != made["agent_id"]


async def test_an_orchestrator_with_running_work_is_not_deleted(
    client: httpx2.AsyncClient, stage: Stage, name: str
) -> None:
    await create(client, name)
    stage.hold(name)
    await spawn(client, name, name)

    assert (await client.delete(f"/v1/agents/{name}")).status_code == 409
    stage.release(name)
    assert accepted(await client.get(f"/v1/agents/{name}/results"))["status"] == "completed"
    assert (await client.delete(f"/v1/agents/{name}")).status_code == 204
