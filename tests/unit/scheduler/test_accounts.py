"""Daily budgets of keys and credits of tenants: what may be spent, who is woken, what a new day changes."""

from __future__ import annotations

import re

import pytest

from app.domain.errors import CreditsUsedUp
from app.domain.swarm import PAUSED_BY_CREDITS, PAUSED_BY_KEY
from app.ports.allowances import AllowanceExceeded, Terms
from app.scheduler.allowances import Account, Allowances, Funds
from tests.support.virtual_time import VirtualTime

pytestmark = pytest.mark.anyio

DAY_S = 86_400.0


class Book:
    """What the store says of the one key ``k``."""

    def __init__(self, cap: int | None = 1_000, spent: int = 0) -> None:
        self.time = VirtualTime()
        self.terms = Terms(cap, spent)
        self.asked: list[tuple[str, str]] = []
        self.allowances = Allowances(self.time, self._look_up)

    async def _look_up(self, key_id: str, day: str) -> Terms:
        self.asked.append((key_id, day))
        return self.terms

    async def open(self) -> Funds:
        funds = await self.allowances.open("k", "acme")
        assert funds is not None
        return funds

    def left(self, funds: Funds) -> int | None:
        return self.allowances.left(funds)[0]


def the_one(funds: Funds) -> Account:
    [account] = funds.accounts
    return account


async def test_without_a_key_or_a_cap_nothing_is_counted() -> None:
    book = Book(cap=None)

    assert await book.allowances.open(None, "acme") is None
    assert await book.allowances.open("k", "acme") is None
    assert not await book.allowances.check("k", "acme")


async def test_an_account_begins_with_what_the_store_knows_of_the_day() -> None:
    book = Book(cap=1_000, spent=300)

    assert book.left(await book.open()) == 700
    assert book.asked == [("k", "1970-01-01")]


async def test_two_runs_of_a_key_have_one_account() -> None:
    book = Book()
    one, other = await book.open(), await book.open()

    book.allowances.add(one, 600, 600)
    assert book.left(other) == 400
    book.allowances.add(other, 400, 400)

    assert book.left(one) == 0


async def test_what_was_not_needed_can_be_spent_by_others() -> None:
    book = Book()
    account = await book.open()
    book.allowances.add(account, 600, 600)

    book.allowances.add(account, -350, -600)

    assert (book.left(account), the_one(account).reserved_nano_usd) == (750, 0)


async def test_only_those_are_woken_whose_need_fits() -> None:
    book = Book()
    account = await book.open()
    book.allowances.add(account, 1_000, 1_000)
    woken: list[str] = []
    with (
        book.allowances.waiting(account, 400, lambda: woken.append("400")),
        book.allowances.waiting(account, 401, lambda: woken.append("401")),
    ):
        book.allowances.add(account, -399, -399)
        assert woken == []
        book.allowances.add(account, -1, -1)
        assert woken == ["400"]
    book.allowances.add(account, -600, -600)

    assert woken == ["400"]
    assert the_one(account).waiters == []


async def test_a_new_day_has_its_own_money_but_for_what_is_under_way() -> None:
    """The calls of the night were reserved yesterday; their bills are written into the new day."""
    book = Book()
    account = await book.open()
    book.allowances.add(account, 900, 900)
    book.allowances.add(account, -200, -500)  # one ended: 300 settled, 400 still reserved
    assert book.left(account) == 300

    book.time.now += DAY_S

    assert book.left(account) == 600
    book.allowances.add(account, -150, -400)  # settled at 250, today
    assert book.left(account) == 750


async def test_the_bills_of_the_night_give_nothing_back_that_others_reserved_since() -> None:
    book = Book()
    account = await book.open()
    book.allowances.add(account, 900, 900)
    book.time.now += DAY_S
    book.allowances.add(account, 100, 100)
    assert book.left(account) == 0

    book.allowances.add(account, -900, -900)

    assert book.left(account) == 900


async def test_a_clock_that_was_set_back_opens_no_day_again() -> None:
    book = Book()
    book.time.now = 10 * DAY_S
    account = await book.open()
    book.allowances.add(account, 800, 0)

    book.time.now = 9 * DAY_S
    assert book.left(account) == 200
    book.time.now = 10 * DAY_S

    assert book.left(account) == 200


async def test_a_cap_that_is_raised_or_lifted_holds_for_those_who_have_the_account() -> None:
    book = Book()
    account = await book.open()
    book.allowances.add(account, 1_000, 0)

    book.terms = Terms(3_000, 0)
    await book.open()
    assert book.left(account) == 2_000
    book.terms = Terms(None, 0)
    await book.allowances.open("k", "acme")

    assert book.left(account) is None


async def test_a_cap_that_is_set_later_counts_what_was_spent_before() -> None:
    book = Book(cap=None)
    assert await book.allowances.open("k", "acme") is None

    book.terms = Terms(1_000, 900)

    assert book.left(await book.open()) == 100


async def test_an_account_is_never_below_nothing() -> None:
    book = Book()
    account = await book.open()

    book.allowances.add(account, -50, -50)

    assert (book.left(account), the_one(account).reserved_nano_usd) == (1_000, 0)


# --- credits ---------------------------------------------------------------------------------------------------------


class Prepaid(Book):
    """The key ``k`` of the tenant ``acme``, which prepaid."""

    def __init__(self, cap: int | None = None, granted: int = 1_000, used: int = 0) -> None:
        super().__init__(cap)
        self.credit = Terms(granted, used)
        self.allowances = Allowances(self.time, self._look_up, self._look_up_credits)

    async def _look_up_credits(self, tenant_id: str) -> Terms:
        self.asked.append((tenant_id, "ever"))
        return self.credit


async def test_credits_pay_for_everybody_of_the_tenant_with_a_key_or_without() -> None:
    book = Prepaid(granted=1_000, used=400)
    with_key, without = await book.open(), await book.allowances.open(None, "acme")
    assert without is not None
    other = await book.allowances.open(None, "other")
    assert other is not None

    book.allowances.add(with_key, 500, 500)

    assert book.allowances.left(without) == (100, PAUSED_BY_CREDITS)
    assert book.allowances.left(other) == (600, PAUSED_BY_CREDITS)
    assert await book.allowances.reserved_nano_usd("acme") == 500
    assert await book.allowances.reserved_nano_usd("nobody") == 0


async def test_the_scarcest_of_two_accounts_decides() -> None:
    book = Prepaid(cap=300, granted=1_000)
    funds = await book.open()
    assert book.allowances.left(funds) == (300, PAUSED_BY_KEY)

    elsewhere = await book.allowances.open(None, "acme")
    assert elsewhere is not None
    book.allowances.add(elsewhere, 900, 900)

    assert book.allowances.left(funds) == (100, PAUSED_BY_CREDITS)


async def test_credits_know_no_days() -> None:
    book = Prepaid(granted=1_000)
    funds = await book.open()
    book.allowances.add(funds, 700, 0)

    book.time.now += 3 * DAY_S

    assert book.left(funds) == 300


async def test_a_start_is_refused_once_all_is_spent_but_not_for_what_may_come_back() -> None:
    book = Prepaid(granted=1_000)
    funds = await book.open()
    book.allowances.add(funds, 1_000, 400)
    assert await book.allowances.check("k", "acme")

    book.allowances.add(funds, 0, -400)

    with pytest.raises(CreditsUsedUp, match="swarmd credits add --tenant acme"):
        await book.allowances.check("k", "acme")
    with pytest.raises(CreditsUsedUp):
        await book.allowances.check(None, "acme")


async def test_without_any_credits_nothing_starts() -> None:
    with pytest.raises(CreditsUsedUp):
        await Prepaid(granted=0).allowances.check(None, "acme")


async def test_a_call_that_does_not_fit_is_refused_by_whom_it_does_not_fit() -> None:
    book = Prepaid(cap=300, granted=500)
    with pytest.raises(AllowanceExceeded):
        async with book.allowances.reserve("k", "acme", 301):
            pass
    with pytest.raises(CreditsUsedUp, match=re.escape("up to 0.000000501 USD, and 0.0000005 USD")):
        async with book.allowances.reserve(None, "acme", 501):
            pass
    async with book.allowances.reserve("k", "acme", 300) as reservation:
        assert await book.allowances.reserved_nano_usd("acme") == 300
        reservation.spent_nano_usd = 40

    assert book.left(await book.open()) == 260


async def test_a_top_up_wakes_those_for_whom_both_accounts_suffice_now() -> None:
    book = Prepaid(cap=2_000, granted=1_000)
    funds = await book.open()
    book.allowances.add(funds, 1_000, 0)
    woken: list[int] = []
    with (
        book.allowances.waiting(funds, 500, lambda: woken.append(500)),
        book.allowances.waiting(funds, 1_001, lambda: woken.append(1_001)),
    ):
        book.credit = Terms(9_000, 0)
        await book.allowances.refresh(PAUSED_BY_CREDITS, "acme")
        assert woken == [500]  # the key may spend 1,000 more today
        book.terms = Terms(3_000, 0)
        await book.allowances.refresh(PAUSED_BY_KEY, "k")

    assert woken == [500, 500, 1_001]
    assert all(not account.waiters for account in funds.accounts)
