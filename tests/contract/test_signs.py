"""What nodes tell each other: versioned, and of two that speak at once the first counts."""

from __future__ import annotations

import asyncio

import pytest

from app.ports.signs import Sign
from app.storage.database import Database

pytestmark = pytest.mark.anyio


def sign(version: int, node: str, *, name: str = "breaker/kimi/k2", body: str = "{}") -> Sign:
    return Sign(name=name, version=version, node=node, body=body)


async def test_the_newest_version_stands_and_the_first_of_two_that_are_equal(store: Database) -> None:
    await store.signs.say([sign(1, "a", body='{"open":true}'), sign(1, "a", name="hold/kimi/k2")])
    await store.signs.say([sign(1, "b")])
    await store.signs.say([sign(2, "b", name="hold/kimi/k2", body='{"left_s":2.5}')])

    found = {one.name: one for one in await store.signs.standing()}

    assert {name: (one.version, one.node, one.body) for name, one in found.items()} == {
        "breaker/kimi/k2": (1, "a", '{"open":true}'),
        "hold/kimi/k2": (2, "b", '{"left_s":2.5}'),
    }
    assert all(0 <= one.age_s < 60 for one in found.values())


async def test_a_sign_grows_old_by_the_clock_of_the_store(store: Database) -> None:
    await store.signs.say([sign(1, "a")])
    [before] = await store.signs.standing()
    await asyncio.sleep(0.05)
    [after] = await store.signs.standing()

    assert after.age_s - before.age_s >= 0.04


async def test_of_many_who_say_something_at_once_all_hear_the_same(store: Database) -> None:
    for version in range(1, 10):
        await asyncio.gather(
            *[store.signs.say([sign(version, node), sign(version, node, name="x")]) for node in "abcd"]
        )
        standing = await store.signs.standing()
        assert [one.version for one in standing] == [version, version]
