"""What shared memory relies on (``ports.memory.MemoryStore``)."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.agent import AgentConfig
from app.ports.agents import AgentRow
from app.ports.memory import MemoryCaps, MemoryEntry, MemoryWrite
from app.storage.database import Database
from tests.support.runs import new_swarm

pytestmark = pytest.mark.anyio

CAPS = MemoryCaps()
LATER = 1_000_000


async def put(
    store: Database,
    key: str,
    value: str = "1",
    *,
    agent: str = "agt_a",
    tenant: str = "acme",
    if_version: int | None = None,
    expires_at_ms: int | None = None,
    now_ms: int = 0,
    caps: MemoryCaps = CAPS,
    run_key: str | None = None,
) -> MemoryEntry | None:
    write = MemoryWrite(
        key=key,
        value_json=value,
        size_bytes=len(key.encode()) + len(value.encode()),
        if_version=if_version,
        expires_at_ms=expires_at_ms,
        run_key=run_key,
    )
    return await store.memory.put(tenant, agent, write, caps, now_ms)


async def keys(store: Database, agent: str = "agt_a", now_ms: int = 0) -> list[str]:
    page = await store.memory.list(agent, "", limit=1000, cursor=None, now_ms=now_ms)
    return [entry.key for entry in page.items]


@pytest.mark.parametrize("if_version", [None, 0])
async def test_a_write_repeated_by_its_run_key_undoes_nothing_that_came_since(
    store: Database, if_version: int | None
) -> None:
    first = await put(store, "k", '"agent"', run_key="call", if_version=if_version)
    await put(store, "k", '"client, newer"')
    again = await put(store, "k", '"agent"', run_key="call", if_version=if_version)
    of_another_agent = await put(store, "k", '"agent"', agent="agt_b", run_key="call")

    assert again == first
    assert of_another_agent is not None
    found = await store.memory.get("agt_a", "k", 0)
    assert found is not None
    assert (found.value_json, found.version) == ('"client, newer"', 2)
    after = await put(store, "k", '"x"')
    assert after is not None
    assert after.version == 3, "a write that was not made takes no version"


async def test_a_removed_entry_does_not_come_back_by_a_repeated_write(store: Database) -> None:
    await put(store, "k", run_key="call")
    await put(store, "other", run_key="call 2")
    await store.memory.delete("agt_a", "k", None, 0)
    await put(store, "k", run_key="call")
    assert await keys(store) == ["other"]

    await store.memory.clear("acme", "agt_a", 0)
    await put(store, "other", run_key="call 2")
    assert await keys(store) == []


async def test_a_write_that_conflicted_may_be_made_later_by_the_same_run_key(store: Database) -> None:
    """It wrote nothing, so nothing of it is remembered."""
    await put(store, "k")
    assert await put(store, "k", "2", if_version=7, run_key="call") is None
    assert await put(store, "k", "2", if_version=1, run_key="call") is not None


async def test_an_entry_is_kept_as_it_was_written(store: Database) -> None:
    written = await put(store, "plan/ü", '{"a":[1,"ü"]}', expires_at_ms=LATER, now_ms=7)

    assert written == MemoryEntry(
        key="plan/ü",
        value_json='{"a":[1,"ü"]}',
        version=1,
        size_bytes=21,
        updated_at_ms=7,
        expires_at_ms=LATER,
        run_key=None,
    )
    assert await store.memory.get("agt_a", "plan/ü", 7) == written
    assert await store.memory.get("agt_b", "plan/ü", 7) is None


async def test_a_version_is_never_given_out_again(store: Database) -> None:
    """… also not after a removal: who read version 7 and may write only on top of it overwrites nobody."""
    versions = []
    for key in ("a", "b", "a"):
        written = await put(store, key)
        assert written is not None
        versions.append(written.version)
    await store.memory.clear("acme", "agt_a", 0)
    again = await put(store, "a")

    assert again is not None
    assert [*versions, again.version] == [1, 2, 3, 4]


async def test_a_write_on_top_of_another_version_writes_nothing(store: Database) -> None:
    await put(store, "a", "1")

    assert await put(store, "a", "2", if_version=0) is None
    assert await put(store, "a", "2", if_version=9) is None
    assert await put(store, "b", "2", if_version=1) is None
    replaced = await put(store, "a", "3", if_version=1)
    created = await put(store, "b", "4", if_version=0)

    assert (replaced and replaced.value_json, created and created.value_json) == ("3", "4")
    assert await keys(store) == ["a", "b"]


async def test_of_a_hundred_writers_on_top_of_one_version_one_wins(store: Database) -> None:
    await put(store, "n")

    results = await asyncio.gather(*(put(store, "n", str(n), if_version=1) for n in range(100)))

    won = [result for result in results if result is not None]
    assert len(won) == 1
    assert await store.memory.get("agt_a", "n", 0) == won[0]


async def test_an_entry_whose_time_is_up_is_as_if_it_were_not_there(store: Database) -> None:
    old = await put(store, "a", expires_at_ms=100)
    assert old is not None

    assert await store.memory.get("agt_a", "a", 99) == old
    assert await store.memory.get("agt_a", "a", 100) is None
    assert await keys(store, now_ms=100) == []
    assert not await store.memory.delete("agt_a", "a", None, 100)
    assert await put(store, "a", if_version=old.version, now_ms=100) is None
    assert await put(store, "a", if_version=0, now_ms=100) is not None


async def test_beyond_the_cap_of_entries_those_written_longest_ago_go(store: Database) -> None:
    caps = MemoryCaps(max_entries=10)
    for number in range(10):
        await put(store, f"k{number}", caps=caps)
    await put(store, "k0", caps=caps)  # now k1 is the oldest
    assert len(await keys(store)) == 10

    await put(store, "new", caps=caps)

    # nine tenths of ten are left: the new one, k0 written again, and the seven before
    assert await keys(store) == ["k0", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "new"]


@pytest.mark.parametrize("caps", [MemoryCaps(max_bytes=100), MemoryCaps(max_tokens=25)])
async def test_beyond_the_cap_of_bytes_or_tokens_those_written_longest_ago_go(
    store: Database, caps: MemoryCaps
) -> None:
    for number in range(10):
        await put(store, f"{number}", "1" * 9, caps=caps)  # ten bytes each
    assert len(await keys(store)) == 10

    await put(store, "x", "1" * 19, caps=caps)

    assert await keys(store) == ["3", "4", "5", "6", "7", "8", "9", "x"]  # 90 of 100 bytes
    await put(store, "y", "1" * 99, caps=caps)
    assert await keys(store) == ["y"], "never the entry just written"
    await put(store, "z", "1", caps=caps)
    assert await keys(store) == ["z"]


async def test_what_is_replaced_or_removed_does_not_count_towards_the_caps(store: Database) -> None:
    caps = MemoryCaps(max_entries=10, max_bytes=100)
    for _ in range(50):
        await put(store, "same", "1" * 50, caps=caps)
    for number in range(50):
        await put(store, f"{number:02}", "1" * 20, caps=caps)
        assert await store.memory.delete("agt_a", f"{number:02}", None, 0)

    assert await keys(store) == ["same"]


async def test_entries_whose_time_is_up_make_room_first(store: Database) -> None:
    caps = MemoryCaps(max_entries=3)
    await put(store, "old", caps=caps)
    await put(store, "gone", expires_at_ms=5, caps=caps)
    await put(store, "b", caps=caps)

    await put(store, "c", now_ms=5, caps=caps)

    assert await keys(store, now_ms=5) == ["b", "c", "old"]


async def test_a_list_is_the_keys_with_a_prefix_page_by_page(store: Database) -> None:
    for key in ("a/1", "a/2", "a%", "b", "a/é", "a"):
        await put(store, key)

    first = await store.memory.list("agt_a", "a/", limit=2, cursor=None, now_ms=0)
    await put(store, "a/0")
    second = await store.memory.list("agt_a", "a/", limit=2, cursor=first.next_cursor, now_ms=0)

    assert [entry.key for entry in first.items] == ["a/1", "a/2"]
    assert ([entry.key for entry in second.items], second.next_cursor) == (["a/é"], None)
    assert await store.memory.list("agt_a", "a%1", limit=2, cursor=None, now_ms=0) == type(second)([], None)


async def test_an_entry_is_removed_in_one_version_only(store: Database) -> None:
    await put(store, "a")
    await put(store, "a")

    assert not await store.memory.delete("agt_a", "a", 1, 0)
    assert not await store.memory.delete("agt_b", "a", 2, 0)
    assert await store.memory.delete("agt_a", "a", 2, 0)
    assert await keys(store) == []


async def test_clearing_counts_what_was_there_and_keeps_to_the_tenant(store: Database) -> None:
    for agent, tenant in (("agt_a", "acme"), ("agt_b", "acme"), ("agt_c", "other")):
        await put(store, "x", agent=agent, tenant=tenant)
        await put(store, "y", agent=agent, tenant=tenant, expires_at_ms=5)

    assert await store.memory.clear("other", "agt_a", 5) == 0
    assert await store.memory.clear("acme", "agt_a", 5) == 1
    assert await store.memory.clear("acme", None, 5) == 1
    assert await keys(store, "agt_c") == ["x", "y"]


async def test_memory_outlives_its_orchestrator_as_long_as_a_swarm_names_it(store: Database) -> None:
    swarm = new_swarm({"a": []}, agent_id="agt_of_swarm")
    await store.swarms.create(swarm)
    row = AgentRow(
        agent_id="agt_kept",
        tenant_id="acme",
        name="kept",
        config=AgentConfig(model="m"),
        created_at_ms=0,
        updated_at_ms=0,
    )
    await store.agents.put(row)
    for agent in ("agt_of_swarm", "agt_kept", "agt_gone"):
        await put(store, "x", agent=agent, run_key="call")

    await store.contents.drop_orphans()

    assert [await keys(store, agent) for agent in ("agt_of_swarm", "agt_kept", "agt_gone")] == [["x"], ["x"], []]
    for agent in ("agt_kept", "agt_gone"):
        await put(store, "y", agent=agent, run_key="call")
    assert [await keys(store, agent) for agent in ("agt_kept", "agt_gone")] == [["x"], ["y"]], "what wrote went along"
