"""``GET /v1/swarms/{id}/export``: all rows of a run, streamed, the same as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.domain.errors import InvalidRequest
from app.services import exports
from tests.support.driving import ended, run, start
from tests.support.keys import mint
from tests.support.money import OFFLINE_PRICE
from tests.support.problems import problem
from tests.support.service import in_process
from tests.support.sharing import services_of
from tests.support.stage import Stage, accepted

pytestmark = pytest.mark.anyio

KINDS = ("tasks", "attempts", "events", "metrics")
AWKWARD = 'a "quoted", line\nand ünother; =1+1'


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def client(tmp_path: Path, stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    async with in_process(tmp_path, provider=stage.provider) as client:
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        yield client


async def exported(client: httpx2.AsyncClient, swarm_id: str, kind: str, **params: Any) -> list[dict[str, Any]]:
    response = await client.get(f"/v1/swarms/{swarm_id}/export", params={"kind": kind, "format": "json", **params})
    assert response.headers["content-type"] == "application/json"
    found: list[dict[str, Any]] = accepted(response)
    return found


async def table(client: httpx2.AsyncClient, swarm_id: str, kind: str) -> list[dict[str, str]]:
    response = await client.get(f"/v1/swarms/{swarm_id}/export", params={"kind": kind, "format": "csv"})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith(f'attachment; filename="{swarm_id}-{kind}.csv"')
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


async def failing_run(client: httpx2.AsyncClient, stage: Stage) -> dict[str, Any]:
    stage.say("words", AWKWARD)
    stage.fail("broken")
    tasks: list[dict[str, Any]] = [
        {"id": "words", "prompt": "x", "type": "t"},
        {"id": "broken", "prompt": "x", "depends_on": ["words"]},
    ]
    return await run(client, tasks)


async def test_tasks_are_those_of_the_list_in_both_formats(client: httpx2.AsyncClient, stage: Stage) -> None:
    swarm_id = (await failing_run(client, stage))["swarm_id"]

    listed = accepted(await client.get(f"/v1/swarms/{swarm_id}/tasks"))["items"]
    assert await exported(client, swarm_id, "tasks") == listed

    words, broken = await table(client, swarm_id, "tasks")
    assert (words["task_id"], words["status"], words["output"]) == ("words", "completed", AWKWARD)
    assert (words["error_type"], words["role"]) == ("", "")  # what is missing is empty
    assert json.loads(broken["depends_on"]) == ["words"]
    assert (broken["status"], broken["error_type"]) == ("failed", listed[1]["error"]["type"])
    assert broken["error_message"] == listed[1]["error"]["message"]
    assert int(words["prompt_tokens"]) == listed[0]["usage"]["prompt_tokens"] > 0
    assert float(words["cost_usd"]) == listed[0]["cost_usd"] > 0


async def test_an_output_that_is_an_object_is_json_in_a_cell(client: httpx2.AsyncClient, stage: Stage) -> None:
    stage.say("t", '{"total": 3, "rows": ["a", "b"]}')
    schema = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
    found = await run(client, [{"id": "t", "prompt": "x", "output_schema": schema}])

    [row] = await table(client, found["swarm_id"], "tasks")
    assert json.loads(row["output"]) == {"total": 3, "rows": ["a", "b"]}


async def test_the_attempts_add_up_to_what_the_run_used(tmp_path: Path) -> None:
    """A planner's and merges' too, which are in no list of tasks."""
    async with in_process(tmp_path) as client:
        accepted(await client.put("/v1/prices", json=OFFLINE_PRICE))
        goal = {
            "goal": "1. Count the words.\n2. Name the topics.",
            "attachments": {"files": [{"name": "a.txt", "content": "Ada. " * 9}]},
        }
        body = {**goal, "limits": {"max_parallel_agents": 2}}
        found = accepted(await client.post("/v1/swarms", params={"wait": 30}, json=body), 201)

        rows = await exported(client, found["swarm_id"], "attempts")

    assert found["status"] == "completed"
    assert {row["kind"] for row in rows} == {"task", "planner", "merge"}
    assert sum(row["usage"]["prompt_tokens"] for row in rows) == found["tokens"]["in"]
    assert sum(row["usage"]["completion_tokens"] for row in rows) == found["tokens"]["out"]
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(found["cost_usd"], abs=1e-12)


async def test_every_attempt_has_a_row(client: httpx2.AsyncClient, stage: Stage) -> None:
    swarm_id = (await failing_run(client, stage))["swarm_id"]

    rows = await table(client, swarm_id, "attempts")
    assert [(row["task_id"], row["attempt"], row["status"]) for row in rows] == [
        ("words", "1", "completed"),
        ("broken", "1", "failed"),
    ]
    assert rows[1]["error_type"]


async def test_events_are_the_log(client: httpx2.AsyncClient, stage: Stage) -> None:
    swarm_id = (await failing_run(client, stage))["swarm_id"]

    log = accepted(await client.get(f"/v1/swarms/{swarm_id}/events"))["items"]
    assert await exported(client, swarm_id, "events") == log

    rows = await table(client, swarm_id, "events")
    assert [int(row["seq"]) for row in rows] == list(range(1, len(log) + 1))
    assert [row["type"] for row in rows] == [event["type"] for event in log]
    [completed] = [row for row in rows if row["type"] == "agent_completed"]
    assert json.loads(completed["data"])["tokens_in"] > 0


async def test_metrics_tell_each_interval_of_the_run(client: httpx2.AsyncClient, stage: Stage) -> None:
    found = await failing_run(client, stage)

    [row] = await exported(client, found["swarm_id"], "metrics", interval_s=3600)
    assert (row["started"], row["completed"], row["failed"], row["active"]) == (2, 1, 1, 0)
    assert (row["from"], row["elapsed_s"]) == (found["created_at"], 0)
    assert row["tokens_in"] == found["tokens"]["in"]
    assert row["cost_usd"] == found["cost_usd"]
    assert row["p50_ms"] > 0
    assert len(await table(client, found["swarm_id"], "metrics")) >= 1


async def test_a_run_that_goes_on_is_exported_as_far_as_it_is(client: httpx2.AsyncClient, stage: Stage) -> None:
    stage.hold("slow")
    at = await start(client, [{"id": "quick", "prompt": "x"}, {"id": "slow", "prompt": "x"}])
    swarm_id = at.rpartition("/")[2]
    await stage.until_running("slow")

    states = {row["task_id"]: row["status"] for row in await exported(client, swarm_id, "tasks")}
    attempts = {row["task_id"]: row["ended_at"] for row in await exported(client, swarm_id, "attempts")}
    stage.release("slow")
    await ended(client, at)

    assert states["slow"] == "running"
    assert attempts["slow"] is None


@pytest.mark.parametrize("kind", KINDS)
async def test_rows_beyond_a_page_are_all_there_once(
    client: httpx2.AsyncClient, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await run(client, [{"id": f"t{n}", "prompt": "x"} for n in range(120)])
    whole = await exported(client, found["swarm_id"], kind)
    for name in ("_TASKS", "_EVENTS", "_INTERVALS"):
        monkeypatch.setattr(exports, name, 7)

    assert await exported(client, found["swarm_id"], kind) == whole
    assert len(await table(client, found["swarm_id"], kind)) == len(whole)
    if kind in {"tasks", "attempts"}:
        assert [row["task_id"] for row in whole] == [f"t{n}" for n in range(120)]


async def test_a_run_without_an_attempt_has_none_to_export(client: httpx2.AsyncClient, stage: Stage) -> None:
    stage.hold("a")
    agent = {"model": "offline", "name": "one", "swarm_config": {"max_parallel_agents": 1}}
    accepted(await client.post("/v1/agents/create", json=agent), 201)
    first = await start(client, [{"id": "a", "prompt": "x"}], agent="one")
    await stage.until_running("a")
    second = await start(client, [{"id": "b", "prompt": "x"}], agent="one")
    swarm_id = second.rpartition("/")[2]

    assert await exported(client, swarm_id, "attempts") == []
    assert await table(client, swarm_id, "attempts") == []
    stage.release("a")
    await ended(client, first)
    await ended(client, second)


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"kind": "secrets"}, "/kind"),
        ({"format": "xlsx"}, "/format"),
        ({"interval_s": "0"}, "/interval_s"),
        ({"interval_s": "1e99"}, "/interval_s"),
    ],
)
async def test_wrong_parameters_are_refused_by_name(
    client: httpx2.AsyncClient, stage: Stage, params: dict[str, str], pointer: str
) -> None:
    swarm_id = (await failing_run(client, stage))["swarm_id"]
    refused = problem(await client.get(f"/v1/swarms/{swarm_id}/export", params=params), 422)

    assert [error["pointer"] for error in refused["errors"]] == [pointer]


async def test_too_fine_intervals_of_a_long_run_are_refused(client: httpx2.AsyncClient, stage: Stage) -> None:
    swarm_id = (await failing_run(client, stage))["swarm_id"]
    service = services_of(client).exports
    row = await services_of(client).swarms.get("default", swarm_id)
    ten_days = replace(row, ended_at_ms=row.created_at_ms + 10 * 86_400_000)

    with pytest.raises(InvalidRequest, match="expected at least 5 seconds"):
        await anext(service.metrics(ten_days, 4))
    assert sum([len(page) async for page in service.metrics(ten_days, 5)]) == 172_800


async def test_another_tenant_finds_nothing_to_export(tmp_path: Path, stage: Stage) -> None:
    async with in_process(tmp_path, provider=stage.provider) as client:
        swarm_id = (await failing_run(client, stage))["swarm_id"]
    mine, theirs = ({"Authorization": f"Bearer {mint(tmp_path, name, 'read')['key']}"} for name in ("default", "x"))
    async with in_process(tmp_path) as client:
        for kind in KINDS:
            at = f"/v1/swarms/{swarm_id}/export?kind={kind}"
            problem(await client.get(at, headers=theirs), 404)
            assert (await client.get(at, headers=mine)).status_code == 200
            problem(await client.get(at), 401)
