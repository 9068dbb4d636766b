"""Ending what uses the client of NATS."""

from __future__ import annotations

import asyncio

import pytest

from app.dispatch.broker import end

pytestmark = pytest.mark.anyio


async def test_a_cancel_that_is_lost_is_said_again() -> None:
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost += 1
        await asyncio.Event().wait()

    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("at the end")

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
    await asyncio.sleep(0)

    async with asyncio.timeout(20):
        await end(*tasks)

    assert lost == 1
    assert [task.done() for task in tasks] == [True, True]
