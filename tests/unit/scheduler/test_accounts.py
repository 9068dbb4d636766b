"""The daily budgets of keys: what may be spent, who is woken, what a new day changes."""

from __future__ import annotations

import pytest

from app.scheduler.allowances import Account, Allowances, Terms
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

    async def open(self) -> Account:
        account = await self.allowances.open("k")
        assert account is not None
        return account

    def left(self, account: Account) -> int | None:
        return self.allowances.left_nano_usd(account)


async def test_without_a_key_or_a_cap_nothing_is_counted() -> None:
    book = Book(cap=None)

    assert await book.allowances.open(None) is None
    assert await book.allowances.open("k") is None
    assert not await book.allowances.is_capped("k")


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

    assert (book.left(account), account.reserved_nano_usd) == (750, 0)


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
    assert account.waiters == []


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
    await book.allowances.open("k")

    assert book.left(account) is None


async def test_a_cap_that_is_set_later_counts_what_was_spent_before() -> None:
    book = Book(cap=None)
    assert await book.allowances.open("k") is None

    book.terms = Terms(1_000, 900)

    assert book.left(await book.open()) == 100


async def test_an_account_is_never_below_nothing() -> None:
    book = Book()
    account = await book.open()

    book.allowances.add(account, -50, -50)

    assert (book.left(account), account.reserved_nano_usd) == (1_000, 0)
