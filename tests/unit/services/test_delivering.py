"""The worker of webhooks: fair between hosts and tenants, bounded, quiet while nothing is due, cut off at a stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from app.dispatch.local import LocalDoorbell
from app.domain.errors import StoreUnavailable
from app.domain.webhooks import DeliveryStatus, RetrySchedule
from app.ports.fetching import Fetched, FetchRequest
from app.ports.webhooks import NEW_DELIVERIES, Attempt, Upcoming
from app.services.delivering import Deliverer, DeliverySettings
from app.services.webhooks import WebhookService
from app.telemetry.prometheus import NoMetrics
from app.telemetry.system import SystemClock, SystemEntropy

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + "QUFB" * 10


@dataclass
class Owed:
    """Deliveries in memory: what the worker asks of its store, and nothing else."""

    rows: dict[str, Upcoming] = field(default_factory=dict)
    ended: dict[str, tuple[DeliveryStatus, Attempt]] = field(default_factory=dict)
    looks: int = 0
    away: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def owe(self, name: str, host: str = "a:1", tenant: str = "t", at_ms: int = 0) -> None:
        self.rows[name] = Upcoming(
            delivery_id=name,
            tenant_id=tenant,
            swarm_id="swm_x",
            url=f"http://{host}/{name}",
            host=host,
            secret=SECRET,
            body="{}",
            attempts=0,
            failures=0,
            at_ms=at_ms,
        )

    async def upcoming(
        self, *, limit: int, not_hosts: Collection[str], not_tenants: Collection[str], not_ids: Collection[str]
    ) -> Sequence[Upcoming]:
        self.looks += 1
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        left = [
            row
            for row in self.rows.values()
            if row.host not in not_hosts and row.tenant_id not in not_tenants and row.delivery_id not in not_ids
        ]
        return sorted(left, key=lambda row: row.at_ms)[:limit]

    async def record(
        self, delivery_id: str, attempt: Attempt, status: DeliveryStatus, *, failures: int, next_at_ms: int | None
    ) -> None:
        row = self.rows.pop(delivery_id)
        if status is DeliveryStatus.PENDING and next_at_ms is not None:
            self.rows[delivery_id] = replace(row, attempts=attempt.attempt, failures=failures, at_ms=next_at_ms)
        else:
            self.ended[delivery_id] = (status, attempt)
        self.news.set()

    async def prune(self, before_ms: int, *, limit: int) -> int:
        return 0

    async def until_ended(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.ended) < count:
                self.news.clear()
                await self.news.wait()


@dataclass
class Hosts:
    """Answers at once, but from hosts in ``hanging``; counts what is under way."""

    hanging: set[str] = field(default_factory=set)
    under_way: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    crash: bool = False

    async def fetch(self, request: FetchRequest) -> Fetched:
        if self.crash:
            raise RuntimeError("a bug")
        host = request.url.split("/")[2]
        for name in (host, "all"):
            self.under_way[name] += 1
            self.most[name] = max(self.most[name], self.under_way[name])
        try:
            if host in self.hanging:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
        finally:
            for name in (host, "all"):
                self.under_way[name] -= 1
        return Fetched(url=request.url, status=204, headers={}, body=b"")


def worker(owed: Owed, hosts: Hosts, bell: LocalDoorbell, **settings: object) -> Deliverer:
    clock, entropy = SystemClock(), SystemEntropy()

    async def anywhere(url: str) -> str:
        return url

    service = WebhookService(owed, bell, clock, entropy, anywhere)  # type: ignore[arg-type]  # what it uses of it
    bounds = replace(DeliverySettings(stop_s=0.05), **settings)  # type: ignore[arg-type]
    return Deliverer(owed, service, hosts, bell, clock, entropy, bounds, NoMetrics())  # type: ignore[arg-type]


async def test_a_host_that_hangs_takes_its_share_and_no_more() -> None:
    owed, hosts = Owed(), Hosts(hanging={"slow:1"})
    for number in range(200):
        owed.owe(f"s{number}", "slow:1")
    owed.owe("q", "quick:1", at_ms=1)

    async with worker(owed, hosts, LocalDoorbell()).running():
        await owed.until_ended(1)

    assert set(owed.ended) == {"q"}
    assert hosts.most["slow:1"] == 4
    assert hosts.under_way["all"] == 0, "cut off at the stop"


async def test_a_tenant_with_many_hosts_that_hang_holds_up_no_other() -> None:
    hosts = Hosts(hanging={f"h{number}:1" for number in range(100)})
    owed = Owed()
    for number in range(100):
        owed.owe(f"s{number}", f"h{number}:1", tenant="greedy")
    owed.owe("q", "quick:1", tenant="other", at_ms=1)

    async with worker(owed, hosts, LocalDoorbell()).running():
        await owed.until_ended(1)

    assert set(owed.ended) == {"q"}
    assert hosts.most["all"] <= 17


async def test_many_are_delivered_within_the_bounds() -> None:
    owed, hosts = Owed(), Hosts()
    for number in range(500):
        owed.owe(f"d{number}", f"h{number % 40}:1", tenant=f"t{number % 10}")

    async with worker(owed, hosts, LocalDoorbell(), at_once=20).running():
        await owed.until_ended(500)

    assert {status for status, _ in owed.ended.values()} == {DeliveryStatus.DELIVERED}
    assert hosts.most["all"] <= 20
    assert max(count for name, count in hosts.most.items() if name != "all") <= 4


async def test_nothing_is_asked_for_while_nothing_is_due_and_a_ring_wakes_it() -> None:
    owed, bell = Owed(), LocalDoorbell()
    owed.owe("later", at_ms=SystemClock().now_ms() + 3_600_000)

    async with worker(owed, Hosts(), bell).running():
        for _ in range(1000):
            await asyncio.sleep(0)
        looks = owed.looks
        owed.owe("now")
        bell.ring(NEW_DELIVERIES)
        await owed.until_ended(1)

    assert looks == 1
    assert set(owed.ended) == {"now"}


async def test_what_is_due_in_a_moment_is_sent_then() -> None:
    owed = Owed()
    owed.owe("soon", at_ms=SystemClock().now_ms() + 50)

    async with worker(owed, Hosts(), LocalDoorbell()).running():
        await owed.until_ended(1)

    assert owed.ended["soon"][1].at_ms > 0


async def test_a_fault_of_the_sender_is_an_attempt_that_failed() -> None:
    owed = Owed()
    owed.owe("d")

    async with worker(owed, Hosts(crash=True), LocalDoorbell(), schedule=RetrySchedule(delays_s=(0.0,))).running():
        await owed.until_ended(1)

    status, attempt = owed.ended["d"]
    assert (status, attempt.attempt, attempt.status_code) == (DeliveryStatus.DEAD, 2, None)
    assert "a fault of the service" in (attempt.error or "")


async def test_a_store_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.delivering._STORE_AWAY_S", 0.01)
    owed = Owed(away=2)
    owed.owe("d")

    async with worker(owed, Hosts(), LocalDoorbell()).running():
        await owed.until_ended(1)

    assert owed.looks >= 3


async def test_a_stop_takes_no_longer_than_it_may() -> None:
    owed, hosts = Owed(), Hosts(hanging={"a:1"})
    owed.owe("d")
    began = asyncio.get_running_loop().time()

    async with worker(owed, hosts, LocalDoorbell()).running():
        while not hosts.under_way["a:1"]:
            await asyncio.sleep(0)

    assert asyncio.get_running_loop().time() - began < 2
    assert owed.ended == {}
    assert "d" in owed.rows, "sent again after the next start"
    with suppress(KeyError):
        assert owed.rows["d"].attempts == 0
