"""What webhooks rely on (``ports.webhooks.WebhookStore``), and that a message is stored with its event or not."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from app.domain.errors import InvalidRequest, LeaseLost
from app.domain.webhooks import DeliveryStatus, delivery_id
from app.ports.runs import Beside, Commit, Lease
from app.ports.webhooks import KEPT_ATTEMPTS, Attempt, DeliveryFilter, NewDelivery, Upcoming, Webhook
from app.storage.database import Database
from tests.support.runs import new_swarm

pytestmark = pytest.mark.anyio

_NUMBERS = count(1)
NONE: dict[str, Any] = {"not_hosts": (), "not_tenants": (), "not_ids": ()}


async def owed(
    store: Database, *at_ms: int, tenant: str = "acme", host: str = "a:443", secret: str | None = None
) -> tuple[str, list[str]]:
    """Store a run with a webhook and messages due at these times; return its id and theirs."""
    new = new_swarm({"t": []}, number=next(_NUMBERS), tenant_id=tenant, webhook_events=("swarm_completed",))
    state = new.state
    webhook = Webhook(url=f"https://{host}/hook", host=host, events=("swarm_completed",), secret=secret)
    await store.swarms.create(replace(new, beside=Beside(webhook=webhook)))
    leases = {lease.swarm_id: lease for lease in await store.runs.claim("me", limit=100)}
    ids = []
    for at in at_ms:
        ids.append(delivery_id(state.swarm_id, at, at))
        new_one = NewDelivery(delivery_id=ids[-1], type="swarm_completed", at_ms=at, body=f'{{"at":{at}}}')
        await store.runs.commit(
            leases[state.swarm_id], Commit(state=state, changes=[], events=[], at_ms=at, deliveries=[new_one])
        )
    return state.swarm_id, ids


async def pending(store: Database, limit: int = 100, **without: Any) -> list[Upcoming]:
    return list(await store.webhooks.upcoming(limit=limit, **(NONE | without)))


async def test_messages_come_with_all_that_sending_them_takes_soonest_first(store: Database) -> None:
    swarm_id, [late, soon] = await owed(store, 20, 10, secret="whsec_own")

    found = await pending(store)

    assert [one.delivery_id for one in found] == [soon, late]
    assert found[0] == Upcoming(
        delivery_id=soon,
        tenant_id="acme",
        swarm_id=swarm_id,
        url="https://a:443/hook",
        host="a:443",
        secret="whsec_own",
        body='{"at":10}',
        attempts=0,
        failures=0,
        at_ms=10,
    )
    assert [one.delivery_id for one in await pending(store, limit=1)] == [soon]


async def test_hosts_tenants_and_messages_can_be_left_out(store: Database) -> None:
    _, [one, two] = await owed(store, 1, 2, host="a:443")
    _, [three] = await owed(store, 3, host="b:443", tenant="other")

    async def without(**names: Any) -> list[str]:
        return [found.delivery_id for found in await pending(store, **names)]

    assert await without(not_hosts=["a:443"]) == [three]
    assert await without(not_tenants=["other"]) == [one, two]
    assert await without(not_ids=[one, three]) == [two]
    assert await without(not_hosts=["a:443"], not_tenants=["other"]) == []


async def test_a_message_is_stored_with_its_commit_or_not_at_all(store: Database) -> None:
    new = new_swarm({"t": []})
    await store.swarms.create(new)
    message = NewDelivery(delivery_id="whd_x", type="swarm_completed", at_ms=1, body="{}")
    with pytest.raises(LeaseLost):
        await store.runs.commit(
            Lease(new.state.swarm_id, 99), Commit(state=new.state, changes=[], events=[], deliveries=[message])
        )

    assert await pending(store) == []


async def test_attempts_are_kept_with_what_follows_from_them(store: Database) -> None:
    _, [one] = await owed(store, 10)
    first = Attempt(attempt=1, at_ms=11, latency_ms=2.5, status_code=500, error="answered 500")
    second = Attempt(attempt=2, at_ms=5_011, latency_ms=1.0, status_code=204)

    await store.webhooks.record(one, first, DeliveryStatus.PENDING, failures=1, next_at_ms=5_010)
    [waiting] = await pending(store)
    await store.webhooks.record(one, second, DeliveryStatus.DELIVERED, failures=0, next_at_ms=None)

    assert (waiting.attempts, waiting.failures, waiting.at_ms) == (1, 1, 5_010)
    assert await pending(store) == []
    found = await store.webhooks.get("acme", one)
    assert found is not None
    assert list(found.attempts) == [first, second]
    assert (found.status, found.next_attempt_at_ms, found.ended_at_ms) == (DeliveryStatus.DELIVERED, None, 5_011)


async def test_the_newest_attempts_are_kept(store: Database) -> None:
    _, [one] = await owed(store, 10)
    for number in range(1, KEPT_ATTEMPTS + 3):
        attempt = Attempt(attempt=number, at_ms=number, latency_ms=1.0)
        await store.webhooks.record(one, attempt, DeliveryStatus.PENDING, failures=1, next_at_ms=1)

    found = await store.webhooks.get("acme", one)

    assert found is not None
    assert [attempt.attempt for attempt in found.attempts] == list(range(3, KEPT_ATTEMPTS + 3))


async def test_an_attempt_of_a_message_that_is_gone_is_dropped(store: Database) -> None:
    attempt = Attempt(attempt=1, at_ms=1, latency_ms=1.0)

    await store.webhooks.record("whd_gone", attempt, DeliveryStatus.DEAD, failures=1, next_at_ms=None)


async def test_a_dead_message_is_due_again_when_asked_for_by_its_own_tenant(store: Database) -> None:
    _, [one] = await owed(store, 10)
    attempt = Attempt(attempt=1, at_ms=11, latency_ms=1.0, error="no")
    await store.webhooks.record(one, attempt, DeliveryStatus.DEAD, failures=8, next_at_ms=None)

    assert not await store.webhooks.redeliver("other", one, 99)
    assert await pending(store) == []
    assert await store.webhooks.redeliver("acme", one, 99)

    [again] = await pending(store)
    assert (again.at_ms, again.failures, again.attempts) == (99, 0, 1)


async def test_lists_are_filtered_and_paged_newest_first(store: Database) -> None:
    swarm_id, ids = await owed(store, 1, 2, 3)
    await owed(store, 4)
    await owed(store, 5, tenant="other")
    dead = Attempt(attempt=1, at_ms=9, latency_ms=1.0)
    await store.webhooks.record(ids[0], dead, DeliveryStatus.DEAD, failures=1, next_at_ms=None)

    async def listed(where: DeliveryFilter, limit: int = 10, cursor: str | None = None) -> tuple[list[str], str | None]:
        page = await store.webhooks.list("acme", where, limit=limit, cursor=cursor)
        return [item.delivery_id for item in page.items], page.next_cursor

    of_swarm = DeliveryFilter(swarm_id=swarm_id)
    assert await listed(of_swarm) == (ids[::-1], None)
    assert await listed(of_swarm, 2) == ([ids[2], ids[1]], ids[1])
    assert await listed(of_swarm, 2, ids[1]) == ([ids[0]], None)
    assert await listed(DeliveryFilter(status=DeliveryStatus.DEAD)) == ([ids[0]], None)
    assert len((await listed(DeliveryFilter()))[0]) == 4
    with pytest.raises(InvalidRequest):
        await listed(of_swarm, 2, "nonsense")


async def test_old_messages_go_when_they_have_ended(store: Database) -> None:
    _, [old, new, waiting] = await owed(store, 1, 2, 3)
    for one, at_ms in ((old, 10), (new, 20)):
        attempt = Attempt(attempt=1, at_ms=at_ms, latency_ms=1.0)
        await store.webhooks.record(one, attempt, DeliveryStatus.DELIVERED, failures=0, next_at_ms=None)

    assert await store.webhooks.prune(20, limit=10) == 1
    assert await store.webhooks.prune(20, limit=10) == 0

    left = await store.webhooks.list("acme", DeliveryFilter(), limit=10, cursor=None)
    assert {item.delivery_id for item in left.items} == {new, waiting}


async def test_a_tenants_secret_is_made_once_and_replaced_with_the_old_one_beside_it(store: Database) -> None:
    webhooks = store.webhooks
    assert await webhooks.secret("acme") is None

    first = await webhooks.first_secret("acme", "one", 1)
    assert await webhooks.first_secret("acme", "two", 2) == first == await webhooks.secret("acme")
    rotated = await webhooks.rotate_secret("acme", "three", 3, old_until_ms=99)

    assert (rotated.secret, rotated.old_secret, rotated.old_until_ms, rotated.created_at_ms) == ("three", "one", 99, 3)
    assert (await webhooks.rotate_secret("other", "four", 4, old_until_ms=99)).old_secret is None
    assert "three" not in repr(rotated)
