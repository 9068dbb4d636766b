"""What several nodes on one database rely on (``NodeStore``, ``RunStore.claim``); only PostgreSQL has any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from app.domain.errors import LeaseLost
from app.ports.nodes import NodeStore
from app.ports.runs import Command, Lease
from app.services.keys import KeyService
from app.storage.database import Database
from app.storage.engine import open_database
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.postgres import server
from tests.support.runs import completed, grant, new_swarm, turn

pytestmark = pytest.mark.anyio

LEASE_S = 2.0
"""Of which a node lives three quarters after each sign of life."""


@pytest.fixture
def url() -> Iterator[str]:
    with server().database() as made:
        yield made


@pytest.fixture
async def store(url: str) -> AsyncIterator[Database]:
    async with open_database(url, lease_s=LEASE_S) as database:
        yield database


@pytest.fixture
async def other(url: str) -> AsyncIterator[Database]:
    """The store as another process has it."""
    async with open_database(url, lease_s=LEASE_S) as database:
        yield database


def nodes_of(store: Database) -> NodeStore:
    assert store.nodes is not None
    return store.nodes


@pytest.mark.alone
async def test_a_node_that_shows_that_it_lives_keeps_its_runs(store: Database, other: Database) -> None:
    await store.swarms.create(new_swarm({"a": []}))
    [lease] = await store.runs.claim("one", limit=5)

    for _ in range(8):
        await asyncio.sleep(LEASE_S / 4)
        await nodes_of(store).renew("one")
        assert await other.runs.claim("two", limit=5) == []

    assert await nodes_of(store).lost([lease]) == []


@pytest.mark.alone
async def test_the_runs_of_a_silent_node_are_claimed_within_its_lease_and_fenced(
    store: Database, other: Database
) -> None:
    await store.swarms.create(new_swarm({"a": []}))
    [lease] = await store.runs.claim("one", limit=5)
    state = await store.runs.load(lease)
    await store.runs.commit(lease, turn(state, grant(1)))
    loop = asyncio.get_running_loop()
    silent_since = loop.time()

    while not (taken := await other.runs.claim("two", limit=5)):
        await asyncio.sleep(0.05)

    assert LEASE_S * 0.7 < loop.time() - silent_since < LEASE_S
    assert taken == [Lease(lease.swarm_id, lease.token + 1)]
    assert await nodes_of(store).lost([lease]) == [lease]
    with pytest.raises(LeaseLost):
        await store.runs.commit(lease, turn(state, completed(state, 0, '"late"')))
    assert await other.runs.outputs(lease.swarm_id, [0]) == {}
    # A sign of life brings nothing back.
    await nodes_of(store).renew("one")
    assert await store.runs.claim("one", limit=5) == []


async def test_whoever_was_away_leaves_the_runs_of_others_alone(store: Database, other: Database) -> None:
    await store.swarms.create(new_swarm({"a": []}))
    await store.runs.claim("one", limit=5)
    await asyncio.sleep(LEASE_S)
    await store.swarms.create(new_swarm({"a": []}, number=2))

    [mine] = await other.runs.claim("two", limit=5, orphans=False)

    [orphan] = await other.runs.claim("two", limit=5)
    assert mine.swarm_id != orphan.swarm_id


async def test_what_a_node_that_leaves_held_is_free_at_once(store: Database, other: Database) -> None:
    await store.swarms.create(new_swarm({"a": []}))
    await store.runs.claim("one", limit=5)
    assert await other.runs.claim("two", limit=5) == []

    await nodes_of(store).leave("one")

    assert len(await other.runs.claim("two", limit=5)) == 1


async def test_an_ended_run_whose_node_died_at_a_clients_command_is_claimed_too(
    store: Database, other: Database
) -> None:
    await store.swarms.create(new_swarm({"a": []}))
    [lease] = await store.runs.claim("one", limit=5)
    state = await store.runs.load(lease)
    await store.runs.commit(lease, turn(state, grant(1)))
    await store.runs.commit(lease, turn(state, completed(state, 0, '"x"')))
    assert await store.swarms.command("default", lease.swarm_id, Command("retry")) == 1
    [again] = await store.runs.claim("one", limit=5)
    await nodes_of(store).leave("one")

    [third] = await other.runs.claim("two", limit=5)

    assert (third.swarm_id, third.token) == (lease.swarm_id, again.token + 1)


async def test_what_clients_ask_at_any_node_is_found_by_the_holder(store: Database, other: Database) -> None:
    await store.swarms.create(new_swarm({"a": []}, number=1))
    await store.swarms.create(new_swarm({"a": []}, number=2))
    [first] = await store.runs.claim("one", limit=1)
    [second] = await other.runs.claim("two", limit=1)

    await other.swarms.command("default", first.swarm_id, Command("pause"))
    await other.swarms.command("default", first.swarm_id, Command("resume"))

    assert await nodes_of(store).asked("one") == [first.swarm_id]
    assert await nodes_of(other).asked("two") == []
    assert second.swarm_id != first.swarm_id


async def test_many_claims_at_once_from_two_processes_take_each_run_once(store: Database, other: Database) -> None:
    await asyncio.gather(*(store.swarms.create(new_swarm({"a": []}, number=number)) for number in range(1, 201)))
    await nodes_of(store).renew("one")
    await nodes_of(other).renew("two")

    claims = await asyncio.gather(
        *(side.runs.claim(name, limit=7) for side, name in ((store, "one"), (other, "two")) * 20)
    )

    taken = [lease.swarm_id for leases in claims for lease in leases]
    assert len(taken) == len(set(taken)) == 200
    assert {lease.token for leases in claims for lease in leases} == {1}


async def test_a_duty_is_one_nodes_until_it_falls_silent_or_leaves(store: Database, other: Database) -> None:
    mine, theirs = nodes_of(store), nodes_of(other)

    assert await mine.hold("webhooks", "one")
    assert not await theirs.hold("webhooks", "two")
    assert await theirs.hold("another", "two")
    assert await mine.hold("webhooks", "one")
    await asyncio.sleep(LEASE_S)
    assert await theirs.hold("webhooks", "two")
    assert not await mine.hold("webhooks", "one")
    await theirs.leave("two")
    assert await mine.hold("webhooks", "one")


async def test_a_ticket_is_good_at_any_node_until_it_expires(store: Database, other: Database) -> None:
    here = KeyService(store.keys, SystemClock(), SystemEntropy(), store.tickets)
    there = KeyService(other.keys, SystemClock(), SystemEntropy(), other.tickets)
    assert store.tickets is not None
    await store.tickets.put("0" * 64, "acme", "read", 0.2)

    ticket, _ = await here.issue_ticket("acme", ("read", "run"))

    assert await there.check_ticket(ticket) == await here.check_ticket(ticket) == ("acme", ("read", "run"))
    assert await there.check_ticket("0" * 64) is None
    await asyncio.sleep(0.3)
    assert await store.tickets.find("0" * 64) is None
