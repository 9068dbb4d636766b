"""Facts are written until they are: neither an outage nor one that cannot be written holds up the others for good."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from app.dispatch.broker import Broker
from app.dispatch.connecting import BrokerSettings
from app.dispatch.recording import Recording
from app.domain.errors import StoreUnavailable
from app.ports.assignments import Told
from app.ports.dispatch import CallKey

pytestmark = pytest.mark.anyio


class Store:
    """Refuses whole batches with ``poison`` among them until it is ``healed``, and everything while ``away``."""

    def __init__(self) -> None:
        self.away = 0
        self.poison: CallKey | None = None
        self.written: list[CallKey] = []

    async def record(self, told: Sequence[Told]) -> Mapping[CallKey, str | None]:
        keys = [one.key for one in told]
        if self.away:
            self.away -= 1
            raise StoreUnavailable("the database does not answer")
        if self.poison in keys:
            raise ValueError("no such text")
        self.written += keys
        return dict.fromkeys(keys)


def fact(number: int) -> Told:
    return Told(CallKey("swm_1", number, 1, 0, 0), 1, "{}")


async def written(store: Store, facts: Sequence[Told], least: int) -> list[tuple[CallKey, bool]]:
    """Have facts written, until at least so many are."""
    ended: list[tuple[CallKey, bool]] = []
    enough = asyncio.Event()

    def on_ended(key: CallKey, recorded: bool) -> None:
        ended.append((key, recorded))
        if len(ended) >= least:
            enough.set()

    broker = Broker(BrokerSettings(url="nats://127.0.0.1:1"), "n")
    recording = Recording(broker, cast(Any, store), on_ended)
    running = asyncio.create_task(recording.run())
    try:
        for one in facts:
            recording.add(one)
        async with asyncio.timeout(20):
            await enough.wait()
            if store.poison is not None:
                store.poison, least = None, len(facts)
                enough.clear()
                await enough.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return ended


async def test_a_store_that_is_away_loses_nothing() -> None:
    store, facts = Store(), [fact(number) for number in range(5)]
    store.away = 2

    ended = await written(store, facts, 5)

    assert ended == [(one.key, True) for one in facts]
    assert store.written == [one.key for one in facts]


async def test_one_that_cannot_be_written_goes_behind_the_others() -> None:
    store, facts = Store(), [fact(number) for number in range(5)]
    store.poison = facts[1].key

    ended = await written(store, facts, 4)

    others = [one.key for one in facts if one is not facts[1]]
    assert [key for key, _ in ended] == [*others, facts[1].key]
    assert store.written == [key for key, _ in ended]
