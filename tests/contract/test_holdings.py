"""What nodes hold of an account: whoever asks, and in whatever order, together they never pass the cap."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.swarm import PAUSED_BY_CREDITS, PAUSED_BY_KEY
from app.ports.holdings import Holding, HoldingStore
from app.ports.keys import KeyRow
from app.ports.usage import UsageRow
from app.storage.database import Database
from tests.support.holding import World, holdings_of, several

pytestmark = pytest.mark.anyio

DAY, NEXT_DAY = "2026-11-22", "2026-11-23"
KEY = KeyRow(
    key_id="key_1",
    tenant_id="acme",
    name="k",
    scopes=("run",),
    created_at_ms=1,
    revoked_at_ms=None,
    max_cost_per_day_nano_usd=100,
)


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with several(place) as found:
        await found.keys.create(KEY, "hash")
        yield found


async def take(database: Database, node: str, least: int, most: int, *, out: int = 0, day: str = DAY) -> Holding:
    return await holdings_of(database).take(
        PAUSED_BY_KEY, KEY.key_id, node, day, out=out, least=out + least, most=out + most
    )


async def use(database: Database, nano_usd: int, day: str = DAY) -> None:
    row = UsageRow(tenant_id="acme", day=day, key_id=KEY.key_id, model="m", calls=1, cost_nano_usd=nano_usd)
    await database.usage.add([row])


async def test_a_node_gets_what_it_wants_or_what_is_left_if_that_is_enough(database: Database) -> None:
    assert await take(database, "a", 10, 70) == Holding(
        held_nano_usd=70, left_nano_usd=100, others_nano_usd=0, others_short=False
    )
    assert await take(database, "b", 10, 70) == Holding(
        held_nano_usd=30, left_nano_usd=30, others_nano_usd=70, others_short=False
    )
    # Not a part that it could not use: another may be able to.
    short = await take(database, "b", 31, 70)
    assert (short.held_nano_usd, short.left_nano_usd) == (0, 30)
    assert (await take(database, "a", 0, 0)).others_short
    assert (await take(database, "b", 31, 70)).held_nano_usd == 70
    assert not (await take(database, "a", 0, 0)).others_short


async def test_what_is_used_is_not_left_and_a_new_day_begins_anew(database: Database) -> None:
    await use(database, 60)

    assert (await take(database, "a", 1, 100)).held_nano_usd == 40
    assert (await take(database, "a", 1, 100, day=NEXT_DAY)).held_nano_usd == 100
    # A node whose clock has not come to the new day holds nothing that was used in it elsewhere.
    await use(database, 90, NEXT_DAY)
    assert (await take(database, "a", 1, 100)).held_nano_usd == 10


async def test_what_calls_under_way_may_cost_stays_held_where_the_cap_is_lowered(database: Database) -> None:
    await take(database, "a", 50, 90)
    await database.keys.change(replace(KEY, max_cost_per_day_nano_usd=20))

    lowered = await take(database, "a", 1, 10, out=50)

    assert (lowered.held_nano_usd, lowered.left_nano_usd) == (50, 20)
    assert (await take(database, "b", 1, 10)).held_nano_usd == 0
    assert (await take(database, "a", 0, 0)).held_nano_usd == 0
    await database.keys.change(replace(KEY, max_cost_per_day_nano_usd=None))
    assert (await take(database, "a", 1, 10)).left_nano_usd is None


async def test_what_nodes_held_that_are_gone_is_free_and_what_their_runs_reserved_is_not(database: Database) -> None:
    world = World(database, 100)
    await world.begin(2)
    one, two = world.nodes
    run = await world.new_run(one)
    assert await run.start(20)
    assert await run.commit()

    async def left_for_two() -> int:
        found = await holdings_of(database).take(
            PAUSED_BY_CREDITS, world.tenant, two.name, DAY, out=0, least=1, most=1_000
        )
        return found.held_nano_usd

    held = await left_for_two()
    assert held == 60, "it asked for twice what the call may cost"
    await world.silence(one)

    assert await left_for_two() == 80
    await two.claim()
    assert await world.recorded() == 20
    assert await left_for_two() == 80
    await holdings_of(database).give_up(two.name)
    three = await world.new_node()
    assert await (await world.new_run(three)).start(80)


async def test_a_commit_whose_calls_the_node_does_not_hold_any_more_is_refused(database: Database) -> None:
    world = World(database, 100)
    await world.begin(2)
    run, other = [await world.new_run(node) for node in world.nodes]
    assert await run.start(40)
    await world.silence(world.nodes[0])
    assert await other.start(100)

    assert not await run.commit()
    assert await other.commit()
    assert await world.reserved() == 100


class Slow:
    """Answers a take only when ``go`` is set; what it does it does at once."""

    def __init__(self, store: HoldingStore) -> None:
        self._store = store
        self.lease_s = store.lease_s
        self.done, self.go = asyncio.Event(), asyncio.Event()

    async def take(self, kind: str, owner: str, node: str, day: str, *, out: int, least: int, most: int) -> Holding:
        found = await self._store.take(kind, owner, node, day, out=out, least=least, most=most)
        self.done.set()
        await self.go.wait()
        return found

    async def give_up(self, node: str) -> None:
        await self._store.give_up(node)


async def test_what_a_take_on_its_way_may_have_given_back_is_promised_to_nobody(database: Database) -> None:
    world = World(database, 1_000)
    await world.begin(1)
    [node] = world.nodes
    one, two = await world.new_run(node), await world.new_run(node)
    assert await one.start(100)
    assert await one.commit()
    assert node.allowances.left(two.funds)[0] == 100, "it asked for twice what the call may cost"
    slow = Slow(holdings_of(database))
    node.allowances._store = slow

    looking = asyncio.create_task(node.allowances.refresh(PAUSED_BY_CREDITS, world.tenant))
    await slow.done.wait()
    starting = asyncio.create_task(two.start(50))
    await asyncio.sleep(0)
    slow.go.set()
    await looking

    assert await starting
    assert await two.commit()
    assert await world.reserved() == 150


async def test_nodes_at_once_never_pass_the_cap(place: Path | str) -> None:
    """Each has connections of its own; calls are made only of what a commit has paid for."""
    cap = 5_000
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(several(place)) for _ in range(3 if isinstance(place, str) else 1)]
        world = World(databases[0], cap)
        await world.begin(3)
        for node, database in zip(world.nodes, databases, strict=False):
            node.allowances._store = holdings_of(database)
        most_seen = 0

        async def work(number: int) -> None:
            nonlocal most_seen
            draw = random.Random(number)
            run = runs[number]
            for _ in range(25):
                await run.start(draw.randint(20, 200))
                assert await run.commit()
                if run.calls and draw.random() < 0.8:
                    run.settle(draw.random())
                most_seen = max(most_seen, await world.recorded() + await world.reserved())
            while run.calls:
                run.settle(1.0)
            assert await run.commit()

        runs = [await world.new_run(world.nodes[number % 3]) for number in range(6)]
        await asyncio.gather(*[work(number) for number in range(6)])

        assert most_seen <= cap
        assert await world.reserved() == 0
        assert await world.use_up(world.nodes[1]) == cap
