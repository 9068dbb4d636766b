"""Sub-agents that call tools, over HTTP: what runs, what may not, what is told, and what there is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.domain.agent import BUILT_IN_TOOLS
from app.domain.usage import Usage
from app.ports.provider import ChatResult
from app.ports.tools import ToolContext, ToolRefused
from tests.support.driving import QUICK, ended, run
from tests.support.money import OFFLINE_PRICE
from tests.support.stage import accepted, pointers
from tests.support.tool_runs import WITH, at_of, error_of, events_of, ever, once, output_of
from tests.support.tools import USAGE, Asked, Probe, ToolUser, answer_of, calling, hanging, serving_tools

pytestmark = pytest.mark.anyio


# --- the loop --------------------------------------------------------------------------------------------------------


async def test_a_sub_agent_calls_tools_until_it_answers(tmp_path: Path) -> None:
    model = ToolUser(
        answer_of(calling("probe", {"n": 1}), reasoning_content="One first."), answer_of(calling("probe", {"n": 2}))
    )
    probe = Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t", "prompt": "Count.", **WITH}])

        assert (found["status"], output_of(found)) == ("completed", "done t")
        assert (probe.given, model.turns) == ([1, 2], [0, 1, 2])
        assert model.asked[2].results == {"c1": "probe of 2"}
        thought = [message.get("reasoning_content") for message in model.asked[2].request.messages]
        assert "One first." in thought
        told = await events_of(client, at_of(found), "agent_step")
        assert [(event["kind"], event["nth"], event["tools"]) for event in told] == [
            ("calls", 1, ["probe"]),
            ("results", 2, ["probe"]),
            ("calls", 3, ["probe"]),
            ("results", 4, ["probe"]),
        ]


async def test_tools_are_neither_steps_nor_tokens_nor_money(tmp_path: Path) -> None:
    async with serving_tools(tmp_path, once(), Probe()) as client:
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        found = await run(client, [{"id": "t", **WITH}])

        two_calls = 2 * (USAGE.prompt_tokens * 1 + USAGE.completion_tokens * 10) / 10**6
        assert (found["steps"], found["cost_usd"]) == (2, two_calls)
        assert found["tokens"] == {"in": 20, "out": 4, "cached": 0}
        [by_model] = accepted(await client.get("/v1/usage", params={"group_by": "model"}))["items"]
        assert (by_model["calls"], by_model["cost_usd"]) == (2, two_calls)


async def test_the_calls_of_one_turn_run_at_once_and_are_told_in_order(tmp_path: Path) -> None:
    met = asyncio.Barrier(3)

    async def meet(_: ToolContext, arguments: Mapping[str, Any]) -> str:
        await met.wait()  # which one after the other never would
        return f"met {arguments['n']}"

    model, probe = once("probe", "probe", "probe"), Probe(behaviour=meet)
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t", **WITH}])

    assert (found["status"], probe.most_running) == ("completed", 3)
    assert list(model.asked[1].results.items()) == [("c0", "met 0"), ("c1", "met 1"), ("c2", "met 2")]


async def test_a_tool_runs_as_often_at_once_as_it_may_over_all_runs(tmp_path: Path) -> None:
    async def brief(_: ToolContext, __: Mapping[str, Any]) -> None:
        await asyncio.sleep(0.01)

    probe = Probe(behaviour=brief, concurrency=3)
    async with serving_tools(tmp_path, once(), probe) as client:
        tasks = [{"id": f"t{at}", **WITH} for at in range(10)]
        both = await asyncio.gather(run(client, tasks), run(client, tasks))

    assert [found["status"] for found in both] == ["completed", "completed"]
    assert (len(probe.runs), probe.most_running) == (20, 3)


async def test_a_tool_is_told_for_whom_it_runs(tmp_path: Path) -> None:
    probe = Probe()
    async with serving_tools(tmp_path, once(), probe) as client:
        agent = accepted(await client.post("/v1/agents/create", json={"model": "offline", "name": "ada"}), 201)
        found = await run(client, [{"id": "t", **WITH}], agent="ada")

    [(context, _)] = probe.runs
    assert (context.agent_id, context.swarm_id, context.task_id) == (agent["agent_id"], found["swarm_id"], "t")
    assert context.sub_agent_id
    assert context.run_key.startswith(f"{found['swarm_id']}/0/")


# --- permission ------------------------------------------------------------------------------------------------------


async def test_a_tool_that_the_task_does_not_list_is_not_run_whatever_the_model_says(tmp_path: Path) -> None:
    """The service has it, and another task of the same run may use it: that is no permission."""
    model, probe, other = once("other"), Probe(), Probe("other")
    async with serving_tools(tmp_path, model, probe, other) as client:
        found = await run(client, [{"id": "a", "tools": ["probe"]}, {"id": "b", "tools": ["other"]}])

    assert found["status"] == "completed"
    assert [context.task_id for context, _ in other.runs] == ["b"]
    refused = next(asked for asked in model.asked if asked.task_id == "a" and asked.turn == 1)
    assert refused.results["c0"] == "Error: you may not call a tool 'other'; your tools are: probe."
    assert {asked.task_id: asked.offered for asked in model.asked} == {"a": ["probe"], "b": ["other"]}


async def test_a_task_without_tools_cannot_make_the_service_run_one(tmp_path: Path) -> None:
    model, probe = ever(), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t"}], retry=QUICK | {"max_retries": 0})

    assert (found["status"], probe.runs, model.asked[0].offered) == ("failed", [], [])
    assert error_of(found) == {
        "type": "no_such_tool",
        "message": "the model called tools that it was not offered: probe",
        "retryable": True,
    }


async def test_what_is_unavailable_is_neither_offered_nor_run(tmp_path: Path) -> None:
    model, probe, broken = once("broken"), Probe(), Probe("broken")
    broken.reason = "not configured"
    async with serving_tools(tmp_path, model, probe, broken) as client:
        found = await run(client, [{"id": "t", "tools": ["probe", "broken"]}])

    assert (found["status"], broken.runs) == ("completed", [])
    assert found["warnings"] == ["tool 'broken' is not available: not configured"]
    assert model.asked[0].offered == ["probe"]
    assert "- broken: not configured" in model.asked[0].request.messages[-1]["content"]
    assert model.asked[1].results == {"c0": "Error: broken cannot be used here: not configured"}


async def test_a_model_that_is_offered_nothing_hears_why_its_call_is_not_made(tmp_path: Path) -> None:
    """It is not at its last step, as one that is offered no tools any more."""
    model, broken = once("broken"), Probe("broken")
    broken.reason = "not configured"
    async with serving_tools(tmp_path, model, broken) as client:
        config = {"model": "offline", "name": "ada", "tools": ["broken"], "swarm_config": {"shared_memory": False}}
        created = accepted(await client.post("/v1/agents/create", json=config), 201)
        started = accepted(await client.post("/v1/swarms", json={"agent": "ada", "tasks": [{"id": "t"}]}), 201)
        found = await ended(client, f"/v1/swarms/{started['swarm_id']}")

    assert started["warnings"] == created["warnings"] == ["tool 'broken' is not available: not configured"]
    assert (found["status"], broken.runs) == ("completed", [])
    assert model.asked[1].results == {"c0": "Error: broken cannot be used here: not configured"}


async def test_tools_of_an_orchestrator_reach_its_tasks(tmp_path: Path) -> None:
    async def if_offered(asked: Asked) -> ChatResult:
        return answer_of(calling("probe")) if asked.offered else answer_of("nothing to call")

    model, probe = ToolUser(if_offered), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        config = {"model": "offline", "name": "ada", "tools": ["probe"], "swarm_config": {"shared_memory": False}}
        agent = accepted(await client.post("/v1/agents/create", json=config), 201)
        found = await run(client, [{"id": "own"}, {"id": "none", "tools": []}], agent="ada")
        body = {"agent_id": agent["agent_id"], "tasks": [{"task_id": "batched", "prompt": "x"}]}
        accepted(await client.post("/v1/agents/batch-execute", json=body))

    offered = {asked.task_id: asked.offered for asked in model.asked if asked.turn == 0}
    assert offered == {"own": ["probe"], "none": [], "batched": ["probe"]}
    assert {context.task_id for context, _ in probe.runs} == {"own", "batched"}
    assert found["status"] == "completed"


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def refuse(_: ToolContext, __: Mapping[str, Any]) -> str:
    raise ToolRefused("there is no page 9")


async def crash(_: ToolContext, __: Mapping[str, Any]) -> str:
    raise RuntimeError("password=hunter2")


async def cancelled(_: ToolContext, __: Mapping[str, Any]) -> str:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("made", "probe", "said"),
    [
        (calling("probe", '{"n": '), Probe(), "Error: the arguments of probe are not JSON"),
        (calling("probe", {"n": "x"}), Probe(), "integer"),
        (calling("nothing"), Probe(), "Error: you may not call a tool 'nothing'"),
        (calling("probe"), Probe(behaviour=refuse), "Error: there is no page 9"),
        (calling("probe"), Probe(behaviour=crash), "Error: probe failed: a fault of the service"),
        (calling("probe"), Probe(behaviour=cancelled), "Error: probe failed"),
        (calling("probe"), Probe(behaviour=hanging, timeout_s=0.02), "Error: probe did not end within 0.02 s"),
    ],
    ids=["cut off", "mismatch", "unknown", "refusal", "crash", "a cancellation of its own", "timeout"],
)
async def test_what_goes_wrong_is_told_to_the_model_which_then_answers(
    tmp_path: Path, made: Any, probe: Probe, said: str
) -> None:
    model = ToolUser(answer_of(made))
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t", **WITH}])
        task = accepted(await client.get(f"{at_of(found)}/tasks/t"))

    assert (found["status"], output_of(found)) == ("completed", "done t")
    assert said in model.asked[1].results["c1"]
    assert "hunter2" not in str(task)
    assert [attempt["status"] for attempt in task["attempt_log"]] == ["completed"]


async def test_a_large_result_is_cut(tmp_path: Path) -> None:
    async def flood(_: ToolContext, __: Mapping[str, Any]) -> str:
        return "x" * 1_000_000

    model = once()
    async with serving_tools(tmp_path, model, Probe(behaviour=flood, max_output_chars=500)) as client:
        found = await run(client, [{"id": "t", **WITH}])

    assert found["status"] == "completed"
    assert len(model.asked[1].results["c0"]) == 500
    assert model.asked[1].results["c0"].endswith("[shortened: the result has 1000000 characters]")


async def test_tools_that_take_longer_than_the_attempt_may_are_stopped_and_the_model_is_told(tmp_path: Path) -> None:
    probe, model = Probe(behaviour=hanging), once()
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t", "timeout_s": 0.5, **WITH}], retry=QUICK | {"max_retries": 0})

    assert (found["status"], output_of(found)) == ("completed", "done t")
    assert (len(probe.runs), probe.cancelled, probe.running) == (1, 1, 0)
    assert model.asked[1].results["c0"].startswith("Error: probe did not end within 0.")


async def test_the_timeout_of_a_sub_agent_is_for_all_its_calls_and_tools(tmp_path: Path) -> None:
    async def slow(_: ToolContext, __: Mapping[str, Any]) -> str:
        await asyncio.sleep(0.15)
        return "slept"

    probe = Probe(behaviour=slow)
    async with serving_tools(tmp_path, ever(), probe) as client:
        found = await run(client, [{"id": "t", "timeout_s": 0.5, **WITH}], retry=QUICK | {"max_retries": 0})
        task = accepted(await client.get(f"{at_of(found)}/tasks/t"))

    assert (found["status"], error_of(found)["type"]) == ("failed", "timeout")
    assert 2 <= len(probe.runs) <= 30
    assert 500 <= task["latency_ms"] < 1_500


async def test_the_time_of_tools_is_no_model_s(tmp_path: Path) -> None:
    async def slow(_: ToolContext, __: Mapping[str, Any]) -> str:
        await asyncio.sleep(0.3)
        return "slept"

    async with serving_tools(tmp_path, once(), Probe(behaviour=slow)) as client:
        found = await run(client, [{"id": "t", **WITH}])

    path = found["critical_path"]
    assert path["blame"]["tools"] >= 290
    assert path["blame"]["model"] < 250
    assert sum(path["blame"].values()) == path["makespan_ms"]
    assert (path["total_steps"], found["steps"]) == (2, 2)


# --- /v1/tools and names ---------------------------------------------------------------------------------------------


async def test_tools_are_listed_with_their_schemas_and_whether_they_can_be_used(tmp_path: Path) -> None:
    probe, broken = Probe(timeout_s=5.0, max_output_chars=700), Probe("broken")
    broken.reason = "no sandbox on this machine"
    async with serving_tools(tmp_path, once(), probe, broken) as client:
        found = accepted(await client.get("/v1/tools"))

    assert found["next_cursor"] is None
    by_name = {item["name"]: item for item in found["items"]}
    assert by_name["probe"] == {
        "name": "probe",
        "description": "It probes.",
        "parameters": dict(probe.spec.parameters),
        "available": True,
        "reason": None,
        "timeout_s": 5.0,
        "max_output_chars": 700,
        "concurrency": probe.spec.concurrency,
    }
    assert (by_name["broken"]["available"], by_name["broken"]["reason"]) == (False, "no sandbox on this machine")
    assert len(by_name) == len(found["items"])
    assert by_name.keys() > set(BUILT_IN_TOOLS)
    for item in found["items"]:
        assert item["available"] is (item["reason"] is None)
        assert item["parameters"]["type"] == "object"
        assert item["description"]


@pytest.mark.parametrize(
    ("tools", "pointer"),
    [
        (["probe", "nothing"], "/tasks/1/tools/1"),
        ([""], "/tasks/1/tools/0"),
        (["x" * 65], "/tasks/1/tools/0"),
        ([{"type": "function"}], "/tasks/1/tools/0"),
        (["../probe"], "/tasks/1/tools/0"),
    ],
)
async def test_a_tool_that_nobody_knows_is_refused_by_its_place(tmp_path: Path, tools: list[Any], pointer: str) -> None:
    async with serving_tools(tmp_path, once(), Probe()) as client:
        answer = await client.post("/v1/swarms", json={"tasks": [{"id": "a"}, {"id": "b", "tools": tools}]})

        assert pointers(answer) == [pointer]


async def test_names_come_as_texts_or_as_vendors_write_them_each_once(tmp_path: Path) -> None:
    model, probe = once(), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        named = ["probe", {"type": "function", "function": {"name": "probe"}}, {"name": "probe"}]
        found = await run(client, [{"id": "t", "tools": named}])

    assert (found["status"], model.asked[0].offered) == ("completed", ["probe"])


async def test_usage_of_a_task_is_that_of_its_calls(tmp_path: Path) -> None:
    async with serving_tools(tmp_path, once(), Probe()) as client:
        found = await run(client, [{"id": "t", **WITH}])
        task = accepted(await client.get(f"{at_of(found)}/tasks/t"))

    assert task["usage"]["total_tokens"] == Usage(prompt_tokens=20, completion_tokens=4).total_tokens
