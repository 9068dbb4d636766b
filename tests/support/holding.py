"""Nodes that share a tenant's credits, without services: their holdings, runs that reserve and settle, and crashes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from app.dispatch.local import LocalDoorbell
from app.domain.changes import AttemptEnded
from app.domain.errors import LeaseLost
from app.domain.swarm import PAUSED_BY_CREDITS, SwarmState
from app.domain.usage import Usage
from app.ports.allowances import Terms
from app.ports.credits import CreditEntry, EntryKind
from app.ports.holdings import HoldingStore
from app.ports.runs import Commit, Lease
from app.scheduler.allowances import Funds
from app.scheduler.holdings import HeldAllowances
from app.services.credits import CreditService
from app.storage.database import Database
from app.storage.dialect.sqlite import reading_engine
from app.storage.engine import open_database
from app.storage.reader import Reader
from app.storage.sqlite_writer import SqliteWriter
from app.telemetry.system import SystemEntropy
from tests.support.runs import T0_MS, new_swarm
from tests.support.virtual_time import VirtualTime

LIFE_S = 3600.0
_NUMBERS = count(1)


@asynccontextmanager
async def several(place: Path | str) -> AsyncIterator[Database]:
    """A database as one of several nodes has it; of a SQLite file, too."""
    if not isinstance(place, Path):
        async with open_database(place, lease_s=LIFE_S) as database:
            yield database
        return
    reader = Reader(reading_engine(place))
    try:
        async with SqliteWriter(place) as writer:
            yield Database.of(writer, reader, lease_s=LIFE_S)
    finally:
        await reader.dispose()


def holdings_of(database: Database) -> HoldingStore:
    assert database.holdings is not None
    return database.holdings


@dataclass(eq=False)
class PaidRun:
    """A run as its runner has it; ``calls`` are the worst cases of those under way."""

    node: PaidNode
    lease: Lease
    state: SwarmState
    funds: Funds
    calls: list[int] = field(default_factory=list)
    starting: list[int] = field(default_factory=list)
    ended: list[AttemptEnded] = field(default_factory=list)

    async def start(self, most_nano_usd: int) -> bool:
        """Reserve for one more call, which is made after the next commit."""
        allowances = self.node.allowances
        left, _ = allowances.left(self.funds)
        if (left is None or left < most_nano_usd) and not await allowances.more(
            self.funds, most_nano_usd, 1, patient=False
        ):
            return False
        self.starting.append(most_nano_usd)
        self.state.reserved_nano_usd += most_nano_usd
        allowances.add(self.funds, most_nano_usd, most_nano_usd)
        return True

    def settle(self, part: float) -> None:
        """The oldest call under way cost that part of its worst case."""
        most = self.calls.pop(0)
        cost = round(most * part)
        self.state.reserved_nano_usd -= most
        self.state.cost_nano_usd += cost
        self.ended.append(_ended(cost))
        self.node.allowances.add(self.funds, cost - most, -most)

    async def commit(self) -> bool:
        """Write it as a runner does; return False where that was refused and the run has no runner any more."""
        allowances = self.node.allowances
        commit = Commit(
            state=self.state,
            changes=self.ended,
            events=[],
            at_ms=T0_MS,
            payments=allowances.payments(self.funds),
        )
        try:
            await self.node.world.database.runs.commit(self.lease, commit)
        except LeaseLost:
            return False
        finally:
            allowances.settle(self.funds)
        self.calls += self.starting
        self.starting, self.ended = [], []
        return True


def _ended(cost_nano_usd: int, unsettled_nano_usd: int = 0) -> AttemptEnded:
    return AttemptEnded(
        index=0,
        attempt=next(_NUMBERS),
        status="completed",
        started_at_ms=T0_MS,
        ended_at_ms=T0_MS,
        queue_ms=0,
        latency_ms=1.0,
        model="m",
        error=None,
        usage=Usage(),
        cost_nano_usd=cost_nano_usd,
        unsettled_nano_usd=unsettled_nano_usd,
    )


@dataclass(eq=False)
class PaidNode:
    world: World
    name: str
    allowances: HeldAllowances

    async def claim(self) -> list[PaidRun]:
        """Take over runs that nobody has; what was under way there is written off at its most."""
        database = self.world.database
        found = []
        for lease in await database.runs.claim(self.name, limit=64):
            state = await database.runs.load(lease)
            if state.tenant_id != self.world.tenant:
                continue
            funds = await self.allowances.open(None, self.world.tenant)
            assert funds is not None
            run = PaidRun(self, lease, state, funds)
            lost = state.left_reserved_nano_usd
            if lost:
                state.unsettled_nano_usd += lost
                run.ended.append(_ended(0, lost))
                assert await run.commit()
            found.append(run)
        return found


class World:
    """A tenant whose credits pay; every example has one of its own in the same database."""

    def __init__(self, database: Database, credits_nano_usd: int) -> None:
        self.database = database
        self.number = next(_NUMBERS)
        self.tenant = f"tenant {self.number}"
        self.doorbell = LocalDoorbell()
        self.time = VirtualTime()
        self.cap = credits_nano_usd
        self.nodes: list[PaidNode] = []
        self._credits = CreditService(database.credits, self.time, SystemEntropy())

    async def begin(self, nodes: int) -> None:
        await self.database.credits.open(self._entry(EntryKind.OPENING, self.cap))
        for _ in range(nodes):
            self.nodes.append(await self.new_node())

    async def new_node(self) -> PaidNode:
        name = f"node {next(_NUMBERS)}"
        store = holdings_of(self.database)
        allowances = HeldAllowances(self.time, _no_key, self._terms, store, self.doorbell, name, patience_s=0.0)
        assert self.database.nodes is not None
        await self.database.nodes.renew(name)
        return PaidNode(self, name, allowances)

    async def new_run(self, node: PaidNode) -> PaidRun:
        await self.database.swarms.create(new_swarm({"a": []}, number=next(_NUMBERS), tenant_id=self.tenant))
        [run] = await node.claim()
        return run

    async def silence(self, node: PaidNode) -> None:
        """Its lease is over: for the others it is gone."""
        assert self.database.nodes is not None
        await self.database.nodes.leave(node.name)

    async def nap(self, node: PaidNode) -> None:
        """It is held up for longer than its lease; nobody takes its runs meanwhile, but what it holds is given away."""
        await self.silence(node)
        await holdings_of(self.database).give_up("nobody")
        self.time.run(self.time.now + 2 * LIFE_S)
        assert self.database.nodes is not None
        await self.database.nodes.renew(node.name)

    async def add_credits(self, nano_usd: int) -> None:
        await self.database.credits.add(self._entry(EntryKind.TOP_UP, nano_usd))
        self.cap += nano_usd

    async def use_up(self, node: PaidNode) -> int:
        """Spend at one node whatever is left, and return what is recorded then; the others have nothing under way."""
        for other in self.nodes:
            await self.look(other)
        run = await self.new_run(node)
        left = self.cap - await self.recorded() - await self.reserved()
        if left:
            assert await run.start(left), f"{left} are left and cannot be had"
            assert await run.commit()
            run.settle(1.0)
            assert await run.commit()
        return await self.recorded()

    async def recorded(self) -> int:
        return (await self._terms(self.tenant)).spent_nano_usd

    async def reserved(self) -> int:
        return await self.database.usage.reserved(tenant_id=self.tenant)

    async def _terms(self, tenant_id: str) -> Terms:
        reserved = await self.database.usage.reserved(tenant_id=tenant_id)
        return replace(await self._credits.terms(tenant_id), reserved_nano_usd=reserved)

    def _entry(self, kind: EntryKind, nano_usd: int) -> CreditEntry:
        number = next(_NUMBERS)
        return CreditEntry(
            entry_id=f"crd_{number}",
            tenant_id=self.tenant,
            kind=kind,
            amount_nano_usd=nano_usd,
            at_ms=T0_MS,
            reference=f"r{number}",
        )

    async def look(self, node: PaidNode) -> None:
        await node.allowances.refresh(PAUSED_BY_CREDITS, self.tenant)


async def _no_key(key_id: str, day: str) -> Terms:
    return Terms(None, 0)
