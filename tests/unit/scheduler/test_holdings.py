"""Accounts of several nodes: whatever they do, and whichever of them dies, the cap holds and no money is lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import CreditsUsedUp
from app.ports.allowances import Reservation
from app.ports.usage import UsageRow
from tests.support.databases import place_database
from tests.support.holding import PaidNode, PaidRun, World, several

CAP = 1_000
ACTIONS = ("start", "commit", "settle", "call", "end call", "look", "top up", "take back", "die", "nap")


class Story:
    """Nodes, runs and calls of the gateway, moved one action at a time; every node has one run at least."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.runs: list[PaidRun] = []
        self.calls: list[tuple[PaidNode, Reservation, AsyncExitStack, int]] = []

    async def act(self, action: str, which: int, amount: int) -> None:
        node = self.world.nodes[which % len(self.world.nodes)]
        runs = [run for run in self.runs if run.node is node]
        run = runs[which // 3 % len(runs)]
        match action:
            case "start":
                await run.start(amount)
            case "commit":
                if not await run.commit():
                    await self._without_runner(run)
            case "settle" if run.calls:
                run.settle(amount / 300)
            case "call":
                await self._call(node, amount)
            case "end call" if self.calls:
                await self._end_call(amount / 300)
            case "look":
                await self.world.look(node)
            case "top up":
                await self.world.add_credits(amount)
                await self.world.look(node)
            case "take back":
                await self._take_back(node, amount)
            case "die":
                await self._die(node)
            case "nap" if not any(at is node for at, *_ in self.calls):
                await self.world.nap(node)

    async def _call(self, node: PaidNode, most: int) -> None:
        stack = AsyncExitStack()
        try:
            reservation = await stack.enter_async_context(node.allowances.reserve(None, self.world.tenant, most))
        except CreditsUsedUp:
            return
        self.calls.append((node, reservation, stack, most))

    async def _end_call(self, part: float) -> None:
        _, reservation, stack, most = self.calls.pop(0)
        cost = reservation.spent_nano_usd = round(most * part)
        row = UsageRow(tenant_id=self.world.tenant, day="2026-11-22", key_id="", model="m", cost_nano_usd=cost)
        await self.world.database.usage.add([row])
        await stack.aclose()

    async def _take_back(self, node: PaidNode, amount: int) -> None:
        try:
            async with node.allowances.reserve(None, self.world.tenant, amount) as reservation:
                await self.world.add_credits(-amount)
                await self.world.look(node)
                reservation.spent_nano_usd, reservation.withdrawn = 0, True
        except CreditsUsedUp:
            pass

    async def _without_runner(self, run: PaidRun) -> None:
        """The commit was refused: the run is claimed anew, by its own node."""
        self.runs.remove(run)
        await self.world.database.runs.release(run.lease)
        self.runs += await run.node.claim()

    async def _die(self, node: PaidNode) -> None:
        """As by kill -9: nothing is given back, its calls end unheard of, and another takes its runs over."""
        self.calls = [call for call in self.calls if call[0] is not node]
        self.runs = [run for run in self.runs if run.node is not node]
        place = self.world.nodes.index(node)
        await self.world.silence(node)
        fresh = self.world.nodes[place] = await self.world.new_node()
        self.runs += await self.world.nodes[(place + 1) % len(self.world.nodes)].claim()
        self.runs.append(await self.world.new_run(fresh))

    async def check(self) -> None:
        under_way = sum(most for *_, most in self.calls)
        assert sum(map(sum, (run.calls for run in self.runs))) <= await self.world.reserved()
        assert await self.world.recorded() + await self.world.reserved() + under_way <= self.world.cap

    async def end(self) -> None:
        """Everything ends, at its most; then what is left can be spent to the last bit at any node."""
        while self.calls:
            await self._end_call(1.0)
        for run in tuple(self.runs):
            while run.calls or run.starting or run.ended:
                if not await run.commit():
                    await self._without_runner(run)
                    break
                while run.calls:
                    run.settle(1.0)
        await self.check()
        assert await self.world.reserved() == 0
        assert await self.world.use_up(self.world.nodes[-1]) == self.world.cap


@settings(max_examples=30, deadline=None)
@given(
    actions=st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 8), st.integers(1, 300)), min_size=1, max_size=30
    )
)
def test_the_cap_holds_whatever_happens_and_nothing_is_lost(actions: list[tuple[str, int, int]]) -> None:
    async def tell(path: Path) -> None:
        async with several(path) as database:
            world = World(database, CAP)
            await world.begin(3)
            story = Story(world)
            for node in world.nodes:
                story.runs += [await world.new_run(node) for _ in range(2)]
            for action in actions:
                await story.act(*action)
                await story.check()
            await story.end()

    with TemporaryDirectory() as folder:
        asyncio.run(tell(place_database(Path(folder) / "x.db")))
