"""What happens to a key when requests are cut off, when the store refuses, and when keys expire."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from app.domain.errors import IdempotencyConflict, StoreUnavailable
from app.ports.idempotency import Answer, Once
from app.services.idempotency import IdempotencyService, KeyedRequest, Outcome
from app.storage.engine import open_database
from app.telemetry.system import SystemClock
from tests.support.databases import place_database

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000
REQUEST = KeyedRequest(tenant_id="acme", key="k", fingerprint="f")
ANSWER = Answer(200, "{}")


async def test_a_request_that_was_cut_off_is_done_by_one_of_those_that_wait(tmp_path: Path) -> None:
    begun: list[int] = []

    async def begin(_: Once | None) -> Outcome:
        begun.append(len(begun))
        await asyncio.sleep(3600 if len(begun) == 1 else 0)
        return Outcome(answer=ANSWER)

    async with open_database(place_database(tmp_path / "x.db")) as store:
        service = IdempotencyService(store.idempotency, SystemClock(), kept_ms=HOUR_MS)
        requests = [asyncio.create_task(service.start(REQUEST, begin)) for _ in range(5)]
        while not begun:
            await asyncio.sleep(0.001)
        requests[0].cancel()
        cut_off, *outcomes = await asyncio.gather(*requests, return_exceptions=True)

    assert isinstance(cut_off, asyncio.CancelledError)
    assert begun == [0, 1]
    assert outcomes == [Outcome(answer=ANSWER), *[Outcome(answer=ANSWER, replayed=True)] * 3]


async def test_a_request_that_waits_can_be_cut_off_alone(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def begin(_: Once | None) -> Outcome:
        await go.wait()
        return Outcome(answer=ANSWER)

    async with open_database(place_database(tmp_path / "x.db")) as store:
        service = IdempotencyService(store.idempotency, SystemClock(), kept_ms=HOUR_MS)
        first, second, third = [asyncio.create_task(service.start(REQUEST, begin)) for _ in range(3)]
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.sleep(0)
        go.set()

        assert await first == Outcome(answer=ANSWER)
        assert await third == Outcome(answer=ANSWER, replayed=True)
        assert second.cancelled()


async def test_work_that_was_written_by_a_request_that_was_cut_off_is_found(tmp_path: Path) -> None:
    async with open_database(place_database(tmp_path / "x.db")) as store:
        service = IdempotencyService(store.idempotency, SystemClock(), kept_ms=HOUR_MS)

        async def begin(once: Once | None) -> Outcome:
            assert once is not None
            await store.idempotency.take(replace(once, answer=ANSWER))  # as the other one's write, just now
            await store.idempotency.take(once)
            raise AssertionError("taken twice")

        assert await service.start(REQUEST, begin) == Outcome(answer=ANSWER, replayed=True)
        with pytest.raises(IdempotencyConflict):
            await service.start(replace(REQUEST, fingerprint="g"), begin)


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(tmp_path: Path) -> None:
    async def give() -> Answer:
        return ANSWER

    async with open_database(place_database(tmp_path / "x.db")) as store:
        service = IdempotencyService(store.idempotency, SystemClock(), kept_ms=HOUR_MS)
        with mock.patch.object(type(store.idempotency), "take", side_effect=StoreUnavailable("full")):
            assert await service.answer(REQUEST, give) == Outcome(answer=ANSWER)
        assert await service.answer(REQUEST, give) == Outcome(answer=ANSWER)
        assert await service.answer(REQUEST, give) == Outcome(answer=ANSWER, replayed=True)


async def test_a_failure_is_answered_and_not_kept(tmp_path: Path) -> None:
    given: list[int] = []

    async def give() -> Answer:
        given.append(1)
        return Answer(502, "{}")

    async with open_database(place_database(tmp_path / "x.db")) as store:
        service = IdempotencyService(store.idempotency, SystemClock(), kept_ms=HOUR_MS)
        for _ in range(2):
            assert await service.answer(REQUEST, give) == Outcome(answer=Answer(502, "{}"))
    assert len(given) == 2


async def test_expired_keys_are_swept_at_the_start_and_no_others(tmp_path: Path) -> None:
    now_ms = SystemClock().now_ms()
    once = Once(tenant_id="acme", key="", fingerprint="f", created_at_ms=0, expired_ms=0)
    async with open_database(place_database(tmp_path / "x.db")) as store:
        for number in range(1200):
            created_at_ms = now_ms - (2 * HOUR_MS if number < 1100 else 0)
            await store.idempotency.take(replace(once, key=f"{number}", created_at_ms=created_at_ms))
        service = IdempotencyService(store.idempotency, SystemClock(), kept_ms=HOUR_MS)
        async with service.running(), asyncio.timeout(30):
            while any([await store.idempotency.find("acme", f"{number}", expired_ms=0) for number in range(1100)]):
                await asyncio.sleep(0.005)

        left = [number for number in range(1200) if await store.idempotency.find("acme", f"{number}", expired_ms=0)]
        assert left == list(range(1100, 1200))
        assert await service.sweep() == 0
