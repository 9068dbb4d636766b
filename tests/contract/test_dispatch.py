"""Having jobs done, here or at workers: every fact comes back, once, and a cancel stops the job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.dispatch.local import LocalDispatch
from app.ports.dispatch import Dispatch
from app.ports.provider import RateLimitHeaders
from app.storage.database import Database
from app.storage.engine import open_database
from tests.support.brokers import nats_server
from tests.support.databases import place_database
from tests.support.dispatching import Hand, answer, hand_out, node, until, worker

pytestmark = pytest.mark.anyio


@dataclass
class Bench:
    store: Database
    dispatch: Dispatch
    hand: Hand


@pytest.fixture(params=["local", "nats"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    hand = Hand()
    async with open_database(place_database(tmp_path / "x.db")) as store:
        if request.param == "local":
            yield Bench(store, LocalDispatch(hand), hand)
            return
        with nats_server(tmp_path) as server:
            async with node(store, server.url) as here, worker(store, server.url, hand):
                yield Bench(store, here.dispatch, hand)


def ignore(lane: str, headers: RateLimitHeaders) -> None:
    pass


async def test_every_job_gives_its_own_fact_and_what_the_provider_said_beside_it(bench: Bench) -> None:
    run = await hand_out(bench.store, 200)
    said: list[tuple[str, RateLimitHeaders]] = []

    facts = await asyncio.gather(
        *[bench.dispatch.run(job, lambda lane, headers: said.append((lane, headers))) for job in run.jobs]
    )

    assert list(facts) == [answer(job) for job in run.jobs]
    assert said == [("lane/m", RateLimitHeaders(remaining_requests=3, reset_s=1.5))] * 200
    assert sorted(bench.hand.ended, key=lambda key: key.index) == [job.key for job in run.jobs]


async def test_the_second_call_of_a_hedged_pair_is_one_of_its_own(bench: Bench) -> None:
    run = await hand_out(bench.store, 1, calls=2)
    bench.hand.go_on.clear()
    first, second = (asyncio.create_task(bench.dispatch.run(job, ignore)) for job in run.jobs)
    await until(lambda: len(bench.hand.began) == 2, bench.hand)

    bench.dispatch.withdraw(run.jobs[1])
    second.cancel()
    await until(lambda: bench.hand.stopped == [run.jobs[1].key], bench.hand)
    bench.hand.go_on.set()

    assert await first == answer(run.jobs[0])
    assert bench.hand.ended == [run.jobs[0].key]


async def test_a_withdrawn_job_stops_within_a_quarter_of_a_second(bench: Bench) -> None:
    bench.hand.go_on.clear()
    run = await hand_out(bench.store, 100)
    calls = [asyncio.create_task(bench.dispatch.run(job, ignore)) for job in run.jobs]
    await until(lambda: len(bench.hand.began) == 100, bench.hand)

    began = time.monotonic()
    for job, call in zip(run.jobs, calls, strict=True):
        bench.dispatch.withdraw(job)
        call.cancel()
    await until(lambda: len(bench.hand.stopped) == 100, bench.hand)

    assert time.monotonic() - began < 0.25
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*calls, return_exceptions=True))
    assert not bench.hand.ended
