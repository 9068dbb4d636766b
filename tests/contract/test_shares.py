"""Shares of limits: whoever asks, and in whatever order, together they never pass the limit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

from app.ports.shares import Ask, ShareRow
from app.storage.dialect.sqlite import reading_engine
from app.storage.engine import open_database
from app.storage.nodes import Nodes
from app.storage.reader import Reader
from app.storage.shares import Shares
from app.storage.sqlite_writer import SqliteWriter
from tests.support.databases import place_database
from tests.support.postgres import server

pytestmark = pytest.mark.anyio


@pytest.fixture
def url() -> Iterator[str]:
    with server().database() as found:
        yield found


def ask(wanted: int, *, pool: str = "p", limit: int = 10, demand: int = 1, used: int = 0) -> Ask:
    return Ask(pool=pool, demand=demand, used=used, wanted=wanted, limit=limit)


async def take(shares: Shares, node: str, *asks: Ask, given_back: Collection[str] = ()) -> Sequence[ShareRow]:
    """Returns how all stand in the first pool asked for."""
    return (await shares.take(node, asks, given_back))[asks[0].pool]


async def test_shares_never_pass_the_limit_and_those_of_the_dead_are_free(url: str) -> None:
    draw = random.Random(3)
    async with open_database(url, lease_s=30.0) as one, open_database(url, lease_s=30.0) as two:
        assert one.nodes is not None
        for name in ("a", "b", "c"):
            await one.nodes.renew(name)
        for _ in range(30):
            wants = {name: draw.randint(0, 12) for name in ("a", "b", "c")}
            stores = {"a": one, "b": two, "c": one}
            found = await asyncio.gather(
                *[
                    stores[name].shares.take(name, [ask(want), ask(want, pool="q", limit=7)])
                    for name, want in wants.items()
                ]
            )
            for pool, limit in (("p", 10), ("q", 7)):
                mine = {
                    name: {row.node: row.share for row in rows[pool]}[name]
                    for name, rows in zip(wants, found, strict=True)
                }
                assert sum(mine.values()) <= limit
                assert all(mine[name] <= want for name, want in wants.items())
        await take(one.shares, "b", ask(0, demand=0))
        await take(one.shares, "c", ask(0, demand=0))
        first, *_ = await take(one.shares, "a", ask(10, demand=9))
        assert (first.node, first.demand, first.share) == ("a", 9, 10)

        await one.nodes.leave("a")

        rows = await take(two.shares, "b", ask(7, demand=3))
        assert [(row.node, row.share) for row in rows] == [("b", 7), ("c", 0)]
        assert [row.share for row in await take(two.shares, "b", ask(5, pool="other", limit=5))] == [5]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_what_is_in_use_counts_and_what_was_given_back_does_not(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "postgres":
        async with open_database(request.getfixturevalue("url"), lease_s=30.0) as database:
            assert database.nodes is not None
            await _use_and_give_back(database.shares, database.nodes)
        return
    path = place_database(tmp_path / "x.db")
    reader = Reader(reading_engine(path))
    try:
        async with SqliteWriter(path) as writer:
            await _use_and_give_back(Shares(writer), Nodes(writer, reader, 30.0))
    finally:
        await reader.dispose()


async def _use_and_give_back(shares: Shares, nodes: Nodes) -> None:
    for name in ("a", "b"):
        await nodes.renew(name)

    await take(shares, "a", ask(4, used=8), ask(3, pool="q"))
    assert [row.share for row in await take(shares, "b", ask(10), ask(10, pool="q"))] == [4, 2]

    found = await shares.take("a", [ask(3, pool="q")], ["p"])
    assert [(row.node, row.share) for row in found["q"]] == [("a", 3), ("b", 7)]
    assert [(row.node, row.share) for row in await take(shares, "b", ask(10))] == [("b", 10)]

    assert await shares.take("b", [], ["p", "q"]) == {}
    assert [(row.node, row.share) for row in await take(shares, "a", ask(10))] == [("a", 10)]
