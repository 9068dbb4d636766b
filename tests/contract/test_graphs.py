"""What saved graphs rely on (``ports.graphs.GraphStore``)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.ports.graphs import GraphContent, GraphRow, GraphVersion, IfGraph
from app.storage.database import Database

pytestmark = pytest.mark.anyio

ONE = GraphContent(name="n", description="d", tasks=2, body='{"tasks":[]}', layout="[1]", digest="one")
TWO = replace(ONE, name=None, description=None, tasks=3, layout=None, digest="two")


async def saved(store: Database, graph_id: str = "g", tenant: str = "acme") -> GraphRow:
    found = await store.graphs.get(tenant, graph_id)
    assert found is not None
    return found


async def test_a_graph_is_kept_as_it_is_and_counts_its_changes(store: Database) -> None:
    assert await store.graphs.put("acme", "g", ONE, 10)
    first = await saved(store)
    assert await store.graphs.put("acme", "g", TWO, 20)
    second = await saved(store)

    assert first == GraphRow(
        graph_id="g",
        name="n",
        description="d",
        tasks=2,
        version=GraphVersion(revision=1, digest="one"),
        created_at_ms=10,
        updated_at_ms=10,
        body='{"tasks":[]}',
        layout="[1]",
    )
    assert second.version == GraphVersion(revision=2, digest="two")
    assert (second.name, second.description, second.layout, second.tasks) == (None, None, None, 3)
    assert (second.created_at_ms, second.updated_at_ms) == (10, 20)


async def test_conditions_hold_or_nothing_is_written(store: Database) -> None:
    put = store.graphs.put
    assert not await put("acme", "g", ONE, 1, IfGraph(exists=True))
    assert not await put("acme", "g", ONE, 1, IfGraph(revision=1, digest="one"))
    assert await store.graphs.get("acme", "g") is None
    assert await put("acme", "g", ONE, 1, IfGraph(exists=False))
    assert not await put("acme", "g", TWO, 2, IfGraph(exists=False))
    assert not await put("acme", "g", TWO, 2, IfGraph(revision=2, digest="one"))
    assert not await put("acme", "g", TWO, 2, IfGraph(revision=1, digest="two"))
    assert (await saved(store)).version == GraphVersion(revision=1, digest="one")
    assert await put("acme", "g", TWO, 2, IfGraph(revision=1, digest="one"))
    assert await put("acme", "g", ONE, 3, IfGraph(exists=True))
    assert await put("acme", "g", TWO, 4, IfGraph(revision=3))
    assert (await saved(store)).version.revision == 4


async def test_of_many_changes_at_once_to_one_version_one_is_taken(store: Database) -> None:
    await store.graphs.put("acme", "g", ONE, 1)
    condition = IfGraph(revision=1, digest="one")
    others = [replace(TWO, digest=f"other {number}") for number in range(50)]

    taken = await asyncio.gather(*(store.graphs.put("acme", "g", one, 2, condition) for one in others))

    assert sum(taken) == 1
    assert (await saved(store)).version.digest == others[taken.index(True)].digest


async def test_a_graph_is_removed_on_its_condition(store: Database) -> None:
    await store.graphs.put("acme", "g", ONE, 1)

    assert not await store.graphs.delete("acme", "g", IfGraph(revision=2, digest="one"))
    assert await store.graphs.delete("acme", "g", IfGraph(revision=1, digest="one"))
    assert not await store.graphs.delete("acme", "g")


async def test_tenants_have_their_own(store: Database) -> None:
    await store.graphs.put("acme", "g", ONE, 1)
    await store.graphs.put("other", "g", TWO, 1)

    assert not await store.graphs.delete("third", "g")
    assert await store.graphs.delete("other", "g")

    assert (await saved(store)).version.digest == "one"
    assert (await store.graphs.count("acme"), await store.graphs.count("other")) == (1, 0)


async def test_lists_are_paged_by_id(store: Database) -> None:
    for name in ("b", "a", "d", "c"):
        await store.graphs.put("acme", name, ONE, 1)
    await store.graphs.put("other", "aa", ONE, 1)

    first = await store.graphs.list("acme", limit=3, cursor=None)
    rest = await store.graphs.list("acme", limit=3, cursor=first.next_cursor)

    assert [row.graph_id for row in first.items] == ["a", "b", "c"]
    assert ([row.graph_id for row in rest.items], rest.next_cursor) == (["d"], None)
