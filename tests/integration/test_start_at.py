"""Runs that begin at a time that was asked for, and runs that rest between batches of calls."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.driving import start
from tests.support.problems import problem
from tests.support.providers import Call, ScriptedProvider
from tests.support.service import in_process
from tests.support.stage import Stage, accepted

pytestmark = pytest.mark.anyio

TASKS: list[dict[str, Any]] = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "x", "depends_on": ["a"]}]


def ahead(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat().replace("+00:00", "Z")


async def ended(client: httpx2.AsyncClient, at: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = accepted(await client.get(at))
            if found["ended_at"] is not None:
                return found
            await asyncio.sleep(0.01)


async def types(client: httpx2.AsyncClient, at: str) -> list[str]:
    return [event["type"] for event in accepted(await client.get(f"{at}/events"))["items"]]


async def test_a_run_begins_at_its_time_and_not_before(tmp_path: Path) -> None:
    stage = Stage()
    async with in_process(tmp_path, provider=stage.provider) as client:
        wanted = ahead(seconds=2.5)
        at = await start(client, TASKS, start_at=wanted, limits={"timeout_s": 60})
        waiting = accepted(await client.get(at))
        assert stage.provider.asked == []
        found = await ended(client, at)

        assert (waiting["status"], waiting["pause_reason"], waiting["started_at"]) == ("paused", "start_at", None)
        assert datetime.fromisoformat(waiting["start_at"]) == datetime.fromisoformat(wanted).replace(
            microsecond=datetime.fromisoformat(wanted).microsecond // 1000 * 1000
        )
        assert (found["status"], found["start_at"]) == ("completed", None)
        began = datetime.fromisoformat(found["started_at"]) - datetime.fromisoformat(waiting["start_at"])
        assert timedelta(0) <= began < timedelta(seconds=20)
        told = await types(client, at)
        assert told[0] == "swarm_started"
        assert told.index("swarm_paused") < told.index("swarm_resumed") < told.index("agent_spawned")
        paused = next(
            event for event in accepted(await client.get(f"{at}/events"))["items"] if event["type"] == "swarm_paused"
        )
        assert (paused["reason"], paused["detail"]) == ("start_at", f"it starts at {waiting['start_at']}")


async def test_a_run_that_waits_for_a_far_time_is_kept_on_the_disk_and_not_forgotten(tmp_path: Path) -> None:
    """Over a restart, too; and it takes none of the places of runs at work."""
    async with in_process(tmp_path, max_runs=1) as client:
        far = await start(client, TASKS, start_at=ahead(days=30))
        soon = await start(client, TASKS, start_at=ahead(seconds=1.5))
        assert (await ended(client, await start(client, TASKS)))["status"] == "completed"
    async with in_process(tmp_path, max_runs=1) as client:
        assert (await ended(client, soon))["status"] == "completed"
        waiting = accepted(await client.get(far))
        assert (waiting["status"], waiting["pause_reason"], waiting["counts"]["completed"]) == ("paused", "start_at", 0)


@pytest.mark.parametrize("how", ["resume", "cancel"])
async def test_a_client_need_not_wait_for_the_time(tmp_path: Path, how: str) -> None:
    async with in_process(tmp_path) as client:
        at = await start(client, TASKS, start_at=ahead(days=1), limits={"timeout_s": 30})
        asked = accepted(await client.post(f"{at}/{how}"), 202)
        found = await ended(client, at)

        assert asked["pause_reason"] is None
        assert found["status"] == {"resume": "completed", "cancel": "cancelled"}[how]
        assert found["start_at"] is None


async def test_a_run_that_is_paused_while_it_waits_stays_so_beyond_its_time(tmp_path: Path) -> None:
    stage = Stage()
    async with in_process(tmp_path, provider=stage.provider) as client:
        at = await start(client, TASKS, start_at=ahead(seconds=2))
        paused = accepted(await client.post(f"{at}/pause"), 202)
        await asyncio.sleep(2.3)
        still = accepted(await client.get(at))
        assert stage.provider.asked == []
        accepted(await client.post(f"{at}/resume"), 202)
        found = await ended(client, at)

    assert (paused["pause_reason"], still["pause_reason"], still["status"]) == ("request", "request", "paused")
    assert found["status"] == "completed"


async def test_a_time_that_is_past_is_now(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        at = await start(client, TASKS, start_at="2020-01-01T00:00:00+02:00")
        found = await ended(client, at)
        assert "swarm_paused" not in await types(client, at)

    assert (found["status"], found["pause_reason"]) == ("completed", None)


@pytest.mark.parametrize("value", ["tomorrow", "", "2027-13-01T00:00:00Z", 1_800_000_000, True, "2099-01-01T00:00:00Z"])
async def test_a_wrong_time_is_refused_and_nothing_is_stored(tmp_path: Path, value: object) -> None:
    async with in_process(tmp_path) as client:
        refused = problem(await client.post("/v1/swarms", json={"tasks": TASKS, "start_at": value}), 422)

        assert [error["pointer"] for error in refused["errors"]] == ["/start_at"]
        assert accepted(await client.get("/v1/swarms"))["items"] == []


# --- batches ---------------------------------------------------------------------------------------------------------


async def test_calls_start_in_batches_with_rests_between(tmp_path: Path) -> None:
    began: list[float] = []

    async def note(_: Call) -> None:
        began.append(time.monotonic())

    async with in_process(tmp_path, provider=ScriptedProvider(note)) as client:
        tasks = [{"id": f"t{n}", "prompt": "x"} for n in range(7)]
        at = await start(client, tasks, limits={"batch_size": 3, "batch_pause_s": 0.4})
        found = await ended(client, at)

    assert found["status"] == "completed"
    first, second, third = began[:3], began[3:6], began[6:]
    assert second[0] - first[-1] >= 0.35
    assert third[0] - second[-1] >= 0.35
    assert first[-1] - first[0] < 0.35
    assert second[-1] - second[0] < 0.35


async def test_a_rest_without_a_batch_is_refused(tmp_path: Path) -> None:
    async with in_process(tmp_path) as client:
        body = {"tasks": TASKS, "limits": {"batch_pause_s": 1}}
        refused = problem(await client.post("/v1/swarms", json=body), 422)

    assert [error["pointer"] for error in refused["errors"]] == ["/limits/batch_pause_s"]
