"""What nodes have learned of a limit adds up, whoever tells and in whatever order."""

from __future__ import annotations

import asyncio

import pytest

from app.ports.learned import Learned
from app.storage.database import Database

pytestmark = pytest.mark.anyio


async def test_changes_add_up_to_the_limit_of_all(store: Database) -> None:
    learned = store.learned
    assert await learned.add({}) == {}
    assert await learned.add({"kimi/k2": Learned(38.0, 38.0)}) == {"kimi/k2": 38.0}

    await asyncio.gather(*[learned.add({"kimi/k2": Learned(20.0, 0.125), "x/y": Learned(1.5, 0.5)}) for _ in range(8)])

    assert await learned.add({}) == {"kimi/k2": 39.0, "x/y": 5.0}
    assert await learned.add({"kimi/k2": Learned(3.0, -90.0)}) == {"kimi/k2": 0.01, "x/y": 5.0}
