"""Goals in words: a supervisor's plan and an orchestrator's turns, with models that behave and models that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from app.domain.roles import BUILT_IN
from tests.support.pictures import seeing
from tests.support.planning import (
    ATTACHED,
    GOAL,
    LOST,
    PLAN,
    PLAN_OF_THREE,
    Cast,
    checked_events,
    get,
    run,
    tasks_of,
)
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

MOST_CALLS_OF_A_PLANNER = 6
"""Three attempts, each with one repair."""


# --- a supervisor ----------------------------------------------------------------------------------------------------


async def test_a_plan_becomes_a_run_whose_dependencies_roles_and_sources_hold(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE).on("merge", "South earned more than North.")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED)
        log = await checked_events(client, found["swarm_id"])

    assert (found["status"], found["aggregated"]) == ("completed", "South earned more than North.")
    assert found["counts"]["total"] == found["counts"]["completed"] == 3
    assert found["steps"] == 5
    assert [task["task_id"] for task in found["results"]["outputs"]] == ["north", "south", "both"]
    north, south, both, merge = (cast.of(who)[0] for who in ("north", "south", "both", "merge"))
    assert both.began > max(north.ended, south.ended)
    assert both.inputs == {"north": "done north", "south": "done south"}
    assert north.system == BUILT_IN["researcher"].system_prompt
    assert south.system == BUILT_IN["analyzer"].system_prompt
    assert north.task["data"] == {"documents": [{"name": "north.txt", "text": "North earned 7."}]}
    assert "South earned" not in north.prompt
    assert "documents" not in orjson.dumps(both.task).decode()
    assert merge.inputs == {"north": "done north", "south": "done south", "both": "done both"}
    assert "One sentence, the larger first." in merge.prompt
    places = {(event["type"], event["task_id"]): event["seq"] for event in log}
    assert places["agent_spawned", "both"] > places["agent_completed", "north"]
    assert places["agent_spawned", "both"] > places["agent_completed", "south"]
    assert places["agent_step", "~planner"] < places["agent_spawned", "north"]


BROKEN: dict[str, tuple[Any, str]] = {
    "no JSON": ("Sure, I will think about that.", "JSON"),
    "a cycle": (
        {
            "subtasks": [
                {"id": "a", "prompt": "A", "depends_on": ["b"]},
                {"id": "b", "prompt": "B", "depends_on": ["a"]},
            ]
        },
        "take one of these dependencies out",
    ),
    "5,000 subtasks": ({"subtasks": [{"id": f"s{at}", "prompt": "P"} for at in range(5000)]}, "at most 300"),
    "an unknown dependency": ({"subtasks": [{"id": "a", "prompt": "A", "depends_on": ["zebra"]}]}, "'zebra'"),
    "an unknown source": ({"subtasks": [{"id": "a", "prompt": "A", "sources": ["east.txt"]}]}, "'east.txt'"),
    "no prompt": ({"subtasks": [{"id": "a"}]}, "/subtasks/0/prompt"),
    "an empty list": ({"subtasks": []}, "at least one subtask"),
    "the planner's own id": ({"subtasks": [{"id": "~planner", "prompt": "A"}]}, "~planner"),
    "too deep": ({"subtasks": [{"id": "a", "prompt": "A", "data": orjson.loads("[" * 60 + "]" * 60)}]}, "levels deep"),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_plan_that_cannot_run_is_repaired_once_with_its_errors_shown(tmp_path: Path, broken: str) -> None:
    answer, error = BROKEN[broken]
    cast = Cast().on(PLAN, answer, PLAN_OF_THREE)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED)

    assert (found["status"], found["counts"]["completed"]) == ("completed", 3)
    first, repair = cast.of(PLAN)
    assert (first.repair, repair.repair) == (False, True)
    assert error in repair.said
    shown = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
    assert repair.messages[-2] == {"role": "assistant", "content": shown}


@pytest.mark.parametrize("broken", ["no JSON", "a cycle", "5,000 subtasks"])
async def test_a_planner_that_never_makes_sense_ends_the_run_with_an_error_that_says_so(
    tmp_path: Path, broken: str
) -> None:
    answer, error = BROKEN[broken]
    cast = Cast().on(PLAN, answer)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED)

    assert found["status"] == "failed"
    assert error in (found["error"] or ""), found["error"]
    assert len(cast.asked) == MOST_CALLS_OF_A_PLANNER
    assert [asked.repair for asked in cast.asked] == [False, True] * 3
    assert found["counts"]["total"] == 0
    assert found["steps"] == MOST_CALLS_OF_A_PLANNER


async def test_an_empty_answer_is_repaired_without_an_empty_message(tmp_path: Path) -> None:
    """Several vendors refuse an empty message of the assistant."""
    cast = Cast().on(PLAN, "", PLAN_OF_THREE)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED)

    assert (found["status"], found["counts"]["completed"]) == ("completed", 3)
    assert cast.of(PLAN)[1].repair
    assert all(message["content"] for message in cast.of(PLAN)[1].messages)


async def test_a_long_attachment_is_read_in_parts_that_are_combined(tmp_path: Path) -> None:
    text = "".join(f"Line {at} of the long report.\n" for at in range(32_000))  # 0.9 MB, in parts of 400,000 characters
    cast = Cast().on(PLAN, {"subtasks": [{"id": "a", "prompt": "Read.", "sources": ["long.txt"]}]})
    async with in_process(tmp_path, provider=cast) as client:
        body = GOAL | {"attachments": {"files": [{"name": "long.txt", "content": text}]}, "aggregate": "none"}
        found = await run(client, body)

    assert [task["task_id"] for task in found["results"]["outputs"]] == ["a#1", "a#2", "a#3", "a"]
    parts = [cast.of(f"a#{at}")[0].task["data"]["documents"][0] for at in (1, 2, 3)]
    assert "".join(part["text"] for part in parts) == text
    assert cast.of("a")[0].inputs == {f"a#{at}": f"done a#{at}" for at in (1, 2, 3)}


async def test_truncated_json_is_read_without_another_call(tmp_path: Path) -> None:
    whole = '{"subtasks": [{"id": "a", "prompt": "First."}, {"id": "b", "prompt": "Second."}'
    cast = Cast().on(PLAN, f"Here is the plan:\n```json\n{whole}")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL)

    assert (found["status"], found["counts"]["completed"]) == ("completed", 2)
    assert len(cast.of(PLAN)) == 1


async def test_lists_beside_each_other_keep_the_roles_that_they_have(tmp_path: Path) -> None:
    plan = {"subtasks": ["Find sources.", "Count them.", "Write it up."], "roles": ["researcher", "analyst"]}
    cast = Cast().on(PLAN, plan)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL)
        roles = [task["role"] for task in (await tasks_of(client, found["swarm_id"])).values()]

    assert found["status"] == "completed"
    assert roles == ["researcher", "analyzer", None]


async def test_an_unknown_role_runs_without_a_prompt_and_the_plan_says_so(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, {"subtasks": [{"id": "a", "prompt": "A", "role": "alchemist"}]})
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL)
        planner = await get(client, f"/v1/swarms/{found['swarm_id']}/tasks/~planner")

    assert found["status"] == "completed"
    assert found["results"]["outputs"][0]["role"] == "alchemist"
    assert cast.of("a")[0].system == ""
    assert (planner["kind"], planner["output"]["warnings"]) == (
        "planner",
        ["/subtasks/0/role: 'alchemist' is none of the known roles; kept as it is"],
    )


async def test_own_roles_are_offered_to_the_planner_and_reach_its_sub_agents(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, {"subtasks": [{"id": "a", "prompt": "A", "role": "Sommelier"}]})
    async with in_process(tmp_path, provider=cast) as client:
        put = await client.put(
            "/v1/roles", json={"sommelier": {"system_prompt": "You know wine.", "capability_tags": ["wine"]}}
        )
        assert put.status_code == 200
        found = await run(client, GOAL)

    assert found["status"] == "completed"
    assert "sommelier" in cast.of(PLAN)[0].prompt
    assert cast.of("a")[0].system == "You know wine."


async def test_max_agents_bounds_a_plan(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED | {"limits": {"max_agents": 2}})

    assert found["status"] == "failed"
    assert "at most 2" in found["error"]


async def test_pictures_of_a_goal_reach_the_planner(tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/chart.png"}}
    cast = Cast().on(PLAN, {"subtasks": [{"id": "a", "prompt": "A"}]})
    async with seeing(tmp_path, cast) as client:
        found = await run(client, {"goal": [{"type": "text", "text": "What is this?"}, picture]})

    assert found["status"] == "completed"
    content = cast.of(PLAN)[0].messages[-1]["content"]
    assert "What is this?" in content[0]["text"]
    assert content[1] == picture
    assert cast.of("a")[0].messages[-1]["content"][:2] == [{"type": "text", "text": "A"}, picture]
    assert isinstance(cast.of("merge")[0].messages[-1]["content"], str)


async def test_a_schema_of_a_goal_is_that_of_the_merged_value(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["winner"], "properties": {"winner": {"type": "string"}}}
    cast = Cast().on(PLAN, PLAN_OF_THREE).on("merge", "not JSON at all", '{"winner": "south"}')
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED | {"output_schema": schema})

    assert found["aggregated"] == {"winner": "south"}
    assert [asked.repair for asked in cast.of("merge")] == [False, True]
    assert found["results"]["outputs"][0]["output"] == "done north"


async def test_a_failed_subtask_leaves_a_merged_value_that_names_what_is_missing(tmp_path: Path) -> None:
    cast = Cast().on(PLAN, PLAN_OF_THREE).on("south", LOST)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, GOAL | ATTACHED | {"retry": {"max_retries": 0}})

    assert found["status"] == "partial"
    assert found["aggregation"]["status"] == "partial"
    assert found["aggregation"]["missing"] == ["south", "both"]
    assert found["results"]["missing"] == ["south", "both"]
    assert cast.of("merge")[0].inputs == {"north": "done north"}


# --- refused ---------------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "blank": ({"goal": "  "}, "/goal"),
    "no text": ({"goal": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}, "/goal"),
    "unknown planner": ({"goal": "G", "planner": "genie"}, "/planner"),
    "planner of tasks": ({"tasks": [{"id": "a"}], "planner": "supervisor"}, "/planner"),
    "two kinds of work": ({"goal": "G", "tasks": [{"id": "a"}]}, "/goal"),
    "escape": ({"goal": "G", "attachments": {"paths": ["../secret"]}}, "/attachments/paths/0"),
    "same name twice": (
        {"goal": "G", "attachments": {"files": [{"name": "a", "content": "x"}, {"name": "a", "content": "y"}]}},
        "/attachments/files/1/name",
    ),
    "no attachments": ({"goal": "G", "attachments": {}}, "/attachments"),
    "schema of a concat": ({"goal": "G", "aggregate": "concat", "output_schema": {"type": "object"}}, "/output_schema"),
    "no agents": ({"goal": "G", "limits": {"max_agents": 0}}, "/limits/max_agents"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_goal_is_refused_by_its_field(tmp_path: Path, wrong: str) -> None:
    body, pointer = WRONG[wrong]
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        response = await client.post("/v1/swarms", json=body)
        listed = await get(client, "/v1/swarms")

    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]][:1] == [pointer]
    assert listed["items"] == []
    assert cast.asked == []
