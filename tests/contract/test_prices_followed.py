"""A price that is set at one node holds at the others, and one that is removed does no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from app.dispatch.local import LocalDoorbell
from app.domain.usage import Price
from app.providers.offline import OfflineProvider
from app.providers.prices import PriceBook
from app.services.prices import PriceService
from app.storage.engine import open_database
from app.telemetry.system import SystemClock
from tests.support.postgres import server
from tests.support.scheduling import OneModel

pytestmark = pytest.mark.anyio

PRICE = Price(input_nano_per_mtok=7, output_nano_per_mtok=9)


@pytest.fixture
def url() -> Iterator[str]:
    with server().database() as found:
        yield found


async def test_prices_of_one_node_are_those_of_the_others(url: str) -> None:
    bell, clock = LocalDoorbell(), SystemClock()
    books = [PriceBook(vendors={}, configured={}, clock=clock) for _ in range(2)]
    async with open_database(url, lease_s=10) as one, open_database(url, lease_s=10) as two:
        here, there = (
            PriceService(store.prices, book, OneModel(OfflineProvider()), clock, bell)
            for store, book in zip((one, two), books, strict=True)
        )
        async with here.following(), there.following():
            await here.merge({"m": PRICE})
            await _until(lambda: "m" in books[1].named())
            assert books[1].named()["m"].price == PRICE

            await here.merge({"m": None})
            await _until(lambda: "m" not in books[1].named())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)
