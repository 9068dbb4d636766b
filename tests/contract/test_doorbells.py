"""Ringing: who listens here is called at once, and with several nodes those at the others, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from app.dispatch.broker import Broker
from app.dispatch.connecting import BrokerSettings
from app.dispatch.doorbell import NatsDoorbell
from app.dispatch.local import LocalDoorbell
from app.ports.doorbell import Doorbell
from tests.support.brokers import NatsServer, nats_server

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["local", "nats"])
async def doorbells(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Doorbell, Doorbell]]:
    """The doorbells of two nodes; alone it is the same."""
    if request.param == "local":
        alone = LocalDoorbell()
        yield alone, alone
        return
    async with AsyncExitStack() as stack:
        server = stack.enter_context(nats_server(tmp_path))
        one, two = [await _connected(stack, server, f"node.{number}") for number in (1, 2)]
        yield one, two


async def _connected(stack: AsyncExitStack, server: NatsServer, name: str) -> NatsDoorbell:
    broker = Broker(BrokerSettings(url=server.url), name)
    doorbell = NatsDoorbell(broker, name)
    stands = asyncio.Event()
    broker.on_ready(stands.set)
    await stack.enter_async_context(broker.running())
    await stack.enter_async_context(doorbell.running())
    await stands.wait()
    return doorbell


class Heard:
    """A listener."""

    def __init__(self) -> None:
        self.count = 0
        self._news = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._news.set()

    async def wait(self) -> None:
        async with asyncio.timeout(30):
            await self._news.wait()
        self._news.clear()


async def test_a_ring_here_is_heard_here_at_once(doorbells: tuple[Doorbell, Doorbell]) -> None:
    here, _ = doorbells
    heard, other = Heard(), Heard()
    with here.listen("events.swm_1", heard), here.listen("events.swm_2", other):
        here.ring("events.swm_1")
        assert (heard.count, other.count) == (1, 0)
    here.ring("events.swm_1")

    assert (heard.count, other.count) == (1, 0)


async def test_a_ring_is_heard_on_the_other_node_once(doorbells: tuple[Doorbell, Doorbell]) -> None:
    here, there = doorbells
    heard, wrong, last = Heard(), Heard(), Heard()
    with ExitStack() as listening:
        listening.enter_context(there.listen("events.swm_1", heard))
        listening.enter_context(there.listen("events.swm_1x", wrong))
        listening.enter_context(there.listen("last", last))
        here.ring("events.swm_1")
        await heard.wait()
        here.ring("last")
        await last.wait()

    assert (heard.count, wrong.count, last.count) == (1, 0, 1)


async def test_many_rings_all_arrive(doorbells: tuple[Doorbell, Doorbell]) -> None:
    here, there = doorbells
    heard = [Heard() for _ in range(2500)]
    with ExitStack() as listening:
        for number, one in enumerate(heard):
            listening.enter_context(there.listen(f"events.{number}", one))
        for number in range(2500):
            here.ring(f"events.{number}")
        for one in heard:
            await one.wait()

    assert {one.count for one in heard} == {1}


async def test_what_was_rung_while_the_server_was_away_is_looked_for(tmp_path: Path) -> None:
    """Nobody knows what was rung: once there is a connection again everybody is called."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(nats_server(tmp_path))
        here = await _connected(stack, server, "node.1")
        there = await _connected(stack, server, "node.2")
        heard = Heard()
        with there.listen("events.swm_1", heard):
            server.kill()
            here.ring("events.swm_1")
            server.start()
            await heard.wait()
