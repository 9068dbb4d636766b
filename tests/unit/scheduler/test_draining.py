"""The supervisor drains: nothing new is started, what runs ends and is written, the rest is cut off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.domain.swarm import SwarmStatus
from app.scheduler.supervisor import Supervisor
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.driving import until
from tests.support.providers import Call, ScriptedProvider, hang
from tests.support.runs import new_swarm
from tests.support.scheduling import machinery

pytestmark = pytest.mark.anyio

DAG = {"a": [], "b": [], "c": ["a"], "d": ["b"]}


async def test_attempts_under_way_are_written_and_none_is_started(tmp_path: Path) -> None:
    swarm = new_swarm(DAG)
    go_on = asyncio.Event()

    async def behaviour(_: Call) -> None:
        await go_on.wait()

    provider = ScriptedProvider(behaviour)
    async with open_database(place_database(tmp_path / "x.db")) as store:
        await store.swarms.create(swarm)
        supervisor = Supervisor(machinery(store, provider), owner="test", max_runs=10)
        async with supervisor.running():
            await until(lambda: len(provider.running) == 2)
            drain = asyncio.create_task(supervisor.drain(20))
            await until(lambda: supervisor.draining)
            go_on.set()

            assert await drain == 0

        found = await store.swarms.snapshot("default", swarm.state.swarm_id)
        assert found is not None
        assert found[0].status is SwarmStatus.RUNNING
        assert [task.status for task in found[1]] == ["completed", "completed", "queued", "queued"]
        assert provider.asked == ["a", "b"]


async def test_what_does_not_end_in_time_is_cut_off(tmp_path: Path) -> None:
    swarm = new_swarm(DAG)
    provider = ScriptedProvider(hang)
    async with open_database(place_database(tmp_path / "x.db")) as store:
        await store.swarms.create(swarm)
        supervisor = Supervisor(machinery(store, provider), owner="test", max_runs=10)
        async with supervisor.running():
            await until(lambda: len(provider.running) == 2)

            assert await supervisor.drain(0.01) == 1

            assert sorted(provider.cancelled) == ["a", "b"]


async def test_nothing_is_claimed_any_more(tmp_path: Path) -> None:
    provider = ScriptedProvider()
    async with open_database(place_database(tmp_path / "x.db")) as store:
        supervisor = Supervisor(machinery(store, provider), owner="test", max_runs=10)
        async with supervisor.running():
            assert await supervisor.drain(1) == 0
            await store.swarms.create(new_swarm(DAG))
            assert await store.runs.claim("other", limit=5)
        assert provider.asked == []
