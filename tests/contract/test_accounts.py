"""What the stores of keys, credits and the audit log promise (``ports.keys``, ``ports.credits``, ``ports.audit``)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import InvalidRequest
from app.domain.ids import make_id
from app.ports.audit import AuditFilter, AuditRow
from app.ports.credits import CreditEntry, CreditStanding, EntryKind
from app.ports.keys import KeyRow
from app.ports.usage import UsageRow
from app.storage.database import Database
from app.storage.dialect import ConstraintViolated
from app.storage.engine import open_accounts

pytestmark = pytest.mark.anyio


def key_id(number: int) -> str:
    return make_id("key_", number, number)


def key(number: int = 1, tenant: str = "acme", **fields: Any) -> KeyRow:
    base = KeyRow(
        key_id=key_id(number), tenant_id=tenant, name="k", scopes=("read",), created_at_ms=number, revoked_at_ms=None
    )
    return replace(base, **fields)


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_a_key_is_kept_as_it_is(store: Database) -> None:
    full = key(
        scopes=("read", "run", "admin"),
        max_cost_per_day_nano_usd=10**12,
        prefix="sk-swarmd-012345",
        max_requests_per_minute=60,
        max_parallel_agents=5,
        expires_at_ms=10**13,
    )

    await store.keys.create(full, "h1")
    await store.keys.create(key(2), "h2")

    assert await store.keys.get(full.key_id) == full
    assert await store.keys.find("h1", 1_000) == full
    assert await store.keys.find("h3", 1_000) is None
    assert await store.keys.limited() == [full]


async def test_a_secret_is_of_one_key_only(store: Database) -> None:
    await store.keys.create(key(1), "h")

    with pytest.raises(ConstraintViolated):
        await store.keys.create(key(2), "h")


async def test_a_key_is_found_until_it_expires_or_is_revoked(store: Database) -> None:
    await store.keys.create(key(1, expires_at_ms=1_000), "h1")
    await store.keys.create(key(2), "h2")

    assert await store.keys.find("h1", 999) is not None
    assert await store.keys.find("h1", 1_000) is None
    assert await store.keys.revoke(key_id(2), 7)
    assert not await store.keys.revoke(key_id(2), 8)
    assert await store.keys.find("h2", 1_000) is None
    revoked = await store.keys.get(key_id(2))
    assert revoked is not None
    assert revoked.revoked_at_ms == 7
    assert await store.keys.any_live()  # the one that expired
    await store.keys.revoke(key_id(1), 9)
    assert not await store.keys.any_live()


async def test_a_rotation_leaves_the_secret_before_it_and_no_other(store: Database) -> None:
    await store.keys.create(key(), "h1")
    assert await store.keys.rotate(key_id(1), "h2", "p2", 1_000)

    assert [await _found(store, name, 999) for name in ("h1", "h2")] == [True, True]
    assert [await _found(store, name, 1_000) for name in ("h1", "h2")] == [False, True]
    assert await store.keys.rotate(key_id(1), "h3", "p3", 1_000)
    assert [await _found(store, name, 999) for name in ("h1", "h2", "h3")] == [False, True, True]
    assert await store.keys.rotate(key_id(1), "h4", "p4", None)
    assert [await _found(store, name, 0) for name in ("h2", "h3", "h4")] == [False, False, True]

    turned = await store.keys.get(key_id(1))
    assert turned is not None
    assert (turned.prefix, turned.old_secret_until_ms) == ("p4", None)
    await store.keys.revoke(key_id(1), 5)
    assert not await store.keys.rotate(key_id(1), "h5", "p5", None)


async def _found(store: Database, secret_hash: str, now_ms: int) -> bool:
    return await store.keys.find(secret_hash, now_ms) is not None


async def test_a_change_is_of_name_limits_and_expiry(store: Database) -> None:
    await store.keys.create(key(max_parallel_agents=3), "h")
    changed = key(name="other", max_requests_per_minute=9, expires_at_ms=5_000, max_cost_per_day_nano_usd=1)

    assert await store.keys.change(changed)

    assert await store.keys.get(key_id(1)) == changed
    await store.keys.revoke(key_id(1), 5)
    assert not await store.keys.change(changed)


async def test_keys_are_listed_oldest_first_of_one_tenant_or_all(store: Database) -> None:
    for number in range(1, 6):
        await store.keys.create(key(number, "acme" if number % 2 else "other"), f"h{number}")

    first = await store.keys.list("acme", limit=2, cursor=None)
    rest = await store.keys.list("acme", limit=2, cursor=first.next_cursor)
    everybody = await store.keys.list(None, limit=10, cursor=None)

    assert [row.key_id for row in (*first.items, *rest.items)] == [key_id(1), key_id(3), key_id(5)]
    assert rest.next_cursor is None
    assert len(everybody.items) == 5
    with pytest.raises(InvalidRequest):
        await store.keys.list("acme", limit=2, cursor="' OR 1=1 --")


async def test_when_keys_were_used_is_written_together(store: Database) -> None:
    await store.keys.create(key(1), "h1")
    await store.keys.create(key(2), "h2")

    await store.keys.note_used({key_id(1): 100, key_id(2): 200, "key_gone": 300})
    await store.keys.note_used({})

    rows = (await store.keys.list(None, limit=10, cursor=None)).items
    assert [row.last_used_at_ms for row in rows] == [100, 200]


# --- credits ---------------------------------------------------------------------------------------------------------


def entry(number: int, amount: int = 0, kind: EntryKind = EntryKind.TOP_UP, **fields: Any) -> CreditEntry:
    given = CreditEntry(
        entry_id=make_id("crd_", number, number),
        tenant_id="acme",
        kind=kind,
        amount_nano_usd=amount,
        at_ms=number,
        reference=f"pay_{number}" if kind is EntryKind.TOP_UP else None,
    )
    return replace(given, **fields)


def opening(amount: int = 0, **fields: Any) -> CreditEntry:
    return entry(0, amount, EntryKind.OPENING, **fields)


async def use(store: Database, nano_usd: int, tenant: str = "acme", *, unsettled: int = 0) -> None:
    row = UsageRow(
        tenant_id=tenant, day="2026-01-01", key_id="", model="m", cost_nano_usd=nano_usd, unsettled_nano_usd=unsettled
    )
    await store.usage.add([row])


async def test_a_ledger_begins_once_and_knows_what_was_used_before(store: Database) -> None:
    assert await store.credits.standing("acme") is None
    await use(store, 700, unsettled=50)

    await store.credits.open(opening(1_000))
    await store.credits.open(opening(9_000, entry_id="crd_second"))

    expected = CreditStanding(balance_nano_usd=1_000, counted_nano_usd=750, usage_nano_usd=750)
    assert await store.credits.standing("acme") == expected
    assert (expected.pending_nano_usd, expected.left_nano_usd) == (0, 1_000)
    assert len((await store.credits.list("acme", limit=10, cursor=None)).items) == 1
    assert await store.credits.tenants() == ["acme"]


async def test_the_rows_add_up_to_the_balance_whatever_their_order(store: Database) -> None:
    await store.credits.open(opening(100))
    await store.credits.add(entry(1, 1_000))
    await use(store, 300)
    assert (await _standing(store)).pending_nano_usd == 300
    posted = await store.credits.post_usage(entry(2, kind=EntryKind.USAGE))
    await store.credits.add(entry(3, -50, EntryKind.CORRECTION, reference="back"))
    await use(store, 5, unsettled=7)
    await store.credits.post_usage(entry(4, kind=EntryKind.USAGE))

    assert posted is not None
    assert (posted.amount_nano_usd, posted.balance_nano_usd) == (-300, 800)
    assert await store.credits.post_usage(entry(5, kind=EntryKind.USAGE)) is None
    rows = (await store.credits.list("acme", limit=10, cursor=None)).items
    assert [row.amount_nano_usd for row in rows] == [-12, -50, -300, 1_000, 100]
    assert [row.position for row in rows] == [5, 4, 3, 2, 1]
    assert sum(row.amount_nano_usd for row in rows) == rows[0].balance_nano_usd == 738
    assert (await _standing(store)).left_nano_usd == 738


async def _standing(store: Database) -> CreditStanding:
    found = await store.credits.standing("acme")
    assert found is not None
    return found


async def test_usage_of_others_is_theirs(store: Database) -> None:
    await store.credits.open(opening(100))
    await use(store, 60, "other")

    assert await store.credits.post_usage(entry(1, kind=EntryKind.USAGE)) is None
    assert (await _standing(store)).left_nano_usd == 100


async def test_a_reference_counts_once_a_tenant(store: Database) -> None:
    await store.credits.open(opening())
    await store.credits.open(opening(tenant_id="other"))

    made = await asyncio.gather(*(store.credits.add(entry(n, 10, reference="pay")) for n in range(1, 30)))
    theirs, is_new = await store.credits.add(entry(50, 10, reference="pay", tenant_id="other"))

    assert sum(new for _, new in made) == 1
    assert len({row.entry_id for row, _ in made}) == 1
    assert (is_new, theirs.balance_nano_usd) == (True, 10)
    assert (await _standing(store)).balance_nano_usd == 10


async def test_another_process_may_top_up_beside_the_service(store: Database, place: Path | str) -> None:
    await store.credits.open(opening())

    async with open_accounts(place) as accounts:
        ours = [store.credits.add(entry(n, 1)) for n in range(1, 21)]
        theirs = [accounts.credits.add(entry(n, 1)) for n in range(21, 41)]
        await asyncio.gather(*ours, *theirs)

    rows = (await store.credits.list("acme", limit=100, cursor=None)).items
    assert [row.position for row in rows] == list(range(41, 0, -1))
    assert [row.balance_nano_usd for row in rows] == list(range(40, -1, -1))


async def test_a_ledger_is_read_page_by_page_while_rows_are_added(store: Database) -> None:
    await store.credits.open(opening())
    for number in range(1, 5):
        await store.credits.add(entry(number, 1))
    page = await store.credits.list("acme", limit=3, cursor=None)
    await store.credits.add(entry(9, 1))

    rest = await store.credits.list("acme", limit=3, cursor=page.next_cursor)

    assert [row.position for row in (*page.items, *rest.items)] == [5, 4, 3, 2, 1]
    assert rest.next_cursor is None
    for cursor in ("x", "-1", "9" * 30, "1.5", "²"):
        with pytest.raises(InvalidRequest):
            await store.credits.list("acme", limit=3, cursor=cursor)


# --- the audit log ---------------------------------------------------------------------------------------------------


def done(number: int, action: str = "key.created", **fields: Any) -> AuditRow:
    row = AuditRow(audit_id=make_id("aud_", number, number), tenant_id="acme", at_ms=number, action=action)
    return replace(row, **fields)


async def test_what_was_done_is_kept_as_it_was(store: Database) -> None:
    row = done(1, actor="key_1", object="key_2", detail={"name": "Ünïcode", "n": 1}, remote="::1")

    await store.audit.add(row)

    assert (await store.audit.list("acme", AuditFilter(), limit=10, cursor=None)).items == [row]
    assert (await store.audit.list("other", AuditFilter(), limit=10, cursor=None)).items == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (AuditFilter(), [5, 4, 3, 2, 1]),
        (AuditFilter(action="key"), [4, 2, 1]),
        (AuditFilter(action="key.created"), [2, 1]),
        (AuditFilter(action="ke"), []),
        (AuditFilter(action="k%"), []),
        (AuditFilter(actor="key_9"), [3]),
        (AuditFilter(from_ms=2, until_ms=4), [3, 2]),
    ],
)
async def test_the_log_is_filtered_by_action_key_and_time(
    store: Database, where: AuditFilter, expected: list[int]
) -> None:
    actions = ("key.created", "key.created", "swarm.paused", "key.revoked", "keyring.made")
    for number, action in enumerate(actions, 1):
        await store.audit.add(done(number, action, actor="key_9" if number == 3 else None))

    assert [row.at_ms for row in (await store.audit.list("acme", where, limit=10, cursor=None)).items] == expected


async def test_the_log_is_read_page_by_page(store: Database) -> None:
    for number in range(1, 6):
        await store.audit.add(done(number))
    first = await store.audit.list("acme", AuditFilter(), limit=3, cursor=None)
    rest = await store.audit.list("acme", AuditFilter(), limit=3, cursor=first.next_cursor)

    assert [row.at_ms for row in (*first.items, *rest.items)] == [5, 4, 3, 2, 1]
    assert rest.next_cursor is None
    with pytest.raises(InvalidRequest):
        await store.audit.list("acme", AuditFilter(), limit=3, cursor="aud_x")


async def test_only_what_is_old_enough_is_removed_the_oldest_first(store: Database) -> None:
    for number in range(1, 6):
        await store.audit.add(done(number, tenant_id="acme" if number % 2 else "other"))

    assert await store.audit.prune(4, limit=2) == 2
    assert await store.audit.prune(4, limit=2) == 1
    assert await store.audit.prune(4, limit=2) == 0

    left = [row.at_ms for row in (await store.audit.list("acme", AuditFilter(), limit=9, cursor=None)).items]
    left += [row.at_ms for row in (await store.audit.list("other", AuditFilter(), limit=9, cursor=None)).items]
    assert left == [5, 4]
