"""What prices and sums of usage rely on (``ports.prices.PriceStore``, ``ports.usage.UsageStore``), and keys' caps."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from app.domain.errors import InvalidRequest
from app.domain.usage import Price, Usage
from app.ports.keys import KeyRow
from app.ports.usage import UsageGroup, UsageQuery, UsageReport, UsageRow, UsageSum, day_of
from app.storage.database import Database
from tests.support.runs import grant, new_swarm, turn

pytestmark = pytest.mark.anyio

CHEAP = Price(input_nano_per_mtok=1, output_nano_per_mtok=2)
DEAR = Price(input_nano_per_mtok=10**14, output_nano_per_mtok=10**14, cached_input_nano_per_mtok=0)
ROW = UsageRow(
    tenant_id="acme",
    day="2026-01-31",
    key_id="key_1",
    model="m",
    calls=1,
    prompt_tokens=100,
    completion_tokens=10,
    cached_tokens=50,
    cost_nano_usd=1000,
    unpriced_calls=0,
    unsettled_nano_usd=5,
)


async def report(
    store: Database, group: str, *, tenant: str = "acme", limit: int = 100, cursor: str | None = None, **days: date
) -> UsageReport:
    query = UsageQuery(group=UsageGroup(group), **days)
    return await store.usage.report(tenant, query, limit=limit, cursor=cursor)


async def calls(store: Database, group: str, **options: Any) -> dict[str, int]:
    return {label: sums.calls for label, sums in (await report(store, group, **options)).items}


# --- prices ----------------------------------------------------------------------------------------------------------


async def test_prices_are_set_changed_and_removed_together(store: Database) -> None:
    await store.prices.apply({"a": CHEAP, "b": CHEAP, "c": DEAR}, 1)
    await store.prices.apply({"a": DEAR, "b": None, "nothing": None, "ü/x": CHEAP}, 2)

    assert await store.prices.list() == {"a": DEAR, "c": DEAR, "ü/x": CHEAP}

    await store.prices.apply({}, 3)
    assert len(await store.prices.list()) == 3


async def test_of_a_change_that_cannot_be_stored_nothing_is(store: Database) -> None:
    await store.prices.apply({"a": CHEAP}, 1)
    with pytest.raises(OverflowError):
        await store.prices.apply({"a": DEAR, "b": replace(CHEAP, output_nano_per_mtok=2**70)}, 2)

    assert await store.prices.list() == {"a": CHEAP}


# --- usage -----------------------------------------------------------------------------------------------------------


async def test_rows_of_the_same_day_key_and_model_add_up(store: Database) -> None:
    await store.usage.add([ROW, ROW])
    await asyncio.gather(*(store.usage.add([ROW]) for _ in range(98)))
    await store.usage.add([])

    found = await report(store, "model")

    sums = UsageSum(
        calls=100,
        prompt_tokens=10_000,
        completion_tokens=1_000,
        cached_tokens=5_000,
        cost_nano_usd=100_000,
        unpriced_calls=0,
        unsettled_nano_usd=500,
    )
    assert (list(found.items), found.next_cursor, found.total) == ([("m", sums)], None, sums)


async def test_sums_are_by_model_key_and_day(store: Database) -> None:
    rows = [
        ROW,
        replace(ROW, model="n", calls=2),
        replace(ROW, key_id="key_2", calls=4),
        replace(ROW, key_id="", model="", day="2026-02-01", calls=8),
        replace(ROW, day="2025-12-31", calls=16, unpriced_calls=3),
        replace(ROW, tenant_id="other", calls=32),
    ]
    await store.usage.add(rows)

    assert await calls(store, "model") == {"": 8, "m": 21, "n": 2}
    assert await calls(store, "key") == {"": 8, "key_1": 19, "key_2": 4}
    assert await calls(store, "day") == {"2026-02-01": 8, "2026-01-31": 7, "2025-12-31": 16}
    assert list(await calls(store, "day")) == ["2026-02-01", "2026-01-31", "2025-12-31"]
    assert await calls(store, "day", tenant="other") == {"2026-01-31": 32}
    assert await calls(store, "day", tenant="nobody") == {}
    total = (await report(store, "key")).total
    assert (total.calls, total.unpriced_calls) == (31, 3)


async def test_a_period_includes_its_first_and_last_day(store: Database) -> None:
    days = ["2026-01-30", "2026-01-31", "2026-02-01"]
    await store.usage.add([replace(ROW, day=day) for day in days])

    assert list(await calls(store, "day", first=date(2026, 1, 31))) == days[:0:-1]
    assert list(await calls(store, "day", last=date(2026, 1, 31))) == days[1::-1]
    assert list(await calls(store, "day", first=date(2026, 1, 31), last=date(2026, 1, 31))) == [days[1]]
    assert await calls(store, "day", first=date(2027, 1, 1)) == {}
    assert await calls(store, "model", first=date.min, last=date.max) == {"m": 3}


@pytest.mark.parametrize("group", ["model", "key", "day", "swarm"])
async def test_pages_hold_every_group_once_and_the_total_is_of_all(store: Database, group: str) -> None:
    await store.usage.add(
        [
            replace(ROW, model=f"m{n}" if n else "", key_id=f"k{n}" if n else "", day=f"2026-01-0{n + 1}")
            for n in range(5)
        ]
    )
    for n in range(5):
        await store.swarms.create(new_swarm({"a": []}, number=n, tenant_id="acme"))
    whole = await report(store, group)
    assert len(whole.items) == 5
    found: list[tuple[str, UsageSum]] = []
    cursor = None
    for _ in range(3):
        page = await report(store, group, limit=2, cursor=cursor)
        assert page.total == whole.total
        assert len(page.items) <= 2
        found += page.items
        cursor = page.next_cursor

    assert cursor is None
    assert found == list(whole.items)
    assert found == sorted(found, key=lambda item: item[0], reverse=group in {"day", "swarm"})


@pytest.mark.parametrize("cursor", ["", "m", "model", "key:", "key:m", "\x00"])
async def test_a_cursor_of_another_grouping_is_refused(store: Database, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await report(store, "model", cursor=cursor)


async def test_a_swarms_sums_are_its_own_on_the_day_it_was_created(store: Database) -> None:
    runs = [new_swarm({"t": []}, number=n, tenant_id="other" if n == 3 else "acme") for n in (1, 2, 3)]
    for run in runs:
        await store.swarms.create(run)
    for lease in await store.runs.claim("me", limit=3):
        state = await store.runs.load(lease)
        state.usage = Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=1)
        state.cost_nano_usd, state.unsettled_nano_usd = 11, 4
        await store.runs.commit(lease, turn(state, grant(1)))
    day = date.fromisoformat(day_of(runs[0].state.created_at_ms))

    found = await report(store, "swarm")

    sums = UsageSum(
        calls=1,
        prompt_tokens=7,
        completion_tokens=3,
        cached_tokens=1,
        cost_nano_usd=11,
        unpriced_calls=None,
        unsettled_nano_usd=4,
    )
    assert list(found.items) == [(runs[1].state.swarm_id, sums), (runs[0].state.swarm_id, sums)]
    assert (found.total.calls, found.total.cost_nano_usd, found.total.unpriced_calls) == (2, 22, None)
    assert await report(store, "swarm", first=day, last=day) == found
    assert (await report(store, "swarm", last=day - timedelta(days=1))).items == []
    assert (await report(store, "swarm", first=day + timedelta(days=1))).items == []


async def test_what_a_key_has_spent_today_is_settled_and_unsettled_over_its_models(store: Database) -> None:
    rows = [ROW, replace(ROW, model="n"), replace(ROW, key_id="key_2"), replace(ROW, day="2026-02-01")]
    await store.usage.add(rows)

    assert await store.usage.spent_today("key_1", "2026-01-31") == 2010
    assert await store.usage.spent_today("key_2", "2026-01-31") == 1005
    assert await store.usage.spent_today("key_1", "2026-02-01") == 1005
    assert await store.usage.spent_today("nobody", "2026-02-01") == 0


def test_a_day_is_of_utc() -> None:
    assert day_of(1_769_903_999_999) == "2026-01-31"
    assert day_of(1_769_904_000_000) == "2026-02-01"
    assert day_of(0) == "1970-01-01"


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [None, 0, 2_500_000_000, 10**15])
async def test_a_keys_cap_is_kept(store: Database, cap: int | None) -> None:
    key = KeyRow(
        key_id="key_1",
        tenant_id="acme",
        name="k",
        scopes=("read",),
        created_at_ms=1,
        revoked_at_ms=None,
        max_cost_per_day_nano_usd=cap,
    )
    await store.keys.create(key, "hash")

    assert await store.keys.find("hash", 0) == key
    assert (await store.keys.list(None, limit=10, cursor=None)).items == [key]
