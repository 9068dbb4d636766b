"""Runners and their supervisor over a real store: lost leases, a store that refuses, restarts, many runs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.errors import LeaseLost
from app.domain.retry import RetryPolicy
from app.domain.swarm import SwarmStatus
from app.ports.doorbell import control_of
from app.ports.provider import Unavailable
from app.ports.runs import Command
from app.scheduler.attempts import Attempts
from app.scheduler.runner import Runner
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.providers import Call, ScriptedProvider, hang
from tests.support.runs import LANE, new_swarm
from tests.support.scheduling import machinery, scheduling

pytestmark = pytest.mark.anyio

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return place_database(tmp_path / "x.db")


class Refusals:
    """Makes the next commits fail as a full disk does."""

    def __init__(self) -> None:
        self.left = 0

    def __call__(self) -> None:
        if self.left > 0:
            self.left -= 1
            raise OSError("no space left on device")


async def test_a_runner_whose_lease_was_taken_stops_and_gives_everything_back(path: Path) -> None:
    provider = ScriptedProvider(hang)
    async with open_database(path) as store:
        shared = machinery(store, provider)
        await store.swarms.create(new_swarm({"a": [], "b": []}))
        [lease] = await store.runs.claim("me", limit=1)
        run = asyncio.ensure_future(Runner(lease, shared).run())
        await until(lambda: len(provider.running) == 2)
        await store.runs.release(lease)
        await store.runs.claim("another", limit=1)
        await store.swarms.command("default", lease.swarm_id, Command("cancel"))
        before = await store.events.list(lease.swarm_id, after=0, limit=100)

        shared.doorbell.ring(control_of(lease.swarm_id))
        with pytest.raises(LeaseLost):
            await asyncio.wait_for(run, 10)

        assert provider.running == []
        assert shared.admission.in_use(provider.name) == shared.admission.in_use(LANE) == 0
        assert await store.events.list(lease.swarm_id, after=0, limit=100) == before


async def test_the_first_calls_of_a_wave_are_out_before_the_last_are_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, made_at_call = 0, []
    start = Attempts.start

    def counted(self: Attempts, *args: Any) -> None:
        nonlocal made
        made += 1
        start(self, *args)

    async def behaviour(_: Call) -> None:
        made_at_call.append(made)

    monkeypatch.setattr(Attempts, "start", counted)
    async with scheduling(path, ScriptedProvider(behaviour)) as work:
        row = await work.end(await work.add(new_swarm({f"t{index}": [] for index in range(40)})))

    assert (row.status, made) == (SwarmStatus.COMPLETED, 40)
    assert made_at_call[0] < 10
    assert made_at_call[20] < 40


async def test_a_store_that_refuses_for_a_while_costs_time_and_nothing_else(path: Path) -> None:
    refusals = Refusals()
    provider = ScriptedProvider()

    async def behaviour(call: Call) -> None:
        if call.task_id == "a":
            refusals.left = 2

    provider._behaviour = behaviour
    with capture_logs() as logs:
        async with scheduling(path, provider, before_commit=refusals) as work:
            row = await work.end(await work.add(new_swarm(DIAMOND)))

    assert row.status is SwarmStatus.COMPLETED
    assert sorted(provider.asked) == ["a", "b", "c", "d"]
    assert [log["event"] for log in logs].count("commit_refused") == 2


async def test_a_run_is_taken_up_where_the_last_process_left_it(path: Path) -> None:
    async def behaviour(call: Call) -> None:
        if call.task_id in {"b", "c"}:
            await hang(call)

    first = ScriptedProvider(behaviour)
    async with scheduling(path, first) as work:
        swarm_id = await work.add(new_swarm(DIAMOND))
        await until(lambda: len(first.running) == 2)
    assert sorted(first.cancelled) == ["b", "c"]

    second = ScriptedProvider()
    async with scheduling(path, second) as work:
        row = await work.end(swarm_id)
        events = await work.store.events.list(swarm_id, after=0, limit=100)

    assert row.status is SwarmStatus.COMPLETED
    assert second.asked == ["b", "c", "d"] or second.asked == ["c", "b", "d"]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events].count("agent_spawned") == 4


async def test_a_back_off_goes_on_after_a_restart(path: Path) -> None:
    async def behaviour(call: Call) -> None:
        raise Unavailable("away")

    first = ScriptedProvider(behaviour)
    async with scheduling(path, first) as work:
        swarm_id = await work.add(new_swarm({"a": []}, retry=RetryPolicy(base_delay_s=0.2, jitter=0)))
        await until(lambda: first.calls and not first.running)
        await until_status(work.store, swarm_id, "retrying")

    second = ScriptedProvider()
    async with scheduling(path, second) as work:
        row = await work.end(swarm_id)

    assert (row.status, len(first.calls), len(second.calls)) == (SwarmStatus.COMPLETED, 1, 1)


async def until_status(store: Any, swarm_id: str, status: str) -> None:
    async with asyncio.timeout(30):
        while True:
            [task] = (await store.swarms.snapshot("default", swarm_id))[1]
            if task.status == status:
                return
            await asyncio.sleep(0.001)


async def test_a_runner_that_falls_over_is_started_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.scheduler.supervisor._FIRST_RESTART_S", 0.01)
    provider = ScriptedProvider()
    with capture_logs() as logs:
        async with scheduling(path, provider) as work:
            outputs, falls = work.store.runs.outputs, [OSError("disk"), ValueError("bug")]

            async def falling(*args: Any) -> Any:
                if falls:
                    raise falls.pop()
                return await outputs(*args)

            monkeypatch.setattr(type(work.store.runs), "outputs", lambda _, *args: falling(*args))
            row = await work.end(await work.add(new_swarm({"a": [], "b": ["a"]})))

    assert row.status is SwarmStatus.COMPLETED
    assert provider.asked == ["a", "b"]
    assert [log["event"] for log in logs].count("runner_fell_over") == 2


async def test_one_run_that_falls_over_leaves_the_others_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = ScriptedProvider()
    with capture_logs():
        async with scheduling(path, provider) as work:
            load = work.store.runs.load
            bad = new_swarm({"a": []}, number=1).state.swarm_id

            async def loading(lease: Any) -> Any:
                if lease.swarm_id == bad:
                    raise ValueError("cannot be loaded")
                return await load(lease)

            monkeypatch.setattr(type(work.store.runs), "load", lambda _, lease: loading(lease))
            await work.add(new_swarm({"a": []}, number=1))
            rows = [await work.end(await work.add(new_swarm({"a": []}, number=number))) for number in range(2, 6)]

    assert {row.status for row in rows} == {SwarmStatus.COMPLETED}


async def test_more_runs_than_there_is_room_for_wait_and_all_end(path: Path) -> None:
    provider = ScriptedProvider()
    async with scheduling(path, provider, max_runs=3) as work:
        ids = [await work.add(new_swarm(DIAMOND, number=number)) for number in range(1, 31)]
        rows = [await work.end(swarm_id) for swarm_id in ids]

    assert {row.status for row in rows} == {SwarmStatus.COMPLETED}
    assert len(provider.calls) == 120


async def test_a_merge_that_fails_is_told_and_the_run_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def reduce(*_: Any) -> None:
        raise ValueError("cannot be merged")

    monkeypatch.setattr("app.scheduler.reducer.Reducer.reduce", reduce)
    with capture_logs():
        async with scheduling(path, ScriptedProvider()) as work:
            row = await work.end(await work.add(new_swarm({"a": []}, aggregate={"strategy": "concat"})))

    assert row.status is SwarmStatus.COMPLETED
    assert row.aggregated is None
    assert row.aggregation is not None
    assert row.aggregation["status"] == "failed"


async def test_a_cancel_during_the_merge_ends_the_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merging = asyncio.Event()

    async def reduce(*_: Any) -> None:
        merging.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("app.scheduler.reducer.Reducer.reduce", reduce)
    async with scheduling(path, ScriptedProvider()) as work:
        swarm_id = await work.add(new_swarm({"a": []}, aggregate={"strategy": "concat"}))
        await asyncio.wait_for(merging.wait(), 10)
        await work.cancel(swarm_id)
        row = await work.end(swarm_id)

    assert row.status is SwarmStatus.CANCELLED
