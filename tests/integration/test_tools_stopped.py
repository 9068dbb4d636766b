"""Sub-agents with tools at their limits, stopped, retried and restarted, over HTTP; and the offline model's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.ports.provider import ChatRequest, ChatResult, Unavailable
from app.ports.tools import ToolContext, ToolRefused
from tests.support.driving import QUICK, ended, run, start, until
from tests.support.money import OFFLINE_PRICE
from tests.support.stage import accepted
from tests.support.tool_runs import WITH, at_of, error_of, events_of, ever, once, output_of
from tests.support.tools import Asked, Probe, ToolUser, answer_of, calling, hanging, serving_tools

pytestmark = pytest.mark.anyio


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_the_last_call_offers_no_tools_and_who_still_calls_has_failed(tmp_path: Path) -> None:
    model, probe = ever(), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t", "max_steps": 3, **WITH}])

    assert [asked.offered for asked in model.asked] == [["probe"], ["probe"], []]
    assert (found["status"], error_of(found)["type"], len(probe.runs)) == ("failed", "max_steps", 2)


async def test_without_a_limit_of_its_own_a_sub_agent_has_thirty_calls(tmp_path: Path) -> None:
    async def go_on(asked: Asked) -> ChatResult:
        return answer_of(calling("probe")) if asked.offered else answer_of("It is enough.")

    model, probe = ToolUser(*([go_on] * 40)), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t", **WITH}])

    assert (found["status"], output_of(found)) == ("completed", "It is enough.")
    assert (len(model.asked), len(probe.runs), found["steps"]) == (30, 29, 30)


@pytest.mark.parametrize("by", ["swarm", "batch"])
async def test_results_are_shortened_to_the_context_window_the_oldest_first(tmp_path: Path, by: str) -> None:
    async def long(_: ToolContext, arguments: Mapping[str, Any]) -> str:
        return str(arguments["n"]) * 3_000

    model = ToolUser(*(answer_of(calling("probe", {"n": at}, f"c{at}")) for at in range(4)))
    async with serving_tools(tmp_path, model, Probe(behaviour=long)) as client:
        if by == "swarm":
            await run(client, [{"id": "t", "prompt": "x", **WITH}], context_window=2_000)
        else:
            agent = accepted(await client.post("/v1/agents/create", json={"model": "offline", "name": "ada"}), 201)
            body = {"agent_id": agent["agent_id"], "tasks": [{"task_id": "t", "prompt": "x", **WITH}]}
            accepted(await client.post("/v1/agents/batch-execute", json=body | {"context_window": 2_000}))

    lengths = [len(text) for text in model.asked[-1].results.values()]
    assert lengths[2:] == [3_000, 3_000]
    assert lengths[0] < lengths[1] < 3_000


@pytest.mark.parametrize("window", [255, 100_000_001, -1, "1000", 1000.5])
async def test_a_wrong_context_window_is_refused_by_its_name(tmp_path: Path, window: object) -> None:
    async with serving_tools(tmp_path, once(), Probe()) as client:
        refused = await client.post("/v1/swarms", json={"tasks": [{"prompt": "x"}], "context_window": window})

        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/context_window"
        assert accepted(await client.get("/v1/swarms"))["items"] == []


async def test_a_token_budget_ends_a_sub_agent_that_calls_and_calls(tmp_path: Path) -> None:
    model, probe = ever(), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        tasks = [{"id": "t", "max_output_tokens": 50, "token_budget": 1_000, **WITH}]
        found = await run(client, tasks)

    assert found["status"] in {"failed", "partial"}
    assert error_of(found)["type"] == "token_budget"
    assert 1 <= len(model.asked) < 30
    assert found["tokens"]["in"] + found["tokens"]["out"] <= 1_000


async def test_a_run_that_pauses_at_its_budget_goes_on_behind_its_tools(tmp_path: Path) -> None:
    model, probe = once(), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        tasks = [{"id": "t", "max_output_tokens": 50, **WITH}]
        at = await start(client, tasks, budget={"max_cost_usd": 0.0009})
        found = await ended(client, at)

        assert (found["status"], found["pause_reason"]) == ("paused", "budget"), found
        assert (len(model.asked), len(probe.runs)) == (1, 1)
        accepted(await client.patch(at, json={"budget": {"max_cost_usd": 1}}))
        found = await ended(client, at)

    assert (found["status"], model.turns, len(probe.runs)) == ("completed", [0, 1], 1)


# --- stops and restarts ----------------------------------------------------------------------------------------------


async def test_a_cancel_stops_tools_that_run_and_leaves_nothing(tmp_path: Path) -> None:
    async def hang_at_first(context: ToolContext, arguments: Mapping[str, Any]) -> None:
        if len(probe.runs) <= 2:
            await hanging(context, arguments)

    probe = Probe(behaviour=hang_at_first, concurrency=2)
    model = once("probe", "probe")
    async with serving_tools(tmp_path, model, probe, max_agents=1) as client:
        at = await start(client, [{"id": "t", **WITH}])
        await until(lambda: probe.running == 2)
        accepted(await client.post(f"{at}/cancel"), 202)
        found = await ended(client, at)
        await until(lambda: not probe.running)

        assert (found["status"], probe.cancelled, model.turns) == ("cancelled", 2, [0])
        assert [event["kind"] for event in await events_of(client, at, "agent_step")] == ["calls"]
        after = await run(client, [{"id": "t", **WITH}])  # which gets the slots of the tool and of its lane
        assert (after["status"], len(probe.runs)) == ("completed", 4)


async def test_a_pause_between_a_call_and_its_tools_holds_them_back(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def held(_: Asked) -> ChatResult:
        await go_on.wait()
        return answer_of(calling("probe"))

    model, probe = ToolUser(held), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        at = await start(client, [{"id": "t", **WITH}])
        await until(lambda: len(model.asked) == 1)
        accepted(await client.post(f"{at}/pause"), 202)
        await status(client, at, "paused")
        go_on.set()
        async with asyncio.timeout(30):
            while not await events_of(client, at, "agent_step"):
                await asyncio.sleep(0.005)
        assert probe.runs == []

        accepted(await client.post(f"{at}/resume"), 202)
        found = await ended(client, at)

    assert (found["status"], len(probe.runs), model.turns) == ("completed", 1, [0, 1])


async def status(client: httpx2.AsyncClient, at: str, wanted: str) -> None:
    async with asyncio.timeout(30):
        while accepted(await client.get(at))["status"] != wanted:
            await asyncio.sleep(0.005)


async def test_an_error_of_the_provider_does_not_repeat_tools_that_were_recorded(tmp_path: Path) -> None:
    model, probe = ToolUser(*(answer_of(calling("probe", {"n": at})) for at in range(3))), Probe()
    model.failing = {at: [Unavailable("503"), Unavailable("503")] for at in (1, 3)}
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t", "max_retries": 5, **WITH}])
        task = accepted(await client.get(f"{at_of(found)}/tasks/t"))

    assert (found["status"], probe.given) == ("completed", [0, 1, 2])
    assert model.turns == [0, 1, 1, 1, 2, 3, 3, 3]
    assert len(task["attempt_log"]) == 5


class Judged(ToolUser):
    """Also judges: once badly, then well."""

    def __init__(self, *turns: Any) -> None:
        super().__init__(*turns)
        self._scores = [0.1, 0.9]

    async def complete(self, request: ChatRequest) -> ChatResult:
        if "## Output to judge" in str(request.messages[-1]["content"]):
            return answer_of(json.dumps({"score": self._scores.pop(0), "critique": "Name it."}))
        return await super().complete(request)


async def test_a_rejected_answer_is_made_anew_without_running_tools_again(tmp_path: Path) -> None:
    model, probe = Judged(answer_of(calling("probe"))), Probe()
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [{"id": "t", "max_retries": 2, **WITH}], validate="Names a source.")

    assert (found["status"], len(probe.runs), model.turns) == ("completed", 1, [0, 1, 1])
    assert model.asked[2].results == {"c1": "probe of 1"}
    assert "Name it." in str(model.asked[2].request.messages)


async def test_hedging_runs_no_tool_twice(tmp_path: Path) -> None:
    async def slow_at_last(context: ToolContext, __: Mapping[str, Any]) -> None:
        await asyncio.sleep(0.3 if context.task_id == "zz" else 0)

    model, probe = once(), Probe(behaviour=slow_at_last)
    quick = [{"id": f"q{at}", **WITH} for at in range(20)]
    last = {"id": "zz", "depends_on": [task["id"] for task in quick], **WITH}
    async with serving_tools(tmp_path, model, probe) as client:
        found = await run(client, [*quick, last], retry=QUICK | {"hedge_percentile": 90})

    assert found["status"] == "completed"
    assert len(probe.runs) == 21
    assert [context.task_id for context, _ in probe.runs].count("zz") == 1


async def test_a_restart_while_tools_run_asks_the_model_for_nothing_again(tmp_path: Path) -> None:
    turns = [answer_of(calling("probe", {"n": at})) for at in range(2)]
    model, probe = ToolUser(*turns), Probe()

    async def second_hangs(context: ToolContext, arguments: Mapping[str, Any]) -> None:
        if arguments["n"] == 1:
            await hanging(context, arguments)

    stuck = Probe(behaviour=second_hangs)
    async with serving_tools(tmp_path, model, stuck) as client:
        at = await start(client, [{"id": "t", **WITH}])
        await until(lambda: stuck.given == [0, 1])
    assert (stuck.running, model.turns) == (0, [0, 1])

    after = ToolUser(*turns)
    async with serving_tools(tmp_path, after, probe) as client:
        found = await ended(client, at)

    assert (found["status"], probe.given, after.turns) == ("completed", [1], [2])
    assert probe.runs[0][0].run_key == stuck.runs[1][0].run_key


# --- the offline model -----------------------------------------------------------------------------------------------


async def test_the_offline_model_calls_tools_and_comes_to_an_end(tmp_path: Path) -> None:
    search = Probe(
        "search_notes",
        description="Search the notes.",
        parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
        behaviour=lambda context, arguments: said(f"Found for {arguments['query']}: the sky is blue."),
    )
    async with serving_tools(tmp_path, None, search) as client:
        tasks = [{"id": "t", "prompt": "Search the notes for the colour of the sky.", "tools": ["search_notes"]}]
        found = await run(client, tasks)

    assert (found["status"], len(search.runs) >= 1) == ("completed", True)
    assert "the sky is blue" in str(output_of(found))
    assert found["steps"] <= 30


NAMES = ["search_notes", "read_file"]


async def said(text: str) -> str:
    return text


async def test_the_offline_model_ends_where_every_tool_fails(tmp_path: Path) -> None:
    probes = [Probe(name, behaviour=refuse, parameters={"type": "object"}) for name in NAMES]
    async with serving_tools(tmp_path, None, *probes) as client:
        tasks = [{"id": "t", "prompt": "Search the notes and read the file a.txt.", "tools": NAMES}]
        found = await run(client, tasks)

    assert found["status"] == "completed"
    assert found["steps"] <= 30


async def refuse(_: ToolContext, __: Mapping[str, Any]) -> str:
    raise ToolRefused("it cannot be reached")
