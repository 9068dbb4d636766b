"""Which model serves which task, where it goes after failures, and what is said of that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from tests.support.planning import AT_ONCE, checked_events, endpoint, get, run, tasks_of
from tests.support.problems import pointers, problem
from tests.support.service import in_process
from tests.support.upstream import Upstream

pytestmark = pytest.mark.anyio

ANSWERS: dict[str, str | int] = {name: f"said {name}" for name in ("base", "deep", "quick", "small", "huge")}
PRICES = {
    "base": {"input_per_mtok": 2, "output_per_mtok": 2},
    "deep": {"input_per_mtok": 50, "output_per_mtok": 50},
    "quick": {"input_per_mtok": 1, "output_per_mtok": 1},
    "small": {"input_per_mtok": 0.1, "output_per_mtok": 0.1},
    "huge": {"input_per_mtok": 10, "output_per_mtok": 10},
}


@asynccontextmanager
async def service(
    folder: Path, answers: Mapping[str, str | int] = ANSWERS
) -> AsyncIterator[tuple[httpx2.AsyncClient, Upstream]]:
    async with endpoint(answers) as upstream:
        provider = {
            "base_url": upstream.url,
            "models": list(answers),
            "thinking_by": "thinking",
            "context_windows": {"small": 4_000, "huge": 1_000_000},
        }
        async with in_process(folder, providers={"p": provider}, default_model="base", prices=PRICES) as client:
            yield client, upstream


async def served(folder: Path, routing: dict[str, Any] | None, *tasks: dict[str, Any], **body: Any) -> dict[str, str]:
    """The model that served each task."""
    named = [{"id": f"t{at}"} | task for at, task in enumerate(tasks)]
    body |= {"routing": routing} if routing is not None else {}
    async with service(folder) as (client, _):
        found = await run(client, {"tasks": named, "retry": AT_ONCE} | body)
    assert found["status"] == "completed"
    return {task["task_id"]: task["model"] for task in found["results"]["outputs"]}


async def test_tiers_have_models(tmp_path: Path) -> None:
    routing = {"tiers": {"thinking": "deep", "instant": "quick", "light": ["small"]}}
    tasks = [{"tier": "thinking"}, {"tier": "instant"}, {"tier": "light"}, {}]

    assert await served(tmp_path, routing, *tasks) == {"t0": "deep", "t1": "quick", "t2": "small", "t3": "base"}


async def test_complexity_asks_for_a_tier(tmp_path: Path) -> None:
    routing = {"tiers": {"thinking": "deep", "light": "small"}}
    tasks = [{"complexity": at} for at in (10, 8, 7, 4, 3, 1)]

    assert list((await served(tmp_path, routing, *tasks)).values()) == [
        "deep",
        "deep",
        "base",
        "base",
        "small",
        "small",
    ]


async def test_the_tasks_own_model_then_rules_then_tiers(tmp_path: Path) -> None:
    routing = {
        "rules": [
            {"type": "code", "min_complexity": 5, "model": "deep"},
            {"role": "Code Reviewer", "model": ["quick", "deep"]},
            {"type": "code", "model": "huge"},
        ],
        "tiers": {"light": "small"},
    }
    tasks: list[dict[str, Any]] = [
        {"type": "code", "complexity": 6, "model": "quick"},
        {"type": "code", "complexity": 6},
        {"type": "code", "complexity": 4, "tier": "light"},
        {"type": "code"},
        {"role": "reviewer", "tier": "light"},
        {"type": "prose", "tier": "light"},
    ]

    assert list((await served(tmp_path, routing, *tasks)).values()) == [
        "quick",
        "deep",
        "huge",
        "huge",
        "quick",
        "small",
    ]


async def test_of_several_the_cheapest_that_holds_the_task(tmp_path: Path) -> None:
    """``small`` is the cheapest, but holds 4,000 tokens; 30,000 bytes and 2,048 tokens of answer are more."""
    routing = {"candidates": ["huge", "quick", "small"]}
    tasks = [{"prompt": "Short."}, {"prompt": "x" * 30_000}]

    assert await served(tmp_path, routing, *tasks) == {"t0": "small", "t1": "quick"}
    first = routing | {"prefer": "first"}
    assert await served(tmp_path / "first", first, *tasks) == {"t0": "huge", "t1": "huge"}


async def test_tiers_are_told_to_providers_as_they_understand_it(tmp_path: Path) -> None:
    tasks = [{"id": "a", "tier": "thinking"}, {"id": "b", "tier": "instant"}, {"id": "c"}]
    async with service(tmp_path) as (client, upstream):
        await run(client, {"tasks": tasks})
        bodies = [orjson.loads(body) for body in upstream.bodies if body]

    told = {orjson.loads(body["messages"][-1]["content"].partition("## Task\n")[2])["id"]: body for body in bodies}
    assert told["a"]["thinking"] == {"type": "enabled"}
    assert told["b"]["thinking"] == {"type": "disabled"}
    assert "thinking" not in told["c"]


async def test_a_task_says_why_it_has_its_model(tmp_path: Path) -> None:
    routing = {"tiers": {"light": ["quick", "small"]}, "fallbacks": ["deep"]}
    async with service(tmp_path) as (client, _):
        found = await run(client, {"tasks": [{"id": "a", "tier": "light"}, {"id": "b"}], "routing": routing})
        plain = await run(client, {"tasks": [{"id": "a"}]})
        why = (await get(client, f"/v1/swarms/{found['swarm_id']}/tasks/a"))["routing"]
        why_b = (await get(client, f"/v1/swarms/{found['swarm_id']}/tasks/b"))["routing"]
        why_plain = await get(client, f"/v1/swarms/{plain['swarm_id']}/tasks/a")
        shown = (await get(client, f"/v1/swarms/{found['swarm_id']}/tasks/a"))["input"]

    assert "tier 'light' is mapped to small" in why["reason"]
    assert "cheapest" in why["reason"]
    assert why["chain"] == ["quick", "deep"]
    assert [one["model"] for one in why["considered"]] == ["quick"]
    assert why_b["chain"] == ["deep"]
    assert "base" in why_plain["routing"]["reason"]
    assert "route" not in shown


async def test_after_repeated_failure_a_task_goes_down_its_chain_as_an_event(tmp_path: Path) -> None:
    answers = ANSWERS | {"quick": 500, "small": 500}
    routing = {"tiers": {"instant": ["quick"]}, "fallbacks": ["small", "deep"], "reroute_after": 2}
    body = {
        "tasks": [{"id": "a", "tier": "instant"}],
        "routing": routing,
        "retry": {"max_retries": 5, "base_delay_s": 0},
    }
    async with service(tmp_path, answers) as (client, upstream):
        found = await run(client, body)
        log = await checked_events(client, found["swarm_id"])
        detail = await get(client, f"/v1/swarms/{found['swarm_id']}/tasks/a")
        asked = [orjson.loads(one)["model"] for one in upstream.bodies if one]

    assert asked == ["quick", "quick", "small", "small", "deep"]
    [output] = found["results"]["outputs"]
    assert (output["status"], output["model"], output["attempts"]) == ("completed", "deep", 5)
    moved = [event for event in log if event["type"] == "agent_rerouted"]
    assert [(event["from_model"], event["model"], event["reason"]) for event in moved] == [
        ("quick", "small", "2 failures"),
        ("small", "deep", "4 failures"),
    ]
    assert [attempt["model"] for attempt in detail["attempt_log"]] == asked


async def test_a_chain_that_fails_to_its_end_ends(tmp_path: Path) -> None:
    answers = ANSWERS | {"quick": 500, "small": 500}
    body = {
        "tasks": [{"id": "a", "model": "quick"}],
        "routing": {"fallbacks": ["small"], "reroute_after": 1},
        "retry": {"max_retries": 3, "base_delay_s": 0},
    }
    async with service(tmp_path, answers) as (client, upstream):
        found = await run(client, body)
        asked = [orjson.loads(one)["model"] for one in upstream.bodies if one]

    assert found["status"] == "failed"
    assert asked == ["quick", "small", "small", "small"]


async def test_what_a_task_costs_is_the_price_of_who_served_it(tmp_path: Path) -> None:
    """1,100 tokens each: at 50 dollars a million 0.055, at 1 dollar 0.0011."""
    async with service(tmp_path) as (client, _):
        found = await run(
            client,
            {
                "tasks": [{"id": "a", "tier": "thinking"}, {"id": "b", "tier": "instant"}],
                "routing": {"tiers": {"thinking": "deep", "instant": "quick"}},
            },
        )

    costs = {task["task_id"]: task["cost_usd"] for task in found["results"]["outputs"]}
    assert costs == {"a": 0.055, "b": 0.0011}
    assert found["cost_usd"] == 0.0561


async def test_tasks_of_a_plan_are_routed_too(tmp_path: Path) -> None:
    plan = {"subtasks": [{"id": "a", "prompt": "A", "complexity": 9}, {"id": "b", "prompt": "B", "complexity": 2}]}
    answers = ANSWERS | {"base": orjson.dumps(plan).decode()}
    routing = {"tiers": {"thinking": "deep", "light": "small"}}
    async with service(tmp_path, answers) as (client, _):
        found = await run(client, {"goal": "G", "routing": routing, "aggregate": "concat"})
        tasks = await tasks_of(client, found["swarm_id"])

    assert found["aggregated"] == "said deep\n\nsaid small"
    assert {task_id: task["model"] for task_id, task in tasks.items()} == {"a": "deep", "b": "small"}


async def test_a_role_brings_its_model_and_tier(tmp_path: Path) -> None:
    roles = {
        "thinker": {"system_prompt": "Think.", "tier": "thinking"},
        "clerk": {"system_prompt": "Write.", "model": "quick"},
    }
    async with service(tmp_path) as (client, _):
        assert (await client.put("/v1/roles", json=roles)).status_code == 200
        found = await run(
            client,
            {
                "tasks": [{"id": "a", "role": "thinker"}, {"id": "b", "role": "clerk"}, {"id": "c", "role": "poet"}],
                "routing": {"tiers": {"thinking": "deep"}},
            },
        )

    models = {task["task_id"]: task["model"] for task in found["results"]["outputs"]}
    assert models == {"a": "deep", "b": "quick", "c": "base"}


@pytest.mark.parametrize("path", ["execute", "batch-execute", "spawn"])
async def test_orchestrators_route_by_tier_and_role(tmp_path: Path, path: str) -> None:
    """They have no ``routing``: a tier then only says whether to think."""
    fields = {"tier": "thinking", "role": "clerk"}
    roles = {"clerk": {"system_prompt": "You are a clerk.", "model": "quick"}}
    async with service(tmp_path) as (client, upstream):
        assert (await client.put("/v1/roles", json=roles)).status_code == 200
        agent = (await client.post("/v1/agents/create", json={"model": "base"})).json()["agent_id"]
        named = {"orchestrator_id": agent}
        url, body = {
            "execute": ("/v1/agents/execute", {"id": "a", **fields, **named}),
            "batch-execute": ("/v1/agents/batch-execute", {"tasks": [{"id": "a", **fields}], **named}),
            "spawn": (f"/v1/agents/{agent}/spawn", {"task_type": "x", **fields}),
        }[path]
        response = await client.post(url, json=body)
        assert response.status_code in {200, 202}, response.text
        collected = await get(client, f"/v1/agents/{agent}/results", timeout=10)
        [asked] = [orjson.loads(one) for one in upstream.bodies if one]

    assert [output["model"] for output in collected["outputs"]] == ["quick"]
    assert asked["thinking"] == {"type": "enabled"}
    assert asked["messages"][0] == {"role": "system", "content": "You are a clerk."}


WRONG: dict[str, tuple[Any, str]] = {
    "unknown in a tier": ({"tiers": {"thinking": "no-such"}}, "/routing"),
    "unknown in a rule": ({"rules": [{"type": "x", "model": "no-such"}]}, "/routing"),
    "unknown fallback": ({"fallbacks": ["no-such"]}, "/routing"),
    "unknown candidate": ({"candidates": ["no-such"]}, "/routing"),
    "an unknown tier": ({"tiers": {"slow": "base"}}, "/routing/tiers/slow"),
    "a rule that says nothing": ({"rules": [{"type": "x"}]}, "/routing/rules/0"),
    "a rule nobody fits": (
        {"rules": [{"min_complexity": 7, "max_complexity": 3, "model": "base"}]},
        "/routing/rules/0/max_complexity",
    ),
    "complexity above 10": ({"rules": [{"min_complexity": 11, "model": "base"}]}, "/routing/rules/0/min_complexity"),
    "no failures": ({"reroute_after": 0}, "/routing/reroute_after"),
    "an unknown preference": ({"prefer": "fastest"}, "/routing/prefer"),
    "a list": ([], "/routing"),
    "too many rules": ({"rules": [{"type": "x", "model": "base"}] * 51}, "/routing/rules"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_routing_is_refused_by_its_field(tmp_path: Path, wrong: str) -> None:
    routing, pointer = WRONG[wrong]
    async with service(tmp_path) as (client, upstream):
        document = problem(await client.post("/v1/swarms", json={"tasks": [{"id": "a"}], "routing": routing}), 422)
        listed = await get(client, "/v1/swarms")

    assert pointers(document)[0].startswith(pointer), document
    assert listed["items"] == []
    assert upstream.bodies == [b""] * len(upstream.bodies)


async def test_an_unknown_tier_of_a_task_is_refused(tmp_path: Path) -> None:
    async with service(tmp_path) as (client, _):
        document = problem(await client.post("/v1/swarms", json={"tasks": [{"id": "a", "tier": "slow"}]}), 422)
        unknown = problem(await client.post("/v1/swarms", json={"tasks": [{"id": "a", "model": "no-such"}]}), 422)

    assert pointers(document) == ["/tasks/0/tier"]
    assert pointers(unknown) == ["/tasks/0/model"]
