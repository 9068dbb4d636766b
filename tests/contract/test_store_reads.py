"""What the API relies on (``SwarmStore``, ``TaskStore``, ``EventStore``): tenants, pages, one picture, deletion."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from app.domain.errors import Conflict, InvalidRequest
from app.domain.facts import CancelRequested
from app.domain.figures import percentile
from app.domain.retry import TaskError
from app.domain.swarm import Counts, SwarmState, SwarmStatus
from app.domain.task import TaskSpec, TaskStatus
from app.ports.events import LogCursor, LoggedEvent
from app.ports.runs import Command, Lease
from app.ports.store import SwarmFilter, TaskFilter
from app.storage.database import Database
from tests.support.runs import completed, failed, grant, new_swarm, random_dag, turn

pytestmark = pytest.mark.anyio

ANY_SWARM = SwarmFilter()
ANY_TASK = TaskFilter()


def swarm_id_of(number: int) -> str:
    return new_swarm({"a": []}, number=number).state.swarm_id


async def claimed(store: Database, number: int = 1) -> tuple[Lease, SwarmState]:
    """Claim what is there and load swarm ``number``."""
    for lease in await store.runs.claim("me", limit=1000):
        if lease.swarm_id == swarm_id_of(number):
            return lease, await store.runs.load(lease)
    raise AssertionError(f"swarm {number} was not to be had")


async def end(store: Database, number: int = 1) -> SwarmState:
    lease, state = await claimed(store, number)
    await store.runs.commit(lease, turn(state, CancelRequested()))
    return state


# --- tenants ---------------------------------------------------------------------------------------------------------


async def test_what_an_address_names_with_a_nul_is_not_there(store: Database) -> None:
    """PostgreSQL has no texts with that character, and says so for an error instead of finding nothing."""
    await store.swarms.create(new_swarm({"a": []}, tenant_id="ours"))
    swarm_id, tenant = swarm_id_of(1), "ours"
    nobody = swarm_id + "\0"

    assert await store.swarms.get(tenant, nobody) is None
    assert await store.swarms.snapshot(tenant, nobody) is None
    assert await store.swarms.command(tenant, nobody, Command("cancel")) is None
    assert not await store.swarms.delete(tenant, nobody)
    assert not await store.files.delete(tenant, nobody)
    assert not await store.webhooks.redeliver(tenant, nobody, 1)
    assert (await store.swarms.list(tenant, SwarmFilter(name="\0"), limit=10, cursor=None)).items == []
    assert (await store.agents.list(tenant, limit=10, cursor="\0a")).items == []
    assert (await store.tasks.list(swarm_id, TaskFilter(role="\0"), limit=10, cursor=None)).items == []


async def test_another_tenants_swarm_does_not_exist(store: Database) -> None:
    await store.swarms.create(new_swarm({"a": []}, tenant_id="theirs"))
    state = await end(store)

    for tenant in ("ours", "", "theirs "):
        assert await store.swarms.get(tenant, state.swarm_id) is None
        assert await store.swarms.snapshot(tenant, state.swarm_id) is None
        assert (await store.swarms.list(tenant, ANY_SWARM, limit=10, cursor=None)).items == []
        assert await store.swarms.command(tenant, state.swarm_id, Command("cancel")) is None
        assert not await store.swarms.delete(tenant, state.swarm_id)
    row = await store.swarms.get("theirs", state.swarm_id)
    assert row is not None
    assert row.max_parallel_agents == 100
    assert await store.events.list(state.swarm_id, after=0, limit=10)


# --- pages -----------------------------------------------------------------------------------------------------------


async def test_pages_of_swarms_stay_true_while_swarms_are_added(store: Database) -> None:
    for number in range(1, 8):
        await store.swarms.create(new_swarm({"a": []}, number=number))
    seen: list[str] = []
    cursor: str | None = None
    for round_number in range(4):
        page = await store.swarms.list("default", ANY_SWARM, limit=2, cursor=cursor)
        seen += [row.swarm_id for row in page.items]
        cursor = page.next_cursor
        await store.swarms.create(new_swarm({"a": []}, number=100 + round_number))

    assert seen == [swarm_id_of(number) for number in range(7, 0, -1)]
    assert cursor is None


async def test_a_full_last_page_has_no_cursor(store: Database) -> None:
    for number in (1, 2):
        await store.swarms.create(new_swarm({"a": []}, number=number))

    assert (await store.swarms.list("default", ANY_SWARM, limit=2, cursor=None)).next_cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "swm_", "swm_'; DROP TABLE swarms; --", "0" * 30, "swm_" + "é" * 26])
async def test_a_cursor_that_was_not_given_out_is_refused(store: Database, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await store.swarms.list("default", ANY_SWARM, limit=2, cursor=cursor)
    with pytest.raises(InvalidRequest):
        await store.tasks.list(swarm_id_of(1), ANY_TASK, limit=2, cursor=cursor)


async def test_swarms_are_filtered(store: Database) -> None:
    await store.swarms.create(new_swarm({"a": []}, number=1, name="one"))
    await store.swarms.create(new_swarm({"a": []}, number=2, name="two", agent_id="agt_other"))
    await end(store, 1)
    first, second = swarm_id_of(1), swarm_id_of(2)
    created = new_swarm({"a": []}, number=2).state.created_at_ms
    expected = {
        SwarmFilter(status=SwarmStatus.CANCELLED): [first],
        SwarmFilter(status=SwarmStatus.RUNNING): [second],
        SwarmFilter(status=SwarmStatus.PAUSED): [],
        SwarmFilter(name="one"): [first],
        SwarmFilter(agent_id="agt_other"): [second],
        SwarmFilter(agent_id="agt_other", name="one"): [],
        SwarmFilter(created_after_ms=created): [second],
        SwarmFilter(created_before_ms=created): [second, first],
        SwarmFilter(created_before_ms=created - 1): [first],
    }

    for where, ids in expected.items():
        page = await store.swarms.list("default", where, limit=10, cursor=None)
        assert [row.swarm_id for row in page.items] == ids, where


async def test_tasks_are_filtered_and_paged_in_the_order_of_the_request(store: Database) -> None:
    roles = ["coder", "critic", "coder", None, "coder"]
    specs = [TaskSpec(task_id=f"z{9 - index}", role=role) for index, role in enumerate(roles)]
    await store.swarms.create(new_swarm(specs))
    lease, state = await claimed(store)
    await store.runs.commit(lease, turn(state, grant(3)))
    error = TaskError(type="boom", message="no", retryable=False)
    await store.runs.commit(lease, turn(state, completed(state, 0), failed(state, 1, error)))
    expected = {
        TaskFilter(): ["z9", "z8", "z7", "z6", "z5"],
        TaskFilter(role="coder"): ["z9", "z7", "z5"],
        TaskFilter(role="coder", status=TaskStatus.COMPLETED): ["z9"],
        TaskFilter(status=TaskStatus.QUEUED): ["z6", "z5"],
        TaskFilter(error="boom"): ["z8"],
        TaskFilter(attempt=0): ["z6", "z5"],
        TaskFilter(attempt=1): ["z9", "z8", "z7"],
    }

    for where, ids in expected.items():
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await store.tasks.list(state.swarm_id, where, limit=1, cursor=cursor)
            found += [row.task_id for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == ids, where


async def test_latencies_of_completed_tasks_are_sorted(store: Database) -> None:
    await store.swarms.create(new_swarm({"a": [], "b": [], "c": []}))
    lease, state = await claimed(store)
    await store.runs.commit(lease, turn(state, grant(3)))
    slow, fast = replace(completed(state, 0), latency_ms=9.0), replace(completed(state, 1), latency_ms=2.0)
    await store.runs.commit(lease, turn(state, slow, fast, failed(state, 2)))

    assert await store.tasks.latencies_ms(state.swarm_id) == [2.0, 9.0]
    assert await store.tasks.p95_ms([state.swarm_id, "swm_none"]) == {state.swarm_id: 9.0}


@pytest.mark.parametrize("count", [1, 19, 20, 21, 40])
async def test_the_95th_percentile_is_the_one_of_the_nearest_rank(store: Database, count: int) -> None:
    await store.swarms.create(new_swarm({f"t{number}": [] for number in range(count)}))
    lease, state = await claimed(store)
    await store.runs.commit(lease, turn(state, grant(count)))
    slowest_first = [replace(completed(state, at), latency_ms=float(count - at)) for at in range(count)]
    await store.runs.commit(lease, turn(state, *slowest_first))

    expected = percentile([float(number) for number in range(1, count + 1)], 95)
    assert await store.tasks.p95_ms([state.swarm_id]) == {state.swarm_id: expected}


# --- one picture -----------------------------------------------------------------------------------------------------


async def test_a_snapshot_is_of_one_commit_while_commits_go_on(store: Database) -> None:
    await store.swarms.create(new_swarm({f"t{index}": [] for index in range(60)}, max_parallel_agents=60))
    lease, state = await claimed(store)
    done = asyncio.Event()

    async def run() -> None:
        await store.runs.commit(lease, turn(state, grant(60)))
        for index in range(60):
            await store.runs.commit(lease, turn(state, completed(state, index)))
        done.set()

    async def look() -> int:
        looks = 0
        while not done.is_set():
            found = await store.swarms.snapshot("default", state.swarm_id)
            assert found is not None
            row, tasks = found
            assert row.counts == Counts.of(task.status for task in tasks)
            events = 61 + sum(task.attempts for task in tasks) + row.counts.completed  # queued, spawned, completed
            assert row.last_seq == events + (row.status is SwarmStatus.COMPLETED)
            looks += 1
        return looks

    async with asyncio.TaskGroup() as group:
        group.create_task(run())
        lookers = [group.create_task(look()) for _ in range(3)]

    assert sum(looker.result() for looker in lookers) > 3


# --- deletion --------------------------------------------------------------------------------------------------------


async def test_an_active_swarm_is_not_deleted(store: Database) -> None:
    await store.swarms.create(new_swarm({"a": []}))

    with pytest.raises(Conflict):
        await store.swarms.delete("default", swarm_id_of(1))

    assert await store.swarms.get("default", swarm_id_of(1)) is not None
    assert await store.tasks.get(swarm_id_of(1), "a") is not None
    assert len(await store.events.list_of_agent("agt_default", after=LogCursor(), limit=10)) == 2


async def test_a_deleted_swarm_leaves_nothing_and_its_neighbour_everything(store: Database) -> None:
    for number in (1, 2):
        await store.swarms.create(new_swarm({"a": []}, number=number, named=True))
    await end(store, 2)

    assert await store.swarms.delete("default", swarm_id_of(2))

    gone, stays = swarm_id_of(2), swarm_id_of(1)
    assert not await store.swarms.delete("default", gone)
    assert await store.swarms.get("default", gone) is None
    assert await store.tasks.get(gone, "a") is None
    assert (await store.tasks.list(gone, ANY_TASK, limit=10, cursor=None)).items == []
    assert await store.events.list(gone, after=0, limit=10) == []
    assert await store.swarms.newest_tasks("agt_default", ["a"]) == {}
    log = await store.events.list_of_agent("agt_default", after=LogCursor(), limit=10)
    assert {entry.swarm_id for entry in log} == {stays}
    assert await store.tasks.get(stays, "a") is not None
    assert len(await store.events.list(stays, after=0, limit=10)) == 2


# --- the event log ---------------------------------------------------------------------------------------------------


async def test_events_are_read_from_any_place(store: Database) -> None:
    swarm = new_swarm({f"t{index}": [] for index in range(20)})
    await store.swarms.create(swarm)
    swarm_id = swarm.state.swarm_id

    assert await store.events.list(swarm_id, after=0, limit=100) == swarm.events
    assert await store.events.list(swarm_id, after=5, limit=3) == swarm.events[5:8]
    assert await store.events.list(swarm_id, after=21, limit=100) == []
    assert await store.events.list(swarm_id, after=2**53, limit=100) == []


async def test_an_orchestrators_log_merges_its_swarms_without_a_gap(store: Database) -> None:
    dag = random_dag(random.Random(1), 5)
    for number in (1, 2):
        await store.swarms.create(new_swarm(dag, number=number))
    await store.swarms.create(new_swarm(dag, number=3, agent_id="agt_other"))
    leases = await store.runs.claim("me", limit=2)
    states = [await store.runs.load(lease) for lease in leases]
    for _ in range(3):
        for lease, state in zip(leases, states, strict=True):
            await store.runs.commit(lease, turn(state, grant(1)))

    merged: list[LoggedEvent] = []
    cursor = LogCursor()
    while page := await store.events.list_of_agent("agt_default", after=cursor, limit=4):
        merged += page
        cursor = page[-1].cursor

    assert [entry.cursor for entry in merged] == sorted(entry.cursor for entry in merged)
    for state in states:
        own = [entry.event for entry in merged if entry.swarm_id == state.swarm_id]
        assert own == await store.events.list(state.swarm_id, after=0, limit=100)
    assert {entry.swarm_id for entry in merged} == {state.swarm_id for state in states}
    latest = await store.events.end_of_agent_log("agt_default")
    assert latest >= cursor
    assert await store.events.list_of_agent("agt_default", after=latest, limit=4) == []


async def test_a_cursor_stays_true_after_the_swarm_before_it_is_deleted(store: Database) -> None:
    """Were its position given out again, whoever resumes there would miss the events that now stand at it."""
    await store.swarms.create(new_swarm({f"t{index}": [] for index in range(9)}, number=1))
    await end(store, 1)
    log = await store.events.list_of_agent("agt_default", after=LogCursor(), limit=100)
    latest = await store.events.end_of_agent_log("agt_default")
    assert await store.swarms.delete("default", swarm_id_of(1))

    await store.swarms.create(new_swarm({"a": []}, number=2))

    for cursor in (log[-1].cursor, latest):
        fresh = await store.events.list_of_agent("agt_default", after=cursor, limit=100)
        assert [entry.event.seq for entry in fresh] == [1, 2]


# --- names of tasks --------------------------------------------------------------------------------------------------


async def test_the_newest_task_of_a_name_is_found(store: Database) -> None:
    await store.swarms.create(new_swarm({"a": [], "b": []}, number=1, named=True))
    await store.swarms.create(new_swarm({"x": [], "a": []}, number=2, named=True))
    await store.swarms.create(new_swarm({"a": [], "c": []}, number=3))
    await store.swarms.create(new_swarm({"b": []}, number=4, named=True, agent_id="agt_other"))

    newest = await store.swarms.newest_tasks("agt_default", ["a", "b", "c"])

    assert newest == {"a": (swarm_id_of(2), 1), "b": (swarm_id_of(1), 1)}


async def test_active_swarms_are_counted_per_orchestrator(store: Database) -> None:
    for number in (1, 2):
        await store.swarms.create(new_swarm({"a": []}, number=number))
    await store.swarms.create(new_swarm({"a": []}, number=3, agent_id="agt_other"))
    await end(store, 1)

    assert await store.swarms.active_count("agt_default") == 1
    assert await store.swarms.active_count("agt_nobody") == 0


async def test_ping_proves_that_the_store_can_be_written(store: Database) -> None:
    await store.swarms.probe(1)
