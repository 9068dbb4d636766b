"""Outputs that have to match a schema: how models are asked, what is mended, what is refused."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.planning import AT_ONCE, Cast, checked_events, endpoint, get, run
from tests.support.problems import pointers, problem
from tests.support.service import in_process

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["city", "people"],
    "additionalProperties": False,
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 0}},
}
PARIS = {"city": "Paris", "people": 2_100_000}
TASK = {"id": "a", "prompt": "Name a city.", "output_schema": SCHEMA}
BODY = {"tasks": [TASK], "retry": AT_ONCE}


# --- on the wire -----------------------------------------------------------------------------------------------------


async def asked_as(tmp_path: Path, how: str | None, answer: str, model: str = "m") -> list[dict[str, Any]]:
    """The bodies that a provider gets which is configured to be asked for JSON in this way."""
    async with endpoint({model: answer}) as upstream:
        provider: dict[str, Any] = {"base_url": upstream.url, "models": [model]}
        if how is not None:
            provider["structured_output"] = how
        async with in_process(tmp_path, providers={"p": provider}, default_model=model) as client:
            found = await run(client, BODY)
    assert found["results"]["outputs"][0]["output"] == PARIS
    return [orjson.loads(body) for body in upstream.bodies if body]


@pytest.mark.parametrize("how", [None, "json_schema"])
async def test_a_provider_with_schemas_is_asked_natively(tmp_path: Path, how: str | None) -> None:
    [body] = await asked_as(tmp_path, how, orjson.dumps(PARIS).decode())

    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": SCHEMA, "strict": True},
    }
    assert "## Output format" in body["messages"][-1]["content"]


async def test_a_provider_with_json_alone_is_asked_for_json_and_told_the_schema(tmp_path: Path) -> None:
    [body] = await asked_as(tmp_path, "json_object", orjson.dumps(PARIS).decode())

    assert body["response_format"] == {"type": "json_object"}
    assert orjson.dumps(SCHEMA).decode() in body["messages"][-1]["content"]


async def test_any_other_provider_is_told_in_words(tmp_path: Path) -> None:
    [body] = await asked_as(tmp_path, "prompt", f"Here you are:\n```json\n{orjson.dumps(PARIS).decode()}\n```\nDone.")

    assert "response_format" not in body
    assert orjson.dumps(SCHEMA).decode() in body["messages"][-1]["content"]


# --- mended, repaired, failed ----------------------------------------------------------------------------------------

MENDED = {
    "fenced": '```json\n{"city": "Paris", "people": 2100000}\n```',
    "in prose": 'Sure! {"city": "Paris", "people": 2100000} Anything else?',
    "a trailing comma": '{"city": "Paris", "people": 2100000,}',
    "single quotes": "{'city': 'Paris', 'people': 2100000}",
    "cut off": '{"people": 2100000, "city": "Paris"',
}


@pytest.mark.parametrize("answer", MENDED)
async def test_json_that_is_nearly_right_is_mended_without_another_call(tmp_path: Path, answer: str) -> None:
    cast = Cast().on("a", MENDED[answer])
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, BODY)

    assert found["results"]["outputs"][0]["output"] == PARIS
    assert found["steps"] == 1


async def test_a_number_that_is_cut_off_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    cast = Cast().on("a", '{"city": "Paris", "people": 21', PARIS)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, BODY)

    assert found["results"]["outputs"][0]["output"] == PARIS
    assert found["steps"] == 2


async def test_a_mismatch_is_repaired_once_with_its_errors_shown(tmp_path: Path) -> None:
    wrong = '{"city": "Paris", "people": -5, "mayor": "x"}'
    cast = Cast().on("a", wrong, PARIS)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, BODY)
        log = await checked_events(client, found["swarm_id"])

    assert (found["status"], found["steps"]) == ("completed", 2)
    [output] = found["results"]["outputs"]
    assert (output["output"], output["attempts"]) == (PARIS, 1)
    repair = cast.asked[1]
    assert repair.repair
    assert repair.messages[-2] == {"role": "assistant", "content": wrong}
    assert "people" in repair.said
    assert "mayor" in repair.said
    assert repair.request.response_format == cast.asked[0].request.response_format
    assert [event["kind"] for event in log if event["type"] == "agent_step"] == ["answer"]


async def test_an_endless_mismatch_is_a_typed_failure_after_bounded_calls(tmp_path: Path) -> None:
    cast = Cast().on("a", "I would rather not.")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, BODY | {"retry": {"max_retries": 1, "base_delay_s": 0}})

    [output] = found["results"]["outputs"]
    assert (output["status"], output["output"]) == ("failed", None)
    assert output["error"]["type"] == "output_mismatch"
    assert [asked.repair for asked in cast.asked] == [False, True, False, True]
    assert found["steps"] == 4


async def test_the_schema_of_a_run_is_that_of_every_task_without_its_own(tmp_path: Path) -> None:
    tasks = [{"id": "a"}, {"id": "b", "output_schema": {"type": "array"}}]
    cast = Cast().on("a", PARIS).on("b", "[1]")
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"tasks": tasks, "output_schema": SCHEMA, "aggregate": "by_role"})

    assert [task["output"] for task in found["results"]["outputs"]] == [PARIS, [1]]
    assert found["aggregated"] == {"": [PARIS, [1]]}


async def test_parsed_outputs_reach_dependents_as_values(tmp_path: Path) -> None:
    cast = Cast().on("a", PARIS)
    async with in_process(tmp_path, provider=cast) as client:
        await run(client, {"tasks": [TASK, {"id": "b", "depends_on": ["a"]}]})

    assert cast.of("b")[0].inputs == {"a": PARIS}


async def test_local_references_and_recursion_work(tmp_path: Path) -> None:
    tree = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "required": ["v"],
                "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}},
            }
        },
    }
    good: Any = {"v": 0}
    for at in range(30):
        good = {"v": at, "next": good}
    cast = Cast().on("a", '{"v": 1, "next": {"v": "x"}}', good)
    async with in_process(tmp_path, provider=cast) as client:
        found = await run(client, {"tasks": [{"id": "a", "output_schema": tree}]})

    assert found["results"]["outputs"][0]["output"] == good
    assert len(cast.asked) == 2


@pytest.mark.parametrize(
    "answer", ["[" * 100_000 + "]" * 100_000, "[" * 200_000, '{"city":' * 20_000, '{"people": ' + "9" * 50_000 + "}"]
)
async def test_hostile_answers_cost_bounded_time(tmp_path: Path, answer: str) -> None:
    cast = Cast().on("a", answer)
    async with in_process(tmp_path, provider=cast) as client:
        began = time.process_time()
        found = await run(client, BODY | {"retry": {"max_retries": 0}})
        took_s = time.process_time() - began

    assert found["results"]["outputs"][0]["error"]["type"] == "output_mismatch"
    assert took_s < 10


# --- schemas that are refused ----------------------------------------------------------------------------------------


WRONG: dict[str, dict[str, Any]] = {
    "a remote reference": {"$ref": "https://example.com/schema.json"},
    "a file": {"$ref": "file:///etc/passwd"},
    "a reference to a path": {"properties": {"a": {"$ref": "other.json#/x"}}},
    "a remote dynamic reference": {"$dynamicRef": "https://example.com/x"},
    "a reference to nothing": {"$ref": "#/$defs/none"},
    "a megabyte": {"description": "x" * 1_050_000},
    "an unknown type": {"type": "thing"},
    "a reference to itself": {"$ref": "#"},
    "a circle of references": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "a costly pattern": {"type": "string", "pattern": "(a+)+$"},
    "a pattern that is none": {"type": "string", "pattern": "("},
    "a negative length": {"type": "string", "minLength": -1},
    "another dialect": {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"},
}
MAY_BE_TAKEN = {"a costly pattern", "another dialect", "a reference to itself", "a circle of references"}
"""Those may be taken as long as they cost little."""


@pytest.mark.parametrize("where", ["run", "task", "aggregate", "execute", "batch"])
@pytest.mark.parametrize("wrong", sorted(WRONG.keys() - MAY_BE_TAKEN))
async def test_a_schema_that_cannot_be_used_is_refused_by_its_field(tmp_path: Path, wrong: str, where: str) -> None:
    schema = WRONG[wrong]
    task = {"id": "a", "output_schema": schema}
    aggregate = {"strategy": "synthesis", "output_schema": schema}
    path, body, pointer = {
        "run": ("swarms", {"tasks": [{"id": "a"}], "output_schema": schema}, "/output_schema"),
        "task": ("swarms", {"tasks": [task]}, "/tasks/0"),
        "aggregate": ("swarms", {"tasks": [{"id": "a"}], "aggregate": aggregate}, "/aggregate/output_schema"),
        "execute": ("agents/execute", task, "/output_schema"),
        "batch": ("agents/batch-execute", {"tasks": [task]}, "/tasks/0"),
    }[where]
    cast = Cast()
    async with in_process(tmp_path, provider=cast) as client:
        began = time.process_time()
        document = problem(await client.post(f"/v1/{path}", json=body), 422)
        took_s = time.process_time() - began
        listed = await get(client, "/v1/swarms")

    assert pointers(document)[0].startswith(pointer) or (where, wrong) == ("execute", "a megabyte"), document
    assert took_s < 5
    assert listed["items"] == []
    assert cast.asked == []


@pytest.mark.parametrize("wrong", sorted(MAY_BE_TAKEN))
async def test_a_strange_schema_is_refused_or_harmless(tmp_path: Path, wrong: str) -> None:
    cast = Cast().on("a", "[[1]]", orjson.dumps("a" * 40 + "!").decode())
    async with in_process(tmp_path, provider=cast) as client:
        began = time.process_time()
        body = {"tasks": [{"id": "a", "output_schema": WRONG[wrong]}], "retry": {"max_retries": 0}}
        response = await client.post("/v1/swarms", json=body, params={"wait": 10})
        took_s = time.process_time() - began

    assert took_s < 8
    if response.status_code == 201:
        assert response.json()["ended_at"] is not None
    else:
        assert pointers(problem(response, 422))[0].startswith("/tasks/0")


@pytest.mark.parametrize("levels", [60, 400, 20_000])
async def test_a_schema_nested_deep_is_refused_or_harmless(tmp_path: Path, levels: int) -> None:
    schema = '{"type":"array","items":' * levels + "true" + "}" * levels
    body = f'{{"tasks":[{{"id":"a","output_schema":{schema}}}],"retry":{{"max_retries":0}}}}'
    cast = Cast().on("a", "[" * levels + "]" * levels)
    async with in_process(tmp_path, provider=cast) as client:
        began = time.process_time()
        response = await client.post("/v1/swarms", content=body, params={"wait": 10})
        took_s = time.process_time() - began

    assert took_s < 8
    assert response.status_code in {201, 400, 422}, response.text[:500]
    if response.status_code == 201:
        assert response.json()["ended_at"] is not None


@pytest.mark.long
async def test_many_large_schemas_leave_the_service_answering(tmp_path: Path) -> None:
    """Different schemas of 110 KB take seconds to compile; whoever asks meanwhile does not wait for that."""
    wide = [{"properties": {f"p{at}_{name}": {"type": "string"} for name in range(4_000)}} for at in range(60)]
    body = orjson.dumps({"tasks": [{"id": f"t{at}", "output_schema": schema} for at, schema in enumerate(wide)]})
    longest_s = 0.0
    async with in_process(tmp_path, provider=Cast()) as client:
        posted_at = time.monotonic()
        posted = asyncio.create_task(
            client.post("/v1/swarms", content=body, headers={"content-type": "application/json"}, timeout=60)
        )
        while not posted.done():
            began = time.monotonic()
            await asyncio.sleep(0.01)
            assert (await client.get("/healthz")).status_code == 200
            longest_s = max(longest_s, time.monotonic() - began)
        response = await posted
        took_s = time.monotonic() - posted_at
        if response.status_code == 201:
            await client.post(f"/v1/swarms/{response.json()['swarm_id']}/cancel")

    assert response.status_code in {201, 422}, response.text[:500]
    assert longest_s < took_s / 3  # a tenth or less, were the machine left to it


# --- on the paths of orchestrators -----------------------------------------------------------------------------------


async def test_execute_returns_the_parsed_object(tmp_path: Path) -> None:
    cast = Cast().on("a", "```json\n" + orjson.dumps(PARIS).decode() + "\n```")
    async with in_process(tmp_path, provider=cast) as client:
        response = await client.post("/v1/agents/execute", json=TASK)

    assert response.status_code == 200, response.text
    found = response.json()
    assert (found["status"], found["output"], found["error"]) == ("completed", PARIS, None)


async def test_batch_execute_returns_parsed_objects_and_typed_failures(tmp_path: Path) -> None:
    cast = Cast().on("a", PARIS).on("b", "no").on("c", "plain")
    tasks = [TASK, TASK | {"id": "b", "max_retries": 0}, {"id": "c", "prompt": "Say."}]
    async with in_process(tmp_path, provider=cast) as client:
        response = await client.post("/v1/agents/batch-execute", json={"tasks": tasks})

    assert response.status_code == 200, response.text
    first, second, third = response.json()["outputs"]
    assert (first["output"], third["output"]) == (PARIS, "plain")
    assert (second["status"], second["output"]) == ("failed", None)
    assert "schema" in second["error"]


async def test_spawn_takes_a_schema(tmp_path: Path) -> None:
    cast = Cast().on("task", PARIS)
    async with in_process(tmp_path, provider=cast) as client:
        agent = (await client.post("/v1/agents/create", json={"model": "any"})).json()["agent_id"]
        spawned = await client.post(f"/v1/agents/{agent}/spawn", json={"task_type": "city", "output_schema": SCHEMA})
        assert spawned.status_code == 202, spawned.text
        collected = await get(client, f"/v1/agents/{agent}/results", timeout=10)

    assert [output["output"] for output in collected["outputs"]] == [PARIS]
