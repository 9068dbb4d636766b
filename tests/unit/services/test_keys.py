"""The check of bearer tokens: what it costs does not depend on what is wrong, and what it remembers does not last."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from app.domain.errors import Forbidden, StoreUnavailable
from app.ports.keys import KeyRow
from app.services.keys import KeyService
from app.storage.database import Database
from app.storage.engine import open_database
from app.storage.keys import Keys
from app.telemetry.system import SystemEntropy
from tests.support.databases import place_database
from tests.support.virtual_time import VirtualTime

pytestmark = pytest.mark.anyio

WRONG = [
    "",
    "null",
    "[]",
    "{}",
    "undefined",
    "x" * 1_000_000,
    "' OR 1=1 --",
    "'; DROP TABLE keys; --",
    "sk-swarmd-" + "0" * 64,
    "\ud800",
    "Ünïcode",
    "%00\x00",
]


class Counting:
    """The store of keys, and how often it was asked for a secret."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.asked: list[str] = []
        self.broken = False

    async def find(self, secret_hash: str, now_ms: int) -> KeyRow | None:
        self.asked.append(secret_hash)
        return await self._keys.find(secret_hash, now_ms)

    async def note_used(self, at_ms: Mapping[str, int]) -> None:
        if self.broken:
            raise StoreUnavailable("the disk is full")
        await self._keys.note_used(at_ms)

    async def limited(self) -> Sequence[KeyRow]:
        return await self._keys.limited()

    async def create(self, key: KeyRow, secret_hash: str) -> None:
        await self._keys.create(key, secret_hash)

    async def get(self, key_id: str) -> KeyRow | None:
        return await self._keys.get(key_id)


class World:
    def __init__(self, database: Database) -> None:
        self.time = VirtualTime()
        self.time.now = 1_000_000.0
        self.store = Counting(database.keys)
        self.service = KeyService(self.store, self.time, SystemEntropy())  # type: ignore[arg-type]  # what is asked for

    async def key(self, key_id: str) -> KeyRow:
        found = await self.store.get(key_id)
        assert found is not None
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_database(place_database(tmp_path / "x.db")) as database:
        yield World(database)


@pytest.mark.parametrize("secret", WRONG, ids=range(len(WRONG)))
async def test_a_wrong_token_costs_one_hash_and_one_look_up_whatever_it_is(world: World, secret: str) -> None:
    await world.service.create("acme", "k", ["read"])

    assert await world.service.check(secret) is None

    assert world.store.asked == [hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()]


async def test_a_check_is_remembered_for_two_seconds_right_or_wrong(world: World) -> None:
    key, secret = await world.service.create("acme", "k", ["read"])
    for token in (secret, "wrong"):
        for _ in range(3):
            await world.service.check(token)
    assert len(world.store.asked) == 2

    world.time.now += 2

    assert await world.service.check(secret) == key
    assert await world.service.check("wrong") is None
    assert len(world.store.asked) == 4


@pytest.mark.long
async def test_guesses_do_not_fill_the_memory(world: World) -> None:
    for number in range(10_050):
        await world.service.check(f"guess {number}")

    assert len(world.service._checked) <= 10_000


async def test_the_last_use_is_kept_in_hand_while_the_store_takes_nothing(world: World) -> None:
    key, secret = await world.service.create("acme", "k", ["read"])
    await world.service.check(secret)
    world.store.broken = True
    await world.service.note_used()
    assert (await world.key(key.key_id)).last_used_at_ms is None

    world.store.broken = False
    used_at_ms = world.time.now_ms()
    world.time.now += 60
    await world.service.note_used()

    assert (await world.key(key.key_id)).last_used_at_ms == used_at_ms


async def test_a_key_of_few_scopes_mints_none_of_more(world: World) -> None:
    """Over HTTP only admins mint; the rule holds beneath it."""
    runner, _ = await world.service.create("acme", "k", ["run"])

    with pytest.raises(Forbidden, match="yours lacks admin, read"):
        await world.service.create("acme", "k", ["read", "run", "admin"], by=runner.key_id)
    await world.service.create("acme", "k", ["run"], by=runner.key_id)


async def test_requests_are_counted_a_key_and_a_new_limit_begins_anew(world: World) -> None:
    one, _ = await world.service.create("acme", "k", ["read"], max_requests_per_minute=1)
    other, _ = await world.service.create("acme", "k", ["read"], max_requests_per_minute=1)
    free, _ = await world.service.create("acme", "k", ["read"])

    assert [world.service.wait_s(key) for key in (one, other, free, free)] == [None] * 4
    assert world.service.wait_s(one) == pytest.approx(60.0)
    world.time.now += 60
    assert world.service.wait_s(one) is None
