"""Shares of a provider's limits: whoever asks, and in whatever order, together they never pass the limit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from app.storage.engine import open_database
from tests.support.postgres import server

pytestmark = pytest.mark.anyio


@pytest.fixture
def url() -> Iterator[str]:
    with server().database() as found:
        yield found


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
                *[stores[name].shares.take("p", name, demand=1, wanted=want, limit=10) for name, want in wants.items()]
            )
            mine = {name: {row.node: row.share for row in rows}[name] for name, rows in zip(wants, found, strict=True)}
            assert sum(mine.values()) <= 10
            assert all(mine[name] <= want for name, want in wants.items())
        await one.shares.take("p", "b", demand=0, wanted=0, limit=10)
        await one.shares.take("p", "c", demand=0, wanted=0, limit=10)
        first, *_ = await one.shares.take("p", "a", demand=9, wanted=10, limit=10)
        assert (first.node, first.demand, first.share) == ("a", 9, 10)

        await one.nodes.leave("a")

        rows = await two.shares.take("p", "b", demand=3, wanted=7, limit=10)
        assert [(row.node, row.share) for row in rows] == [("b", 7), ("c", 0)]
        assert [row.share for row in await two.shares.take("other", "b", demand=3, wanted=7, limit=5)] == [5]
