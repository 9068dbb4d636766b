"""What an ``Idempotency-Key`` relies on (``ports.idempotency.IdempotencyStore``): taken once, with what it is for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace

import pytest

from app.domain.agent import BarrierName
from app.domain.facts import CancelRequested
from app.ports.agents import BarrierRow
from app.ports.idempotency import Answer, KeyTaken, Once, TakenKey
from app.ports.runs import Beside, Command, NewSwarm
from app.ports.store import SwarmFilter
from app.storage.database import Database
from tests.support.runs import new_swarm, turn

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
ONCE = Once(tenant_id="default", key="a key", fingerprint="f1", created_at_ms=NOW_MS, expired_ms=NOW_MS - DAY_MS)
ANSWER = Answer(201, '{"name":"ü"}')


def run(once: Once | None, *, number: int = 1, barrier: BarrierRow | None = None) -> NewSwarm:
    return replace(new_swarm({"a": []}, number=number, named=True), beside=Beside(once=once, barrier=barrier))


def barrier_run(swarm_id: str | None, number: int = 1) -> BarrierRow:
    return BarrierRow(
        barrier_run_id=f"brr_{number}",
        tenant_id="default",
        agent_id="agt_default",
        name=BarrierName.parse("b_1"),
        swarm_id=swarm_id,
        total=1,
        error=None if swarm_id else "no",
        created_at_ms=NOW_MS,
    )


async def find(store: Database, once: Once = ONCE) -> TakenKey | None:
    return await store.idempotency.find(once.tenant_id, once.key, expired_ms=once.expired_ms)


async def runs(store: Database) -> list[str]:
    page = await store.swarms.list("default", SwarmFilter(), limit=1000, cursor=None)
    return [row.swarm_id for row in page.items]


async def refused(writes: Sequence[Awaitable[object]]) -> int:
    """Do them at once; return how many found the key taken."""
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(error, KeyTaken) for error in errors), errors
    return len(errors)


async def test_a_key_is_taken_once_and_keeps_its_answer(store: Database) -> None:
    assert await find(store) is None

    await store.idempotency.take(replace(ONCE, answer=ANSWER))
    with pytest.raises(KeyTaken):
        await store.idempotency.take(replace(ONCE, fingerprint="f2", answer=Answer(200, "{}")))

    assert await find(store) == TakenKey(fingerprint="f1", swarm_id=None, answer=ANSWER)


async def test_keys_are_per_tenant_and_exact(store: Database) -> None:
    others = [replace(ONCE, tenant_id="acme"), replace(ONCE, key="A key"), replace(ONCE, key="a key ")]
    for number, once in enumerate([ONCE, *others]):
        await store.idempotency.take(replace(once, answer=Answer(200, str(number))))

    found = [await find(store, once) for once in (ONCE, *others)]

    assert [entry and entry.answer and entry.answer.body for entry in found] == ["0", "1", "2", "3"]


async def test_of_many_runs_with_one_key_one_is_stored(store: Database) -> None:
    swarms = [run(ONCE, number=number) for number in range(100)]

    assert await refused([store.swarms.create(swarm) for swarm in swarms]) == 99

    [stored] = await runs(store)
    assert await find(store) == TakenKey(fingerprint="f1", swarm_id=stored, answer=None)
    assert [lease.swarm_id for lease in await store.runs.claim("me", limit=10)] == [stored]
    assert (await store.swarms.newest_tasks("agt_default", ["a"]))["a"] == (stored, 0)
    assert len(await store.events.list(stored, after=0, limit=100)) > 0


async def test_of_a_run_whose_key_is_taken_nothing_is_stored(store: Database) -> None:
    await store.idempotency.take(replace(ONCE, answer=ANSWER))
    swarm = run(ONCE, barrier=barrier_run("swm_x"))

    with pytest.raises(KeyTaken):
        await store.swarms.create(swarm)

    assert await runs(store) == []
    assert await store.swarms.newest_tasks("agt_default", ["a"]) == {}
    assert await store.barriers.newest("default", "b_1", None) is None
    assert await store.events.list(swarm.state.swarm_id, after=0, limit=100) == []


async def test_a_run_its_barrier_and_its_key_are_stored_together(store: Database) -> None:
    swarm_id = run(None).state.swarm_id
    await store.swarms.create(run(replace(ONCE, answer=ANSWER), barrier=barrier_run(swarm_id)))

    assert await runs(store) == [swarm_id]
    assert await store.barriers.newest("default", "b_1", None) == barrier_run(swarm_id)
    assert await find(store) == TakenKey(fingerprint="f1", swarm_id=swarm_id, answer=ANSWER)


async def test_of_many_barriers_with_one_key_one_is_stored(store: Database) -> None:
    once = replace(ONCE, answer=ANSWER)

    assert await refused([store.barriers.create(barrier_run(None, number), once) for number in range(20)]) == 19

    row = await store.barriers.newest("default", "b_1", None)
    assert row is not None
    assert row.error == "no"
    assert await find(store) == TakenKey(fingerprint="f1", swarm_id=None, answer=ANSWER)


async def test_a_barrier_without_a_key_is_stored_each_time(store: Database) -> None:
    for number in (1, 2):
        await store.barriers.create(barrier_run(None, number))

    assert await store.barriers.newest("default", "b_1", None) == barrier_run(None, 2)


async def test_of_many_commands_with_one_key_one_is_stored(store: Database) -> None:
    await store.swarms.create(run(None))
    [swarm_id] = await runs(store)

    writes = [store.swarms.command("default", swarm_id, Command("pause"), ONCE) for _ in range(20)]
    assert await refused(writes) == 19

    assert len((await store.runs.control(swarm_id)).commands) == 1
    assert await find(store) == TakenKey(fingerprint="f1", swarm_id=swarm_id, answer=None)

    await store.idempotency.answer(replace(ONCE, answer=ANSWER))
    assert await find(store) == TakenKey(fingerprint="f1", swarm_id=swarm_id, answer=ANSWER)


async def test_an_answer_is_added_to_the_request_s_own_key_only(store: Database) -> None:
    await store.idempotency.take(replace(ONCE, created_at_ms=NOW_MS + 1))
    for other in (ONCE, replace(ONCE, created_at_ms=NOW_MS + 1, fingerprint="f2"), replace(ONCE, key="free")):
        await store.idempotency.answer(replace(other, answer=ANSWER))

    assert await find(store) == TakenKey(fingerprint="f1", swarm_id=None, answer=None)
    assert await find(store, replace(ONCE, key="free")) is None


async def test_an_expired_key_is_not_found_and_may_be_taken_again(store: Database) -> None:
    await store.swarms.create(run(replace(ONCE, answer=ANSWER)))
    later = replace(ONCE, fingerprint="f2", created_at_ms=NOW_MS + DAY_MS, expired_ms=NOW_MS)
    almost = replace(later, expired_ms=NOW_MS - 1)

    assert await find(store, almost) is not None
    with pytest.raises(KeyTaken):
        await store.idempotency.take(almost)
    assert await find(store, later) is None
    await store.idempotency.take(later)

    assert await find(store, later) == TakenKey(fingerprint="f2", swarm_id=None, answer=None)
    with pytest.raises(KeyTaken):
        await store.idempotency.take(later)


async def test_a_sweep_deletes_expired_keys_oldest_first_up_to_its_limit(store: Database) -> None:
    entries = [replace(ONCE, key=f"k{age}", created_at_ms=NOW_MS - age) for age in range(10)]
    for once in entries:
        await store.idempotency.take(once)

    assert await store.idempotency.sweep(expired_ms=NOW_MS - 5, limit=2) == 2
    left = [once.key for once in entries if await find(store, once)]
    assert left == [f"k{age}" for age in range(8)]
    assert await store.idempotency.sweep(expired_ms=NOW_MS - 5, limit=100) == 3
    assert await store.idempotency.sweep(expired_ms=NOW_MS - 5, limit=100) == 0
    assert [once.key for once in entries if await find(store, once)] == [f"k{age}" for age in range(5)]


async def test_a_deleted_run_takes_its_keys_with_it(store: Database) -> None:
    swarm = run(ONCE)
    await store.swarms.create(swarm)
    await store.swarms.create(run(replace(ONCE, key="another's"), number=2))
    swarm_id = swarm.state.swarm_id
    await store.swarms.command("default", swarm_id, Command("cancel"), replace(ONCE, key="of a command"))
    leases = {lease.swarm_id: lease for lease in await store.runs.claim("me", limit=10)}
    state = await store.runs.load(leases[swarm_id])
    await store.runs.commit(leases[swarm_id], replace(turn(state, CancelRequested()), commands_done=1))

    assert await store.swarms.delete("acme", swarm_id) is False
    assert await find(store) is not None
    assert await store.swarms.delete("default", swarm_id) is True

    assert await find(store) is None
    assert await find(store, replace(ONCE, key="of a command")) is None
    assert await find(store, replace(ONCE, key="another's")) is not None
    await store.idempotency.take(ONCE)
