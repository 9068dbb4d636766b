"""Limits of a whole run, and what its sub-agents are sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from app.ports.provider import RateLimited, Refused
from tests.support.driving import many, run, serving
from tests.support.providers import Call, hang

pytestmark = pytest.mark.anyio


# --- limits of the whole run -----------------------------------------------------------------------------------------


async def test_fail_fast_stops_the_run_at_its_first_failure(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id == "t1":
            raise Refused("no")
        await hang(call)

    async with serving(tmp_path, behaviour) as (client, provider):
        found = await run(client, many(5), on_task_failure="fail_fast")

        assert found["status"] == "failed"
        assert "t1" in found["error"]
        assert (found["counts"]["failed"], found["counts"]["cancelled"]) == (1, 4)
        assert provider.running == []


@pytest.mark.parametrize(("rate", "status"), [(0.8, "partial"), (0.81, "failed"), (0, "partial")])
async def test_a_run_below_its_success_rate_has_failed(tmp_path: Path, rate: float, status: str) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id == "t3":
            raise Refused("no")

    async with serving(tmp_path, behaviour) as (client, _):
        assert (await run(client, many(5), min_success_rate=rate))["status"] == status


async def test_the_swarms_own_timeout_ends_it(tmp_path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id != "t0":
            await hang(call)

    async with serving(tmp_path, behaviour) as (client, provider):
        found = await run(client, many(3), limits={"timeout_s": 0.5})

        assert (found["status"], found["counts"]["completed"], found["counts"]["cancelled"]) == ("partial", 1, 2)
        assert "timeout_s" in found["error"]
        assert provider.running == []


async def test_the_step_limit_ends_a_run(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, provider):
        found = await run(client, many(5), limits={"max_steps": 3, "max_parallel_agents": 1})

        assert (found["status"], found["steps"], found["counts"]["skipped"]) == ("partial", 3, 2)
        assert len(provider.calls) == 3


async def test_being_turned_away_does_not_use_up_the_default_steps(tmp_path: Path) -> None:
    """4,001 tasks without retries, two of them turned away with 429 at first: all of them still run."""

    async def behaviour(call: Call) -> None:
        if call.task_id in {"t0", "t1"} and call.number < 4:
            raise RateLimited("slow down", retry_after_s=0)

    async with serving(tmp_path, behaviour) as (client, _):
        found = await run(client, many(4001, max_retries=0), limits={"max_parallel_agents": 1000})

        assert found["counts"]["completed"] == 4001, found["error"]


# --- what sub-agents are sent ----------------------------------------------------------------------------------------


async def test_inputs_come_in_the_order_of_depends_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, provider):
        await run(client, [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "join", "depends_on": ["c", "a", "b"]}])

        join = provider.calls[-1]
        assert list(join.inputs.items()) == [("c", "done c"), ("a", "done a"), ("b", "done b")]
        assert join.prompt.count("## Inputs") == 1
        assert "answer with its result" not in str(join.inputs)


async def test_the_leading_bytes_are_the_same_for_every_sub_agent(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, provider):
        await run(
            client, [*many(3), {"id": "j", "depends_on": ["t0"]}], system_prompt="Be brief.", shared_context="Ctx."
        )

        assert {repr(call.request.messages[0]) for call in provider.calls} == {
            repr({"role": "system", "content": "Be brief.\n\nCtx."})
        }


@pytest.mark.parametrize("data", [0, False, "", [], {}, "text", [None], {"a": {"b": [1.5, "ä"]}}])
async def test_data_and_extra_fields_reach_the_sub_agent(tmp_path: Path, data: Any) -> None:
    async with serving(tmp_path) as (client, provider):
        await run(client, [{"id": "a", "prompt": "Do it.", "data": data, "format": None, "sources": []}])

        task = orjson.loads(provider.calls[0].prompt.partition("## Task\n")[2])
        assert task == {"id": "a", "data": data, "format": None, "sources": []}
        assert provider.calls[0].prompt.startswith("Do it.\n\n## Task\n")
