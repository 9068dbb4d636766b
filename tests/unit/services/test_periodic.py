"""Work beside requests: done at once and again, left while the store is away, stopped with its context."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from app.domain.errors import StoreUnavailable
from app.services.periodic import beside, every

pytestmark = pytest.mark.anyio


async def test_work_is_done_at_once_and_again_though_the_store_was_away() -> None:
    done = asyncio.Event()
    times = 0

    async def work() -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise StoreUnavailable("the disk is full")
        if times == 3:
            done.set()

    with capture_logs() as logs:
        async with beside(every(0.001, work, "not_swept"), "sweeper"), asyncio.timeout(30):
            await done.wait()

    assert [(entry["event"], entry["error"]) for entry in logs] == [("not_swept", "the disk is full")]


async def test_work_under_way_is_stopped_with_its_context() -> None:
    begun, stopped = asyncio.Event(), False

    async def work() -> None:
        nonlocal stopped
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped = True

    async with beside(every(60, work, "never"), "sweeper"), asyncio.timeout(30):
        await begun.wait()

    assert stopped


async def test_a_bug_ends_the_work_and_is_told_at_the_end() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        async with beside(every(60, work, "never"), "sweeper"):
            await begun.wait()
