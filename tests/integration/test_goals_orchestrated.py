"""Goals that a model reaches turn by turn, with tools that create sub-agents and assign tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from tests.support.planning import (
    ATTACHED,
    LOST,
    ORCHESTRATED,
    REFUSED,
    TURN,
    Cast,
    assigns,
    ended,
    get,
    hires,
    run,
    said,
    start,
)
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

# --- an orchestrator -------------------------------------------------------------------------------------------------


async def test_calls_of_a_turn_run_in_parallel_and_their_results_come_back(tmp_path: Path) -> None:
    turn = said(None, *hires("scout", "judge"), *assigns("scout", "Go north.", "Go south."), *assigns("judge", "Wait."))
    cast = Cast().on(TURN, turn, "South wins.")
    cast.hold("t1-3-scout", "t1-4-scout", "t1-5-judge")
    async with in_process(tmp_path, provider=cast) as client:
        swarm_id = await start(client, ORCHESTRATED)
        for task_id in ("t1-3-scout", "t1-4-scout", "t1-5-judge"):
            await cast.until_asked(task_id)
        assert cast.running == 3
        running = await get(client, f"/v1/swarms/{swarm_id}")
        cast.release("t1-3-scout", "t1-4-scout", "t1-5-judge")
        found = await ended(client, swarm_id)

    assert (running["status"], running["counts"]["running"], running["counts"]["total"]) == ("running", 3, 3)
    assert (found["status"], found["aggregated"]) == ("completed", "South wins.")
    assert found["aggregation"]["strategy"] == "orchestrator"
    assert found["steps"] == 5
    assert cast.of("t1-3-scout")[0].system == "You are scout."
    assert cast.of("t1-5-judge")[0].system == "You are judge."
    first, second = cast.of(TURN)
    assert [tool["function"]["name"] for tool in first.request.tools] == ["create_subagent", "assign_task"]
    assert second.tool_replies == {
        "c1": '{"name": "scout", "status": "created"}',
        "c2": '{"name": "judge", "status": "created"}',
        "c3": "done t1-3-scout",
        "c4": "done t1-4-scout",
        "c5": "done t1-5-judge",
    }


async def test_an_orchestrator_may_answer_at_once(tmp_path: Path) -> None:
    cast = Cast().on(TURN, "42")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED)

    assert (found["status"], found["aggregated"], found["steps"]) == ("completed", "42", 1)
    assert found["counts"]["total"] == 0


async def test_malformed_calls_are_answered_to_the_model_and_cost_nothing_else(tmp_path: Path) -> None:
    turn = said(
        "Let me see.",
        ("create_subagent", '{"name": "scout", "system_pro'),
        ("assign_task", {"agent": "nobody", "prompt": "Go."}),
        ("launch_rocket", {}),
        ("assign_task", "[]"),
        ("assign_task", {"agent": "scout", "prompt": "Go.", "sources": ["no such file"]}),
    )
    cast = Cast().on(TURN, turn, "Done without them.")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED)

    assert (found["status"], found["aggregated"], found["counts"]["total"]) == ("completed", "Done without them.", 0)
    replies = cast.of(TURN)[1].tool_replies
    assert list(replies) == ["c1", "c2", "c3", "c4", "c5"]
    assert all(reply.startswith("Error: ") for reply in replies.values())
    sent_back = cast.of(TURN)[1].messages[-6]["tool_calls"]
    assert all(isinstance(orjson.loads(call["function"]["arguments"]), dict | list) for call in sent_back)


async def test_endless_calls_end(tmp_path: Path) -> None:
    cast = Cast().on(TURN, said(None, *hires("scout")))
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED, wait_s=60)

    assert found["status"] == "failed"
    assert "still calls tools after 50 turns" in (found["error"] or ""), found["error"]
    assert len(cast.asked) == found["steps"] == 50
    assert not cast.asked[-1].request.tools


async def test_endless_assignments_end_at_max_agents(tmp_path: Path) -> None:
    turns = [said(None, *hires("scout"), *assigns("scout", "Go.", "Go.")) for _ in range(2)]
    cast = Cast().on(TURN, *turns, "Enough.")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED | {"limits": {"max_agents": 3}})

    assert (found["status"], found["counts"]["total"]) == ("completed", 3)
    last = cast.of(TURN)[-1].tool_replies
    assert "3 tasks have been assigned, the most that are allowed" in last["c3"]


async def test_the_step_limit_ends_an_orchestrator_that_never_stops(tmp_path: Path) -> None:
    cast = Cast().on(TURN, said(None, *hires("scout"), *assigns("scout", "Go.")))
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED | {"limits": {"max_steps": 7}})

    assert found["steps"] == 7
    assert found["status"] == "partial"
    assert "max_steps" in found["error"]


async def test_long_results_come_back_shortened_and_say_so(tmp_path: Path) -> None:
    turn = said(None, *hires("scout"), *assigns("scout", "One.", "Two."))
    cast = Cast().on(TURN, turn, "Read.").on("t1-2-scout", "a" * 200_000).on("t1-3-scout", "b" * 200_000)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED)

    assert found["status"] == "completed"
    last = cast.of(TURN)[1]
    replies = last.tool_replies
    assert replies["c2"].endswith("[shortened: the output has 200000 characters]")
    assert replies["c3"].endswith("[shortened: the output has 200000 characters]")
    assert sum(len(str(message)) for message in last.messages) < 131_072 * 2 + 5_000


async def test_a_sub_agent_that_fails_is_told_to_the_orchestrator_which_goes_on(tmp_path: Path) -> None:
    turn = said(None, *hires("scout"), *assigns("scout", "One.", "Two."))
    cast = Cast().on(TURN, turn, "Half of it.").on("t1-2-scout", LOST)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED | {"retry": {"max_retries": 0}})

    assert (found["status"], found["aggregated"]) == ("partial", "Half of it.")
    assert found["aggregation"]["missing"] == ["t1-2-scout"]
    replies = cast.of(TURN)[1].tool_replies
    assert "failed and has no result" in replies["c2"]
    assert replies["c3"] == "done t1-3-scout"


async def test_an_orchestrator_gives_attachments_to_those_it_chooses(tmp_path: Path) -> None:
    turn = said(None, *hires("scout"), *assigns("scout", "Read.", sources=["North.txt"]), *assigns("scout", "Guess."))
    cast = Cast().on(TURN, turn, "7.")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED | ATTACHED)

    assert found["status"] == "completed"
    assert cast.of("t1-2-scout")[0].task["data"]["documents"] == [{"name": "north.txt", "text": "North earned 7."}]
    assert "data" not in cast.of("t1-3-scout")[0].task


async def test_the_answer_of_an_orchestrator_matches_the_schema_of_the_goal(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    cast = Cast().on(TURN, said(None, *hires("scout"), *assigns("scout", "Go.")), "seven", '{"n": 7}')
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED | {"output_schema": schema})

    assert (found["status"], found["aggregated"]) == ("completed", {"n": 7})
    assert len(cast.of(TURN)) == 3


async def test_thousands_of_calls_in_one_turn_run_at_most_max_agents_and_stay_small(tmp_path: Path) -> None:
    """What is sent back must not outgrow the model: 5,000 refusals would be 2 MB."""
    cast = Cast().on(TURN, said(None, *hires("scout"), *assigns("scout", *["Go there. " * 10] * 5_000)), "Enough.")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED | {"limits": {"max_agents": 20}})

    assert (found["status"], found["counts"]["total"], found["steps"]) == ("completed", 20, 22)
    last = cast.of(TURN)[-1]
    calls = [call["id"] for message in last.messages for call in message.get("tool_calls") or ()]
    assert sorted(calls) == sorted(last.tool_replies)
    assert sum(len(str(message)) for message in last.messages) < 100_000


async def test_calls_that_share_an_id_are_answered_and_not_carried_out(tmp_path: Path) -> None:
    turn = said(None, *hires("scout"), *assigns("scout", "One.", "Two."))
    turn = replace(turn, tool_calls=tuple(replace(call, id="same") for call in turn.tool_calls))
    cast = Cast().on(TURN, turn, "Then not.")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED)

    assert (found["status"], found["counts"]["total"]) == ("completed", 0)
    assert "3 different calls of this turn have the id 'same'" in cast.of(TURN)[1].tool_replies["same"]


async def test_fail_fast_stops_the_orchestrator_with_its_sub_agents(tmp_path: Path) -> None:
    turn = said(None, *hires("scout"), *assigns("scout", "One.", "Two."))
    cast = Cast().on(TURN, turn, "There.").on("t1-2-scout", REFUSED)
    cast.hold("t1-3-scout")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, ORCHESTRATED | {"on_task_failure": "fail_fast"})

    assert found["status"] == "failed"
    assert "fail_fast" in found["error"]
    assert (found["counts"]["failed"], found["counts"]["cancelled"]) == (1, 1)
    assert len(cast.of(TURN)) == 1
