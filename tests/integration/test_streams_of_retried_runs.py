"""A run that a retry let go on has more than one end in its log; its stream ends with the last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.ports.provider import Refused
from tests.support.driving import ended, many, serving, start
from tests.support.providers import Call

pytestmark = pytest.mark.anyio


async def frames(client: httpx2.AsyncClient, at: str) -> list[dict[str, Any]]:
    """Read server-sent events from the first one until the service ends the stream."""
    async with client.stream("GET", f"{at}/events", headers={"Accept": "text/event-stream"}, timeout=20) as response:
        lines = [line async for line in response.aiter_lines()]
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def test_a_replay_goes_past_the_end_that_a_retry_undid(tmp_path: Path) -> None:
    broken = True

    async def behaviour(call: Call) -> None:
        if broken and call.task_id == "t1":
            raise Refused("no", status=400)

    async with serving(tmp_path, behaviour) as (client, _provider):
        at = await start(client, many(3))
        assert (await ended(client, at))["status"] == "partial"
        first = await frames(client, at)
        broken = False

        await client.post(f"{at}/retry")
        swarm = await ended(client, at)

        assert (swarm["status"], swarm["error"]) == ("completed", None)
        told = await frames(client, at)
        logged = [frame for frame in told if frame["type"] != "metrics_snapshot"]
        assert [frame["seq"] for frame in logged] == list(range(1, len(logged) + 1))
        assert [frame["status"] for frame in logged if frame["type"] == "swarm_completed"] == ["partial", "completed"]
        assert logged[-1]["type"] == "swarm_completed"
        assert logged[: len(first) - 1] == [frame for frame in first if frame["type"] != "metrics_snapshot"]
        assert told[-2]["type"] == "metrics_snapshot"
        assert told[-2]["counts"]["completed"] == 3
